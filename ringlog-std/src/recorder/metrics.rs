//! The state of a recorder in numbers, for those who watch it.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::counts::RecorderCounts;
use super::work::Shared;
use crate::storage::{LogMetrics, LogWatch};

/// The state of a recorder: [`Recorder::metrics`](crate::recorder::Recorder::metrics).
///
/// ```
/// use ringlog::{event::EventHeader, recorder::Recorder};
/// # let folder = tempfile::tempdir()?;
/// let (mut producer, recorder) = Recorder::start(folder.path())?;
/// producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
/// while recorder.metrics().log.events < 1 {
///     std::thread::yield_now();
/// }
/// assert_eq!(recorder.metrics().log.published_position, 24);
/// # recorder.shutdown(producer)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct RecorderMetrics {
    /// Rings, consumers and followers.
    pub counts: RecorderCounts,
    /// The log.
    pub log: LogMetrics,
    /// As [`Recorder::pending_loss`](crate::recorder::Recorder::pending_loss).
    pub pending_loss: u64,
    /// Turns of the recorder's thread, counted about twenty times a second. A count that does not rise for seconds means that
    /// something holds the thread up, such as a disk or a consumer.
    pub turns: u64,
    /// As [`Recorder::has_stopped`](crate::recorder::Recorder::has_stopped).
    pub has_stopped: bool,
}

/// Reads the state of a recorder on any thread, also after the recorder has ended:
/// [`Recorder::monitor`](crate::recorder::Recorder::monitor).
///
/// With the feature `prometheus` it is a collector for a registry of the crate `prometheus-client`.
///
/// ```
/// # use ringlog::recorder::Recorder;
/// # let folder = tempfile::tempdir()?;
/// let (producer, recorder) = Recorder::start(folder.path())?;
/// let monitor = recorder.monitor();
/// assert!(!monitor.metrics().has_stopped);
/// recorder.shutdown(producer)?;
/// assert!(monitor.metrics().has_stopped);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct RecorderMonitor {
    pub(super) shared: Arc<Shared>,
    pub(super) watch: LogWatch,
}

impl RecorderMonitor {
    /// Returns the state of now. The recorder's thread is not held up: it stores the numbers anyway, in a few words or, rings and
    /// consumers, every 50 milliseconds.
    ///
    /// ```
    /// # use ringlog::recorder::Recorder;
    /// # let folder = tempfile::tempdir()?;
    /// let (producer, recorder) = Recorder::start(folder.path())?;
    /// assert_eq!(recorder.monitor().metrics().log.lost, 0);
    /// # recorder.shutdown(producer)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn metrics(&self) -> RecorderMetrics {
        let has_stopped = self.shared.has_stopped();
        RecorderMetrics {
            counts: self.counts(),
            pending_loss: self.pending_loss(),
            // ORDERING: Relaxed. The number is for a display only.
            turns: self.shared.turns.load(Ordering::Relaxed),
            has_stopped,
            log: self.watch.metrics(),
        }
    }

    pub(super) fn pending_loss(&self) -> u64 {
        // ORDERING: Relaxed. The number is for a display only.
        self.shared.pending_loss.load(Ordering::Relaxed)
    }

    pub(super) fn counts(&self) -> RecorderCounts {
        let followers = self.shared.noted.followers(self.watch.published_position());
        let noted = self.shared.noted.get();
        let log = noted.consumers.first();
        RecorderCounts {
            events: log.map_or(0, |log| log.events),
            bytes: log.map_or(0, |log| log.bytes),
            lost: self.watch.lost().saturating_add(self.pending_loss()),
            // ORDERING: Relaxed. The number is for a display only.
            late: self.shared.late.load(Ordering::Relaxed),
            rings: noted.rings.clone(),
            consumers: noted.consumers.clone(),
            followers,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorder::Recorder;
    use crate::storage::{LogWriter, Retention};
    use ringlog_nostd::{EventHeader, Gap, GapReason, WriteError};
    use std::path::Path;
    use std::time::{Duration, Instant};

    fn record(folder: &Path, options: crate::storage::LogWriterOptions, events: u64) -> RecorderMetrics {
        let (mut producer, recorder) = Recorder::builder().log(options).start(folder).unwrap();
        let monitor = recorder.monitor();
        for time in 0..events {
            while producer.write_event(&EventHeader::new(time, 7, 1000), &[1; 1000]) == Err(WriteError::Full)
            {
                std::thread::yield_now();
            }
        }
        producer.write_gap(events, Gap::new(GapReason::TooLong, 5)).unwrap();
        recorder.shutdown(producer).unwrap();
        monitor.metrics()
    }

    #[test]
    fn the_numbers_of_a_log_are_those_of_its_summary_and_files() {
        let folder = tempfile::tempdir().unwrap();
        let retention = Retention { max_segments: Some(3), ..Retention::default() };
        let options = LogWriter::options().segment_bytes(16 << 10).retention(retention);
        let metrics = record(folder.path(), options, 100);
        let log = &metrics.log;
        assert!(metrics.has_stopped && !log.is_poisoned && !log.is_disk_full);
        assert_eq!((log.events, log.gaps, log.lost, log.next_sequence), (100, 1, 5, 101));
        assert_eq!((log.lost_because(GapReason::TooLong), log.lost_because(GapReason::DiskFull)), (5, 0));
        assert_eq!((log.dropping, log.gaps_of_unknown_count), (None, 0));
        assert_eq!((log.published_position, log.durable_position), (log.bytes, log.bytes));
        assert_eq!(log.not_durable_for, Duration::ZERO);
        let files = crate::storage::LogReader::open(folder.path()).unwrap();
        assert_eq!(files.segments().len(), 3);
        assert_eq!(log.oldest_sequence, files.segments()[0].header.base_sequence);
        assert_eq!(log.begun_segments - log.retired_segments, 3);
        assert!(log.retired_bytes > 0 && log.syncs.count() >= log.begun_segments, "{log:?}");
        assert_eq!((metrics.counts.consumers[0].name.as_str(), metrics.pending_loss), ("log", 0));
    }

    #[test]
    fn a_second_run_counts_anew_and_continues_the_sequence() {
        let folder = tempfile::tempdir().unwrap();
        record(folder.path(), LogWriter::options(), 3);
        let metrics = record(folder.path(), LogWriter::options(), 2);
        assert_eq!((metrics.log.events, metrics.log.gaps, metrics.log.next_sequence), (2, 1, 7));
        assert_eq!((metrics.log.oldest_sequence, metrics.log.lost), (0, 5));
    }

    #[test]
    fn the_turns_of_the_thread_rise_while_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let (producer, recorder) = Recorder::start(folder.path()).unwrap();
        let before = recorder.metrics().turns;
        let limit = Instant::now() + Duration::from_secs(60);
        while recorder.metrics().turns < before + 2 {
            assert!(Instant::now() < limit, "no turn");
            std::thread::sleep(Duration::from_millis(5));
        }
        recorder.shutdown(producer).unwrap();
    }
}
