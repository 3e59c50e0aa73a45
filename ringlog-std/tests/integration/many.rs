//! Many producers, one log: nothing that was accepted is missing, in any order of ends.

use std::cell::RefCell;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::time::{Duration, Instant};

use crate::alone::is_alone;
use crate::dice::Dice;
use ringlog::clock::Clock;
use ringlog::consumer::EventConsumer;
use ringlog::event::{Event, EventHeader};
use ringlog::recorder::{Order, Producers, ProducersError, Recorder, RecorderBuilder, RecorderError};
use ringlog::ring::{Delivery, Lent, Producer, WriteError};
use ringlog::storage::{LogReader, LogWriter, OpenError, verify_log};

/// An event says which producer wrote it, and how many that one wrote before.
fn event(time: u64, producer: u64, index: u64) -> (EventHeader, [u8; 16]) {
    let mut payload = [0; 16];
    payload[..8].copy_from_slice(&producer.to_le_bytes());
    payload[8..].copy_from_slice(&index.to_le_bytes());
    (EventHeader::new(time, 7, 16), payload)
}

fn words_of(event: &Event<'_>) -> (usize, u64) {
    let word = |at: usize| u64::from_le_bytes(event.payload[at..at + 8].try_into().unwrap());
    (word(0) as usize, word(8))
}

/// What a log has of each producer.
struct Found {
    events: Vec<u64>,
    /// Losses, by the GAP records.
    lost: u64,
    /// Events after one with a larger timestamp.
    late: u64,
}

/// Reads the log. The events of each producer have to be in their order; without losses none may be missing.
fn found(log: &std::path::Path, producers: usize) -> Found {
    let mut found = Found { events: vec![0; producers], lost: 0, late: 0 };
    let (mut next, mut latest) = (vec![0; producers], 0);
    let reader = match LogReader::open(log) {
        Err(OpenError::NoSegments { .. }) => return found,
        reader => reader.unwrap(),
    };
    let replayed = reader.replay(|event| {
        if let Some(gap) = event.gap() {
            found.lost += gap.count;
            return;
        }
        let (producer, index) = words_of(&event);
        assert!(index >= next[producer], "event {index} of producer {producer} again, or out of its order");
        next[producer] = index + 1;
        found.events[producer] += 1;
        found.late += u64::from(event.header.timestamp < latest);
        latest = latest.max(event.header.timestamp);
    });
    replayed.unwrap();
    found
}

/// Number of stops in a test: 50, or `RINGLOG_STOPS`.
fn stops() -> usize {
    std::env::var("RINGLOG_STOPS").map_or(50, |stops| stops.parse().unwrap())
}

const ORDERS: [Order; 2] = [Order::Arrival, Order::Timestamp { window: Duration::from_millis(1) }];

fn small() -> RecorderBuilder {
    Recorder::builder().ring_bytes(4096).log(LogWriter::options().segment_bytes(1 << 20))
}

#[test]
fn each_event_that_was_accepted_beside_a_stop_is_in_the_log() {
    let (clock, mut dice) = (Clock::new(), Dice(18));
    let mut overlaps = 0;
    for stop in 0..stops() {
        let folder = tempfile::tempdir().unwrap();
        let order = ORDERS[stop % ORDERS.len()];
        let (producers, recorder) = small().order(order).start_many(folder.path()).unwrap();
        let writers: Vec<_> = (0..8)
            .map(|number| {
                let (producers, clock) = (producers.clone(), clock.clone());
                std::thread::spawn(move || {
                    let Ok(mut producer) = producers.producer() else { return 0 };
                    let mut accepted = 0;
                    loop {
                        let (header, payload) = event(clock.now(), number, accepted);
                        match producer.write_event(&header, &payload) {
                            Ok(()) => accepted += 1,
                            Err(WriteError::Full) => std::thread::yield_now(),
                            Err(error) => {
                                assert_eq!(error, WriteError::Closed);
                                return accepted;
                            }
                        }
                    }
                })
            })
            .collect();
        std::thread::sleep(Duration::from_micros(dice.below(3_000_u64)));
        let summary = recorder.stop().unwrap();
        let accepted: Vec<u64> = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
        let found = found(folder.path(), 8);
        assert_eq!((&found.events, found.lost), (&accepted, 0), "stop {stop}");
        assert_eq!(summary.events, accepted.iter().sum::<u64>());
        overlaps += usize::from(summary.events > 0);
        let next = LogWriter::open(folder.path()).unwrap();
        assert_eq!(next.next_sequence(), summary.events, "a GAP record for a log that lacks nothing");
    }
    assert!(overlaps > 0, "nothing was ever written before the stop");
}

