//! Records a shared ring, which another program fills, into a log.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::error::CliError;
use crate::options::log_args::LogPlan;
use crate::record::loss_reports::LossReports;
use crate::record::pump::{Ended, Limits, Progress};
use crate::record::recording::{Recorded, say_opening};
use crate::record::retention_watch::RetentionWatch;
use crate::record::session::Session;
use crate::record::status::{Gauges, Status};
use crate::service::Service;
use crate::terminal::messages::{LOG, RING, warn};
use ringlog::consumer::EventConsumer;
use ringlog::event::{EventHeader, Gap};
use ringlog::recorder::{Recorder, SchemaWatch};

/// Time between two checks of clock, signals and status.
const PAUSE: Duration = Duration::from_millis(20);

/// Records a ring in a file.
pub(crate) struct RingService {
    log: LogPlan,
    recorder: Recorder,
    counts: Arc<Counts>,
    lost_before: u64,
}

/// Counts of what came from the ring, for the status line.
#[derive(Default)]
struct Counts {
    events: AtomicU64,
    /// Lost events that GAP records of the ring count.
    lost: AtomicU64,
}

struct Counter(Arc<Counts>);

impl EventConsumer for Counter {
    fn consume(&mut self, header: &EventHeader, payload: &[u8]) -> bool {
        match Gap::from_event(header, payload) {
            // ORDERING: Relaxed. The count is only displayed and orders no other access.
            Some(gap) => self.0.lost.fetch_add(gap.count, Ordering::Relaxed),
            // ORDERING: Relaxed. The count is only displayed and orders no other access.
            None => self.0.events.fetch_add(1, Ordering::Relaxed),
        };
        true
    }

    fn name(&self) -> &str {
        "counter"
    }
}

/// Says once which descriptions of events the log does not have.
struct SchemaReports {
    watch: SchemaWatch,
    said: usize,
}

impl SchemaReports {
    fn look(&mut self) {
        let problems = self.watch.problems();
        problems.iter().skip(self.said).for_each(|problem| warn!(target: RING, "{problem}"));
        self.said = problems.len();
    }
}

impl RingService {
    /// Starts to record `ring` into `log`; creates a missing ring with `ring_bytes`. With `skips_to_head` it gives up what
    /// is unread.
    pub(crate) fn start(
        ring: &Path,
        log: &LogPlan,
        ring_bytes: usize,
        skips_to_head: bool,
        service: &Service,
    ) -> Result<Self, CliError> {
        let counts = Arc::default();
        let builder = log.recorder(ring_bytes).consumer(Counter(Arc::clone(&counts)));
        let builder = if skips_to_head { builder.skip_to_head() } else { builder };
        let recorder = builder.start_shared(ring, &log.path)?;
        say_opening(&recorder, log);
        service.begin(&recorder);
        let lost_before = recorder.watch().lost();
        Ok(Self { log: log.clone(), recorder, counts, lost_before })
    }

    /// Records until a limit is reached or it is asked to stop, then reads back what it wrote.
    pub(crate) fn run(
        self,
        limits: &Limits,
        mut status: Status,
        service: &Service,
    ) -> Result<Session, CliError> {
        let started = Instant::now();
        let mut retention = RetentionWatch::new(self.recorder.watch());
        let mut losses = LossReports::new(self.lost_before);
        let mut schemas = SchemaReports { watch: self.recorder.schema_watch().clone(), said: 0 };
        let ended = loop {
            let progress = self.progress();
            if status.is_due() {
                // Only the ring knows a loss that the producer has not reported yet.
                let lost = self.recorder.watch().lost().saturating_add(self.recorder.pending_loss());
                status.show(&progress, Gauges { ring: None, lost });
                if let Some(report) = losses.look(lost, Instant::now()) {
                    warn!(target: LOG, "{report}");
                }
                retention.look(|line| warn!(target: LOG, "{line}"));
                schemas.look();
            }
            match limits.ended(started, self.recorder.has_stopped()) {
                Some(ended) => break ended,
                None if progress.bytes >= limits.max_bytes.get() => break Ended::Bytes,
                None => std::thread::sleep(PAUSE),
            }
        };
        service.stopping();
        let bytes = self.recorder.recorded_bytes();
        let gaps_before = self.recorder.recovery().gap_records;
        let was_ring_damaged = self.recorder.skipped().is_some_and(|skipped| skipped.bytes != Some(0));
        let recorded = Recorded::of(&self.log, self.recorder.stop(), retention)?.after_gaps(gaps_before);
        schemas.look();
        let taken = Progress { events: recorded.events, lost: recorded.lost(), bytes, ..Progress::default() };
        status.finish(&taken, recorded.lost());
        let session = Session::checked(&self.log.path, taken, recorded, started.elapsed(), Ok(ended))?;
        let problems = schemas.watch.problems().iter().map(ToString::to_string).collect();
        Ok(session.with_damaged_ring(was_ring_damaged).with_schema_problems(problems))
    }

    /// Returns what is in the log: what came from the ring, without the events that a full disk dropped.
    fn progress(&self) -> Progress {
        // ORDERING: Relaxed. The count is only displayed and orders no other access.
        let given = self.counts.events.load(Ordering::Relaxed);
        // ORDERING: Relaxed. The count is only displayed and orders no other access.
        let lost_by_ring = self.counts.lost.load(Ordering::Relaxed);
        let lost = self.recorder.watch().lost();
        let dropped = lost.saturating_sub(self.lost_before).saturating_sub(lost_by_ring);
        let events = given.saturating_sub(dropped);
        Progress { events, bytes: self.recorder.recorded_bytes(), ..Progress::default() }
    }
}
