//! Writes events into a log for the commands.
//!
//! Events go into a ring, and a recorder on another thread moves them to the log.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use crate::error::CliError;
use crate::options::log_args::LogPlan;
use crate::output::{PrintStyle, Printer};
use crate::read::source::LogSource;
use crate::read::stats::RecordStats;
use crate::record::loss_reports::LossReports;
use crate::record::pump::{Progress, Sink};
use crate::record::retention_watch::RetentionWatch;
use crate::record::status::{Gauges, Status};
use crate::service::Service;
use crate::service::state::State;
use crate::terminal::messages::{FEED, LOG, RING, info, warn};
use ringlog::event::{EventHeader, Gap, GapReason};
use ringlog::programs::Waiter;
use ringlog::recorder::{Recorder, RecorderError};
use ringlog::ring::{Idle, Producer, WriteError};
use ringlog::storage::{LogSummary, SchemaList, SyncError};

const SAMPLE_EVENTS: u64 = 3;
/// Most bytes of a run that is read back as a whole; of a longer run, only the last file is read back.
const READ_BACK_MOST: u64 = 32 << 30;

/// A run of recording; takes events until it is finished.
#[derive(Debug)]
pub(crate) struct Recording {
    log: LogPlan,
    producer: Producer,
    recorder: Recorder,
    retention: RetentionWatch,
    losses: LossReports,
    status: Option<Status>,
    before: Before,
    /// Where the counts of the feed go.
    watched: Option<Arc<State>>,
}

/// Losses of earlier runs, which the first GAP records of a run count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Before {
    /// Lost events.
    pub(crate) lost: u64,
    /// GAP records.
    pub(crate) gaps: u64,
}

impl Before {
    /// Reads the losses of a recorder that has taken no event yet.
    pub(crate) fn of(recorder: &Recorder) -> Self {
        Self { lost: recorder.watch().lost(), gaps: recorder.recovery().gap_records }
    }
}

impl Recording {
    /// Starts a run that shows its status, and gives its numbers to a service.
    pub(crate) fn start(
        log: &LogPlan,
        ring_bytes: usize,
        status: Status,
        service: &Service,
    ) -> Result<Self, CliError> {
        let watched = service.state().cloned();
        let recording = Self { status: Some(status), watched, ..Self::start_silent(log, ring_bytes)? };
        service.begin(&recording.recorder);
        Ok(recording)
    }

    /// Starts a run that shows nothing.
    pub(crate) fn start_silent(log: &LogPlan, ring_bytes: usize) -> Result<Self, CliError> {
        let (producer, recorder) = log.recorder(ring_bytes).start(&log.path)?;
        say_opening(&recorder, log);
        let retention = RetentionWatch::new(recorder.watch());
        let before = Before::of(&recorder);
        let losses = LossReports::new(before.lost);
        Ok(Self {
            log: log.clone(),
            producer,
            recorder,
            retention,
            losses,
            status: None,
            before,
            watched: None,
        })
    }

    /// Whether the log ended with the record before this sequence.
    pub(crate) fn continues_at(&self, sequence: u64) -> bool {
        self.recorder.recovery().next_sequence == sequence
    }

    /// Writes, syncs and seals everything that was taken.
    ///
    /// If the log failed before, returns what it had taken, and the error.
    pub(crate) fn finish(self, progress: &Progress) -> Result<Recorded, CliError> {
        self.note(progress);
        let ended = self.recorder.shutdown(self.producer);
        let recorded = Recorded::of(&self.log, ended, self.retention)?.after(self.before);
        if let Some(mut status) = self.status {
            let progress = Progress { events: recorded.events, ..*progress };
            status.finish(&progress, recorded.summary.lost);
        }
        Ok(recorded)
    }

    /// Gives the counts of the feed to those who watch.
    fn note(&self, progress: &Progress) {
        if let Some(state) = &self.watched {
            let Progress { events, lost, skipped, read_bytes, .. } = *progress;
            state.feed.set(events, lost, skipped, read_bytes);
        }
    }

    /// Waits for room and writes; fails if the recorder has stopped.
    #[cold]
    fn when_room(
        &mut self,
        mut write: impl FnMut(&mut Producer) -> Result<(), WriteError>,
    ) -> Result<(), CliError> {
        let mut waiter = Waiter::new(Idle::default());
        loop {
            match write(&mut self.producer) {
                Err(WriteError::Full) if self.recorder.has_stopped() => return Err(CliError::Stopped),
                Err(WriteError::Full) => waiter.wait(),
                other => return Ok(other?),
            }
        }
    }
}

impl Sink for Recording {
    #[inline]
    fn write(&mut self, header: &EventHeader, payload: &[u8]) -> Result<(), CliError> {
        match self.producer.write_event(header, payload) {
            Err(WriteError::Full) => self.when_room(|producer| producer.write_event(header, payload)),
            other => Ok(other?),
        }
    }

    fn write_gap(&mut self, timestamp: u64, gap: Gap) -> Result<(), CliError> {
        self.when_room(|producer| producer.write_gap(timestamp, gap))
    }

