//! Writes a log file from front to back: to a UART, to a card.
#![forbid(unsafe_code)]

use crate::error::{RingFault, WriteError};
use crate::format::checksum::{crc32c_append, place_word, record_checksum};
use crate::format::file_fields::{FILE_HEADER_LEN, file_flags};
use crate::format::file_header::{ClockKind, FileHeader};
use crate::format::header::{EventHeader, HEADER_LEN, MAX_PAYLOAD, flags};
use crate::format::meta::MetaTopic;
use crate::format::record::check_event;
use crate::handle::consumer::Consumer;
#[cfg(feature = "macros")]
use crate::payload::event_types::EventTypes;
#[cfg(feature = "macros")]
use crate::payload::payload::{HasTail, Payload, header_of};
use crate::sink::event_consumer::EventConsumer;
use embedded_io::Write;

/// Writes events as a log file with checksums to anything that takes bytes: a UART, USB, a card.
///
/// Needs the feature `embedded-io`. The host's tools open the bytes that arrive; the file has the flag
/// [`STREAM`](file_flags::STREAM), because a stream cannot seek. The sink buffers at most one header.
///
/// ```
/// use ringlog_nostd::{AlignedBytes, ClockKind, EventHeader, Ring, StreamSink};
///
/// let mut memory = AlignedBytes::<512>::new();
/// let mut ring = Ring::format(memory.as_mut(), 16).unwrap();
/// let (mut producer, mut consumer) = ring.split();
/// producer.write_event(&EventHeader::new(1, 7, 2), b"ab").unwrap();
///
/// let mut uart = [0_u8; 128];
/// let boots = 1; // firmware without a calendar counts its starts
/// let mut sink = StreamSink::start(&mut uart[..], boots, ClockKind::Ticks).unwrap();
/// assert_eq!(sink.drain(&mut consumer, usize::MAX), Ok(1));
/// assert_eq!(sink.offset(), 64 + 24);
/// assert_eq!(&uart[..4], b"EVTL");
/// ```
#[derive(Debug)]
pub struct StreamSink<W> {
    to: W,
    salt: u32,
    /// Byte offset of the next record.
    offset: u64,
    /// Byte offset after the last META record.
    preamble_end: u64,
    /// A write failed inside a record: bytes after it would be damage.
    broken: bool,
}

/// Why events were not written to the stream. Needs the feature `embedded-io`.
///
/// ```
/// use ringlog_nostd::{ClockKind, EventHeader, StreamError, StreamSink};
///
/// let mut card = [0_u8; 70]; // the header's 64 bytes fit, the record does not
/// let mut sink = StreamSink::start(&mut card[..], 1, ClockKind::Ticks).unwrap();
/// match sink.write_event(&EventHeader::new(1, 7, 2), b"ab") {
///     Err(StreamError::Io(_) | StreamError::WroteNothing) => { /* start another stream */ }
///     other => panic!("{other:?}"),
/// }
/// assert_eq!(sink.write_event(&EventHeader::new(2, 7, 2), b"ab"), Err(StreamError::Ended));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum StreamError<E> {
    /// The device refused bytes. The stream ends before the record that was being written.
    Io(E),
    /// The device took none of the bytes and reported no error. The stream ends as after `Io`.
    WroteNothing,
    /// An earlier error has ended the stream: start another one.
    Ended,
    /// A log takes no such event.
    Event(WriteError),
    /// A description that comes after an event: events are described before the first of them.
    LateMeta,
    /// The ring is corrupt.
    Ring(RingFault),
}

impl<E: core::fmt::Display> core::fmt::Display for StreamError<E> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Io(error) => write!(f, "cannot write the stream: {error}"),
            Self::WroteNothing => f.write_str("cannot write the stream: the device takes no bytes"),
            Self::Ended => f.write_str("the stream ended with an earlier error: start another one"),
            Self::Event(error) => error.fmt(f),
            Self::LateMeta => {
                f.write_str("the stream has an event already: describe its events before the first one")
            }
            Self::Ring(fault) => fault.fmt(f),
        }
    }
}

impl<E: core::fmt::Display + core::fmt::Debug> core::error::Error for StreamError<E> {}

