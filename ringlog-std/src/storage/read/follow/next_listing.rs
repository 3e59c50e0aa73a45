//! When a follower lists the folder of its log again.
#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use crate::os::sync::now;

/// After this time without a new record the folder is listed, and from then on once in this time.
const SILENCE: Duration = Duration::from_millis(100);
/// The first wait for the successor of a sealed segment. Each wait is twice as long as the one before, up to
/// [`SILENCE`].
const FIRST_WAIT: Duration = Duration::from_millis(1);

/// When to list the folder next.
#[derive(Debug)]
pub(crate) struct NextListing {
    next: Instant,
    wait: Duration,
}

impl NextListing {
    pub(crate) fn at_once() -> Self {
        Self { next: now(), wait: FIRST_WAIT }
    }

    fn after_silence() -> Self {
        Self { next: now() + SILENCE, wait: SILENCE }
    }

    /// At once after a segment that gets no more records, as the next one is likely to be there; else after a silence.
    pub(crate) fn after_end(is_final: bool) -> Self {
        if is_final { Self::at_once() } else { Self::after_silence() }
    }

    /// Returns whether it is time, and sets the next time, with a longer wait each time.
    pub(crate) fn is_due_at(&mut self, now: Instant) -> bool {
        let is_due = now >= self.next;
        if is_due {
            self.next = now + self.wait;
            self.wait = (self.wait * 2).min(SILENCE);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts how often it is due within a second, asked every millisecond as a waiting follower does.
    fn listings_in_a_second(mut listing: NextListing) -> usize {
        let start = Instant::now();
        (0..1000).filter(|milli| listing.is_due_at(start + Duration::from_millis(*milli))).count()
    }

    #[test]
    fn a_silent_log_is_listed_about_ten_times_a_second() {
        assert!((8..=11).contains(&listings_in_a_second(NextListing::after_silence())));
        // At first after 1, 2, 4, ... 64 milliseconds.
        assert!((14..=19).contains(&listings_in_a_second(NextListing::at_once())));
    }
}