#[test]
fn each_event_beside_a_stop_is_in_the_log_or_counted_as_lost() {
    let mut dice = Dice(19);
    let mut losses = 0;
    for stop in 0..stops() {
        let folder = tempfile::tempdir().unwrap();
        let order = ORDERS[stop % ORDERS.len()];
        let (producers, recorder) =
            small().ring_bytes(512).max_payload(16).order(order).start_many(folder.path()).unwrap();
        let writers: Vec<_> = (0..8)
            .map(|number| {
                let producers = producers.clone();
                std::thread::spawn(move || {
                    let Ok(producer) = producers.producer() else { return (0, 0) };
                    let (mut producer, mut offered, mut written) = (producer.lossy(), 0, 0);
                    loop {
                        let (header, payload) = event(offered, number, offered);
                        match producer.write_event(&header, &payload) {
                            Ok(delivery) => written += u64::from(delivery == Delivery::Written),
                            Err(error) => {
                                assert_eq!(error, WriteError::Closed);
                                return (offered, written);
                            }
                        }
                        offered += 1;
                    }
                })
            })
            .collect();
        std::thread::sleep(Duration::from_micros(dice.below(3_000_u64)));
        let summary = recorder.stop().unwrap();
        let ended: Vec<(u64, u64)> = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
        let found = found(folder.path(), 8);
        assert_eq!(
            found.events,
            ended.iter().map(|(_, written)| *written).collect::<Vec<_>>(),
            "stop {stop}"
        );
        let offered: u64 = ended.iter().map(|(offered, _)| offered).sum();
        assert_eq!(found.events.iter().sum::<u64>() + found.lost, offered, "stop {stop}");
        assert_eq!(summary.lost, found.lost);
        losses += found.lost;
    }
    assert!(losses > 0, "nothing was ever lost");
}

#[test]
fn a_thousand_lossy_threads_take_the_memory_of_some_and_no_segment_each() {
    if !is_alone("many::a_thousand_lossy_threads_take_the_memory_of_some_and_no_segment_each") {
        return;
    }
    let most_kib = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let before = most_kib();
    let (rings, ring_bytes) = (16, 32 << 10);
    let (producers, recorder) = Recorder::builder()
        .ring_bytes(ring_bytes)
        .max_producers(rings)
        .log(LogWriter::options().segment_bytes(1 << 20))
        .start_many(folder.path())
        .unwrap();
    for round in 0..1_000 / 8 {
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let producers = &producers;
                scope.spawn(move || {
                    let mut producer = loop {
                        match producers.producer() {
                            Ok(producer) => break producer.lossy(),
                            Err(error) => assert_eq!(error, ProducersError::TooMany { max: rings }),
                        }
                        std::thread::yield_now();
                    };
                    for index in 0..100 {
                        // Now and then so long that not all of them fit.
                        let payload = vec![0; if (round + thread) % 3 == 0 { 2_000 } else { 16 }];
                        let header = EventHeader::new(index, 7, payload.len() as u16);
                        producer.write_event(&header, &payload).unwrap();
                    }
                });
            }
        });
    }
    drop(producers);
    let summary = recorder.wait(Duration::from_secs(60)).unwrap();
    let offered = 1_000 * 100;
    assert_eq!(summary.events + summary.lost, offered);
    assert!(summary.lost > 0, "nothing was lost");
    let log = verify_log(folder.path()).unwrap();
    let bytes: u64 = log.segments.iter().map(|segment| segment.counts.bytes).sum();
    assert!(
        log.segments.len() as u64 <= bytes / ((1 << 20) - 70_000) + 1,
        "{} segments for {bytes}",
        log.segments.len()
    );
    let grown = most_kib() - before;
    let most = (rings * ring_bytes) as u64 / 1024 + 8 * 1024;
    assert!(grown <= most, "{grown} KiB of at most {most}");
}

