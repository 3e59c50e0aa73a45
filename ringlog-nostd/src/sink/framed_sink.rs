//! Writes events as frames: to a UART, or any other wire that loses bytes.
#![forbid(unsafe_code)]

use crate::format::file_header::ClockKind;
use crate::format::header::{EventHeader, MAX_PAYLOAD};
use crate::format::meta::MetaTopic;
use crate::format::record::check_event;
use crate::frame::content::{Content, Frame};
use crate::handle::consumer::Consumer;
#[cfg(feature = "macros")]
use crate::payload::event_types::EventTypes;
#[cfg(feature = "macros")]
use crate::payload::payload::{HasTail, Payload, header_of};
use crate::sink::event_consumer::EventConsumer;
use crate::sink::framing::{Framing, Outgoing, stage};
use crate::sink::stream_sink::StreamError;
use embedded_io::Write;

/// Writes events as [frames](crate::frame) to anything that takes bytes. Needs the feature `embedded-io`.
///
/// Each event is a frame with a number and a checksum, so bytes that the wire loses cost the events that they hit, and
/// the host counts those. The header and the descriptions go out first, and again every 256 frames, so a capture may start at any
/// time. `ringlog receive` makes a log of what arrives. The sink has no buffer but 32 bytes on the stack.
///
/// **Back-pressure.** An error of the device ends nothing: what the wire does not take stays in the ring, and the next call continues in
/// the middle of the frame. If the ring gets full meanwhile, its [`LossyProducer`](crate::LossyProducer) counts what is lost.
///
/// ```
/// use ringlog_nostd::{AlignedBytes, ClockKind, EventHeader, FramedSink, Ring};
/// use ringlog_nostd::format::MetaTopic;
///
/// let mut memory = AlignedBytes::<512>::new();
/// let mut ring = Ring::format(memory.as_mut(), 16).unwrap();
/// let (mut producer, mut consumer) = ring.split();
/// producer.write_event(&EventHeader::new(1, 7, 2), b"ab").unwrap();
///
/// let about_log = [(MetaTopic::Log, &br#"{"log":{"ticks_per_second":32768}}"#[..])];
/// let boots = 1; // firmware without a calendar counts its starts
/// let mut uart = [0_u8; 256];
/// let mut sink = FramedSink::new(&mut uart[..], boots, ClockKind::Ticks).meta(&about_log);
/// assert_eq!(sink.drain(&mut consumer, usize::MAX), Ok(1));
/// assert_eq!(sink.records(), 1);
/// ```
#[derive(Debug)]
pub struct FramedSink<'m, W> {
    pub(crate) to: W,
    pub(crate) framing: Framing<'m>,
}

impl<'m, W> FramedSink<'m, W> {
    /// Makes a sink. Nothing is written before the first event.
    ///
    /// `created_at` is in unix nanoseconds. Without a calendar, pass a counter of starts. A device that always passes the same
    /// number works, and the host notices a reset by the numbers of the frames.
    ///
    /// ```
    /// use ringlog_nostd::{ClockKind, FramedSink};
    ///
    /// let mut uart = [0_u8; 256];
    /// let sink = FramedSink::new(&mut uart[..], 42, ClockKind::Ticks);
    /// assert_eq!(sink.into_inner().len(), 256);
    /// ```
    #[must_use]
    pub fn new(to: W, created_at: i64, clock: ClockKind) -> Self {
        Self { to, framing: Framing::new(created_at, clock) }
    }