impl<W: Write> StreamSink<W> {
    /// Starts a stream by writing the file's header.
    ///
    /// `created_at` is in unix nanoseconds. Without a calendar, pass a counter of starts: it must differ from one
    /// stream to the next.
    ///
    /// # Errors
    ///
    /// [`StreamError::Io`] or [`StreamError::WroteNothing`].
    ///
    /// ```
    /// use ringlog_nostd::{ClockKind, StreamSink};
    /// use ringlog_nostd::format::{FileHeader, file_flags};
    ///
    /// let mut uart = [0_u8; 64];
    /// StreamSink::start(&mut uart[..], 42, ClockKind::Ticks).unwrap();
    /// let header = FileHeader::from_bytes(&uart).unwrap();
    /// assert!(header.created_at == 42 && header.has(file_flags::STREAM));
    /// ```
    pub fn start(to: W, created_at: i64, clock: ClockKind) -> Result<Self, StreamError<W::Error>> {
        let mut header = FileHeader::new(created_at, clock, true);
        header.flags |= file_flags::STREAM;
        let mut sink = Self { to, salt: header.salt(), offset: 0, preamble_end: 0, broken: false };
        sink.put(&header.to_bytes())?;
        sink.offset = FILE_HEADER_LEN as u64;
        sink.preamble_end = sink.offset;
        Ok(sink)
    }

    /// Writes what the payloads of events mean: a META record. All of them come before the first event.
    ///
    /// # Errors
    ///
    /// [`StreamError::LateMeta`] after an event; [`StreamError::Event`] if the JSON has more than 65,535 bytes; else as
    /// [`write_event`](Self::write_event).
    ///
    /// ```
    /// use ringlog_nostd::{ClockKind, StreamError, StreamSink, EventHeader};
    /// use ringlog_nostd::format::MetaTopic;
    ///
    /// let reset = br#"{"type":7,"name":"reset","size":0,"fields":[]}"#;
    /// let mut uart = [0_u8; 256];
    /// let mut sink = StreamSink::start(&mut uart[..], 1, ClockKind::Ticks).unwrap();
    /// sink.write_meta(MetaTopic::EventType(7), reset).unwrap();
    /// sink.write_event(&EventHeader::new(1, 7, 0), b"").unwrap();
    /// assert_eq!(sink.write_meta(MetaTopic::EventType(8), reset), Err(StreamError::LateMeta));
    /// ```
    pub fn write_meta(&mut self, topic: MetaTopic, json: &[u8]) -> Result<(), StreamError<W::Error>> {
        let Ok(len) = u16::try_from(json.len()) else {
            let error = WriteError::PayloadTooLarge { len: json.len(), max: MAX_PAYLOAD };
            return Err(StreamError::Event(error));
        };
        if self.offset != self.preamble_end {
            return Err(StreamError::LateMeta);
        }
        self.put_flagged(&topic.header(len), flags::META, json, &[])?;
        self.preamble_end = self.offset;
        Ok(())
    }

    /// Writes what the payloads of these events mean.
    ///
    /// # Errors
    ///
    /// As [`write_meta`](Self::write_meta).
    ///
    /// ```
    /// # use ringlog_nostd::{ClockKind, StreamSink, event, events};
    /// # #[event(type = 7)]
    /// # struct Sample { millivolts: u32 }
    /// events!(Samples: Sample);
    ///
    /// let mut uart = [0_u8; 256];
    /// let mut sink = StreamSink::start(&mut uart[..], 1, ClockKind::Ticks).unwrap();
    /// sink.write_events_meta::<Samples>().unwrap();
    /// sink.write(1_000, &Sample { millivolts: 3_300 }).unwrap();
    /// ```
    #[cfg(feature = "macros")]
    pub fn write_events_meta<E: EventTypes>(&mut self) -> Result<(), StreamError<W::Error>> {
        E::SCHEMAS
            .iter()
            .try_for_each(|schema| self.write_meta(MetaTopic::EventType(schema.event_type), schema.meta))
    }