#[test]
fn events_are_sorted_but_those_that_are_counted_as_late() {
    let clock = Clock::new();
    for window in [Duration::ZERO, Duration::from_millis(5), Duration::from_secs(1_000_000_000_000)] {
        let folder = tempfile::tempdir().unwrap();
        let order = Order::Timestamp { window };
        let (producers, recorder) = Recorder::builder().order(order).start_many(folder.path()).unwrap();
        let began = Arc::new(Barrier::new(4));
        let writers: Vec<_> = (0..4)
            .map(|number| {
                let (producers, clock, began) = (producers.clone(), clock.clone(), Arc::clone(&began));
                std::thread::spawn(move || {
                    let mut producer = producers.producer().unwrap();
                    began.wait();
                    for index in 0..20_000 {
                        loop {
                            let (header, payload) = event(clock.now(), number, index);
                            match producer.write_event(&header, &payload) {
                                Err(WriteError::Full) => std::thread::yield_now(),
                                written => break written.unwrap(),
                            }
                        }
                    }
                })
            })
            .collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        while window < Duration::from_secs(1) && recorder.counts().events < 80_000 {
            std::thread::sleep(Duration::from_millis(1));
        }
        let late = recorder.counts().late;
        assert_eq!(recorder.stop().unwrap().events, 80_000);
        let found = found(folder.path(), 4);
        assert_eq!(found.events, [20_000; 4]);
        if window < Duration::from_secs(1) {
            assert_eq!(found.late, late, "{window:?}");
        }
    }
}

#[test]
fn what_comes_within_the_window_is_sorted() {
    let folder = tempfile::tempdir().unwrap();
    let order = Order::Timestamp { window: Duration::from_secs(3_600) };
    let (producers, recorder) = Recorder::builder().order(order).start_many(folder.path()).unwrap();
    let mut ends: Vec<_> = (0..5).map(|_| producers.producer().unwrap()).collect();
    // Each producer's times rise, those of all are mixed.
    let mut dice = Dice(20);
    let (mut times, mut counts) = ([0; 5], [0; 5]);
    for _ in 0..2_000 {
        let number = dice.below(5_usize);
        times[number] += dice.below(50_u64);
        let (header, payload) = event(times[number], number as u64, counts[number]);
        ends[number].write_event(&header, &payload).unwrap();
        counts[number] += 1;
    }
    assert_eq!(recorder.stop().unwrap().events, 2_000);
    let found = found(folder.path(), 5);
    assert_eq!((found.late, found.events), (0, counts.to_vec()));
}

#[test]
fn an_event_waits_no_longer_than_the_window_whatever_comes_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let order = Order::Timestamp { window: Duration::from_millis(20) };
    let (producers, recorder) = Recorder::builder().order(order).start_many(folder.path()).unwrap();
    let (mut first, mut second) = (producers.producer().unwrap(), producers.producer().unwrap());
    let (header, payload) = event(u64::MAX, 0, 0);
    first.write_event(&header, &payload).unwrap();
    let end = Instant::now() + Duration::from_secs(20);
    // Smaller timestamps without end.
    let mut index = 0;
    while recorder.counts().late == 0 {
        let (header, payload) = event(index, 1, index);
        second.write_event(&header, &payload).unwrap();
        index += 1;
        std::thread::sleep(Duration::from_millis(1));
        assert!(Instant::now() < end, "the first event still waits after {index} others");
    }
    recorder.stop().unwrap();
}

#[test]
fn a_flooding_producer_leaves_each_other_a_turn() {
    let folder = tempfile::tempdir().unwrap();
    let (go, wait) = mpsc::channel::<()>();
    let blocked = move || wait.recv().unwrap();
    let (producers, recorder) =
        Recorder::builder().ring_bytes(1 << 20).on_thread_start(blocked).start_many(folder.path()).unwrap();
    let mut ends: Vec<_> = (0..3).map(|_| producers.producer().unwrap()).collect();
    for (number, end) in (0..).zip(&mut ends) {
        let mut index = 0;
        loop {
            let (header, payload) = event(index, number, index);
            if end.write_event(&header, &payload).is_err() {
                break;
            }
            index += 1;
        }
    }
    go.send(()).unwrap();
    recorder.stop().unwrap();
    let (mut at, mut run_bytes, mut turns) = (usize::MAX, 0, 0);
    let replayed = LogReader::open(folder.path()).unwrap().replay(|event| {
        let (producer, _) = words_of(&event);
        if producer != at {
            (at, run_bytes) = (producer, 0);
            turns += 1;
        }
        run_bytes += event.header.stride();
        assert!(
            run_bytes <= (64 << 10) + event.header.stride(),
            "{run_bytes} bytes of producer {at} at a time"
        );
    });
    replayed.unwrap();
    assert!(turns >= 3 * 16, "{turns} turns");
}

