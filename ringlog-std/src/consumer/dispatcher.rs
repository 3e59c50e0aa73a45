//! Gives each event of a source to every consumer.
#![forbid(unsafe_code)]

use super::source::{DrainError, EventSource};
use super::statistics::ConsumerStatistics;
use crate::ring::Consumer;
use crate::storage::SchemaList;
use ringlog_nostd::format::MetaTopic;
use ringlog_nostd::{EventConsumer, Run};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Descriptions of events that are new, changed, or, if empty, gone.
pub(crate) type Changes = Vec<(MetaTopic, Arc<[u8]>)>;

/// Hands events to any number of consumers.
///
/// A *required* consumer keeps the source's space until it has taken an event. The next drain offers an event again
/// that it refused, and the other consumers continue meanwhile. Any other consumer gets each event once. A consumer
/// that panics is not called again.
///
/// Only this dispatcher knows what a consumer has had. If its process is killed while it drains a ring in a file, the
/// next one offers again what was not released: at least once for every consumer. A log is the exception: its
/// [recorder](crate::recorder::RecorderBuilder::start_shared) knows from the log's end what it has.
///
/// ```
/// use ringlog::consumer::{EventConsumer, EventDispatcher};
/// use ringlog::event::EventHeader;
/// # use ringlog::ring::RingBuffer;
///
/// struct MyConsumer;
///
/// impl EventConsumer for MyConsumer {
///     fn consume(&mut self, header: &EventHeader, payload: &[u8]) -> bool { true }
///     fn name(&self) -> &str { "my-consumer" }
/// }
///
/// # let mut ring = RingBuffer::new(1024);
/// # ring.write_event(&EventHeader::new(1, 2, 3), b"abc").unwrap();
/// let mut dispatcher = EventDispatcher::new();
/// dispatcher.add_consumer(MyConsumer);
/// dispatcher.drain(&mut ring);
/// assert_eq!(dispatcher.statistics()[0].events, 1);
/// assert!(ring.is_empty());
/// ```
#[derive(Default)]
pub struct EventDispatcher<'c> {
    slots: Vec<Slot<'c>>,
    /// Whether the last drain ended at an event that a required consumer refused.
    is_stalled: bool,
}

struct Slot<'c> {
    consumer: Box<dyn EventConsumer + Send + 'c>,
    statistics: ConsumerStatistics,
    /// What it knows of the events, from sources that say it themselves.
    schemas: SchemaList,
    /// For each source: bytes taken beyond what the source has released.
    ahead: Vec<(u64, usize)>,
}

