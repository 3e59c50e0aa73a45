//! A consumer that a task awaits.
#![forbid(unsafe_code)]

use crate::error::RingFault;
use crate::format::header::EventHeader;
use crate::handle::consumer::Consumer;
use crate::wake::signal::AsyncSignal;
use core::borrow::Borrow;
use core::future::poll_fn;
use core::task::{Context, Poll};

/// A consumer that a task awaits: see [`AsyncSignal::connect`](crate::AsyncSignal::connect).
///
/// `C` is a [`Consumer`](crate::Consumer), and `S` leads to the signal. Its futures work with any executor and may be
/// dropped at any time: no event is lost, and the next call gets it.
///
/// A task that always finds an event never waits, so it keeps other tasks of the same executor from running. Let it yield
/// after a number of events, as with `tokio::task::yield_now` or `embassy_futures::yield_now`.
///
/// ```
/// # use ringlog_nostd::{AlignedBytes, Ring};
/// # use std::{future::Future, pin::pin, task::{Context, Poll, Waker}};
/// # fn block_on<T>(future: impl Future<Output = T>) -> T {
/// #     match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
/// #         Poll::Ready(value) => value,
/// #         Poll::Pending => panic!("nothing was written"),
/// #     }
/// # }
/// # let mut memory = AlignedBytes::<1024>::new();
/// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
/// use ringlog_nostd::{AsyncConsumer, AsyncSignal, Consumer, EventHeader};
///
/// async fn sum(mut events: AsyncConsumer<Consumer<'_>, &AsyncSignal>) -> u64 {
///     let mut sum = 0;
///     while let Some((header, _payload)) = events.read_event().await {
///         sum += header.timestamp;
///     }
///     sum
/// }
///
/// let signal = AsyncSignal::new();
/// let (mut producer, consumer) = AsyncSignal::connect(&signal, ring.split()).unwrap();
/// for time in 1..=3 {
///     producer.write_event(&EventHeader::new(time, 7, 0), b"").unwrap();
/// }
/// drop(producer);
/// assert_eq!(block_on(sum(consumer)), 6);
/// ```
#[derive(Debug)]
pub struct AsyncConsumer<C, S: Borrow<AsyncSignal> = &'static AsyncSignal> {
    consumer: C,
    signal: S,
}

impl<'r, K, S: Borrow<AsyncSignal>> AsyncConsumer<Consumer<'r, K>, S> {
    pub(crate) fn new(consumer: Consumer<'r, K>, signal: S) -> Self {
        Self { consumer, signal }
    }

    /// Waits until there is something to read, and returns `true`; or until the end, and returns `false`: the producer
    /// has closed and everything was read, or the ring is [corrupt](crate::Consumer::fault).
    ///
    /// Gives the space of the event that was read last back to the producer first.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, AsyncSignal, EventHeader, Ring};
    /// # use std::{future::Future, pin::pin, task::{Context, Poll, Waker}};
    /// # fn block_on<T>(future: impl Future<Output = T>) -> T {
    /// #     match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
    /// #         Poll::Ready(value) => value,
    /// #         Poll::Pending => panic!("nothing was written"),
    /// #     }
    /// # }
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// # let signal = AsyncSignal::new();
    /// let (mut producer, mut consumer) = AsyncSignal::connect(&signal, ring.split()).unwrap();
    /// producer.write_event(&EventHeader::new(1, 7, 2), b"ab").unwrap();
    /// drop(producer);
    /// # block_on(async {
    /// while consumer.ready().await {
    ///     assert_eq!(consumer.inner_mut().drain(usize::MAX, |_, _| ()), Ok(1));
    /// }
    /// # });
    /// ```
    pub async fn ready(&mut self) -> bool {
        poll_fn(|context| self.poll_ready(context)).await
    }

