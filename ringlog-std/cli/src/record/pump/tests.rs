//! Every way in which a run can end, with feeds and a sink in memory.

use crate::feed::FeedError;
use crate::record::pump::*;
use crate::values::Rate;
use ringlog::event::GapReason;

/// Gives the scripted steps, with a payload of 8 bytes for each event.
struct Script(Vec<Next>);

impl Feed for Script {
    fn next_event(&mut self, payload: &mut Vec<u8>) -> Result<Next, FeedError> {
        payload.clear();
        payload.extend([5; 8]);
        Ok(if self.0.is_empty() { Next::End } else { self.0.remove(0) })
    }
}

#[derive(Default)]
struct Memory {
    headers: Vec<EventHeader>,
    /// The events before each GAP record, its time and its content.
    gaps: Vec<(usize, u64, Gap)>,
    said: Vec<String>,
    fails_after: Option<usize>,
}

impl Sink for Memory {
    fn write(&mut self, header: &EventHeader, payload: &[u8]) -> Result<(), CliError> {
        assert_eq!(payload, [5; 8]);
        self.headers.push(*header);
        Ok(())
    }
    fn write_gap(&mut self, timestamp: u64, gap: Gap) -> Result<(), CliError> {
        self.gaps.push((self.headers.len(), timestamp, gap));
        Ok(())
    }
    fn describe(&mut self, changes: &SchemaList) -> Result<(), CliError> {
        self.said.push(format!("{} described after {} events", changes.len(), self.headers.len()));
        Ok(())
    }
    fn look(&mut self, _: &Progress) {}
    fn has_failed(&self) -> bool {
        self.fails_after.is_some_and(|count| self.headers.len() >= count)
    }
    fn say(&mut self, line: &str) {
        self.said.push(line.into());
    }
}

fn events(count: u64) -> Vec<Next> {
    (0..count).map(|timestamp| Next::Event { timestamp, event_type: 1 }).collect()
}

fn run(script: Vec<Next>, limits: &Limits, memory: &mut Memory) -> (Ended, Progress) {
    let mut progress = Progress::default();
    let ended = pump(&mut Script(script), Pace::new(Rate::Max), limits, memory, &mut progress);
    (ended.unwrap(), progress)
}

fn no_limits() -> Limits {
    Limits { duration: None, max_bytes: MaxBytes::Unlimited, stop: Stop::default() }
}

#[test]
fn every_event_arrives_in_order() {
    let mut memory = Memory::default();
    let (ended, progress) = run(events(1000), &no_limits(), &mut memory);
    assert_eq!((ended, progress.events, progress.bytes), (Ended::Feed, 1000, 24_000));
    assert!(memory.headers.iter().zip(0..).all(|(header, at)| header.timestamp == at));
}

#[test]
fn the_size_limit_is_never_passed() {
    for max_bytes in 0..100 {
        let mut memory = Memory::default();
        let limits = Limits { max_bytes: MaxBytes::Asked(max_bytes), ..no_limits() };
        let (ended, progress) = run(events(10), &limits, &mut memory);
        assert_eq!((ended, progress.events), (Ended::Bytes, max_bytes / 24));
        assert!(progress.bytes <= max_bytes);
    }
}

#[test]
fn the_default_limit_ends_a_run_in_its_own_way() {
    let ended = |max_bytes, bytes| Limits { max_bytes, ..no_limits() }.ended_by_size(bytes);
    assert_eq!(ended(MaxBytes::Default(9), 9), None);
    assert_eq!(ended(MaxBytes::Default(9), 10), Some(Ended::DefaultBytes));
    assert_eq!(ended(MaxBytes::Asked(9), 10), Some(Ended::Bytes));
    assert_eq!(ended(MaxBytes::Unlimited, u64::MAX), None);
}

#[test]
fn skips_are_reported_and_counted() {
    let skip = |offset| Next::Lost(Loss::skipped(GapReason::TooLong, None, offset, "odd".into()));
    let mut memory = Memory::default();
    let (_, progress) = run((0..50).map(skip).collect(), &no_limits(), &mut memory);
    assert_eq!((progress.skipped, progress.lost), (50, 50));
    assert_eq!(memory.gaps, [(0, 0, Gap::new(GapReason::TooLong, 50))]);
    assert_eq!(memory.said.len() as u64, SKIPS_SHOWN + 1);
    assert!(memory.said[3].contains("byte 3") && memory.said[3].contains("odd"));
}

