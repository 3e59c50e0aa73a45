//! The flag by which a producer learns that its consumer sleeps.
#![forbid(unsafe_code)]

use crate::sync::{AtomicBool, Ordering, const_unless_modelled, fence};

/// Whether a consumer sleeps, or is about to: no wake-up is lost between a look that finds nothing and the sleep.
///
/// Two variables are involved, this flag and what the consumer waits for (the ring's head, or its `closed`). The
/// consumer raises the flag, *then* looks; the producer publishes, *then* asks. A `SeqCst` fence between
/// the two on both sides makes sure that at least one sees what the other stored. The sleep itself has to
/// remember a wake-up that comes too early, as `std::thread::park` and the event register of `wfe` do.
///
/// ```
/// use ringlog_nostd::ParkFlag;
///
/// static FLAG: ParkFlag = ParkFlag::new();
/// // The consumer:
/// FLAG.raise();
/// let nothing_to_read = true; // looked for after the flag was raised
/// if nothing_to_read { /* sleep */ }
/// FLAG.lower();
/// // The producer, behind each event that it published:
/// if FLAG.is_wake_due() { /* wake the consumer */ }
/// ```
#[derive(Debug)]
pub struct ParkFlag {
    raised: AtomicBool,
}

impl ParkFlag {
    const_unless_modelled! {
        /// A flag that is down.
        #[must_use]
        pub fn new() -> Self {
            Self { raised: AtomicBool::new(false) }
        }
    }

    /// The consumer is about to look, and to sleep if it finds nothing. Again after each sleep.
    pub fn raise(&self) {
        // ORDERING: Relaxed. The fence orders it.
        self.raised.store(true, Ordering::Relaxed);
        // ORDERING: SeqCst fence, PARK. Pairs with the fence in `is_wake_due`: either that producer sees the flag,
        // or the look that follows here sees what it published. Acquire and Release order no store before a
        // later load.
        fence(Ordering::SeqCst);
    }

    /// The consumer does not sleep.
    pub fn lower(&self) {
        // ORDERING: Relaxed. Seen late, it costs a wake-up for nothing.
        self.raised.store(false, Ordering::Relaxed);
    }

    /// Whether the producer, which has just published something, has to wake the consumer. It lowers the flag.
    #[must_use = "nobody else will wake the consumer"]
    pub fn is_wake_due(&self) -> bool {
        // ORDERING: SeqCst fence, PARK. Pairs with the fence in `raise`, see there.
        fence(Ordering::SeqCst);
        // ORDERING: Relaxed. The fence orders it.
        let due = self.raised.load(Ordering::Relaxed);
        if due {
            // ORDERING: Relaxed. A consumer that raised the flag again meanwhile is woken too, and raises it anew.
            self.raised.store(false, Ordering::Relaxed);
        }
        due
    }
}

impl Default for ParkFlag {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wake_is_due_once_for_each_time_that_the_flag_was_raised() {
        let flag = ParkFlag::default();
        assert!(!flag.is_wake_due());
        for _ in 0..2 {
            flag.raise();
            flag.raise();
            assert!(flag.is_wake_due());
            assert!(!flag.is_wake_due());
        }
        flag.raise();
        flag.lower();
        assert!(!flag.is_wake_due());
    }
}