    /// Does what [`ready`](Self::ready) does, for a future that is written by hand.
    ///
    /// Of several tasks, the last one that called it is woken.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, AsyncSignal, EventHeader, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// # let signal = AsyncSignal::new();
    /// use std::task::{Context, Poll, Waker};
    ///
    /// let (mut producer, mut consumer) = AsyncSignal::connect(&signal, ring.split()).unwrap();
    /// let mut context = Context::from_waker(Waker::noop());
    /// assert_eq!(consumer.poll_ready(&mut context), Poll::Pending);
    /// producer.write_event(&EventHeader::new(1, 7, 2), b"ab").unwrap();
    /// assert_eq!(consumer.poll_ready(&mut context), Poll::Ready(true));
    /// ```
    pub fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        self.consumer.release();
        if !self.consumer.is_empty() {
            return Poll::Ready(true);
        }
        let signal = self.signal.borrow();
        signal.listen(context.waker());
        // Before the look: what was published before the end is then found.
        let closed = self.consumer.is_closed();
        let found = !self.consumer.is_empty();
        if found || closed || self.consumer.fault().is_some() {
            signal.stop_listening();
            return Poll::Ready(found);
        }
        Poll::Pending
    }

    /// Waits for the next event and lends it as [`Consumer::read_event`](crate::Consumer::read_event) does; `None` at
    /// the end, and in a corrupt ring.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, AsyncSignal, EventHeader, Ring};
    /// # use std::{future::Future, pin::pin, task::{Context, Poll, Waker}};
    /// # fn block_on<T>(future: impl Future<Output = T>) -> T {
    /// #     match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
    /// #         Poll::Ready(value) => value,
    /// #         Poll::Pending => panic!("nothing was written"),
    /// #     }
    /// # }
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// # let signal = AsyncSignal::new();
    /// let (mut producer, mut consumer) = AsyncSignal::connect(&signal, ring.split()).unwrap();
    /// producer.write_event(&EventHeader::new(1, 7, 2), b"ab").unwrap();
    /// # block_on(async {
    /// assert_eq!(consumer.read_event().await.unwrap().1, b"ab");
    /// drop(producer);
    /// assert_eq!(consumer.read_event().await, None);
    /// # });
    /// ```
    pub async fn read_event(&mut self) -> Option<(EventHeader, &[u8])> {
        self.try_read_event().await.unwrap_or_default()
    }

    /// Waits for the next event as [`read_event`](Self::read_event) does, and reports a corrupt ring.
    ///
    /// # Errors
    ///
    /// [`RingFault`] if the ring is corrupt; every later call then returns it too.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, AsyncSignal, EventHeader, Ring};
    /// # use std::{future::Future, pin::pin, task::{Context, Poll, Waker}};
    /// # fn block_on<T>(future: impl Future<Output = T>) -> T {
    /// #     match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
    /// #         Poll::Ready(value) => value,
    /// #         Poll::Pending => panic!("nothing was written"),
    /// #     }
    /// # }
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// # let signal = AsyncSignal::new();
    /// let (mut producer, mut consumer) = AsyncSignal::connect(&signal, ring.split()).unwrap();
    /// producer.write_event(&EventHeader::new(1, 7, 2), b"ab").unwrap();
    /// # block_on(async {
    /// match consumer.try_read_event().await {
    ///     Ok(Some((header, payload))) => assert_eq!((header.timestamp, payload), (1, &b"ab"[..])),
    ///     Ok(None) => unreachable!("the producer has not closed"),
    ///     Err(fault) => panic!("{fault}"),
    /// }
    /// # });
    /// ```
    pub async fn try_read_event(&mut self) -> Result<Option<(EventHeader, &[u8])>, RingFault> {
        self.ready().await;
        self.consumer.try_read_event()
    }

    /// Returns the plain consumer, which does not wait.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, AsyncSignal, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// # let signal = AsyncSignal::new();
    /// let (_producer, mut consumer) = AsyncSignal::connect(&signal, ring.split()).unwrap();
    /// assert!(consumer.inner_mut().is_empty());
    /// ```
    pub fn inner_mut(&mut self) -> &mut Consumer<'r, K> {
        &mut self.consumer
    }
}
