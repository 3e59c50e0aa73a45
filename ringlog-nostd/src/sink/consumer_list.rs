//! Several consumers for one ring, without an allocator.
#![forbid(unsafe_code)]

use crate::error::RingFault;
use crate::format::run::Run;
use crate::handle::consumer::Consumer;
use crate::sink::event_consumer::EventConsumer;
use heapless::Vec;

/// Hands the events of a ring to up to `N` consumers.
///
/// A *required* consumer gets every event: one that it refuses is offered again at the next drain, and the ring keeps
/// it until every required consumer has taken it. Any other consumer misses the events that it refuses; they are
/// counted.
///
/// The list owns the ring's consumer, because it counts what each consumer has had from the ring's position.
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
    /// Bytes after the ring's tail that the consumer has had, in whole records.
    ahead: usize,
    counts: ConsumerCounts,
}

/// What became of the events offered to one consumer of a [`ConsumerList`].
///
/// ```
/// use ringlog_nostd::ConsumerCounts;
///
/// let counts = ConsumerCounts { events: 5, refused: 1 };
/// assert_eq!(ConsumerCounts::default().events, 0);
/// assert_eq!(counts.events + counts.refused, 6);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ConsumerCounts {
    /// Records that the consumer took, GAP records included.
    pub events: u64,
    /// Offers that the consumer refused. If it is not required, it missed these events.
    pub refused: u64,
}