#[test]
fn a_thread_writes_where_it_can_and_gets_an_error_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let (producers, recorder) = small().start_many(folder.path()).unwrap();
    let write = |producers: &Producers, index: u64| {
        let (header, payload) = event(index, 0, index);
        producers.with(|producer| producer.write_event(&header, &payload))
    };
    write(&producers, 0).unwrap().unwrap();
    // A `Debug` that logs, while the producer is in use.
    struct Logs<F>(F);
    impl<F: Fn() -> Result<Result<(), WriteError>, ProducersError>> fmt::Debug for Logs<F> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            assert_eq!(self.0(), Err(ProducersError::Busy));
            f.write_str("busy")
        }
    }
    let logs = Logs(|| write(&producers, 100));
    let said = producers.with(|_| format!("{logs:?}"));
    assert_eq!(said.as_deref(), Ok("busy"));
    assert_eq!(producers.with_lossy(|_| format!("{logs:?}")).as_deref(), Ok("busy"));
    write(&producers, 1).unwrap().unwrap();
    // A panic in between costs the thread its ring, and nothing else.
    let panicked =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| producers.with(|_| panic!("planned"))));
    assert!(panicked.is_err());
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        producers.with_lossy(|_| panic!("planned"))
    }));
    assert!(panicked.is_err());
    write(&producers, 2).unwrap().unwrap();
    assert_eq!(recorder.stop().unwrap().events, 3);
    assert_eq!(write(&producers, 3), Err(ProducersError::Closed));
    assert_eq!(found(folder.path(), 1).events, [3]);
}

/// Writes when the thread-local value is dropped.
struct WritesAtTheEnd(Producers, mpsc::Sender<Result<Result<(), WriteError>, ProducersError>>);

impl Drop for WritesAtTheEnd {
    fn drop(&mut self) {
        let (header, payload) = event(1, 0, 1);
        let _ = self.1.send(self.0.with(|producer| producer.write_event(&header, &payload)));
    }
}

thread_local! {
    static AT_THE_END: RefCell<Option<WritesAtTheEnd>> = const { RefCell::new(None) };
}

#[test]
fn a_destructor_of_a_thread_writes_or_gets_an_error() {
    for is_first in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let (producers, recorder) = small().start_many(folder.path()).unwrap();
        let (sender, result) = mpsc::channel();
        let there = producers.clone();
        let thread = std::thread::spawn(move || {
            let at_the_end = WritesAtTheEnd(there.clone(), sender);
            let write = || {
                let (header, payload) = event(0, 0, 0);
                there.with(|producer| producer.write_event(&header, &payload)).unwrap().unwrap();
            };
            // The value that was made last is dropped first.
            if is_first {
                AT_THE_END.set(Some(at_the_end));
                write();
            } else {
                write();
                AT_THE_END.set(Some(at_the_end));
            }
        });
        thread.join().unwrap();
        let events = match result.recv().unwrap() {
            Ok(written) => written.map(|()| 2).unwrap(),
            Err(error) => {
                assert_eq!(error, ProducersError::Ending);
                1
            }
        };
        drop(producers);
        // The thread's producer is gone, so the recorder ends by itself.
        assert_eq!(recorder.wait(Duration::from_secs(60)).unwrap().events, events);
    }
}

#[test]
fn a_producer_that_is_leaked_keeps_its_ring_and_holds_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let (producers, recorder) = small().max_producers(2).start_many(folder.path()).unwrap();
    let mut leaked = producers.producer().unwrap();
    let (header, payload) = event(0, 0, 0);
    leaked.write_event(&header, &payload).unwrap();
    std::mem::forget(leaked);
    for index in 0..100 {
        // The ring of the one before comes back once it is drained.
        let end = Instant::now() + Duration::from_secs(20);
        let mut producer = loop {
            match producers.producer() {
                Ok(producer) => break producer,
                Err(error) => assert_eq!(error, ProducersError::TooMany { max: 2 }),
            }
            assert!(Instant::now() < end, "the ring does not come back");
            std::thread::yield_now();
        };
        let (header, payload) = event(index, 1, index);
        producer.write_event(&header, &payload).unwrap();
    }
    assert_eq!(recorder.stop().unwrap().events, 101);
    assert_eq!(found(folder.path(), 2).events, [1, 100]);
}

