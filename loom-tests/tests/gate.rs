//! Is each event that a producer of a group wrote beside the stop in its ring, or refused, once the recorder finds the
//! seats free? And is a ring that comes, or whose producer ends, at that moment not forgotten?
//!
//! Races: a producer's note that it is inside and its look at the gate with the recorder's shutting and its look at the
//! seats; the producer's last stores of `head` and `lost` with the recorder's loads of them; the lists of rings that the
//! two hand to each other under a lock.
//!
//! Gate, seats and the ring's ends are the real ones. The steps around them are those of `ringlog-std/src/recorder/many`,
//! with the model's lock: `Group::take_ring`, `give_back` and `last_news`, `Rings::shut` and `Part::end`. The flag that
//! announces news is left out: the lock orders what it announces, and the last look does not ask it.
#![cfg(ringlog_loom)]

use loom::sync::Mutex;
use loom::thread;
use loom_tests::{Ledger, ModelConsumer, ModelProducer, Seen, check, check_laps, ring, spin, write};
use ringlog_nostd::internal::{Fence, Gate, Seat};
use std::sync::Arc;

/// Each execution of a model has one.
struct Group {
    gate: Gate,
    by: Fence,
    /// Rings that the recorder does not know yet.
    made: Mutex<Vec<(Arc<Seat>, ModelConsumer)>>,
    /// Producers' sides whose producers were dropped.
    ended: Mutex<Vec<ModelProducer>>,
    /// Those that are drained, for the next producer.
    pool: Mutex<Vec<ModelProducer>>,
}

impl Group {
    fn open(by: Fence) -> Arc<Self> {
        let gate = Gate::new();
        gate.open();
        let (made, ended, pool) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()), Mutex::new(Vec::new()));
        Arc::new(Self { gate, by, made, ended, pool })
    }

    /// Writes by `f` if the gate is open. Returns whether it was.
    fn write(&self, seat: &Seat, f: impl FnOnce()) -> bool {
        let inside = self.gate.enter(seat, self.by);
        if inside.is_some() {
            f();
        }
        inside.is_some()
    }

    /// Shuts the gate, and waits until nobody is inside. Returns whether somebody was.
    fn shut(&self, seat: &Seat) -> bool {
        self.gate.shut();
        let mut was_taken = false;
        spin(|| {
            let is_taken = seat.is_taken();
            was_taken |= is_taken;
            (!is_taken).then_some(())
        });
        was_taken
    }
}

/// Writes two events from a thread while the group stops, and checks that those which were accepted are in the ring.
fn check_stop(name: &str, by: Fence) {
    let seen = Arc::new([const { Seen::new() }; 4]);
    let noted = Arc::clone(&seen);
    check_laps(name, None, [64, 40], move |start| {
        let (mut producer, mut consumer) = ring(64, 8, start);
        let (group, seat) = (Group::open(by), Arc::new(Seat::new()));
        let (writers, place) = (Arc::clone(&group), Arc::clone(&seat));
        let writer = thread::spawn(move || {
            let accepted = |&id: &u64| {
                writers
                    .write(&place, || write(id, 8, |it, payload| producer.write_event(it, payload)).unwrap())
            };
            let accepted = (0..2).take_while(accepted).count() as u64;
            (accepted, producer)
        });
        let was_taken = group.shut(&seat);
        let mut ledger = Ledger::default();
        consumer.drain(usize::MAX, |header, payload| ledger.take(header, payload)).unwrap();
        let (accepted, _producer) = writer.join().unwrap();
        assert_eq!(ledger.next_id(), accepted, "accepted, and not in the ring");
        noted[usize::try_from(accepted).unwrap()].note();
        noted[3].note_if(was_taken && accepted > 0);
    });
    seen[0].expect("a stop before the first event");
    seen[1].expect("a stop between the events");
    seen[2].expect("a stop after the last event");
    seen[3].expect("a stop that waited for a producer");
}

