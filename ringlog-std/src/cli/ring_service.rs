//! Draining a shared ring, which another program fills, into a log.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::error::CliError;
use super::log_args::LogPlan;
use super::pump::{Ended, Limits, Progress};
use super::recording::{Recorded, tell_recovery};
use super::retention_watch::RetentionWatch;
use super::session::Session;
use super::status::{Gauges, Status};
use crate::consumer::EventConsumer;
use crate::event::{EventHeader, Gap};
use crate::recorder::Recorder;

/// Between two looks at clock, signals and status.
const PAUSE: Duration = Duration::from_millis(20);

/// A recorder of a ring in a file.
pub(crate) struct RingService {
    log: LogPlan,
    recorder: Recorder,
    counts: Arc<Counts>,
}

/// What went by, for the status line.
#[derive(Debug, Default)]
struct Counts {
    events: AtomicU64,
    lost: AtomicU64,
}

/// Counts what the recorder hands out, beside the log.
struct Counter(Arc<Counts>);

impl EventConsumer for Counter {
    fn consume(&mut self, header: &EventHeader, payload: &[u8]) -> bool {
        // ORDERING: Relaxed, both. Figures for a display.
        match Gap::from_event(header, payload) {
            Some(gap) => self.0.lost.fetch_add(gap.count, Ordering::Relaxed),
            None => self.0.events.fetch_add(1, Ordering::Relaxed),
        };
        true
    }

    fn name(&self) -> &str {
        "counter"
    }
}

impl RingService {
    /// Starts to drain `ring` into `log`; a ring that is missing is made with `ring_bytes`.
    pub(crate) fn start(ring: &Path, log: &LogPlan, ring_bytes: usize) -> Result<Self, CliError> {
        let counts = Arc::new(Counts::default());
        let recorder = Recorder::builder()
            .ring_bytes(ring_bytes)
            .log(log.options.clone())
            .consumer(Counter(Arc::clone(&counts)))
            .start_shared(ring, &log.path)?;
        tell_recovery(&recorder);
        Ok(Self { log: log.clone(), recorder, counts })
    }

    /// Goes on until a limit is reached or somebody asks it to stop, then reads back what it wrote.
    pub(crate) fn run(self, limits: &Limits, mut status: Status) -> Result<Session, CliError> {
        let started = Instant::now();
        let mut retention = RetentionWatch::new(self.recorder.watch());
        let ended = loop {
            let progress = self.progress();
            if status.is_due() {
                // ORDERING: Relaxed. A figure for a display.
                let lost = self.counts.lost.load(Ordering::Relaxed);
                status.show(&progress, Gauges { ring: None, lost });
                retention.look(|line| status.say(line));
            }
            match limits.ended(started, self.recorder.has_stopped()) {
                Some(ended) => break ended,
                None if progress.bytes >= limits.max_bytes => break Ended::Bytes,
                None => std::thread::sleep(PAUSE),
            }
        };
        status.finish();
        let recorded = Recorded::of(&self.log, self.recorder.stop(), retention)?;
        let taken = Progress { events: recorded.taken(), ..Progress::default() };
        Session::checked(&self.log.path, taken, recorded, started.elapsed(), Ok(ended))
    }

    fn progress(&self) -> Progress {
        // ORDERING: Relaxed. A figure for a display.
        let events = self.counts.events.load(Ordering::Relaxed);
        Progress { events, bytes: self.recorder.recorded_bytes(), ..Progress::default() }
    }
}