#[test]
fn a_producer_that_does_not_leave_is_reported_by_the_next_opening() {
    let folder = tempfile::tempdir().unwrap();
    let (producers, recorder) = small().start_many(folder.path()).unwrap();
    let (inside, is_inside) = mpsc::channel();
    let (go, wait) = mpsc::channel::<()>();
    let there = std::thread::spawn(move || {
        let mut producer = producers.producer().unwrap();
        producer.with(|producer| {
            inside.send(()).unwrap();
            wait.recv().unwrap();
            let (header, payload) = event(1, 0, 0);
            producer.write_event(&header, &payload)
        })
    });
    is_inside.recv().unwrap();
    let began = Instant::now();
    assert_eq!(recorder.stop().unwrap().events, 0);
    assert!(began.elapsed() >= Duration::from_millis(900), "it waits for a producer that may soon leave");
    go.send(()).unwrap();
    there.join().unwrap().unwrap().unwrap();
    LogWriter::open(folder.path()).unwrap().close().unwrap();
    let reader = LogReader::open(folder.path()).unwrap();
    let gaps: Vec<_> = reader.events().filter_map(|event| event.unwrap().gap()).collect();
    assert_eq!(gaps.iter().map(|gap| gap.count).collect::<Vec<_>>(), [0], "{gaps:?}");
}

/// Has one more event written for each, before the ring gets back its place.
struct OneMore {
    ask: mpsc::Sender<()>,
    written: mpsc::Receiver<()>,
}

impl EventConsumer for OneMore {
    fn consume(&mut self, _: &EventHeader, _: &[u8]) -> bool {
        if self.ask.send(()).is_ok() {
            let _ = self.written.recv();
        }
        true
    }

    fn name(&self) -> &str {
        "one more"
    }
}

/// Its ring is never empty, so a stop that waited for that would not end.
#[test]
fn a_producer_that_stays_inside_and_writes_does_not_hold_up_a_stop() {
    for order in ORDERS {
        let folder = tempfile::tempdir().unwrap();
        let (ask, is_asked) = mpsc::channel();
        let (has_written, written) = mpsc::channel();
        let builder = small().order(order).consumer(OneMore { ask, written });
        let (producers, recorder) = builder.start_many(folder.path()).unwrap();
        let (inside, is_inside) = mpsc::channel();
        let writer = std::thread::spawn(move || {
            let write_on = |producer: &mut Lent<'_, Producer>| {
                let mut accepted = 0;
                loop {
                    let (header, payload) = event(accepted, 0, accepted);
                    producer.write_event(&header, &payload).unwrap();
                    accepted += 1;
                    // Nobody has asked for the first one.
                    let _ = if accepted == 1 { inside.send(()) } else { has_written.send(()) };
                    // The consumer is dropped with the recorder.
                    if is_asked.recv().is_err() {
                        return accepted;
                    }
                }
            };
            producers.producer().unwrap().with(write_on).unwrap()
        });
        is_inside.recv().unwrap();
        let (stopped, has_stopped) = mpsc::channel();
        std::thread::spawn(move || drop(stopped.send(recorder.stop())));
        let summary = has_stopped.recv_timeout(Duration::from_secs(30)).expect("a stop that ends").unwrap();
        let accepted = writer.join().unwrap();
        LogWriter::open(folder.path()).unwrap().close().unwrap();
        let found = found(folder.path(), 1);
        assert_eq!(found.events, [summary.events]);
        assert!(summary.events < accepted, "the last one was written after the last look");
        let reader = LogReader::open(folder.path()).unwrap();
        let last = reader.events().last().unwrap().unwrap();
        assert_eq!(last.gap().map(|gap| gap.count), Some(0), "what it wrote later is reported");
    }
}

