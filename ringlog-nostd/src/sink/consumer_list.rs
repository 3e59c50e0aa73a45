//! Several consumers of one ring, without an allocator.
#![forbid(unsafe_code)]

use crate::error::RingFault;
use crate::format::run::Run;
use crate::handle::consumer::Consumer;
use crate::sink::event_consumer::EventConsumer;
use heapless::Vec;

/// Hands the events of a ring to up to `N` consumers.
///
/// A *required* consumer holds the ring's space: an event that it refuses is offered to it again at the next
/// drain, and released only when every required consumer has it. Any other consumer misses what it refuses,
/// which is counted. Owns the ring's consumer, because what each of them has had counts from its position.
///
/// ```
/// use ringlog_nostd::{AlignedBytes, ConsumerList, EventConsumer, EventHeader, Ring};
///
/// struct Count(u32);
/// impl EventConsumer for Count {
///     fn consume(&mut self, _: &EventHeader, _: &[u8]) -> bool {
///         self.0 += 1;
///         true
///     }
///     fn name(&self) -> &str {
///         "count"
///     }
/// }
///
/// let mut memory = AlignedBytes::<512>::new();
/// let mut ring = Ring::format(memory.as_mut(), 16).unwrap();
/// let (mut producer, consumer) = ring.split();
/// let (mut uart, mut led) = (Count(0), Count(0));
/// let mut consumers = ConsumerList::<2>::new(consumer);
/// consumers.add_required(&mut uart).unwrap();
/// consumers.add(&mut led).unwrap();
///
/// producer.write_event(&EventHeader::new(1, 7, 2), b"ab").unwrap();
/// assert_eq!(consumers.drain(), Ok(24));
/// drop(consumers);
/// assert_eq!((uart.0, led.0), (1, 1));
/// ```
pub struct ConsumerList<'r, 'c, const N: usize, K = ()> {
    ring: Consumer<'r, K>,
    slots: Vec<Slot<'c>, N>,
}

struct Slot<'c> {
    consumer: &'c mut dyn EventConsumer,
    required: bool,
    /// Bytes behind the ring's tail that it has had, whole records.
    ahead: usize,
    counts: ConsumerCounts,
}

/// What became of the events offered to one consumer of a [`ConsumerList`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ConsumerCounts {
    /// Records that it took, GAP records included.
    pub events: u64,
    /// Offers that it refused: for a consumer that is not required, events that it missed.
    pub refused: u64,
}

/// A [`ConsumerList`] has no place left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ListFull;

impl core::fmt::Display for ListFull {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("no place left in the list of consumers: make its N larger")
    }
}

impl core::error::Error for ListFull {}

impl<'r, 'c, const N: usize, K> ConsumerList<'r, 'c, N, K> {
    /// An empty list on a ring's consumer.
    #[must_use]
    pub const fn new(ring: Consumer<'r, K>) -> Self {
        Self { ring, slots: Vec::new() }
    }

    /// Adds a consumer that misses what it refuses.
    ///
    /// # Errors
    ///
    /// [`ListFull`] if there are `N` already.
    pub fn add(&mut self, consumer: &'c mut dyn EventConsumer) -> Result<(), ListFull> {
        self.push(consumer, false)
    }

    /// Adds a consumer that gets every event, or keeps the ring from being emptied.
    ///
    /// # Errors
    ///
    /// [`ListFull`] if there are `N` already.
    pub fn add_required(&mut self, consumer: &'c mut dyn EventConsumer) -> Result<(), ListFull> {
        self.push(consumer, true)
    }

    fn push(&mut self, consumer: &'c mut dyn EventConsumer, required: bool) -> Result<(), ListFull> {
        let slot = Slot { consumer, required, ahead: 0, counts: ConsumerCounts::default() };
        self.slots.push(slot).map_err(|_| ListFull)
    }

    /// Offers every event that is published now to every consumer that has not had it, and releases what all
    /// required ones have. Returns the bytes released.
    ///
    /// # Errors
    ///
    /// [`RingFault`] if the ring is corrupt. What was handed out before stays handed out; so it does if a consumer
    /// panics, which is then offered the event over which it did so again.
    pub fn drain(&mut self) -> Result<usize, RingFault> {
        let published = self.ring.unread();
        let mut seen = 0;
        while seen < published {
            let Some(run) = self.ring.peek_run(seen)? else { break };
            for slot in &mut self.slots {
                slot.offer(&run, seen);
            }
            seen += run.remaining().len();
        }
        if let Some(fault) = self.ring.fault() {
            return Err(fault);
        }
        Ok(self.release(seen))
    }

    fn release(&mut self, seen: usize) -> usize {
        let required = self.slots.iter().filter(|slot| slot.required);
        let released = required.map(|slot| slot.ahead).min().unwrap_or(seen).min(seen);
        self.ring.release_bytes(released);
        for slot in &mut self.slots {
            slot.ahead = slot.ahead.saturating_sub(released);
        }
        released
    }

    /// Name and counts of each consumer, in the order in which they were added.
    pub fn counts(&self) -> impl Iterator<Item = (&str, ConsumerCounts)> {
        self.slots.iter().map(|slot| (slot.consumer.name(), slot.counts))
    }

    /// The ring's consumer again. What a required consumer refused is still in the ring; what others had of
    /// it they will be given again by whoever drains it.
    #[must_use]
    pub fn into_inner(self) -> Consumer<'r, K> {
        self.ring
    }
}

impl<const N: usize, K> core::fmt::Debug for ConsumerList<'_, '_, N, K> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_map().entries(self.counts()).finish()
    }
}

impl Slot<'_> {
    /// Offers what this consumer has not had of a run that starts `seen` bytes behind the tail.
    fn offer(&mut self, run: &Run<'_>, seen: usize) {
        let Some(had) = self.ahead.checked_sub(seen) else { return };
        let mut rest = run.clone();
        rest.accept_bytes(had, 0);
        if rest.is_done() {
            return;
        }
        let mut offer = Offer { rest, seen, ahead: &mut self.ahead, events: &mut self.counts.events };
        while !offer.rest.is_done() && !self.consumer.consume_run(&mut offer.rest) {
            self.counts.refused += 1;
            if self.required || !offer.pass_over() {
                break;
            }
        }
    }
}

/// What one consumer has not had of a run. When it goes, also because the consumer panicked, what was accepted counts as
/// had.
struct Offer<'s, 'a> {
    rest: Run<'a>,
    /// Where the run starts, in bytes behind the ring's tail.
    seen: usize,
    /// The slot's own.
    ahead: &'s mut usize,
    /// The slot's own.
    events: &'s mut u64,
}

impl Offer<'_, '_> {
    fn pass_over(&mut self) -> bool {
        let Some((header, _)) = self.rest.peek() else { return false };
        self.rest.accept_bytes(header.stride(), 0);
        true
    }
}

impl Drop for Offer<'_, '_> {
    fn drop(&mut self) {
        *self.ahead = self.seen + self.rest.accepted_bytes();
        *self.events = self.events.saturating_add(self.rest.accepted_events());
    }
}