    /// Writes one event.
    ///
    /// # Errors
    ///
    /// [`StreamError`]. After [`Io`](StreamError::Io) and [`WroteNothing`](StreamError::WroteNothing) the stream has
    /// ended.
    ///
    /// ```
    /// # use ringlog_nostd::{ClockKind, EventHeader, StreamSink};
    /// let mut uart = [0_u8; 128];
    /// let mut sink = StreamSink::start(&mut uart[..], 1, ClockKind::Ticks).unwrap();
    /// sink.write_event(&EventHeader::new(1, 7, 2), b"ab").unwrap();
    /// assert_eq!(sink.offset(), 64 + 24);
    /// ```
    pub fn write_event(&mut self, header: &EventHeader, payload: &[u8]) -> Result<(), StreamError<W::Error>> {
        self.put_event(header, payload, &[])
    }

    /// Writes one event. The event's type is that of the struct.
    ///
    /// # Errors
    ///
    /// As [`write_event`](Self::write_event).
    ///
    /// ```
    /// # use ringlog_nostd::{ClockKind, StreamSink, event};
    /// # #[event(type = 7)]
    /// # struct Sample { millivolts: u32 }
    /// let mut uart = [0_u8; 128];
    /// let mut sink = StreamSink::start(&mut uart[..], 1, ClockKind::Ticks).unwrap();
    /// sink.write(1_000, &Sample { millivolts: 3_300 }).unwrap();
    /// assert_eq!(sink.offset(), 64 + 24);
    /// ```
    #[cfg(feature = "macros")]
    pub fn write<P: Payload>(&mut self, timestamp: u64, payload: &P) -> Result<(), StreamError<W::Error>> {
        self.put_event(&header_of::<P>(timestamp, 0), payload.as_bytes(), &[])
    }

    /// Writes one event with a tail.
    ///
    /// # Errors
    ///
    /// As [`write_event`](Self::write_event).
    ///
    /// ```
    /// # use ringlog_nostd::{ClockKind, StreamSink, event};
    /// # #[event(type = 9, tail = "text")]
    /// # struct Message { level: u8 }
    /// let mut uart = [0_u8; 128];
    /// let mut sink = StreamSink::start(&mut uart[..], 1, ClockKind::Ticks).unwrap();
    /// sink.write_with_tail(1_000, &Message { level: 3 }, b"too hot").unwrap();
    /// assert_eq!(sink.offset(), 64 + 24);
    /// ```
    #[cfg(feature = "macros")]
    pub fn write_with_tail<P: HasTail>(
        &mut self,
        timestamp: u64,
        payload: &P,
        tail: &[u8],
    ) -> Result<(), StreamError<W::Error>> {
        self.put_event(&header_of::<P>(timestamp, tail.len()), payload.as_bytes(), tail)
    }

    /// Writes up to `limit` of the events that are published now, releases those that were written whole, and returns
    /// their number.
    ///
    /// # Errors
    ///
    /// [`StreamError`]. An event that was not written whole is still the ring's next event.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, ClockKind, EventHeader, Ring, StreamSink};
    /// # let mut memory = AlignedBytes::<512>::new();
    /// # let (mut producer, mut consumer) = Ring::format(memory.as_mut(), 16).unwrap().into_ends();
    /// producer.write_event(&EventHeader::new(1, 7, 2), b"ab").unwrap();
    /// let mut uart = [0_u8; 128];
    /// let mut sink = StreamSink::start(&mut uart[..], 1, ClockKind::Ticks).unwrap();
    /// assert_eq!(sink.drain(&mut consumer, 8), Ok(1));
    /// assert_eq!(sink.drain(&mut consumer, 8), Ok(0));
    /// ```
    pub fn drain<K>(
        &mut self,
        consumer: &mut Consumer<'_, K>,
        limit: usize,
    ) -> Result<usize, StreamError<W::Error>> {
        let mut left = consumer.unread();
        let mut events = 0;
        while left > 0 && events < limit {
            let Some(mut run) = consumer.peek_run(0).map_err(StreamError::Ring)? else { break };
            let mut written = Ok(());
            while left > 0 && events < limit && written.is_ok() {
                let Some((header, payload)) = run.peek() else { break };
                written = self.put_record(&header, payload, &[]);
                if written.is_ok() {
                    run.accept();
                    left = left.saturating_sub(header.stride());
                    events += 1;
                }
            }
            let out = run.accepted_bytes();
            consumer.release_bytes(out);
            written?;
            if out == 0 {
                break;
            }
        }
        Ok(events)
    }