    /// Describes the log and its events: the JSON of META records. They are repeated with the header, and each must have at most
    /// 65,535 bytes.
    ///
    /// See [`FramedSink`] for an example.
    #[must_use]
    pub const fn meta(mut self, meta: &'m [(MetaTopic, &'m [u8])]) -> Self {
        self.framing.meta = meta;
        self
    }

    /// Describes these events, besides what [`meta`](Self::meta) describes.
    ///
    /// ```
    /// # use ringlog_nostd::{ClockKind, FramedSink, event, events};
    /// # #[event(type = 7)]
    /// # struct Sample { millivolts: u32 }
    /// events!(Samples: Sample);
    ///
    /// let mut uart = [0_u8; 512];
    /// let mut sink = FramedSink::new(&mut uart[..], 1, ClockKind::Ticks).events::<Samples>();
    /// sink.write(1_000, &Sample { millivolts: 3_300 }).unwrap();
    /// ```
    #[cfg(feature = "macros")]
    #[must_use]
    pub const fn events<E: EventTypes>(mut self) -> Self {
        self.framing.schemas = E::SCHEMAS;
        self
    }

    /// Repeats the header and the descriptions after this many frames instead of 256. At least 1.
    ///
    /// ```
    /// use ringlog_nostd::{ClockKind, EventHeader, FramedSink};
    ///
    /// let written = |every| {
    ///     let mut uart = [0_u8; 1024];
    ///     let mut sink = FramedSink::new(&mut uart[..], 1, ClockKind::Ticks).repeat_every(every);
    ///     (0..10).for_each(|time| sink.write_event(&EventHeader::new(time, 7, 0), b"").unwrap());
    ///     1024 - sink.into_inner().len()
    /// };
    /// assert!(written(4) > written(256));
    /// ```
    #[must_use]
    pub const fn repeat_every(mut self, frames: u32) -> Self {
        self.framing.repeat_every = frames;
        self
    }

    /// Returns the number of events that were written as a whole, GAP records included.
    ///
    /// See [`FramedSink`] for an example.
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.framing.records()
    }

    /// Lends the device, for other code that uses the same wire.
    ///
    /// ```
    /// use embedded_io::Write;
    /// # use ringlog_nostd::{ClockKind, FramedSink};
    ///
    /// let mut uart = [0_u8; 256];
    /// let mut sink = FramedSink::new(&mut uart[..], 42, ClockKind::Ticks);
    /// sink.get_mut().write(b"hello\n").unwrap(); // a host shows it apart from the events
    /// ```
    pub const fn get_mut(&mut self) -> &mut W {
        &mut self.to
    }

    /// Returns the device.
    ///
    /// See [`new`](Self::new) for an example.
    #[must_use]
    pub fn into_inner(self) -> W {
        self.to
    }
}

