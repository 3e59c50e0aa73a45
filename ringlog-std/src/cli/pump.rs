//! Moves events from a feed into a ring, at a rate and up to limits.

use std::time::{Duration, Instant};

use super::error::CliError;
use super::feed::{Feed, Next, Skip};
use super::pace::Pace;
use super::signals::Stop;
use crate::event::EventHeader;

/// Looks at clock, signals and status happen once in so many steps, and whenever there is a pause.
const STEPS_PER_LOOK: u32 = 256;
const PAUSE_MIN: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_millis(20);
const SKIPS_SHOWN: u64 = 10;

/// Where the pump puts events.
pub(crate) trait Sink {
    /// Writes an event, and waits for room where there is none.
    fn write(&mut self, header: &EventHeader, payload: &[u8]) -> Result<(), CliError>;

    /// Called every now and then: shows how things stand.
    fn look(&mut self, progress: &Progress);

    /// Whether there is no use in writing more.
    fn has_failed(&self) -> bool;

    /// Tells the user something in between.
    fn say(&mut self, line: &str);
}

/// What went through so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Progress {
    /// Events written.
    pub(crate) events: u64,
    /// Bytes that their records take.
    pub(crate) bytes: u64,
    /// Pieces of the input that could not become events.
    pub(crate) skipped: u64,
    /// Bytes of the input that were read.
    pub(crate) read_bytes: u64,
}

/// Why the pump stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ended {
    /// The feed has no more.
    Feed,
    /// The time is over.
    Time,
    /// The next event would take more bytes than allowed.
    Bytes,
    /// Somebody asked for it.
    Signal,
    /// The sink takes no more.
    Sink,
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Feed => "the feed ended",
            Self::Time => "the time given by --for is over",
            Self::Bytes => "the size given by --max-bytes is reached",
            Self::Signal => "asked to stop",
            Self::Sink => "the log failed",
        })
    }
}

/// How long to go on.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// For so long.
    pub(crate) duration: Option<Duration>,
    /// For so many bytes of records.
    pub(crate) max_bytes: u64,
    /// Until this is set.
    pub(crate) stop: Stop,
}

/// Moves events from `feed` to `sink` until something ends it.
///
/// `progress` tells what was moved until then, also after an error.
pub(crate) fn pump(
    feed: &mut dyn Feed,
    pace: Pace,
    limits: &Limits,
    sink: &mut impl Sink,
    progress: &mut Progress,
) -> Result<Ended, CliError> {
    let started = Instant::now();
    let mut pump =
        Pump { feed, pace, limits, sink, progress, started, payload: Vec::new(), steps_to_look: 0 };
    loop {
        if let Some(ended) = pump.step()? {
            pump.progress.read_bytes = pump.feed.read_bytes();
            return Ok(ended);
        }
    }
}

struct Pump<'a, S> {
    feed: &'a mut dyn Feed,
    pace: Pace,
    limits: &'a Limits,
    sink: &'a mut S,
    progress: &'a mut Progress,
    started: Instant,
    payload: Vec<u8>,
    steps_to_look: u32,
}

impl<S: Sink> Pump<'_, S> {
    fn step(&mut self) -> Result<Option<Ended>, CliError> {
        let wait = self.pace.wait();
        if wait.is_some() || self.steps_to_look == 0 {
            self.steps_to_look = STEPS_PER_LOOK;
            self.progress.read_bytes = self.feed.read_bytes();
            self.sink.look(self.progress);
            if let Some(ended) = self.limits.ended(self.started, self.sink.has_failed()) {
                return Ok(Some(ended));
            }
        }
        if let Some(wait) = wait {
            std::thread::sleep(wait.clamp(PAUSE_MIN, PAUSE_MAX));
            return Ok(None);
        }
        self.steps_to_look -= 1;
        self.take_one()
    }

    fn take_one(&mut self) -> Result<Option<Ended>, CliError> {
        match self.feed.next_event(&mut self.payload)? {
            Next::Event { timestamp, event_type } => return self.write(timestamp, event_type),
            Next::Idle => self.steps_to_look = 0,
            Next::Skipped(skip) => self.tell(&skip),
            Next::End => return Ok(Some(Ended::Feed)),
        }
        Ok(None)
    }

    fn write(&mut self, timestamp: u64, event_type: u8) -> Result<Option<Ended>, CliError> {
        let payload_len = u16::try_from(self.payload.len()).unwrap_or(u16::MAX);
        let header = EventHeader::new(timestamp, event_type, payload_len);
        let bytes = self.progress.bytes + header.stride() as u64;
        if bytes > self.limits.max_bytes {
            return Ok(Some(Ended::Bytes));
        }
        self.sink.write(&header, &self.payload)?;
        self.pace.sent();
        self.progress.bytes = bytes;
        self.progress.events += 1;
        Ok(None)
    }

    fn tell(&mut self, skip: &Skip) {
        self.progress.skipped += 1;
        if self.progress.skipped <= SKIPS_SHOWN {
            self.sink.say(&format!("skipped at byte {}: {}", skip.offset, skip.what));
        }
        if self.progress.skipped == SKIPS_SHOWN {
            self.sink.say("more of these are counted, not shown");
        }
    }
}

impl Limits {
    /// Whether something but the feed ends a run that has gone on since `started`.
    pub(crate) fn ended(&self, started: Instant, has_failed: bool) -> Option<Ended> {
        if self.stop.is_set() {
            return Some(Ended::Signal);
        }
        if has_failed {
            return Some(Ended::Sink);
        }
        self.duration.filter(|&duration| started.elapsed() >= duration).map(|_| Ended::Time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::feed::FeedError;
    use crate::cli::values::Rate;

    /// Gives what it was given, with a payload of 8 bytes for each event.
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
        said: Vec<String>,
        fails_after: Option<usize>,
    }

    impl Sink for Memory {
        fn write(&mut self, header: &EventHeader, payload: &[u8]) -> Result<(), CliError> {
            assert_eq!(payload, [5; 8]);
            self.headers.push(*header);
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
        Limits { duration: None, max_bytes: u64::MAX, stop: Stop::default() }
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
            let limits = Limits { max_bytes, ..no_limits() };
            let (ended, progress) = run(events(10), &limits, &mut memory);
            assert_eq!((ended, progress.events), (Ended::Bytes, max_bytes / 24));
            assert!(progress.bytes <= max_bytes);
        }
    }

    #[test]
    fn skips_are_told_and_counted() {
        let skip = |offset| Next::Skipped(Skip { offset, what: "odd".into() });
        let mut memory = Memory::default();
        let (_, progress) = run((0..50).map(skip).collect(), &no_limits(), &mut memory);
        assert_eq!(progress.skipped, 50);
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
}