/// The error of a [`ConsumerList`] that has `N` consumers already.
///
/// ```
/// use ringlog_nostd::{AlignedBytes, ConsumerList, EventConsumer, EventHeader, ListFull, Ring};
///
/// struct All;
/// impl EventConsumer for All {
///     fn consume(&mut self, _: &EventHeader, _: &[u8]) -> bool {
///         true
///     }
///     fn name(&self) -> &str {
///         "all"
///     }
/// }
///
/// let mut memory = AlignedBytes::<512>::new();
/// let consumer = Ring::format(memory.as_mut(), 16).unwrap().into_consumer();
/// let (mut first, mut second) = (All, All);
/// let mut consumers = ConsumerList::<1>::new(consumer);
/// assert_eq!(consumers.add(&mut first), Ok(()));
/// assert_eq!(consumers.add(&mut second), Err(ListFull));
/// ```
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
    /// Makes an empty list for a ring's consumer.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, ConsumerList, EventConsumer, EventHeader, Ring};
    /// # struct Count(u32);
    /// # impl EventConsumer for Count {
    /// #     fn consume(&mut self, _: &EventHeader, _: &[u8]) -> bool {
    /// #         self.0 += 1;
    /// #         true
    /// #     }
    /// #     fn name(&self) -> &str {
    /// #         "count"
    /// #     }
    /// # }
    /// # let mut memory = AlignedBytes::<512>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 16).unwrap();
    /// # let (mut producer, consumer) = ring.split();
    /// let consumers = ConsumerList::<2>::new(consumer);
    /// assert_eq!(consumers.counts().count(), 0);
    /// ```
    #[must_use]
    pub const fn new(ring: Consumer<'r, K>) -> Self {
        Self { ring, slots: Vec::new() }
    }

    /// Adds a consumer that misses the events that it refuses.
    ///
    /// # Errors
    ///
    /// [`ListFull`] if the list has `N` consumers already.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, ConsumerList, EventConsumer, EventHeader, Ring};
    /// # struct Count(u32);
    /// # impl EventConsumer for Count {
    /// #     fn consume(&mut self, _: &EventHeader, _: &[u8]) -> bool {
    /// #         self.0 += 1;
    /// #         true
    /// #     }
    /// #     fn name(&self) -> &str {
    /// #         "count"
    /// #     }
    /// # }
    /// # let mut memory = AlignedBytes::<512>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 16).unwrap();
    /// # let (mut producer, consumer) = ring.split();
    /// let mut led = Count(0);
    /// let mut consumers = ConsumerList::<2>::new(consumer);
    /// assert_eq!(consumers.add(&mut led), Ok(()));
    /// ```
    pub fn add(&mut self, consumer: &'c mut dyn EventConsumer) -> Result<(), ListFull> {
        self.push(consumer, false)
    }

    /// Adds a consumer that gets every event. While it refuses one, the ring keeps that event and all after it.
    ///
    /// # Errors
    ///
    /// [`ListFull`] if the list has `N` consumers already.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, ConsumerList, EventConsumer, EventHeader, Ring};
    /// # struct Count(u32);
    /// # impl EventConsumer for Count {
    /// #     fn consume(&mut self, _: &EventHeader, _: &[u8]) -> bool {
    /// #         self.0 += 1;
    /// #         true
    /// #     }
    /// #     fn name(&self) -> &str {
    /// #         "count"
    /// #     }
    /// # }
    /// # let mut memory = AlignedBytes::<512>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 16).unwrap();
    /// # let (mut producer, consumer) = ring.split();
    /// let mut uart = Count(0);
    /// let mut consumers = ConsumerList::<2>::new(consumer);
    /// assert_eq!(consumers.add_required(&mut uart), Ok(()));
    /// ```
    pub fn add_required(&mut self, consumer: &'c mut dyn EventConsumer) -> Result<(), ListFull> {
        self.push(consumer, true)
    }

    fn push(&mut self, consumer: &'c mut dyn EventConsumer, required: bool) -> Result<(), ListFull> {
        let slot = Slot { consumer, required, ahead: 0, counts: ConsumerCounts::default() };
        self.slots.push(slot).map_err(|_| ListFull)
    }

    /// Offers each published event to each consumer that has not had it. Releases the events that all required
    /// consumers have taken, and returns the number of bytes released.
    ///
    /// If a consumer panics, the next drain offers it the event that it panicked over again; events taken before that
    /// stay taken.
    ///
    /// # Errors
    ///
    /// [`RingFault`] if the ring is corrupt. Events taken before the fault stay taken.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, ConsumerList, EventConsumer, EventHeader, Ring};
    /// # struct Count(u32);
    /// # impl EventConsumer for Count {
    /// #     fn consume(&mut self, _: &EventHeader, _: &[u8]) -> bool {
    /// #         self.0 += 1;
    /// #         true
    /// #     }
    /// #     fn name(&self) -> &str {
    /// #         "count"
    /// #     }
    /// # }
    /// # let mut memory = AlignedBytes::<512>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 16).unwrap();
    /// # let (mut producer, consumer) = ring.split();
    /// let mut uart = Count(0);
    /// let mut consumers = ConsumerList::<2>::new(consumer);
    /// consumers.add_required(&mut uart).unwrap();
    /// producer.write_event(&EventHeader::new(1, 7, 2), b"ab").unwrap();
    /// assert_eq!(consumers.drain(), Ok(24));
    /// assert_eq!(consumers.drain(), Ok(0));
    /// ```
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

    /// Returns the name and the counts of each consumer, in the order in which they were added.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, ConsumerCounts, ConsumerList, EventConsumer, EventHeader, Ring};
    /// # struct Count(u32);
    /// # impl EventConsumer for Count {
    /// #     fn consume(&mut self, _: &EventHeader, _: &[u8]) -> bool {
    /// #         self.0 += 1;
    /// #         true
    /// #     }
    /// #     fn name(&self) -> &str {
    /// #         "count"
    /// #     }
    /// # }
    /// # let mut memory = AlignedBytes::<512>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 16).unwrap();
    /// # let (mut producer, consumer) = ring.split();
    /// let mut uart = Count(0);
    /// let mut consumers = ConsumerList::<2>::new(consumer);
    /// consumers.add_required(&mut uart).unwrap();
    /// producer.write_event(&EventHeader::new(1, 7, 2), b"ab").unwrap();
    /// consumers.drain().unwrap();
    /// let counts: Vec<_> = consumers.counts().collect();
    /// assert_eq!(counts, [("count", ConsumerCounts { events: 1, refused: 0 })]);
    /// ```
    pub fn counts(&self) -> impl Iterator<Item = (&str, ConsumerCounts)> {
        self.slots.iter().map(|slot| (slot.consumer.name(), slot.counts))
    }

    /// Returns the ring's consumer. Events that a required consumer refused are still in the ring, also those that
    /// other consumers have had.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, ConsumerList, EventConsumer, EventHeader, Ring};
    /// # struct Count(u32);
    /// # impl EventConsumer for Count {
    /// #     fn consume(&mut self, _: &EventHeader, _: &[u8]) -> bool {
    /// #         self.0 += 1;
    /// #         true
    /// #     }
    /// #     fn name(&self) -> &str {
    /// #         "count"
    /// #     }
    /// # }
    /// # let mut memory = AlignedBytes::<512>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 16).unwrap();
    /// # let (mut producer, consumer) = ring.split();
    /// let consumers = ConsumerList::<2>::new(consumer);
    /// producer.write_event(&EventHeader::new(1, 7, 2), b"ab").unwrap();
    /// assert_eq!(consumers.into_inner().read_event().unwrap().1, b"ab");
    /// ```
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
    /// Offers the part of a run that this consumer has not had. The run starts `seen` bytes after the tail.
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

/// The part of a run that one consumer has not had. Its drop counts what was accepted, also if the consumer panicked.
struct Offer<'s, 'a> {
    rest: Run<'a>,
    /// Where the run starts, in bytes after the ring's tail.
    seen: usize,
    /// The slot's `ahead`.
    ahead: &'s mut usize,
    /// The slot's count of events.
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