#[test]
fn a_producer_that_waits_for_room_at_a_stop_gets_it() {
    for order in ORDERS {
        let folder = tempfile::tempdir().unwrap();
        let (producers, recorder) =
            small().ring_bytes(256).max_payload(16).order(order).start_many(folder.path()).unwrap();
        let (began, has_begun) = mpsc::channel();
        let writer = std::thread::spawn(move || {
            let mut producer = producers.producer().unwrap();
            producer.with(|producer| {
                began.send(()).unwrap();
                // Ten times what the ring holds. Each time costs two switches of threads, and all have a second.
                for index in 0..60 {
                    let (header, payload) = event(index, 0, index);
                    while producer.write_event(&header, &payload) == Err(WriteError::Full) {
                        std::thread::yield_now();
                    }
                }
            })
        });
        has_begun.recv().unwrap();
        assert_eq!(recorder.stop().unwrap().events, 60, "{order:?}");
        writer.join().unwrap().unwrap();
        assert_eq!(LogWriter::open(folder.path()).unwrap().next_sequence(), 60, "and the log is whole");
    }
}

#[test]
fn a_recorder_that_fails_lets_nobody_write_in_vain() {
    let folder = tempfile::tempdir().unwrap();
    let fail = || panic!("no such processor");
    let (producers, recorder) = small().on_thread_start(fail).start_many(folder.path()).unwrap();
    let end = Instant::now() + Duration::from_secs(20);
    while !recorder.has_stopped() {
        assert!(Instant::now() < end);
        std::thread::yield_now();
    }
    assert!(matches!(producers.producer(), Err(ProducersError::Closed)));
    assert!(matches!(recorder.stop(), Err(RecorderError::Panicked)));
}

#[test]
fn descriptions_that_are_added_are_in_force_after_what_was_written_before() {
    use ringlog::event::MetaTopic;
    use ringlog::storage::{SchemaList, SegmentSchemas};

    let folder = tempfile::tempdir().unwrap();
    let (producers, recorder) = Recorder::builder().start_many(folder.path()).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let flood = {
        let (producers, stop) = (producers.clone(), Arc::clone(&stop));
        std::thread::spawn(move || {
            let mut producer = producers.producer().unwrap();
            let mut index = 0;
            while !stop.load(Ordering::Relaxed) {
                let (header, payload) = event(index, 1, index);
                index += u64::from(producer.write_event(&header, &payload).is_ok());
            }
        })
    };
    let mut producer = producers.producer().unwrap();
    for version in 0..20_u64 {
        let (header, payload) = event(version, 0, version);
        producer.write_event(&header, &payload).unwrap();
        let mut schemas = SchemaList::new();
        let json = format!(r#"{{"type":7,"name":"v{version}","size":16,"fields":[]}}"#);
        schemas.insert(MetaTopic::EventType(7), json.into_bytes()).unwrap();
        recorder.register(&schemas).unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    flood.join().unwrap();
    recorder.stop().unwrap();
    let mut versions = 0;
    let replayed = LogReader::open(folder.path()).unwrap().replay(|event| {
        let (producer, version) = words_of(&event);
        if producer == 0 {
            let json =
                SegmentSchemas::of(&event).and_then(|schemas| schemas.list().of_type(7).map(<[u8]>::to_vec));
            let json = json.map(|json| String::from_utf8(json).unwrap());
            let before = version.checked_sub(1).map(|before| format!("\"v{before}\""));
            assert_eq!(json.is_some(), before.is_some());
            assert!(json.is_none_or(|json| json.contains(&before.unwrap())), "event {version}");
            versions += 1;
        }
    });
    replayed.unwrap();
    assert_eq!(versions, 20);
}

/// For an event that is written on each of many threads, each of which ends at once.
static WRITTEN: AtomicU64 = AtomicU64::new(0);

#[test]
fn threads_that_keep_a_producer_give_it_back_when_they_end() {
    let folder = tempfile::tempdir().unwrap();
    let (producers, recorder) = small().max_producers(4).start_many(folder.path()).unwrap();
    for _ in 0..200 {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let index = WRITTEN.fetch_add(1, Ordering::Relaxed);
                let (header, payload) = event(index, 0, index);
                loop {
                    match producers.with(|producer| producer.write_event(&header, &payload)) {
                        Err(ProducersError::TooMany { .. }) => std::thread::yield_now(),
                        written => break written.unwrap().unwrap(),
                    }
                }
            });
        });
    }
    drop(producers);
    assert_eq!(recorder.wait(Duration::from_secs(60)).unwrap().events, 200);
}
