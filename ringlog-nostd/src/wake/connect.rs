//! Makes the two ends that share a signal.
#![forbid(unsafe_code)]

use crate::handle::consumer::Consumer;
use crate::handle::producer::Producer;
use crate::wake::async_consumer::AsyncConsumer;
use crate::wake::async_producer::AsyncProducer;
use crate::wake::signal::AsyncSignal;
use core::borrow::Borrow;
use core::fmt;

/// The two ends of a ring, of which the producer wakes the task that awaits its events.
type Connected<'r, K, L, S> = (AsyncProducer<Producer<'r, K>, S>, AsyncConsumer<Consumer<'r, L>, S>);

impl AsyncSignal {
    /// Returns the two ends of a ring, of which the producer wakes the task that awaits its events.
    ///
    /// `signal` is a reference to one, or an `Arc` of one. Both ends must be of the same ring, as `split` gives them out.
    ///
    /// # Errors
    ///
    /// [`AlreadyConnected`] from the second call for this signal on. The two ends are dropped, which closes the ring.
    ///
    /// ```
    /// use ringlog_nostd::{AlignedBytes, AlreadyConnected, AsyncSignal, Ring};
    ///
    /// let mut memory = AlignedBytes::<1024>::new();
    /// let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// let signal = AsyncSignal::new();
    /// let (producer, consumer) = AsyncSignal::connect(&signal, ring.split()).unwrap();
    /// # drop((producer, consumer));
    /// assert_eq!(AsyncSignal::connect(&signal, ring.split()).err(), Some(AlreadyConnected));
    /// ```
    pub fn connect<'r, K, L, S: Borrow<Self> + Clone>(
        signal: S,
        (producer, consumer): (Producer<'r, K>, Consumer<'r, L>),
    ) -> Result<Connected<'r, K, L, S>, AlreadyConnected> {
        if !signal.borrow().is_first() {
            return Err(AlreadyConnected);
        }
        Ok((AsyncProducer::new(producer, signal.clone()), AsyncConsumer::new(consumer, signal)))
    }
}

/// A signal is for one pair of ends: two tasks would take each other's place in it.
///
/// ```
/// # use ringlog_nostd::{AsyncSignal, StaticRing};
/// # static RINGS: [StaticRing<64, 8>; 2] = [StaticRing::new(), StaticRing::new()];
/// static SIGNAL: AsyncSignal = AsyncSignal::new();
///
/// let _ends = AsyncSignal::connect(&SIGNAL, RINGS[0].split().unwrap()).unwrap();
/// let error = AsyncSignal::connect(&SIGNAL, RINGS[1].split().unwrap()).unwrap_err();
/// assert_eq!(error.to_string(), "this signal has been connected already");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct AlreadyConnected;

impl fmt::Display for AlreadyConnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this signal has been connected already")
    }
}

impl core::error::Error for AlreadyConnected {}
