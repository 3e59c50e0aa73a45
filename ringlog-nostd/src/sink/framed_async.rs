//! The methods of a framed sink that a task awaits.
#![forbid(unsafe_code)]

use crate::format::header::{EventHeader, MAX_PAYLOAD};
use crate::format::record::check_event;
use crate::frame::content::{Content, Frame};
use crate::handle::consumer::Consumer;
use crate::sink::framed_sink::FramedSink;
use crate::sink::framing::{Outgoing, stage};
use crate::sink::stream_sink::StreamError;
use embedded_io_async::Write;

/// For a device that a task awaits. Needs the feature `embedded-io-async`.
impl<W: Write> FramedSink<'_, W> {
    /// Does what [`drain`](FramedSink::drain) does, and awaits the device.
    ///
    /// The future may be dropped at any time: the next call continues in the middle of the frame. A device that takes bytes in a
    /// `write` that was dropped makes one frame invalid.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// ```
    /// # use std::{future::Future, pin::pin, task::{Context, Poll, Waker}};
    /// use ringlog_nostd::{AlignedBytes, ClockKind, EventHeader, FramedSink, Ring};
    ///
    /// # let mut memory = AlignedBytes::<512>::new();
    /// # let (mut producer, mut consumer) = Ring::format(memory.as_mut(), 16).unwrap().into_ends();
    /// producer.write_event(&EventHeader::new(1, 7, 2), b"ab").unwrap();
    /// let mut uart = [0_u8; 256];
    /// let mut sink = FramedSink::new(&mut uart[..], 1, ClockKind::Ticks);
    /// let drained = pin!(sink.drain_async(&mut consumer, 8));
    /// // An executor does this.
    /// assert_eq!(drained.poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(Ok(1)));
    /// ```
    pub async fn drain_async<K>(
        &mut self,
        consumer: &mut Consumer<'_, K>,
        limit: usize,
    ) -> Result<usize, StreamError<W::Error>> {
        self.framing.pause();
        let mut left = consumer.unread();
        let mut events = 0;
        while left > 0 && events < limit {
            let Some(run) = consumer.peek_run(0).map_err(StreamError::Ring)? else { break };
            let Some((header, payload)) = run.peek() else { break };
            self.put_record_async(&header, payload).await?;
            // One at a time: a future that is dropped has released what was written, and nothing else.
            consumer.release_bytes(header.stride());
            left = left.saturating_sub(header.stride());
            events += 1;
        }
        Ok(events)
    }

    /// Does what [`write_event`](FramedSink::write_event) does, and awaits the device.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// ```
    /// # use std::{future::Future, pin::pin, task::{Context, Waker}};
    /// # use ringlog_nostd::{ClockKind, EventHeader, FramedSink};
    /// let mut uart = [0_u8; 256];
    /// let mut sink = FramedSink::new(&mut uart[..], 1, ClockKind::Ticks);
    /// let header = EventHeader::new(1, 7, 2);
    /// let written = pin!(sink.write_event_async(&header, b"ab"));
    /// assert!(written.poll(&mut Context::from_waker(Waker::noop())).is_ready());
    /// ```
    pub async fn write_event_async(
        &mut self,
        header: &EventHeader,
        payload: &[u8],
    ) -> Result<(), StreamError<W::Error>> {
        check_event(header, payload.len(), MAX_PAYLOAD).map_err(StreamError::Event)?;
        self.framing.pause();
        self.put_record_async(header, payload).await
    }

    /// Does what [`write_count`](FramedSink::write_count) does, and awaits the device.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// ```
    /// # use std::{future::Future, pin::pin, task::{Context, Waker}};
    /// # use ringlog_nostd::{ClockKind, FramedSink};
    /// let mut uart = [0_u8; 256];
    /// let mut sink = FramedSink::new(&mut uart[..], 1, ClockKind::Ticks);
    /// let written = pin!(sink.write_count_async());
    /// assert!(written.poll(&mut Context::from_waker(Waker::noop())).is_ready());
    /// ```
    pub async fn write_count_async(&mut self) -> Result<(), StreamError<W::Error>> {
        self.framing.pause();
        self.put_preamble_async().await?;
        let frame = self.framing.frame(Content::Count(self.framing.records()));
        self.put_frame_async(&frame).await
    }

    async fn put_preamble_async(&mut self) -> Result<(), StreamError<W::Error>> {
        while let Some(frame) = self.framing.preamble() {
            self.put_frame_async(&frame).await?;
        }
        Ok(())
    }

    async fn put_record_async(
        &mut self,
        header: &EventHeader,
        payload: &[u8],
    ) -> Result<(), StreamError<W::Error>> {
        self.put_preamble_async().await?;
        let outgoing = self.framing.record(header, payload, &[]);
        self.put_async(outgoing).await?;
        self.framing.complete(&Content::Record(*header, payload));
        Ok(())
    }

    async fn put_frame_async(&mut self, frame: &Frame<'_>) -> Result<(), StreamError<W::Error>> {
        let outgoing = self.framing.begin(frame.bytes());
        self.put_async(outgoing).await?;
        self.framing.complete(&frame.content);
        Ok(())
    }

    async fn put_async(&mut self, mut outgoing: Outgoing<'_>) -> Result<(), StreamError<W::Error>> {
        let mut staged = [0; 32];
        loop {
            let mut bytes = stage(&mut outgoing, &mut staged);
            if bytes.is_empty() {
                return Ok(());
            }
            while !bytes.is_empty() {
                match self.to.write(bytes).await {
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
