//! What bounded a run: decided from where the time of its two threads went.

use serde::Serialize;

/// The parts of the way from an event to the disk; each can be the slowest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub(crate) enum Bound {
    /// The producer's side: making events and handing them over.
    #[serde(rename = "ring")]
    Ring,
    /// The recorder's processor: copying and checksums.
    #[serde(rename = "recorder")]
    Recorder,
    /// The kernel's calls that fill its page cache.
    #[serde(rename = "page cache")]
    PageCache,
    /// The disk: the kernel makes the recorder wait for it.
    #[serde(rename = "disk")]
    Disk,
}

impl Bound {
    pub(crate) const ALL: [Self; 4] = [Self::Ring, Self::Recorder, Self::PageCache, Self::Disk];

    /// Returns one or two words.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ring => "ring",
            Self::Recorder => "recorder",
            Self::PageCache => "page cache",
            Self::Disk => "disk",
        }
    }

    /// Names the limit that is measured for this part.
    pub(crate) const fn limit(self) -> &'static str {
        match self {
            Self::Ring => "hand-over in memory",
            Self::Recorder => "copy and checksums in memory",
            Self::PageCache => "plain pwrite into fresh files",
            Self::Disk => "plain pwrite, synced to disk",
        }
    }
}

/// Where the time of the two threads went, each from 0 to 1.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub(crate) struct Shares {
    /// The producer found the ring full and waited for room.
    pub(crate) producer_waiting: f64,
    /// The recorder was on a processor, in the program: copying and checksums.
    pub(crate) recorder_copying: f64,
    /// The recorder was on a processor, in the kernel.
    pub(crate) recorder_in_kernel: f64,
    /// The kernel made the recorder wait.
    pub(crate) recorder_blocked: f64,
    /// The recorder was ready to run and had no processor.
    pub(crate) recorder_queued: f64,
    /// The recorder slept because the ring was empty.
    pub(crate) recorder_idle: f64,
}

/// A producer that waits for less than this part of the time is not held up by the recorder.
const SELDOM: f64 = 0.1;

impl Shares {
    /// Returns what bounded the rate.
    ///
    /// A producer that seldom waited, or less than the recorder did, is the slower side: the ring. Otherwise it is what
    /// the recorder spent most of its time on.
    pub(crate) fn bound(&self) -> Bound {
        if self.producer_waiting < SELDOM || self.producer_waiting <= self.recorder_idle {
            return Bound::Ring;
        }
        let processor = self.recorder_copying + self.recorder_queued;
        let parts = [
            (Bound::Recorder, processor),
            (Bound::PageCache, self.recorder_in_kernel),
            (Bound::Disk, self.recorder_blocked),
        ];
        parts.into_iter().max_by(|a, b| a.1.total_cmp(&b.1)).map_or(Bound::Recorder, |(bound, _)| bound)
    }

    /// Returns a sentence that says what bounded the rate, and the shares from which that follows.
    ///
    /// `of_limit` is the part that was reached of the limit of what bounded it, if that was measured.
    pub(crate) fn sentence(&self, of_limit: impl Fn(Bound) -> Option<f64>) -> String {
        let bound = self.bound();
        let waiting = percent(self.producer_waiting);
        let why = match bound {
            Bound::Ring => format!(
                "the producer waited only {waiting} % of the time, the recorder was idle {} %",
                percent(self.recorder_idle)
            ),
            Bound::Recorder if self.recorder_queued > self.recorder_copying => format!(
                "the producer waited {waiting} % of the time, the recorder had no processor {} %",
                percent(self.recorder_queued)
            ),
            Bound::Recorder => format!(
                "the producer waited {waiting} % of the time, the recorder copied {} %, queued {} %",
                percent(self.recorder_copying),
                percent(self.recorder_queued)
            ),
            Bound::PageCache => format!(
                "the producer waited {waiting} % of the time, the recorder was in the kernel {} %",
                percent(self.recorder_in_kernel)
            ),
            Bound::Disk => format!(
                "the producer waited {waiting} % of the time, the kernel blocked the recorder {} %",
                percent(self.recorder_blocked)
            ),
        };
        let (name, limit) = (bound.name(), bound.limit());
        let reached = of_limit(bound)
            .map_or_else(String::new, |part| format!(" ({} % of {limit} was reached)", percent(part)));
        format!("bounded by the {name}{reached}:\n{why}\n")
    }
}