#[test]
fn a_failed_sink_and_the_end_of_time_stop_it() {
    let mut memory = Memory { fails_after: Some(300), ..Memory::default() };
    assert_eq!(run(events(10_000), &no_limits(), &mut memory).0, Ended::Sink);
    assert!(memory.headers.len() <= 300 + STEPS_PER_LOOK as usize);
    let limits = Limits { duration: Some(Duration::ZERO), ..no_limits() };
    assert_eq!(run(events(10), &limits, &mut Memory::default()).0, Ended::Time);
}

#[test]
fn idle_feeds_are_asked_again() {
    let mut script = events(1);
    script.extend([Next::Idle, Next::Idle, Next::Event { timestamp: 9, event_type: 1 }]);
    let (ended, progress) = run(script, &no_limits(), &mut Memory::default());
    assert_eq!((ended, progress.events), (Ended::Feed, 2));
}

fn lost(reason: GapReason, count: u64, timestamp: Option<u64>) -> Next {
    Next::Lost(Loss { gap: Gap::new(reason, count), timestamp, skip: None })
}

#[test]
fn losses_are_where_they_happened_and_equal_ones_in_a_row_are_one_gap() {
    use GapReason::{NotReadable, ReceiverFull};
    let mut script = events(3);
    script.extend([lost(ReceiverFull, 2, Some(50)), lost(ReceiverFull, 3, Some(51))]);
    script.extend([lost(NotReadable, 1, None), lost(NotReadable, 0, None)]);
    script.extend(events(1));
    script.push(lost(ReceiverFull, 4, Some(60)));
    let mut memory = Memory::default();
    let (_, progress) = run(script, &no_limits(), &mut memory);
    let gap = |at, timestamp, reason, count| (at, timestamp, Gap::new(reason, count));
    let expected = [
        gap(3, 50, ReceiverFull, 5),
        gap(3, 2, NotReadable, 1),
        // Unknown counts are not added up.
        gap(3, 2, NotReadable, 0),
        gap(4, 60, ReceiverFull, 4),
    ];
    assert_eq!((memory.gaps, progress.lost, progress.skipped), (expected.into(), 10, 0));
    assert_eq!(progress.bytes, 4 * 24 + 4 * 32);
}

#[test]
fn a_loss_is_written_before_the_feed_is_silent_for_long() {
    let mut memory = Memory::default();
    let limits = Limits { duration: Some(Duration::ZERO), ..no_limits() };
    let mut progress = Progress::default();
    let mut feed = Script(vec![lost(GapReason::ReceiverFull, 1, Some(7)), Next::Idle]);
    let mut pump = Pump {
        feed: &mut feed,
        pace: Pace::new(Rate::Max),
        limits: &limits,
        sink: &mut memory,
        progress: &mut progress,
        started: Instant::now(),
        payload: Vec::new(),
        steps_to_look: 9,
        last_timestamp: 0,
        unwritten: None,
        refused: None,
    };
    assert_eq!((pump.step().unwrap(), pump.step().unwrap()), (None, None));
    assert_eq!((pump.step().unwrap(), memory.gaps.len()), (Some(Ended::Time), 1));
}

#[test]
fn at_the_end_the_feed_is_asked_for_losses_once_more() {
    struct Silent;
    impl Feed for Silent {
        fn next_event(&mut self, _: &mut Vec<u8>) -> Result<Next, FeedError> {
            Ok(Next::Idle)
        }
        fn look_for_loss(&mut self) -> Option<Loss> {
            Some(Loss { gap: Gap::new(GapReason::ReceiverFull, 3), timestamp: Some(8), skip: None })
        }
    }
    let (mut memory, mut progress, limits) = (Memory::default(), Progress::default(), no_limits());
    limits.stop.set();
    let ended = pump(&mut Silent, Pace::new(Rate::Max), &limits, &mut memory, &mut progress);
    assert_eq!((ended.unwrap(), progress.lost), (Ended::Signal, 3));
    assert_eq!(memory.gaps, [(0, 8, Gap::new(GapReason::ReceiverFull, 3))]);
}

/// Gives events before the stop, and others that had arrived by then.
struct Arriving {
    before: u64,
    waiting: u64,
    pause: Duration,
    has_stopped: bool,
}

