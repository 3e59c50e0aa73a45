//! Log files out of a UART, or onto a card from front to back.
#![forbid(unsafe_code)]

use crate::error::{RingFault, WriteError};
use crate::format::checksum::{crc32c_append, place_word, record_checksum};
use crate::format::file_header::{ClockKind, FILE_HEADER_LEN, FileHeader, file_flags};
use crate::format::header::{EventHeader, HEADER_LEN, MAX_PAYLOAD, flags};
use crate::format::record::check_event;
use crate::handle::consumer::Consumer;
use crate::sink::event_consumer::EventConsumer;
use embedded_io::Write;

/// Streams events as a log file, with checksums, to anything that takes bytes.
///
/// What arrives is a file of the STREAM kind that the host's tools open: there is nothing to go back to.
/// Nothing is buffered here but a header.
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
    /// Where the next record goes.
    offset: u64,
    /// A write failed somewhere inside a record: what follows would be damage.
    broken: bool,
}

/// Why events did not go out.
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
    /// The event is none that a log takes.
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
    /// Writes the file's header. `created_at` is in nanoseconds since 1970, or a counter of starts where
    /// there is no calendar: it has to differ from one stream to the next.
    ///
    /// # Errors
    ///
    /// [`StreamError::Io`] or [`StreamError::WroteNothing`].
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
    /// [`StreamError`]; after [`Io`](StreamError::Io) and [`WroteNothing`](StreamError::WroteNothing) the
    /// stream has ended.
    pub fn write_event(&mut self, header: &EventHeader, payload: &[u8]) -> Result<(), StreamError<W::Error>> {
        check_event(header, payload.len(), MAX_PAYLOAD).map_err(StreamError::Event)?;
        self.put_record(header, payload)
    }

    /// Writes up to `limit` of the events that are published now, releases those that went out whole, and
    /// returns how many they were.
    ///
    /// # Errors
    ///
    /// [`StreamError`]. An event that did not go out whole is still the ring's next one.
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

    /// Has the device send what it still holds.
    ///
    /// # Errors
    ///
    /// [`StreamError::Io`].
    pub fn flush(&mut self) -> Result<(), StreamError<W::Error>> {
        self.to.flush().map_err(StreamError::Io)
    }

    /// Bytes of the stream so far: where the next record goes.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// The device. The stream is complete as it is.
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

    /// Writes all of the bytes. (`Write::write_all` panics where a device takes none.)
    fn put(&mut self, mut bytes: &[u8]) -> Result<(), StreamError<W::Error>> {
        if self.broken {
            return Err(StreamError::Ended);
        }
        while !bytes.is_empty() {
            // Stays so unless all of the bytes go out.
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