impl<'c> EventDispatcher<'c> {
    /// Creates a dispatcher without consumers. It drains sources and drops their events.
    ///
    /// ```
    /// use ringlog::consumer::EventDispatcher;
    ///
    /// assert!(EventDispatcher::new().statistics().is_empty());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self { slots: Vec::new(), is_stalled: false }
    }

    /// Adds a consumer that sees each event once and delays nothing.
    ///
    /// ```
    /// # use ringlog::{consumer::{EventConsumer, EventDispatcher}, event::EventHeader, ring::RingBuffer};
    /// # struct Counter;
    /// # impl EventConsumer for Counter {
    /// #     fn consume(&mut self, _: &EventHeader, _: &[u8]) -> bool { true }
    /// #     fn name(&self) -> &str { "counter" }
    /// # }
    /// # let mut ring = RingBuffer::new(1024);
    /// # ring.write_event(&EventHeader::new(1, 2, 3), b"abc")?;
    /// let mut dispatcher = EventDispatcher::new();
    /// dispatcher.add_consumer(Counter);
    /// dispatcher.drain(&mut ring)?;
    /// assert_eq!((dispatcher.statistics()[0].events, dispatcher.statistics()[0].required), (1, false));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn add_consumer(&mut self, consumer: impl EventConsumer + Send + 'c) -> &mut Self {
        self.add(Box::new(consumer), false)
    }

    /// Adds a consumer that must take an event before its space is released.
    ///
    /// ```
    /// use ringlog::consumer::{EventConsumer, EventDispatcher};
    /// use ringlog::{event::EventHeader, ring::RingBuffer};
    ///
    /// struct Busy;
    ///
    /// impl EventConsumer for Busy {
    ///     fn consume(&mut self, _: &EventHeader, _: &[u8]) -> bool { false }
    ///     fn name(&self) -> &str { "busy" }
    /// }
    ///
    /// # let mut ring = RingBuffer::new(1024);
    /// # ring.write_event(&EventHeader::new(1, 2, 3), b"abc")?;
    /// let mut dispatcher = EventDispatcher::new();
    /// dispatcher.add_required(Busy);
    /// assert_eq!(dispatcher.drain(&mut ring)?, 0);
    /// assert!(!ring.is_empty(), "the event waits for the next drain");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn add_required(&mut self, consumer: impl EventConsumer + Send + 'c) -> &mut Self {
        self.add(Box::new(consumer), true)
    }

    fn add(&mut self, consumer: Box<dyn EventConsumer + Send + 'c>, required: bool) -> &mut Self {
        let name = consumer.name().to_owned();
        let statistics = ConsumerStatistics { name, required, ..ConsumerStatistics::default() };
        self.slots.push(Slot { consumer, statistics, schemas: SchemaList::new(), ahead: Vec::new() });
        self
    }

    /// Gives the source's events to every consumer and the source its space back. Returns the bytes given back.
    ///
    /// Before the events of a log the consumers get what describes them. Where that changes, events wait until every required
    /// consumer has taken those before.
    ///
    /// ```
    /// # use ringlog::{consumer::{EventConsumer, EventDispatcher}, event::EventHeader, ring::RingBuffer};
    /// # struct Counter;
    /// # impl EventConsumer for Counter {
    /// #     fn consume(&mut self, _: &EventHeader, _: &[u8]) -> bool { true }
    /// #     fn name(&self) -> &str { "counter" }
    /// # }
    /// # let mut ring = RingBuffer::new(1024);
    /// # ring.write_event(&EventHeader::new(1, 2, 3), b"abc")?;
    /// let mut dispatcher = EventDispatcher::new();
    /// dispatcher.add_consumer(Counter);
    /// assert_eq!(dispatcher.drain(&mut ring)?, 24);
    /// assert!(ring.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`DrainError`] says whether the source or a consumer failed. What was handed out before stays handed out.
    pub fn drain<S: EventSource + ?Sized>(&mut self, source: &mut S) -> Result<usize, DrainError> {
        self.drain_by(source, |source, skip| Ok(source.peek_run(skip)?.map(|run| (run, 0))), |_| Vec::new())
    }

    /// Does what [`drain`](Self::drain) does with a ring. Before anybody gets a run, `changes` gets the number of the list
    /// that describes its events, and returns what the consumers have to know first.
    pub(crate) fn drain_described(
        &mut self,
        source: &mut Consumer,
        changes: impl FnMut(usize) -> Changes,
    ) -> Result<usize, DrainError> {
        self.drain_by(source, |source, skip| Ok(source.peek_described_run(skip)?), changes)
    }

    fn drain_by<S: EventSource + ?Sized>(
        &mut self,
        source: &mut S,
        peek: impl for<'s> Fn(&'s mut S, usize) -> Result<Option<(Run<'s>, usize)>, DrainError>,
        mut changes: impl FnMut(usize) -> Changes,
    ) -> Result<usize, DrainError> {
        let id = source.id();
        let limit = source.drain_limit_bytes();
        let mut released_bytes = 0_usize;
        let mut skip = 0_usize;
        while skip.saturating_add(released_bytes) < limit {
            self.check_required()?;
            if let Some(schemas) = source.schemas(skip) {
                self.slots.iter_mut().for_each(|slot| slot.learn(schemas));
            }
            let Some((run, list)) = peek(source, skip)? else { break };
            self.describe(&changes(list));
            let end = skip + run.remaining().len();
            for slot in &mut self.slots {
                slot.offer(id, &run, skip);
            }
            let released = self.taken_by_all(id, end);
            source.release_bytes(released);
            self.slots.iter_mut().for_each(|slot| slot.released(id, released));
            released_bytes += released;
            skip = end - released;
        }
        self.is_stalled = skip > 0;
        self.check_required()?;
        Ok(released_bytes)
    }

    /// Gives changed descriptions of events to every consumer.
    pub(crate) fn describe(&mut self, changes: &[(MetaTopic, Arc<[u8]>)]) {
        for (topic, json) in changes {
            self.slots.iter_mut().for_each(|slot| slot.describe(*topic, json));
        }
    }

    /// Returns whether a required consumer refused an event in the last drain. The next drain offers it again.
    ///
    /// ```
    /// use ringlog::consumer::{EventConsumer, EventDispatcher};
    /// use ringlog::{event::EventHeader, ring::RingBuffer};
    ///
    /// struct Busy;
    ///
    /// impl EventConsumer for Busy {
    ///     fn consume(&mut self, _: &EventHeader, _: &[u8]) -> bool { false }
    ///     fn name(&self) -> &str { "busy" }
    /// }
    ///
    /// # let mut ring = RingBuffer::new(1024);
    /// # ring.write_event(&EventHeader::new(1, 2, 3), b"abc")?;
    /// let mut dispatcher = EventDispatcher::new();
    /// dispatcher.add_required(Busy);
    /// dispatcher.drain(&mut ring)?;
    /// assert!(dispatcher.is_stalled());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_stalled(&self) -> bool {
        self.is_stalled
    }

    /// Calls [`EventConsumer::idle`] of every consumer: there is nothing to take at the moment.
    ///
    /// ```
    /// use ringlog::consumer::{EventConsumer, EventDispatcher};
    /// use ringlog::event::EventHeader;
    /// use std::sync::atomic::{AtomicBool, Ordering};
    ///
    /// struct Display<'a>(&'a AtomicBool);
    ///
    /// impl EventConsumer for Display<'_> {
    ///     fn consume(&mut self, _: &EventHeader, _: &[u8]) -> bool { true }
    ///     fn name(&self) -> &str { "display" }
    ///     fn idle(&mut self) { self.0.store(true, Ordering::Relaxed) }
    /// }
    ///
    /// let refreshed = AtomicBool::new(false);
    /// let mut dispatcher = EventDispatcher::new();
    /// dispatcher.add_consumer(Display(&refreshed)).idle();
    /// assert!(refreshed.load(Ordering::Relaxed));
    /// ```
    pub fn idle(&mut self) {
        for slot in self.slots.iter_mut().filter(|slot| !slot.statistics.failed) {
            let idled = catch_unwind(AssertUnwindSafe(|| slot.consumer.idle()));
            slot.statistics.failed = idled.is_err();
        }
    }

    /// Returns the bytes from the source's start that every required consumer has. Without a required consumer these
    /// are all up to `end`.
    fn taken_by_all(&self, id: u64, end: usize) -> usize {
        let required = self.slots.iter().filter(|slot| slot.statistics.required);
        required.map(|slot| slot.ahead(id)).min().unwrap_or(end).min(end)
    }

    fn check_required(&self) -> Result<(), DrainError> {
        let failed = |slot: &&Slot<'_>| slot.statistics.required && slot.statistics.failed;
        match self.slots.iter().find(failed) {
            Some(slot) => Err(DrainError::ConsumerFailed { name: slot.statistics.name.clone() }),
            None => Ok(()),
        }
    }

    /// Returns the counts of each consumer, in the order in which they were added.
    ///
    /// ```
    /// # use ringlog::{consumer::{EventConsumer, EventDispatcher}, event::EventHeader, ring::RingBuffer};
    /// # struct Counter;
    /// # impl EventConsumer for Counter {
    /// #     fn consume(&mut self, _: &EventHeader, _: &[u8]) -> bool { true }
    /// #     fn name(&self) -> &str { "counter" }
    /// # }
    /// let mut dispatcher = EventDispatcher::new();
    /// dispatcher.add_consumer(Counter).add_required(Counter);
    /// let required: Vec<_> = dispatcher.statistics().iter().map(|consumer| consumer.required).collect();
    /// assert_eq!(required, [false, true]);
    /// ```
    #[must_use]
    pub fn statistics(&self) -> Vec<ConsumerStatistics> {
        self.slots.iter().map(|slot| slot.statistics.clone()).collect()
    }
}

