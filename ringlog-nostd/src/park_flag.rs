//! The flag that shows a producer that its consumer sleeps.
#![forbid(unsafe_code)]

use crate::sync::{AtomicBool, Ordering, const_unless_modelled, fence};

/// Shows that a consumer sleeps or is about to. No wake-up is lost between a look that finds nothing and the sleep.
///
/// The consumer raises the flag, *then* looks; the producer publishes, *then* asks. A `SeqCst` fence between the two
/// steps on both sides makes sure that at least one side sees what the other stored: the flag, or what the consumer
/// waits for (the ring's head, or its `closed`). The sleep must remember a wake-up that comes too early, as
/// `std::thread::park` and the event register of `wfe` do.
///
/// ```
/// use ringlog_nostd::ParkFlag;
///
/// static FLAG: ParkFlag = ParkFlag::new();
/// // The consumer raises the flag, then looks once more, then sleeps:
/// FLAG.raise();
/// // The producer, after each event that it published:
/// assert!(FLAG.is_wake_due()); // so it wakes the consumer
/// assert!(!FLAG.is_wake_due()); // once is enough
/// // The consumer, awake:
/// FLAG.lower();
/// ```
#[derive(Debug)]
pub struct ParkFlag {
    raised: AtomicBool,
}

impl ParkFlag {
    const_unless_modelled! {
        /// Returns a flag that is down.
        ///
        /// ```
        /// static FLAG: ringlog_nostd::ParkFlag = ringlog_nostd::ParkFlag::new();
        /// assert!(!FLAG.is_wake_due());
        /// ```
        #[must_use]
        pub fn new() -> Self {
            Self { raised: AtomicBool::new(false) }
        }
    }

    /// Raises the flag. The consumer calls it before it looks, and sleeps if the look finds nothing. It calls it again
    /// after each sleep.
    ///
    /// ```
    /// let flag = ringlog_nostd::ParkFlag::new();
    /// flag.raise();
    /// assert!(flag.is_wake_due());
    /// ```
    pub fn raise(&self) {
        // ORDERING: Relaxed. The fence below orders it.
        self.raised.store(true, Ordering::Relaxed);
        // ORDERING: SeqCst fence, PARK. Pairs with the fence in `is_wake_due`: either that producer sees the flag,
        // or the look that follows here sees what the producer published. Acquire and Release order no store before
        // a later load.
        fence(Ordering::SeqCst);
    }

    /// Lowers the flag. The consumer calls it when it does not sleep.
    ///
    /// ```
    /// let flag = ringlog_nostd::ParkFlag::new();
    /// flag.raise();
    /// flag.lower();
    /// assert!(!flag.is_wake_due());
    /// ```
    pub fn lower(&self) {
        // ORDERING: Relaxed. A producer that sees it late wakes the consumer for nothing.
        self.raised.store(false, Ordering::Relaxed);
    }

    /// Returns whether the producer, which has just published something, must wake the consumer. Lowers the flag.
    ///
    /// ```
    /// let flag = ringlog_nostd::ParkFlag::new();
    /// assert!(!flag.is_wake_due());
    /// flag.raise();
    /// assert!(flag.is_wake_due());
    /// ```
    #[must_use = "nobody else will wake the consumer"]
    pub fn is_wake_due(&self) -> bool {
        // ORDERING: SeqCst fence, PARK. Pairs with the fence in `raise`, which has the argument.
        fence(Ordering::SeqCst);
        // ORDERING: Relaxed. The fence orders it.
        let due = self.raised.load(Ordering::Relaxed);
        if due {
            // ORDERING: Relaxed. A consumer that has raised the flag again meanwhile is woken too, and raises it again.
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
