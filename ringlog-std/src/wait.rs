//! What a thread does while there is nothing to do.
#![forbid(unsafe_code)]

use crossbeam_utils::Backoff;
use std::time::Duration;

/// How a consumer waits for events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Idle {
    /// Looks again at once: lowest latency, one core busy.
    Spin,
    /// Spins briefly, then lets other threads run between looks.
    Yield,
    /// Spins briefly, then yields, then sleeps, longer each time up to `longest`.
    Sleep {
        /// Bound of one sleep, and so of the latency that waiting adds (plus the kernel's timer slack).
        longest: Duration,
    },
}

impl Default for Idle {
    /// Sleeps of up to ten milliseconds, which take below one percent of a processor.
    fn default() -> Self {
        Self::Sleep { longest: Duration::from_millis(10) }
    }
}

/// How long one thread has been waiting, in one spell.
#[derive(Debug)]
pub(crate) struct Waiter {
    idle: Idle,
    backoff: Backoff,
    next_sleep: Duration,
}

/// Pauses of the processor, of some ten nanoseconds each.
const GATHERING_SPINS: u32 = 64;

const FIRST_SLEEP: Duration = Duration::from_micros(20);

impl Waiter {
    pub(crate) fn new(idle: Idle) -> Self {
        Self { idle, backoff: Backoff::new(), next_sleep: FIRST_SLEEP }
    }

    /// There was something to do.
    pub(crate) fn reset(&mut self) {
        self.backoff.reset();
        self.next_sleep = FIRST_SLEEP;
    }

    /// There was something to do, but little: lets more of it come together.
    ///
    /// A consumer that looks again at once takes the cache line with the producer's position away from it for
    /// every event, and the producer, whose stores wait for that line, pays.
    pub(crate) fn let_gather(&mut self) {
        self.reset();
        for _ in 0..GATHERING_SPINS {
            std::hint::spin_loop();
        }
    }

    /// There was nothing to do, once more.
    pub(crate) fn wait(&mut self) {
        match self.idle {
            Idle::Spin => std::hint::spin_loop(),
            Idle::Yield => self.backoff.snooze(),
            Idle::Sleep { .. } if !self.backoff.is_completed() => self.backoff.snooze(),
            Idle::Sleep { longest } => {
                std::thread::sleep(self.next_sleep.min(longest));
                self.next_sleep = (self.next_sleep * 2).min(longest);
            }
        }
    }
}