/// Returns whole percent.
pub(crate) fn percent(part: f64) -> u64 {
    (100.0 * part).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_fit_into_a_terminal() {
        for whole in [
            shares(0.09, 0.0, 0.0, 0.0, 1.0),
            shares(1.0, 0.0, 0.0, 1.0, 0.0),
            shares(1.0, 1.0, 0.0, 0.0, 0.0),
            shares(1.0, 0.0, 1.0, 0.0, 0.0),
        ] {
            let sentence = whole.sentence(|_| Some(9.99));
            assert!(sentence.lines().all(|line| line.len() <= 80), "{sentence}");
        }
    }

    /// A run whose recorder spent the rest of its time copying.
    fn shares(waiting: f64, in_kernel: f64, blocked: f64, queued: f64, idle: f64) -> Shares {
        Shares {
            producer_waiting: waiting,
            recorder_copying: 1.0 - in_kernel - blocked - queued - idle,
            recorder_in_kernel: in_kernel,
            recorder_blocked: blocked,
            recorder_queued: queued,
            recorder_idle: idle,
        }
    }

    #[test]
    fn a_producer_that_seldom_waits_is_bounded_by_the_ring() {
        let found = shares(0.03, 0.2, 0.0, 0.0, 0.4);
        assert_eq!(found.bound(), Bound::Ring);
        let sentence = found.sentence(|bound| (bound == Bound::Ring).then_some(0.714));
        let expected = "bounded by the ring (71 % of hand-over in memory was reached):\n\
                        the producer waited only 3 % of the time, the recorder was idle 40 %\n";
        assert_eq!(sentence, expected);
    }

    #[test]
    fn a_recorder_that_is_idle_longer_than_the_producer_waits_bounds_nothing() {
        assert_eq!(shares(0.2, 0.1, 0.3, 0.0, 0.25).bound(), Bound::Ring);
        assert_eq!(shares(0.3, 0.1, 0.3, 0.0, 0.25).bound(), Bound::Recorder);
    }

    #[test]
    fn a_recorder_that_copies_or_lacks_a_processor_bounds_the_run() {
        let found = shares(0.6, 0.2, 0.05, 0.1, 0.0);
        assert_eq!(found.bound(), Bound::Recorder);
        let expected = "bounded by the recorder (80 % of copy and checksums in memory was reached):\n\
                        the producer waited 60 % of the time, the recorder copied 65 %, queued 10 %\n";
        assert_eq!(found.sentence(|_| Some(0.8)), expected);
        let starved = shares(0.6, 0.3, 0.2, 0.5, 0.0);
        assert_eq!(starved.bound(), Bound::Recorder);
        let expected = "bounded by the recorder:\n\
                        the producer waited 60 % of the time, the recorder had no processor 50 %\n";
        assert_eq!(starved.sentence(|_| None), expected);
    }

    #[test]
    fn a_recorder_in_the_kernels_calls_is_bounded_by_the_page_cache() {
        let found = shares(0.71, 0.6, 0.1, 0.02, 0.03);
        assert_eq!(found.bound(), Bound::PageCache);
        let expected = "bounded by the page cache (95 % of plain pwrite into fresh files was reached):\n\
                        the producer waited 71 % of the time, the recorder was in the kernel 60 %\n";
        assert_eq!(found.sentence(|_| Some(0.954)), expected);
    }

    #[test]
    fn a_recorder_that_the_kernel_blocks_is_bounded_by_the_disk() {
        let found = shares(0.9, 0.2, 0.7, 0.0, 0.0);
        assert_eq!(found.bound(), Bound::Disk);
        // The limit was not measured.
        let expected = "bounded by the disk:\n\
                        the producer waited 90 % of the time, the kernel blocked the recorder 70 %\n";
        assert_eq!(found.sentence(|_| None), expected);
    }
}
