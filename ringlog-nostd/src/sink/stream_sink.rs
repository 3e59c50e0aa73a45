//! Writes a log file from front to back: to a UART, to a card.
#![forbid(unsafe_code)]

use crate::error::{RingFault, WriteError};
use crate::format::checksum::{crc32c_append, place_word, record_checksum};
use crate::format::file_fields::{FILE_HEADER_LEN, file_flags};
use crate::format::file_header::{ClockKind, FileHeader};
use crate::format::header::{EventHeader, HEADER_LEN, MAX_PAYLOAD, flags};
use crate::format::record::check_event;
use crate::handle::consumer::Consumer;
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
        let mut sink = Self { to, salt: header.salt(), offset: 0, broken: false };
        sink.put(&header.to_bytes())?;
        sink.offset = FILE_HEADER_LEN as u64;
        Ok(sink)
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
        check_event(header, payload.len(), MAX_PAYLOAD).map_err(StreamError::Event)?;
        self.put_record(header, payload)
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
                written = self.put_record(&header, payload);
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

    fn put_record(&mut self, header: &EventHeader, payload: &[u8]) -> Result<(), StreamError<W::Error>> {
        let kept = header.flags & (flags::USER | flags::GAP);
        let mut stored = header.with_flags(kept | flags::COMMITTED | flags::CHECKSUMMED);
        stored.checksum =
            record_checksum(crc32c_append, &stored, payload, place_word(self.salt, self.offset));
        let padding = stored.stride().saturating_sub(HEADER_LEN + payload.len());
        self.put(&stored.to_bytes())?;
        self.put(payload)?;
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
        self.put_record(header, payload).is_ok()
    }

    fn name(&self) -> &'static str {
        "stream"
    }
}
