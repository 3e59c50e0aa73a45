//! Whether a recorder is well, and why not.
#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use ringlog::recorder::RecorderMetrics;

use crate::terminal::words::counted;

/// For how long a loss makes a service unwell.
const LOSS_SECONDS: Duration = Duration::from_secs(10);

/// What is still well.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// For how long something published may not be durable; `None` for ever.
    pub(crate) not_durable: Option<Duration>,
}

/// What was seen of a recorder.
#[derive(Debug, Default)]
pub(crate) struct Health {
    /// Lost events, once there was a look. The first look finds those of earlier runs.
    lost: Option<u64>,
    lost_at: Option<Instant>,
}

impl Health {
    /// Compares the losses with those of the last look. What a dead producer has left in its ring for the next one to report is
    /// no loss of now.
    pub(crate) fn look(&mut self, metrics: &RecorderMetrics, now: Instant) {
        self.note_lost(metrics.counts.lost, now);
    }

    fn note_lost(&mut self, lost: u64, now: Instant) {
        if self.lost.replace(lost).is_some_and(|before| lost > before) {
            self.lost_at = Some(now);
        }
    }

    /// Returns why the recorder is not well, the worst first.
    pub(crate) fn reasons(&self, metrics: &RecorderMetrics, limits: &Limits, now: Instant) -> Vec<String> {
        let log = &metrics.log;
        let mut reasons = Vec::new();
        if log.is_poisoned {
            let why = log.poisoned_because.as_deref();
            reasons.push(format!(
                "poisoned: {}",
                why.unwrap_or("a sync of the log failed, or its lock was lost")
            ));
        }
        if metrics.has_stopped {
            reasons.push("stopped: the recorder has ended; its last message names the cause".into());
        }
        if log.is_disk_full {
            reasons.push("disk full: there is no room for the next file of the log".into());
        }
        if let Some(dropping) = self.dropping(metrics, now) {
            reasons.push(dropping);
        }
        let seconds = log.not_durable_for.as_secs();
        if limits.not_durable.is_some_and(|most| log.not_durable_for > most) {
            reasons.push(format!("not durable: what was written {seconds} s ago is not synced yet"));
        }
        reasons
    }

    fn dropping(&self, metrics: &RecorderMetrics, now: Instant) -> Option<String> {
        if let Some(count) = metrics.log.dropping {
            return Some(format!(
                "dropping: {} of a full disk without a GAP record yet",
                counted(count, "event")
            ));
        }
        let since = now.duration_since(self.lost_at?);
        (since < LOSS_SECONDS).then(|| format!("dropping: events were lost {} s ago", since.as_secs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringlog::event::EventHeader;
    use ringlog::recorder::Recorder;

    fn metrics() -> RecorderMetrics {
        let folder = tempfile::tempdir().unwrap();
        let (mut producer, recorder) = Recorder::start(folder.path()).unwrap();
        producer.write_event(&EventHeader::new(1, 7, 0), b"").unwrap();
        let monitor = recorder.monitor();
        recorder.shutdown(producer).unwrap();
        let mut metrics = monitor.metrics();
        metrics.has_stopped = false;
        metrics
    }

    #[test]
    fn each_state_that_is_not_well_has_its_reason() {
        let (now, limits) = (Instant::now(), Limits { not_durable: Some(Duration::from_secs(5)) });
        let well = metrics();
        let reasons = |change: &dyn Fn(&mut RecorderMetrics)| {
            let mut changed = well.clone();
            change(&mut changed);
            Health::default().reasons(&changed, &limits, now)
        };
        assert_eq!(reasons(&|_| {}), [""; 0]);
        type Change<'a> = &'a dyn Fn(&mut RecorderMetrics);
        let words: [(&str, Change<'_>); 6] = [
            ("poisoned: a sync of the log failed", &|it| it.log.is_poisoned = true),
            ("stopped: ", &|it| it.has_stopped = true),
            ("disk full: ", &|it| it.log.is_disk_full = true),
            ("dropping: 2 events of a full disk", &|it| it.log.dropping = Some(2)),
            ("not durable: what was written 6 s ago", &|it| it.log.not_durable_for = Duration::from_secs(6)),
            ("poisoned: no disk", &|it| {
                it.log.is_poisoned = true;
                it.log.poisoned_because = Some("no disk".into());
            }),
        ];
        for (begin, change) in words {
            let found = reasons(change);
            assert!(found.len() == 1 && found[0].starts_with(begin), "{begin}: {found:?}");
        }
        assert_eq!(reasons(&|it| it.log.not_durable_for = Duration::from_secs(5)), [""; 0]);
        assert_eq!(reasons(&|it| (it.log.is_disk_full, it.has_stopped) = (true, true)).len(), 2);
    }

    #[test]
    fn a_loss_counts_for_ten_seconds_and_one_of_an_earlier_run_never() {
        let (mut health, start, well) = (Health::default(), Instant::now(), metrics());
        let limits = Limits { not_durable: None };
        let at = |seconds| start + Duration::from_secs(seconds);
        health.note_lost(7, at(0));
        assert_eq!(health.reasons(&well, &limits, at(0)), [""; 0]);
        health.note_lost(8, at(1));
        health.note_lost(8, at(2));
        assert_eq!(health.reasons(&well, &limits, at(4)), ["dropping: events were lost 3 s ago"]);
        assert_eq!(health.reasons(&well, &limits, at(11)), [""; 0]);
    }
}
