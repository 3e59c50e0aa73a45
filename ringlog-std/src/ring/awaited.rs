//! A pair whose consumer is awaited by a task: the producer wakes it.
#![forbid(unsafe_code)]

use std::sync::Arc;

use ringlog_nostd::AsyncSignal;

use super::ends::{Consumer, Producer};
use super::spsc::SpscRingBuffer;

/// A producer that wakes the task that awaits its events: see [`SpscRingBuffer::split_async`].
///
/// `P` is a [`Producer`], or a [`LossyProducer`](super::LossyProducer) after
/// [`lossy`](ringlog_nostd::AsyncProducer::lossy).
///
/// ```
/// use ringlog::event::EventHeader;
/// use ringlog::ring::{AsyncProducer, LossyProducer, SpscRingBuffer};
///
/// let (producer, mut consumer) = SpscRingBuffer::new(1024).split_async();
/// let mut producer: AsyncProducer<LossyProducer> = producer.lossy();
/// producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
/// assert_eq!(consumer.inner_mut().read_event().unwrap().1, b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type AsyncProducer<P = Producer> = ringlog_nostd::AsyncProducer<P, Arc<AsyncSignal>>;

/// A consumer that a task awaits: see [`SpscRingBuffer::split_async`].
///
/// ```
/// use ringlog::ring::{AsyncConsumer, SpscRingBuffer};
///
/// /// For `tokio::spawn`, or any other executor.
/// async fn count(mut events: AsyncConsumer) -> u64 {
///     let mut count = 0;
///     while events.read_event().await.is_some() {
///         count += 1;
///     }
///     count
/// }
///
/// let (_producer, consumer) = SpscRingBuffer::new(1024).split_async();
/// let task = count(consumer);
/// # drop(task);
/// ```
pub type AsyncConsumer = ringlog_nostd::AsyncConsumer<Consumer, Arc<AsyncSignal>>;

impl SpscRingBuffer {
    /// Returns the two ends, of which the consumer is awaited by a task of any executor.
    ///
    /// A publication costs one fence and one load more than with [`split`](Self::split), and a wake-up if the task waits.
    /// Nothing is allocated after this call.
    ///
    /// ```
    /// # use std::{future::Future, pin::pin, task::{Context, Poll, Waker}};
    /// # fn block_on<T>(future: impl Future<Output = T>) -> T {
    /// #     match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
    /// #         Poll::Ready(value) => value,
    /// #         Poll::Pending => panic!("nothing was written"),
    /// #     }
    /// # }
    /// use ringlog::{event::EventHeader, ring::SpscRingBuffer};
    ///
    /// let (mut producer, mut consumer) = SpscRingBuffer::new(1024).split_async();
    /// producer.write_event(&EventHeader::new(42, 7, 5), b"hello")?;
    /// drop(producer);
    /// # block_on(async {
    /// assert_eq!(consumer.read_event().await.unwrap().1, b"hello");
    /// assert_eq!(consumer.read_event().await, None, "the producer has ended");
    /// # });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn split_async(self) -> (AsyncProducer, AsyncConsumer) {
        AsyncSignal::connect(Arc::new(AsyncSignal::new()), self.split())
            .expect("no other ring has this signal")
    }
}