impl<W: Write> FramedSink<'_, W> {
    /// Writes up to `limit` of the events that are published now, releases those that were written whole, and returns
    /// their number.
    ///
    /// # Errors
    ///
    /// [`StreamError`], never [`Ended`](StreamError::Ended) and [`LateMeta`](StreamError::LateMeta). An event that was not
    /// written whole is still the ring's next event, and the next call continues it.
    ///
    /// ```
    /// use ringlog_nostd::{AlignedBytes, ClockKind, EventHeader, FramedSink, Ring, StreamError};
    ///
    /// # let mut memory = AlignedBytes::<512>::new();
    /// # let (mut producer, mut consumer) = Ring::format(memory.as_mut(), 16).unwrap().into_ends();
    /// producer.write_event(&EventHeader::new(1, 7, 2), b"ab").unwrap();
    /// let mut full = [0_u8; 90]; // less than the header and the event
    /// let mut sink = FramedSink::new(&mut full[..], 1, ClockKind::Ticks);
    /// assert!(sink.drain(&mut consumer, 8).is_err());
    /// assert_eq!(consumer.unread(), 24, "the event is still in the ring");
    /// ```
    pub fn drain<K>(
        &mut self,
        consumer: &mut Consumer<'_, K>,
        limit: usize,
    ) -> Result<usize, StreamError<W::Error>> {
        self.framing.pause();
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

    /// Writes one event.
    ///
    /// # Errors
    ///
    /// As [`drain`](Self::drain). After an error the event may be given again: the sink then continues its frame. Given another
    /// event, it cuts the frame off, and the host takes the part for noise.
    ///
    /// ```
    /// # use ringlog_nostd::{ClockKind, EventHeader, FramedSink};
    /// let mut uart = [0_u8; 256];
    /// let mut sink = FramedSink::new(&mut uart[..], 1, ClockKind::Ticks);
    /// sink.write_event(&EventHeader::new(1, 7, 2), b"ab").unwrap();
    /// assert_eq!(sink.records(), 1);
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
    /// See [`events`](Self::events) for an example.
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
    /// # use ringlog_nostd::{ClockKind, FramedSink, event};
    /// # #[event(type = 9, tail = "text")]
    /// # struct Message { level: u8 }
    /// let mut uart = [0_u8; 256];
    /// let mut sink = FramedSink::new(&mut uart[..], 1, ClockKind::Ticks);
    /// sink.write_with_tail(1_000, &Message { level: 3 }, b"too hot").unwrap();
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

    /// Writes the number of events so far. Call it now and then while there are none, such as once a second: the host then
    /// notices that the last ones were lost on the wire.
    ///
    /// # Errors
    ///
    /// As [`drain`](Self::drain).
    ///
    /// ```
    /// # use ringlog_nostd::{ClockKind, FramedSink};
    /// let mut uart = [0_u8; 256];
    /// let mut sink = FramedSink::new(&mut uart[..], 1, ClockKind::Ticks);
    /// assert_eq!(sink.write_count(), Ok(()));
    /// ```
    pub fn write_count(&mut self) -> Result<(), StreamError<W::Error>> {
        self.framing.pause();
        self.put_preamble()?;
        self.put_frame(&self.framing.frame(Content::Count(self.framing.records())))
    }

    /// Flushes the device, so that it sends the bytes that it still buffers.
    ///
    /// # Errors
    ///
    /// [`StreamError::Io`].
    ///
    /// ```
    /// # use ringlog_nostd::{ClockKind, FramedSink};
    /// let mut uart = [0_u8; 256];
    /// let mut sink = FramedSink::new(&mut uart[..], 1, ClockKind::Ticks);
    /// assert_eq!(sink.flush(), Ok(()));
    /// ```
    pub fn flush(&mut self) -> Result<(), StreamError<W::Error>> {
        self.to.flush().map_err(StreamError::Io)
    }

    fn put_event(
        &mut self,
        header: &EventHeader,
        first: &[u8],
        second: &[u8],
    ) -> Result<(), StreamError<W::Error>> {
        let len = first.len().saturating_add(second.len());
        check_event(header, len, MAX_PAYLOAD).map_err(StreamError::Event)?;
        self.framing.pause();
        self.put_record(header, first, second)
    }

    /// Writes the header and the descriptions as far as they are due.
    fn put_preamble(&mut self) -> Result<(), StreamError<W::Error>> {
        while let Some(frame) = self.framing.preamble() {
            self.put_frame(&frame)?;
        }
        Ok(())
    }

    fn put_record(
        &mut self,
        header: &EventHeader,
        first: &[u8],
        second: &[u8],
    ) -> Result<(), StreamError<W::Error>> {
        self.put_preamble()?;
        let outgoing = self.framing.record(header, first, second);
        self.put(outgoing)?;
        self.framing.complete(&Content::Record(*header, first));
        Ok(())
    }

    fn put_frame(&mut self, frame: &Frame<'_>) -> Result<(), StreamError<W::Error>> {
        let outgoing = self.framing.begin(frame.bytes());
        self.put(outgoing)?;
        self.framing.complete(&frame.content);
        Ok(())
    }

    fn put(&mut self, mut outgoing: Outgoing<'_>) -> Result<(), StreamError<W::Error>> {
        let mut staged = [0; 32];
        loop {
            let mut bytes = stage(&mut outgoing, &mut staged);
            if bytes.is_empty() {
                return Ok(());
            }
            while !bytes.is_empty() {
                match self.to.write(bytes) {
                    Ok(0) => return Err(StreamError::WroteNothing),
                    Ok(taken) => {
                        self.framing.sent(taken);
                        bytes = bytes.get(taken..).unwrap_or_default();
                    }
                    Err(error) => return Err(StreamError::Io(error)),
                }
            }
        }
    }
}

impl<W: Write> EventConsumer for FramedSink<'_, W> {
    fn consume(&mut self, header: &EventHeader, payload: &[u8]) -> bool {
        self.framing.pause();
        self.put_record(header, payload, &[]).is_ok()
    }

    fn name(&self) -> &'static str {
        "frames"
    }
}