    /// Flushes the device, so that it sends the bytes that it still buffers.
    ///
    /// # Errors
    ///
    /// [`StreamError::Io`].
    ///
    /// ```
    /// # use ringlog_nostd::{ClockKind, StreamSink};
    /// let mut uart = [0_u8; 128];
    /// let mut sink = StreamSink::start(&mut uart[..], 1, ClockKind::Ticks).unwrap();
    /// assert_eq!(sink.flush(), Ok(()));
    /// ```
    pub fn flush(&mut self) -> Result<(), StreamError<W::Error>> {
        self.to.flush().map_err(StreamError::Io)
    }

    /// Returns the length of the stream so far, in bytes: the offset of the next record.
    ///
    /// ```
    /// # use ringlog_nostd::{ClockKind, StreamSink};
    /// let mut uart = [0_u8; 128];
    /// let sink = StreamSink::start(&mut uart[..], 1, ClockKind::Ticks).unwrap();
    /// assert_eq!(sink.offset(), 64, "the header");
    /// ```
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns the device. The stream is complete without a closing mark.
    ///
    /// ```
    /// # use ringlog_nostd::{ClockKind, StreamSink};
    /// let mut uart = [0_u8; 128];
    /// let sink = StreamSink::start(&mut uart[..], 1, ClockKind::Ticks).unwrap();
    /// let rest = sink.into_inner();
    /// assert_eq!(rest.len(), 128 - 64);
    /// ```
    #[must_use]
    pub fn into_inner(self) -> W {
        self.to
    }

    fn put_event(
        &mut self,
        header: &EventHeader,
        first: &[u8],
        second: &[u8],
    ) -> Result<(), StreamError<W::Error>> {
        let len = first.len().saturating_add(second.len());
        check_event(header, len, MAX_PAYLOAD).map_err(StreamError::Event)?;
        self.put_record(header, first, second)
    }

    /// Writes a record whose payload is in two slices.
    fn put_record(
        &mut self,
        header: &EventHeader,
        first: &[u8],
        second: &[u8],
    ) -> Result<(), StreamError<W::Error>> {
        self.put_flagged(header, flags::GAP, first, second)
    }

    /// Writes a record with the user's flags of its header, and those of `kept`.
    fn put_flagged(
        &mut self,
        header: &EventHeader,
        kept: u8,
        first: &[u8],
        second: &[u8],
    ) -> Result<(), StreamError<W::Error>> {
        let kept = header.flags & (flags::USER | kept);
        let mut stored = header.with_flags(kept | flags::COMMITTED | flags::CHECKSUMMED);
        stored.checksum = record_checksum(crc32c_append, &stored, first, place_word(self.salt, self.offset));
        if !second.is_empty() {
            stored.checksum = crc32c_append(stored.checksum, second);
        }
        let padding = stored.stride().saturating_sub(HEADER_LEN + first.len() + second.len());
        self.put(&stored.to_bytes())?;
        self.put(first)?;
        self.put(second)?;
        self.put([0; 7].get(..padding).unwrap_or_default())?;
        self.offset += stored.stride() as u64;
        Ok(())
    }

    /// Writes all bytes. (`Write::write_all` panics if a device takes none.)
    fn put(&mut self, mut bytes: &[u8]) -> Result<(), StreamError<W::Error>> {
        if self.broken {
            return Err(StreamError::Ended);
        }
        while !bytes.is_empty() {
            // Stays set unless all bytes are written.
            self.broken = true;
            match self.to.write(bytes) {
                Ok(0) => return Err(StreamError::WroteNothing),
                Ok(taken) => bytes = bytes.get(taken..).unwrap_or_default(),
                Err(error) => return Err(StreamError::Io(error)),
            }
        }
        self.broken = false;
        Ok(())
    }
}

impl<W: Write> EventConsumer for StreamSink<W> {
    fn consume(&mut self, header: &EventHeader, payload: &[u8]) -> bool {
        self.put_record(header, payload, &[]).is_ok()
    }

    fn name(&self) -> &'static str {
        "stream"
    }

    /// Writes a META record. A description that comes after an event ends the stream: what follows it would be read with
    /// the older ones.
    fn meta(&mut self, topic: MetaTopic, json: &[u8]) {
        self.broken |= self.write_meta(topic, json).is_err();
    }
}