impl Feed for Arriving {
    fn next_event(&mut self, payload: &mut Vec<u8>) -> Result<Next, FeedError> {
        payload.clear();
        payload.extend([5; 8]);
        let left = if self.has_stopped { &mut self.waiting } else { &mut self.before };
        let Some(rest) = left.checked_sub(1) else {
            return Ok(if self.has_stopped { Next::End } else { Next::Idle });
        };
        *left = rest;
        std::thread::sleep(self.pause);
        Ok(Next::Event { timestamp: 7, event_type: 1 })
    }
    fn stop(&mut self) -> bool {
        self.has_stopped = true;
        true
    }
}

#[test]
fn what_has_arrived_by_a_stop_is_recorded_at_no_rate_or_lost_by_the_size_limit() {
    let rate = Rate::PerSecond(std::num::NonZeroU64::new(1).unwrap());
    let asked = Limits { stop: Stop::default(), ..no_limits() };
    asked.stop.set();
    let timed = Limits { duration: Some(Duration::ZERO), ..no_limits() };
    let sized = |max_bytes| Limits { max_bytes: MaxBytes::Asked(max_bytes), ..asked.clone() };
    let by_size = Limits { max_bytes: MaxBytes::Asked(2 * 24), ..no_limits() };
    for (limits, rate, before, ended, events) in [
        (asked.clone(), rate, 0, Ended::Signal, 1000),
        (timed, rate, 0, Ended::Time, 1000),
        (sized(10 * 24), Rate::Max, 0, Ended::Signal, 10),
        (by_size, Rate::Max, 5, Ended::Bytes, 2),
    ] {
        let (mut memory, mut progress) = (Memory::default(), Progress::default());
        let mut feed = Arriving { before, waiting: 1000, pause: Duration::ZERO, has_stopped: false };
        let found = pump(&mut feed, Pace::new(rate), &limits, &mut memory, &mut progress).unwrap();
        // Of the events before the stop, one was taken from the feed and refused.
        let lost = if before > 0 { 1 + 1000 } else { 1000 - events };
        assert_eq!((found, progress.events, progress.lost), (ended, events, lost));
        let gaps: Vec<Gap> = memory.gaps.iter().map(|(.., gap)| *gap).collect();
        assert_eq!(gaps, if lost > 0 { vec![Gap::new(GapReason::RecorderEnded, lost)] } else { vec![] });
    }
}

#[test]
fn a_feed_that_is_never_empty_does_not_keep_a_stop_waiting() {
    let (mut memory, mut progress, limits) = (Memory::default(), Progress::default(), no_limits());
    limits.stop.set();
    let pause = PAUSE_MIN;
    let mut feed = Arriving { before: 0, waiting: u64::MAX, pause, has_stopped: false };
    pump(&mut feed, Pace::new(Rate::Max), &limits, &mut memory, &mut progress).unwrap();
    let gaps: Vec<Gap> = memory.gaps.iter().map(|(.., gap)| *gap).collect();
    let left = |count| Gap::new(GapReason::RecorderEnded, count);
    assert_eq!(gaps, [left(progress.lost), left(0)]);
    assert!(progress.events > 0 && progress.lost > 0, "{progress:?}");
}

#[test]
fn losses_pass_the_size_limit_once_and_end_the_run() {
    let script = (0..2000).map(|at| lost(GapReason::TooLong, u64::from(at % 2 == 0), None)).collect();
    let limits = Limits { max_bytes: MaxBytes::Asked(100), ..no_limits() };
    let (ended, progress) = run(script, &limits, &mut Memory::default());
    assert_eq!((ended, progress.events), (Ended::Bytes, 0));
    assert!(progress.bytes < 100 + 32 * u64::from(STEPS_PER_LOOK), "{progress:?}");
}

#[test]
fn the_rest_of_an_input_that_cannot_be_read_is_a_loss_of_unknown_count() {
    struct Damaged(u64);
    impl Feed for Damaged {
        fn next_event(&mut self, payload: &mut Vec<u8>) -> Result<Next, FeedError> {
            self.0 += 1;
            payload.clear();
            payload.extend([5; 8]);
            match self.0 {
                1..=3 => Ok(Next::Event { timestamp: self.0, event_type: 1 }),
                offset => Err(FeedError::Damaged { path: "x".into(), offset, problem: "odd".into() }),
            }
        }
    }
    let (mut memory, mut progress) = (Memory::default(), Progress::default());
    let limits = no_limits();
    let ended = pump(&mut Damaged(0), Pace::new(Rate::Max), &limits, &mut memory, &mut progress);
    assert!(matches!(ended, Err(CliError::Feed(_))));
    assert_eq!(memory.gaps, [(3, 3, Gap::new(GapReason::NotReadable, 0))]);
}