#[test]
fn an_event_beside_a_stop_is_in_the_ring_or_refused() {
    check_stop("gate, stop", Fence::Full);
}

#[test]
fn an_event_beside_a_stop_by_a_remote_fence_is_in_the_ring_or_refused() {
    check_stop("gate, stop by a remote fence", Fence::Remote);
}

/// The order of the recorder's steps matters, and the model would notice.
#[test]
#[should_panic(expected = "accepted, and not in the ring")]
fn draining_before_the_seat_is_free_loses_events() {
    check("gate, wrong order", None, || {
        let (mut producer, mut consumer) = ring(64, 8, 0);
        let (group, seat) = (Group::open(Fence::Full), Arc::new(Seat::new()));
        let (writers, place) = (Arc::clone(&group), Arc::clone(&seat));
        let writer = thread::spawn(move || {
            writers.write(&place, || write(0, 8, |it, payload| producer.write_event(it, payload)).unwrap())
        });
        group.gate.shut();
        let read = consumer.drain(usize::MAX, |_, _| ()).unwrap();
        assert_eq!(read, usize::from(writer.join().unwrap()), "accepted, and not in the ring");
    });
}

/// A ring of one event, so that each further one is lost until the recorder reads.
#[test]
fn a_lossy_event_beside_a_stop_is_read_or_counted_or_refused() {
    static PENDING: Seen = Seen::new();
    static GAP: Seen = Seen::new();
    static REFUSED: Seen = Seen::new();
    static OVERLAPPED: Seen = Seen::new();
    check_laps("gate, lossy", None, [32, 0], |start| {
        let (producer, mut consumer) = ring(32, 16, start);
        let mut producer = producer.lossy();
        let (group, seat) = (Group::open(Fence::Full), Arc::new(Seat::new()));
        let (writers, place) = (Arc::clone(&group), Arc::clone(&seat));
        let writer = thread::spawn(move || {
            let mut accepted = 0;
            for id in 0..3 {
                let write_one = || {
                    write(id, 16, |it, payload| producer.write_event(it, payload)).unwrap();
                };
                accepted += u64::from(writers.write(&place, write_one));
            }
            (accepted, producer)
        });
        let mut ledger = Ledger::default();
        consumer.drain(1, |header, payload| ledger.take(header, payload)).unwrap();
        let was_taken = group.shut(&seat);
        consumer.drain(usize::MAX, |header, payload| ledger.take(header, payload)).unwrap();
        let pending = consumer.pending_loss();
        if let Some(loss) = pending {
            ledger.take_loss(loss.first_timestamp, loss.count);
        }
        let (accepted, _producer) = writer.join().unwrap();
        assert_eq!(ledger.next_id(), accepted, "accepted, and neither read nor counted");
        PENDING.note_if(pending.is_some());
        GAP.note_if(ledger.gaps() > 0);
        REFUSED.note_if(accepted < 3);
        OVERLAPPED.note_if(was_taken && accepted > 0);
    });
    PENDING.expect("a loss that no GAP record reports");
    GAP.expect("a GAP record");
    REFUSED.expect("an event that was refused");
    OVERLAPPED.expect("a stop that waited for a producer");
}

