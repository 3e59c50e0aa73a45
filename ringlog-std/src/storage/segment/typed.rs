//! Structs as events of a file.
#![forbid(unsafe_code)]

use ringlog_nostd::format::MetaTopic;
use ringlog_nostd::typed::header_of;
use ringlog_nostd::{EventHeader, EventTypes, HasTail, MAX_PAYLOAD, Payload, WriteError};

use crate::storage::error::AppendError;
use crate::storage::schemas::list::SchemaList;
use crate::storage::segment::options::MmapWriterOptions;
use crate::storage::segment::writer::MmapWriter;

/// The longest payload with a tail that is joined without an allocation, in bytes.
const SHORT: usize = 1024;

impl SchemaList {
    /// Adds the descriptions of these events. Those of the same types are replaced.
    ///
    /// ```
    /// use ringlog::storage::SchemaList;
    ///
    /// #[ringlog::event(type = 7)]
    /// struct Sample {
    ///     millivolts: u32,
    /// }
    ///
    /// ringlog::events!(Samples: Sample);
    ///
    /// let mut schemas = SchemaList::new();
    /// schemas.add_events::<Samples>();
    /// assert!(schemas.of_type(7).is_some());
    /// ```
    pub fn add_events<E: EventTypes>(&mut self) {
        for schema in E::SCHEMAS {
            // None is too long: that does not compile.
            let _ = self.insert(MetaTopic::EventType(schema.event_type), schema.meta);
        }
    }
}

impl MmapWriterOptions {
    /// Adds these events to what the file says of its events.
    ///
    /// ```
    /// use ringlog::storage::{MmapReader, MmapWriter};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("events.evtl");
    /// # #[ringlog::event(type = 7)]
    /// # struct Sample { millivolts: u32 }
    /// # ringlog::events!(Samples: Sample);
    ///
    /// let mut writer = MmapWriter::options().events::<Samples>().create(&path, 4096)?;
    /// writer.write(1_000, &Sample { millivolts: 3_300 })?;
    /// writer.close()?;
    /// assert!(MmapReader::open(&path)?.schemas().is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn events<E: EventTypes>(mut self) -> Self {
        self.schemas.add_events::<E>();
        self
    }
}

impl MmapWriter {
    /// Appends one event and publishes it. The event's type is that of the struct.
    ///
    /// ```
    /// # use ringlog::{event::Payload, storage::MmapWriter};
    /// # let folder = tempfile::tempdir()?;
    /// # #[ringlog::event(type = 7)]
    /// # struct Sample { millivolts: u32 }
    /// let mut writer = MmapWriter::create(folder.path().join("events.evtl"), 4096)?;
    /// writer.write(1_000, &Sample { millivolts: 3_300 })?;
    /// assert_eq!(writer.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`write_event`](Self::write_event).
    #[inline(always)] // as `write_event`
    pub fn write<P: Payload>(&mut self, timestamp: u64, payload: &P) -> Result<(), AppendError> {
        self.write_event(&header_of::<P>(timestamp, 0), payload.as_bytes())
    }

    /// Appends one event with a tail.
    ///
    /// ```
    /// # use ringlog::{event::Payload, storage::MmapWriter};
    /// # let folder = tempfile::tempdir()?;
    /// # #[ringlog::event(type = 9, tail = "text")]
    /// # struct Message { level: u8 }
    /// let mut writer = MmapWriter::create(folder.path().join("events.evtl"), 4096)?;
    /// writer.write_with_tail(1_000, &Message { level: 3 }, b"too hot")?;
    /// assert_eq!(writer.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`write_event`](Self::write_event).
    pub fn write_with_tail<P: HasTail>(
        &mut self,
        timestamp: u64,
        payload: &P,
        tail: &[u8],
    ) -> Result<(), AppendError> {
        with_joined(timestamp, payload, tail, |header, joined| self.write_event(header, joined))
    }
}

/// Calls `write` with the event's header and payload, struct and tail in one slice.
pub(crate) fn with_joined<P: HasTail>(
    timestamp: u64,
    payload: &P,
    tail: &[u8],
    write: impl FnOnce(&EventHeader, &[u8]) -> Result<(), AppendError>,
) -> Result<(), AppendError> {
    let head = payload.as_bytes();
    let len = head.len().saturating_add(tail.len());
    if len > MAX_PAYLOAD {
        return Err(WriteError::PayloadTooLarge { len, max: MAX_PAYLOAD }.into());
    }
    let header = header_of::<P>(timestamp, tail.len());
    let (mut short, mut long);
    let joined = if len <= SHORT {
        short = [0; SHORT];
        &mut short[..len]
    } else {
        long = vec![0; len];
        &mut long[..]
    };
    let (to_head, to_tail) = joined.split_at_mut(head.len());
    to_head.copy_from_slice(head);
    to_tail.copy_from_slice(tail);
    write(&header, joined)
}
