//! What the threads of a service share: the recorder's numbers, the feed's counts, and how far the run is.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use ringlog::recorder::{RecorderMetrics, RecorderMonitor};

use crate::service::health::{Health, Limits};
use crate::terminal::words::unix_now;

/// How far a run is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Phase {
    /// The log is being opened.
    Starting = 0,
    /// Events may come.
    Ready = 1,
    /// The run is ending.
    Stopping = 2,
}

/// What a feed has given so far, as the thread that moves its events noted it last.
#[derive(Debug, Default)]
pub(crate) struct FeedCounts {
    pub(crate) events: AtomicU64,
    pub(crate) lost: AtomicU64,
    pub(crate) skipped: AtomicU64,
    pub(crate) read_bytes: AtomicU64,
}

impl FeedCounts {
    /// Notes the counts.
    pub(crate) fn set(&self, events: u64, lost: u64, skipped: u64, read_bytes: u64) {
        let words = [&self.events, &self.lost, &self.skipped, &self.read_bytes];
        for (word, value) in words.into_iter().zip([events, lost, skipped, read_bytes]) {
            // ORDERING: Relaxed. The numbers are for a display only.
            word.store(value, Ordering::Relaxed);
        }
    }
}

/// What a shipper beside the recorder has done, as its thread noted it last, in the order of `scrape`.
#[cfg(any(feature = "metrics", feature = "nats"))]
#[derive(Debug, Default)]
pub(crate) struct ShipCounts {
    is_on: std::sync::atomic::AtomicBool,
    words: [AtomicU64; 10],
}

#[cfg(any(feature = "metrics", feature = "nats"))]
impl ShipCounts {
    /// Notes the numbers.
    #[cfg(any(feature = "nats", test))]
    pub(crate) fn set(&self, values: [u64; 10]) {
        for (word, value) in self.words.iter().zip(values) {
            // ORDERING: Relaxed. The numbers are for a display only.
            word.store(value, Ordering::Relaxed);
        }
        // ORDERING: Relaxed, as above.
        self.is_on.store(true, Ordering::Relaxed);
    }

    /// Notes that the shipper has ended before its time.
    #[cfg(feature = "nats")]
    pub(crate) fn stop(&self) {
        // ORDERING: Relaxed. The numbers are for a display only.
        self.words[4].store(1, Ordering::Relaxed);
        // ORDERING: Relaxed, as above.
        self.is_on.store(true, Ordering::Relaxed);
    }

    /// Returns the numbers; `None` where nothing is shipped.
    #[cfg(feature = "metrics")]
    pub(crate) fn get(&self) -> Option<[u64; 10]> {
        // ORDERING: Relaxed. The numbers are for a display only.
        let load = |word: &AtomicU64| word.load(Ordering::Relaxed);
        // ORDERING: Relaxed, as above.
        self.is_on.load(Ordering::Relaxed).then(|| self.words.each_ref().map(load))
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct State {
    /// The log's folder.
    #[cfg_attr(not(feature = "metrics"), expect(dead_code, reason = "only a scrape says it"))]
    pub(crate) log: PathBuf,
    /// When the program started, in seconds since 1970.
    #[cfg_attr(not(feature = "metrics"), expect(dead_code, reason = "only a scrape says it"))]
    pub(crate) started_at: u64,
    pub(crate) feed: FeedCounts,
    #[cfg(any(feature = "metrics", feature = "nats"))]
    pub(crate) ship: ShipCounts,
    limits: Limits,
    phase: AtomicU8,
    monitor: OnceLock<RecorderMonitor>,
    health: Mutex<Health>,
}

impl State {
    pub(crate) fn new(log: &Path, most_not_durable: Option<Duration>) -> Self {
        Self {
            log: log.into(),
            started_at: unix_now() / 1_000_000_000,
            feed: FeedCounts::default(),
            #[cfg(any(feature = "metrics", feature = "nats"))]
            ship: ShipCounts::default(),
            limits: Limits { not_durable: most_not_durable },
            phase: AtomicU8::new(Phase::Starting as u8),
            monitor: OnceLock::new(),
            health: Mutex::default(),
        }
    }

    /// Gives the recorder's numbers to those who ask.
    pub(crate) fn begin(&self, monitor: RecorderMonitor) {
        // There is one run.
        let _ = self.monitor.set(monitor);
    }

    pub(crate) fn set_phase(&self, phase: Phase) {
        // ORDERING: Relaxed. The word carries nothing but itself.
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    pub(crate) fn phase(&self) -> Phase {
        // ORDERING: Relaxed, as in `set_phase`.
        match self.phase.load(Ordering::Relaxed) {
            0 => Phase::Starting,
            1 => Phase::Ready,
            _ => Phase::Stopping,
        }
    }

    /// Returns what reads the recorder's numbers, once the log is open.
    pub(crate) fn monitor(&self) -> Option<&RecorderMonitor> {
        self.monitor.get()
    }

    /// Returns why the service is not well; nothing if it is.
    #[cfg_attr(not(feature = "metrics"), expect(dead_code, reason = "only a scrape says it"))]
    pub(crate) fn reasons(&self) -> Vec<String> {
        match (self.phase(), self.monitor.get()) {
            (Phase::Stopping, _) => vec!["stopping: the run is ending".into()],
            (Phase::Ready, Some(monitor)) => self.reasons_in(&monitor.metrics()),
            _ => vec!["starting: the log is being opened".into()],
        }
    }

    /// Returns why a recorder with these numbers is not well.
    pub(crate) fn reasons_in(&self, metrics: &RecorderMetrics) -> Vec<String> {
        let now = Instant::now();
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        health.look(metrics, now);
        health.reasons(metrics, &self.limits, now)
    }
}