#[test]
fn a_ring_that_comes_beside_a_stop_is_known_or_nothing_is_written_to_it() {
    static KNOWN: Seen = Seen::new();
    static UNKNOWN: Seen = Seen::new();
    static NONE: Seen = Seen::new();
    static LATE: Seen = Seen::new();
    check_laps("gate, new ring", None, [64, 40], |start| {
        let group = Group::open(Fence::Full);
        let makers = Arc::clone(&group);
        let writer = thread::spawn(move || {
            if !makers.gate.is_open() {
                return None;
            }
            let (mut producer, source) = ring(64, 8, start);
            let seat = Arc::new(Seat::new());
            makers.made.lock().unwrap().push((Arc::clone(&seat), source));
            let write_one = || write(0, 8, |it, payload| producer.write_event(it, payload)).unwrap();
            let accepted = makers.write(&seat, write_one);
            Some((u64::from(accepted), producer))
        });
        group.gate.shut();
        let made = std::mem::take(&mut *group.made.lock().unwrap());
        let is_known = !made.is_empty();
        let mut ledger = Ledger::default();
        for (seat, mut source) in made {
            spin(|| (!seat.is_taken()).then_some(()));
            source.drain(usize::MAX, |header, payload| ledger.take(header, payload)).unwrap();
        }
        let written = writer.join().unwrap();
        NONE.note_if(written.is_none());
        if let Some((accepted, _producer)) = written {
            assert_eq!(ledger.next_id(), accepted, "accepted in a ring that nobody drains");
            KNOWN.note_if(is_known && accepted == 1);
            LATE.note_if(is_known && accepted == 0);
            UNKNOWN.note_if(!is_known);
        }
    });
    KNOWN.expect("an event in a new ring");
    LATE.expect("a known ring whose producer came too late");
    UNKNOWN.expect("a ring that came after the last look");
    NONE.expect("no ring");
}

/// The recorder's side of one ring.
struct Part {
    source: ModelConsumer,
    ended: Option<ModelProducer>,
    ledger: Ledger,
}

impl Part {
    /// One round: news, a turn, and the end of a producer.
    fn round(&mut self, group: &Group) {
        self.ended = group.ended.lock().unwrap().pop().or(self.ended.take());
        let ledger = &mut self.ledger;
        self.source.drain(usize::MAX, |header, payload| ledger.take(header, payload)).unwrap();
        if !self.source.is_empty() {
            return;
        }
        let Some(producer) = self.ended.take() else { return };
        let mut producer = producer.lossy();
        producer.flush().unwrap();
        let producer = producer.into_inner();
        match self.source.is_empty() {
            true => group.pool.lock().unwrap().push(producer),
            false => self.ended = Some(producer),
        }
    }
}

/// A producer writes two events to a ring of one, and ends. Another one takes over its ring from the pool, and writes one.
#[test]
fn a_ring_whose_producer_ends_is_drained_and_used_again() {
    static LOST: Seen = Seen::new();
    static NOT_LOST: Seen = Seen::new();
    static AGAIN: Seen = Seen::new();
    static NOT_AGAIN: Seen = Seen::new();
    check_laps("gate, end", 3, [32, 0], |start| {
        let (producer, source) = ring(32, 16, start);
        let group = Group::open(Fence::Full);
        let givers = Arc::clone(&group);
        let writer = thread::spawn(move || {
            let mut producer = producer.lossy();
            for id in 0..2 {
                write(id, 16, |it, payload| producer.write_event(it, payload)).unwrap();
            }
            givers.ended.lock().unwrap().push(producer.into_inner());
            thread::yield_now();
            let Some(producer) = givers.pool.lock().unwrap().pop() else { return (2, None) };
            let mut producer = producer.lossy();
            write(2, 16, |it, payload| producer.write_event(it, payload)).unwrap();
            (3, Some(producer))
        });
        let mut part = Part { source, ended: None, ledger: Ledger::default() };
        for _ in 0..2 {
            part.round(&group);
            thread::yield_now();
        }
        let (offered, _last) = writer.join().unwrap();
        for _ in 0..3 {
            part.round(&group);
        }
        assert_eq!(part.ledger.next_id(), offered, "neither read nor counted");
        assert_eq!(part.source.pending_loss(), None, "a loss that a GAP record reports already");
        LOST.note_if(part.ledger.gaps() > 0);
        NOT_LOST.note_if(part.ledger.gaps() == 0);
        AGAIN.note_if(offered == 3);
        NOT_AGAIN.note_if(offered == 2);
        assert!(offered == 3 || group.pool.lock().unwrap().len() == 1, "a ring that nobody can use again");
    });
    LOST.expect("a loss that was reported after the producer's end");
    NOT_LOST.expect("no loss");
    AGAIN.expect("a ring that was used again");
    NOT_AGAIN.expect("a ring that was not drained yet");
}
