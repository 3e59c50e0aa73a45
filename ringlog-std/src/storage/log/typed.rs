//! Structs as events of a log.
#![forbid(unsafe_code)]

use ringlog_nostd::typed::header_of;
use ringlog_nostd::{EventTypes, HasTail, Payload};

use crate::storage::error::AppendError;
use crate::storage::log::options::LogWriterOptions;
use crate::storage::log::writer::LogWriter;
use crate::storage::segment::typed::with_joined;

impl LogWriterOptions {
    /// Adds these events to what each segment says of the log's events.
    ///
    /// ```
    /// use ringlog::storage::{LogReader, LogWriter};
    /// # let folder = tempfile::tempdir()?;
    ///
    /// #[ringlog::event(type = 7)]
    /// struct Sample {
    ///     millivolts: u32,
    /// }
    ///
    /// ringlog::events!(Samples: Sample);
    ///
    /// let mut writer = LogWriter::options().events::<Samples>().open(folder.path())?;
    /// writer.write(1_000, &Sample { millivolts: 3_300 })?;
    /// writer.close()?;
    /// assert!(LogReader::open(folder.path())?.schemas()?.of_type(7).is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn events<E: EventTypes>(mut self) -> Self {
        self.schemas.add_events::<E>();
        self
    }
}

impl LogWriter {
    /// Appends one event and publishes it. The event's type is that of the struct.
    ///
    /// ```
    /// # use ringlog::{event::Payload, storage::{LogReader, LogWriter}};
    /// # let folder = tempfile::tempdir()?;
    /// #[ringlog::event(type = 7)]
    /// struct Sample {
    ///     millivolts: u32,
    /// }
    ///
    /// let mut writer = LogWriter::open(folder.path())?;
    /// writer.write(1_000, &Sample { millivolts: 3_300 })?;
    /// writer.close()?;
    /// LogReader::open(folder.path())?.replay(|event| {
    ///     assert_eq!(event.view::<Sample>().unwrap().millivolts, 3_300);
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`write_event`](Self::write_event).
    pub fn write<P: Payload>(&mut self, timestamp: u64, payload: &P) -> Result<(), AppendError> {
        self.write_event(&header_of::<P>(timestamp, 0), payload.as_bytes())
    }

    /// Appends one event with a tail.
    ///
    /// ```
    /// # use ringlog::{event::Payload, storage::{LogReader, LogWriter}};
    /// # let folder = tempfile::tempdir()?;
    /// #[ringlog::event(type = 9, tail = "text")]
    /// struct Message {
    ///     level: u8,
    /// }
    ///
    /// let mut writer = LogWriter::open(folder.path())?;
    /// writer.write_with_tail(1_000, &Message { level: 3 }, b"too hot")?;
    /// writer.close()?;
    /// LogReader::open(folder.path())?.replay(|event| {
    ///     assert_eq!(event.view_with_tail::<Message>().unwrap().1, b"too hot");
    /// })?;
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