    fn describe(&mut self, changes: &SchemaList) -> Result<(), CliError> {
        if self.recorder.has_stopped() {
            return Err(CliError::Stopped);
        }
        Ok(self.recorder.register(changes)?)
    }

    fn look(&mut self, progress: &Progress) {
        self.note(progress);
        let ring = Some((self.producer.used() as u64, self.producer.capacity() as u64));
        if let Some(status) = self.status.as_mut().filter(|status| status.is_due()) {
            let lost = self.recorder.watch().lost();
            // If the log reports more losses than the feed, a full disk dropped events that were counted as written.
            let dropped = lost.saturating_sub(self.before.lost).saturating_sub(progress.lost);
            let progress = Progress { events: progress.events.saturating_sub(dropped), ..*progress };
            status.show(&progress, Gauges { ring, lost });
            if let Some(report) = self.losses.look(lost, Instant::now()) {
                warn!(target: LOG, "{report}");
            }
            self.retention.look(|line| warn!(target: LOG, "{line}"));
        }
    }

    fn has_failed(&self) -> bool {
        self.recorder.has_stopped()
    }

    fn say(&mut self, line: &str) {
        warn!(target: FEED, "{line}");
    }
}

/// A finished run.
#[derive(Debug)]
pub(crate) struct Recorded {
    /// Events that were written, by the count of the writer.
    pub(crate) events: u64,
    log: PathBuf,
    /// Whether all of the run will be read back.
    keeps_all: bool,
    summary: LogSummary,
    before: Before,
    /// META records at the start of each segment.
    metas: u64,
    /// Why the log did not take the rest.
    failure: Option<CliError>,
    has_failed: bool,
    retention_errors: Vec<String>,
}

/// How much of a run was read back. If it is not all, the counts are the writer's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize)]
pub(crate) enum Part {
    #[default]
    #[serde(rename = "all")]
    All,
    #[serde(rename = "the last file")]
    LastFile,
    #[serde(rename = "nothing")]
    Nothing,
}

/// What reading the log found of a run.
#[derive(Debug, Default)]
pub(crate) struct ReadBack {
    pub(crate) stats: RecordStats,
    /// The first events, one line each.
    pub(crate) sample: String,
    /// How much of the run was read.
    pub(crate) part: Part,
}

impl Recorded {
    /// Makes a finished run from how its recorder ended. If the log failed, what it had taken before counts.
    pub(crate) fn of(
        log: &LogPlan,
        ended: Result<LogSummary, RecorderError>,
        mut retention: RetentionWatch,
    ) -> Result<Self, CliError> {
        retention.look(|line| warn!(target: LOG, "{line}"));
        let retention_errors = retention.into_reported();
        let (summary, failure) = match ended {
            Ok(summary) => (summary, None),
            // The log is whole. The error is a loss that no GAP record counts yet, or damage from an earlier run.
            Err(RecorderError::Close {
                source: source @ (SyncError::UnreportedLoss { .. } | SyncError::Damaged(_)),
                written,
            }) => {
                warn!(target: LOG, "{source}");
                (*written, None)
            }
            Err(error) => match error.written() {
                Some(written) => (written, Some(error.into())),
                None => return Err(error.into()),
            },
        };
        let keeps_all = log.keeps_all && summary.bytes <= READ_BACK_MOST;
        let has_failed = failure.is_some();
        let (events, metas, log) = (summary.events, log.options.schemas.len() as u64, log.path.clone());
        let before = Before::default();
        Ok(Self { events, log, keeps_all, summary, before, metas, failure, has_failed, retention_errors })
    }

    /// Returns the bytes of the records that were written.
    pub(crate) const fn bytes(&self) -> u64 {
        self.summary.bytes
    }

    /// Returns the lost events that the log reports.
    pub(crate) const fn lost(&self) -> u64 {
        self.summary.lost
    }

    /// Returns the losses in the log that are of earlier runs.
    pub(crate) const fn before(&self) -> Before {
        self.before
    }

    /// Sets what the log had lost in earlier runs.
    pub(crate) const fn after(mut self, before: Before) -> Self {
        self.before = before;
        self
    }

    /// Sets the GAP records of earlier runs, for a run from a shared ring, which does not count their losses.
    pub(crate) const fn after_gaps(mut self, gaps: u64) -> Self {
        self.before.gaps = gaps;
        self
    }

    /// Takes the reasons why old segments could not be deleted or recycled, each once.
    pub(crate) fn take_retention_errors(&mut self) -> Vec<String> {
        std::mem::take(&mut self.retention_errors)
    }

    /// Takes the error that ended the log, if there was one.
    pub(crate) fn take_failure(&mut self) -> Option<CliError> {
        self.failure.take()
    }

    /// Reads and checks the records of this run, all of them or those of the last file.
    ///
    /// For the last file alone, the counts are the writer's.
    pub(crate) fn read_back(&self) -> Result<ReadBack, CliError> {
        let LogSummary { first_sequence, unreported, .. } = self.summary;
        let mut found = if self.keeps_all { self.read_from(first_sequence) } else { self.read_last_file() }?;
        if let Some(count) = unreported {
            found.stats.add_unreported(&Gap::new(GapReason::DiskFull, count));
        }
        Ok(found)
    }

