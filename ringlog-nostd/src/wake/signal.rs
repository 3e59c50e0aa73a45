//! The memory by which a producer wakes a task.
#![forbid(unsafe_code)]

use crate::park_flag::ParkFlag;
use crate::ring::once::SplitGuard;
use crate::sync::{AtomicWaker, const_unless_modelled};
use core::task::Waker;

/// The memory by which a producer wakes the task that awaits its events: 4 words, in a `static`, on the stack or in an
/// `Arc`.
///
/// [`connect`](Self::connect) makes an [`AsyncProducer`](crate::AsyncProducer) and an
/// [`AsyncConsumer`](crate::AsyncConsumer) of the two ends of a ring. Nothing is allocated, and nothing spins.
///
/// # What it costs
///
/// - Each publication: one fence and one load. If the consumer sleeps, also two read-modify-writes of a word, and the
///   executor's `wake`. The plain [`Producer`](crate::Producer) has none of this.
/// - Each wait that finds nothing: two read-modify-writes, one store, one fence, and a clone of the task's `Waker` if
///   another one was stored.
/// - A core without compare-and-swap makes these read-modify-writes in a critical section: turn on the feature
///   `critical-section` or `unsafe-assume-single-core`. A publication that wakes nobody needs no critical section.
///
/// ```
/// use ringlog_nostd::{AsyncSignal, EventHeader, StaticRing};
/// # use std::{future::Future, pin::pin, task::{Context, Poll, Waker}};
/// # fn block_on<T>(future: impl Future<Output = T>) -> T {
/// #     match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
/// #         Poll::Ready(value) => value,
/// #         Poll::Pending => panic!("nothing was written"),
/// #     }
/// # }
///
/// static RING: StaticRing<1024, 32> = StaticRing::new();
/// static SIGNAL: AsyncSignal = AsyncSignal::new();
///
/// let (mut producer, mut consumer) = AsyncSignal::connect(&SIGNAL, RING.split().unwrap()).unwrap();
/// // In an interrupt, another task or another thread:
/// producer.write_event(&EventHeader::new(1, 7, 2), &[1, 2]).unwrap();
/// drop(producer);
/// // In a task:
/// block_on(async {
///     while let Some((header, payload)) = consumer.read_event().await {
///         assert_eq!((header.event_type, payload), (7, &[1, 2][..]));
///     }
/// });
/// ```
#[derive(Debug)]
pub struct AsyncSignal {
    flag: ParkFlag,
    waker: AtomicWaker,
    connected: SplitGuard,
}

// No wake-up is lost. The consumer stores its waker, raises the flag, then looks. The producer publishes, then asks the
// flag, and takes the waker if that was raised. `ParkFlag` makes sure that the look finds the publication or the producer
// finds the flag. A producer that finds the flag also finds the waker: storing and taking it are read-modify-writes of one
// word, with Acquire and Release. Where the taking comes first, the storing sees it, and with it the publication, before
// the look.
impl AsyncSignal {
    const_unless_modelled! {
        /// Returns a signal that no ring uses.
        ///
        /// ```
        /// static SIGNAL: ringlog_nostd::AsyncSignal = ringlog_nostd::AsyncSignal::new();
        /// assert!(size_of_val(&SIGNAL) <= 4 * size_of::<usize>());
        /// ```
        #[must_use]
        pub fn new() -> Self {
            Self { flag: ParkFlag::new(), waker: AtomicWaker::new(), connected: SplitGuard::new() }
        }
    }

    /// Returns `true` to the first caller.
    pub(crate) fn is_first(&self) -> bool {
        self.connected.is_first()
    }

    /// Has the task woken by a publication from now on. The caller looks for one afterwards.
    pub(crate) fn listen(&self, waker: &Waker) {
        self.waker.register(waker);
        self.flag.raise();
    }

    /// Ends what [`listen`](Self::listen) began: the task does not sleep. A producer may wake it all the same.
    pub(crate) fn stop_listening(&self) {
        self.flag.lower();
    }

    /// Wakes the task if it listens. The caller has published something or has closed.
    #[inline]
    pub(crate) fn wake(&self) {
        if self.flag.is_wake_due() {
            self.waker.wake();
        }
    }
}

impl Default for AsyncSignal {
    fn default() -> Self {
        Self::new()
    }
}
