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
use crate::event::EventHeader;
use crate::recorder::Recorder;

/// Between two looks at clock, signals and status.
const PAUSE: Duration = Duration::from_millis(20);

/// A recorder of a ring in a file.
pub(crate) struct RingService {
    log: LogPlan,
    recorder: Recorder,
    events: Arc<AtomicU64>,
}

/// Counts the events that the recorder hands out, beside the log, for the status line.
struct Counter(Arc<AtomicU64>);

impl EventConsumer for Counter {
    fn consume(&mut self, header: &EventHeader, _: &[u8]) -> bool {
        // ORDERING: Relaxed. A figure for a display.
        self.0.fetch_add(u64::from(!header.is_gap()), Ordering::Relaxed);
        true
    }

    fn name(&self) -> &str {
        "counter"
    }
}

impl RingService {
    /// Starts to drain `ring` into `log`; a ring that is missing is made with `ring_bytes`.
    pub(crate) fn start(ring: &Path, log: &LogPlan, ring_bytes: usize) -> Result<Self, CliError> {
        let events = Arc::default();
        let recorder = Recorder::builder()
            .ring_bytes(ring_bytes)
            .log(log.options.clone())
            .consumer(Counter(Arc::clone(&events)))
            .start_shared(ring, &log.path)?;
        tell_recovery(&recorder);
        Ok(Self { log: log.clone(), recorder, events })
    }

    /// Goes on until a limit is reached or somebody asks it to stop, then reads back what it wrote.
    pub(crate) fn run(self, limits: &Limits, mut status: Status) -> Result<Session, CliError> {
        let started = Instant::now();
        let mut retention = RetentionWatch::new(self.recorder.watch());
        let ended = loop {
            let progress = self.progress();
            if status.is_due() {
                // What the producer has lost and not reported yet is in the ring alone.
                let lost = self.recorder.watch().lost().saturating_add(self.recorder.pending_loss());
                status.show(&progress, Gauges { ring: None, lost });
                retention.look(|line| status.say(line));
            }
            match limits.ended(started, self.recorder.has_stopped()) {
                Some(ended) => break ended,
                None if progress.bytes >= limits.max_bytes => break Ended::Bytes,
                None => std::thread::sleep(PAUSE),
            }
        };
        let bytes = self.recorder.recorded_bytes();
        let recorded = Recorded::of(&self.log, self.recorder.stop(), retention)?;
        let taken = Progress { events: recorded.events, lost: recorded.lost(), bytes, ..Progress::default() };
        status.finish(&taken, recorded.lost());
        Session::checked(&self.log.path, taken, recorded, started.elapsed(), Ok(ended))
    }

    fn progress(&self) -> Progress {
        // ORDERING: Relaxed. A figure for a display.
        let events = self.events.load(Ordering::Relaxed);
        Progress { events, bytes: self.recorder.recorded_bytes(), ..Progress::default() }
    }
}