    /// Reads and checks the records of this run that retention has left. Also returns the number of events that it has
    /// retired.
    pub(crate) fn read_back_rest(&self) -> Result<(ReadBack, u64), CliError> {
        let LogSummary { first_sequence, next_sequence, gaps, segments: written, .. } = self.summary;
        let segments = LogSource::open_or_empty(&self.log)?.segments();
        let first = segments.first().map_or(next_sequence, |first| first.base_sequence).max(first_sequence);
        let found = self.read_from(first)?;
        let of_run = first_sequence..next_sequence;
        let left = segments.iter().filter(|it| of_run.contains(&it.base_sequence)).count() as u64;
        let retired_gaps = gaps.saturating_sub(found.stats.gaps);
        let retired_metas = written.saturating_sub(left) * self.metas;
        Ok((found, (first - first_sequence).saturating_sub(retired_gaps + retired_metas)))
    }

    fn read_last_file(&self) -> Result<ReadBack, CliError> {
        let LogSummary { first_sequence, next_sequence, .. } = self.summary;
        let last =
            LogSource::open_or_empty(&self.log)?.segments().last().map_or(0, |last| last.base_sequence);
        let mut found = self.read_from(first_sequence.max(last.min(next_sequence)))?;
        found.stats = self.counted_by_writer(found.stats);
        found.part = Part::LastFile;
        Ok(found)
    }

    /// Returns the counts of the writer, for a run that cannot be read back.
    pub(crate) fn unread(&self) -> ReadBack {
        ReadBack {
            stats: self.counted_by_writer(RecordStats::default()),
            part: Part::Nothing,
            ..ReadBack::default()
        }
    }

    fn counted_by_writer(&self, found: RecordStats) -> RecordStats {
        let LogSummary { events, gaps, lost, unreported, bytes, .. } = self.summary;
        let lost = lost - unreported.unwrap_or(0);
        let mut stats = RecordStats { events, gaps, lost, bytes, ..found };
        for reason in (1..).map(GapReason::from_code).take_while(|it| !matches!(it, GapReason::Other(_))) {
            let count = self.summary.lost_because(reason);
            if count > 0 {
                stats.lost_by_reason.insert(reason.to_string(), count);
            }
        }
        stats
    }

    fn read_from(&self, first_sequence: u64) -> Result<ReadBack, CliError> {
        let next_sequence = self.summary.next_sequence;
        let mut stats = RecordStats::default();
        let mut sample = Printer::new(PrintStyle::default(), Vec::new()).map_err(CliError::Output)?;
        if first_sequence == next_sequence {
            // Then the log may have no file.
            return Ok(ReadBack { stats, sample: sample.into_text(), part: Part::All });
        }
        let mut source = LogSource::open(&self.log)?;
        source.seek(first_sequence)?;
        // Records after that are not of this run.
        while source.next_sequence() < next_sequence {
            let clock = source.clock();
            let event = match source.next_event() {
                // If the log failed, what can be read counts.
                Err(error) if self.has_failed => {
                    warn!(target: LOG, "what was written cannot be read further: {error}");
                    break;
                }
                other => other?,
            };
            let Some(event) = event else { break };
            if event.sequence < first_sequence {
                continue;
            }
            if stats.events < SAMPLE_EVENTS {
                sample.print(&event, clock).map_err(CliError::Output)?;
            }
            stats.add(&event);
        }
        Ok(ReadBack { stats, sample: sample.into_text(), part: Part::All })
    }
}

/// Says how the previous writer of the log ended and which option has no effect, if there is any.
pub(crate) fn say_opening(recorder: &Recorder, log: &LogPlan) {
    if log.wants_uncached && !recorder.watch().is_uncached() {
        warn!(
            target: LOG,
            "--uncached: this kernel or file system cannot do it: what is written stays in the system's cache"
        );
    }
    if recorder.recovery().is_notable() {
        let recovery = recorder.recovery();
        for line in format!("recovery: {recovery}").lines() {
            match recovery.has_loss {
                true => warn!(target: LOG, "{line}"),
                false => info!(target: LOG, "{line}"),
            }
        }
    }
    if let Some(skipped) = recorder.skipped() {
        warn!(target: RING, "{skipped}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::log_args::LogArgs;

    #[test]
    fn events_and_gaps_wait_for_room() {
        let folder = tempfile::tempdir().unwrap();
        let mut recording = Recording::start_silent(
            &LogPlan::new(folder.path().into(), &LogArgs::default()).unwrap(),
            128 * 1024,
        )
        .unwrap();
        // Two of them fill the ring, and the recorder sleeps between its checks.
        for number in 0..20 {
            recording.write(&EventHeader::new(number, 0, 60_000), &[1; 60_000]).unwrap();
            recording.write_gap(number, Gap::new(GapReason::TooLong, 3)).unwrap();
        }
        let recorded = recording.finish(&Progress::default()).unwrap();
        let stats = recorded.read_back().unwrap().stats;
        assert_eq!((recorded.events, recorded.lost(), stats.gaps, stats.lost), (20, 60, 20, 60));
    }
}