impl std::fmt::Debug for EventDispatcher<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventDispatcher").field("consumers", &self.statistics()).finish()
    }
}

impl Slot<'_> {
    /// Gives the consumer what it does not know of these descriptions.
    fn learn(&mut self, schemas: &SchemaList) {
        if self.schemas == *schemas {
            return;
        }
        for (topic, json) in schemas.changes_from(&self.schemas) {
            self.describe(topic, &json);
        }
        self.schemas = schemas.clone();
    }

    fn describe(&mut self, topic: MetaTopic, json: &[u8]) {
        if !self.statistics.failed {
            let given = catch_unwind(AssertUnwindSafe(|| self.consumer.meta(topic, json)));
            self.statistics.failed = given.is_err();
        }
    }

    fn ahead(&self, id: u64) -> usize {
        self.ahead.iter().find(|(known, _)| *known == id).map_or(0, |(_, bytes)| *bytes)
    }

    fn set_ahead(&mut self, id: u64, bytes: usize) {
        self.ahead.retain(|(known, _)| *known != id);
        if bytes > 0 {
            self.ahead.push((id, bytes));
        }
    }

    fn released(&mut self, id: u64, bytes: usize) {
        self.set_ahead(id, self.ahead(id).saturating_sub(bytes));
    }

    /// Offers what this consumer has not had of a run that starts `skip` bytes past the source's tail.
    fn offer(&mut self, id: u64, run: &Run<'_>, skip: usize) {
        let ahead = self.ahead(id);
        let stalled_before = ahead < skip;
        if self.statistics.failed || stalled_before || ahead >= skip + run.remaining().len() {
            return;
        }
        let mut rest = run.clone();
        rest.accept_bytes(ahead - skip, 0);
        let had = rest.accepted_bytes();
        self.feed(&mut rest);
        self.statistics.events = self.statistics.events.saturating_add(rest.accepted_events());
        self.set_ahead(id, ahead + rest.accepted_bytes() - had);
    }

    /// Calls the consumer until it has the whole run, refuses, or panics.
    fn feed(&mut self, rest: &mut Run<'_>) {
        while !rest.is_done() && !self.statistics.failed {
            let had = rest.accepted_bytes();
            let taken = catch_unwind(AssertUnwindSafe(|| self.consumer.consume_run(rest)));
            self.statistics.bytes += (rest.accepted_bytes() - had) as u64;
            match taken {
                Ok(true) => break,
                Ok(false) => self.statistics.refused += 1,
                Err(_) => self.statistics.failed = true,
            }
            if self.statistics.required || !self.pass_over(rest) {
                break;
            }
        }
    }

    /// Skips the event that an optional consumer refused: it misses that event.
    fn pass_over(&mut self, rest: &mut Run<'_>) -> bool {
        let Some((header, _)) = rest.peek() else { return false };
        rest.accept_bytes(header.stride(), 0);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::RingBuffer;
    use ringlog_nostd::EventHeader;
    use std::sync::Mutex;

    type Seen = Arc<Mutex<Vec<u64>>>;

    struct Script<F>(F, Seen);

    impl<F: FnMut(u64) -> bool> EventConsumer for Script<F> {
        fn consume(&mut self, header: &EventHeader, _: &[u8]) -> bool {
            let taken = (self.0)(header.timestamp);
            if taken {
                self.1.lock().unwrap().push(header.timestamp);
            }
            taken
        }

        fn name(&self) -> &str {
            "script"
        }
    }

    fn ring_with(events: u64) -> RingBuffer {
        let mut ring = RingBuffer::new(1024);
        for time in 0..events {
            ring.write_event(&EventHeader::new(time, 0, 4), b"four").unwrap();
        }
        ring
    }

    fn seen(of: &Seen) -> Vec<u64> {
        of.lock().unwrap().clone()
    }

    #[test]
    fn everybody_sees_everything_once() {
        let (a, b) = (Seen::default(), Seen::default());
        let mut ring = ring_with(10);
        let mut dispatcher = EventDispatcher::new();
        dispatcher.add_required(Script(|_| true, a.clone())).add_consumer(Script(|_| true, b.clone()));
        assert_eq!(dispatcher.drain(&mut ring).unwrap(), 240);
        assert_eq!((seen(&a), seen(&b)), ((0..10).collect(), (0..10).collect()));
        assert!(ring.is_empty());
    }

    #[test]
    fn a_required_consumer_that_refuses_keeps_the_event_and_the_others_continue() {
        let (a, b) = (Seen::default(), Seen::default());
        let mut ring = ring_with(5);
        let mut refusals = 2;
        let refuse_three_twice = move |time| {
            let refused = time == 3 && refusals > 0;
            refusals -= u32::from(refused);
            !refused
        };
        let mut dispatcher = EventDispatcher::new();
        dispatcher
            .add_required(Script(refuse_three_twice, a.clone()))
            .add_consumer(Script(|_| true, b.clone()));
        for released in [72, 0, 48] {
            assert_eq!(dispatcher.drain(&mut ring).unwrap(), released);
            assert_eq!(seen(&b), [0, 1, 2, 3, 4]);
        }
        assert_eq!(seen(&a), [0, 1, 2, 3, 4]);
        assert_eq!(dispatcher.statistics()[0].refused, 2);
    }

    #[test]
    fn an_optional_consumer_misses_what_it_refuses() {
        let a = Seen::default();
        let mut ring = ring_with(5);
        let mut dispatcher = EventDispatcher::new();
        dispatcher.add_consumer(Script(|time| time % 2 == 0, a.clone()));
        assert_eq!(dispatcher.drain(&mut ring).unwrap(), 120);
        assert_eq!(seen(&a), [0, 2, 4]);
        let statistics = &dispatcher.statistics()[0];
        assert_eq!((statistics.events, statistics.refused), (3, 2));
    }

    #[test]
    fn a_panic_ends_an_optional_consumer_and_nobody_else() {
        let (a, b) = (Seen::default(), Seen::default());
        let mut ring = ring_with(5);
        let mut dispatcher = EventDispatcher::new();
        let panics = |time| if time == 2 { panic!("on purpose") } else { true };
        dispatcher.add_consumer(Script(panics, a.clone())).add_required(Script(|_| true, b.clone()));
        dispatcher.drain(&mut ring).unwrap();
        ring.write_event(&EventHeader::new(9, 0, 0), b"").unwrap();
        dispatcher.drain(&mut ring).unwrap();
        assert_eq!((seen(&a), seen(&b)), (vec![0, 1], vec![0, 1, 2, 3, 4, 9]));
        assert!(dispatcher.statistics()[0].failed);
    }

    #[test]
    fn consumers_hear_of_idle_times_until_they_panic() {
        struct Idler(Seen);
        impl EventConsumer for Idler {
            fn consume(&mut self, _: &EventHeader, _: &[u8]) -> bool {
                true
            }
            fn name(&self) -> &str {
                "idler"
            }
            fn idle(&mut self) {
                self.0.lock().unwrap().push(0);
                assert!(seen(&self.0).len() < 2, "on purpose");
            }
        }
        let a = Seen::default();
        let mut dispatcher = EventDispatcher::new();
        dispatcher.add_required(Idler(a.clone()));
        (0..3).for_each(|_| dispatcher.idle());
        assert_eq!(seen(&a).len(), 2);
        assert!(matches!(dispatcher.drain(&mut ring_with(1)), Err(DrainError::ConsumerFailed { .. })));
    }

    #[test]
    fn a_panic_of_a_required_consumer_is_an_error_and_keeps_the_rest() {
        let a = Seen::default();
        let mut ring = ring_with(5);
        let mut dispatcher = EventDispatcher::new();
        let panics = |time| if time == 2 { panic!("on purpose") } else { true };
        dispatcher.add_required(Script(panics, a.clone()));
        for _ in 0..2 {
            assert!(matches!(dispatcher.drain(&mut ring), Err(DrainError::ConsumerFailed { .. })));
        }
        assert_eq!(seen(&a), [0, 1]);
        assert_eq!(ring.read_event().unwrap().0.timestamp, 2);
    }
}
