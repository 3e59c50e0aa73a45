//! What a thread does while it has no work.
#![forbid(unsafe_code)]

use crossbeam_utils::Backoff;
use std::time::Duration;

/// How a consumer waits for events.
///
/// ```
/// use ringlog::{recorder::Recorder, ring::Idle};
/// use std::time::Duration;
/// # let folder = tempfile::tempdir()?;
///
/// assert_eq!(Idle::default(), Idle::Sleep { longest: Duration::from_millis(10) });
/// let (producer, recorder) = Recorder::builder().idle(Idle::Yield).start(folder.path())?;
/// # recorder.shutdown(producer)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Idle {
    /// Checks again at once: lowest latency, one core busy.
    Spin,
    /// Spins briefly, then lets other threads run between checks.
    Yield,
    /// Spins briefly, then yields, then sleeps, each time longer, up to `longest`.
    Sleep {
        /// The longest sleep, and so the latency that waiting adds (plus the kernel's timer slack).
        longest: Duration,
    },
}

impl Default for Idle {
    /// Sleeps of up to ten milliseconds, which take less than one percent of a processor.
    fn default() -> Self {
        Self::Sleep { longest: Duration::from_millis(10) }
    }
}

/// How long a thread has been waiting without a break.
#[derive(Debug)]
pub struct Waiter {
    idle: Idle,
    backoff: Backoff,
    next_sleep: Duration,
}

/// Pauses of the processor, of some ten nanoseconds each.
const GATHERING_SPINS: u32 = 64;

const FIRST_SLEEP: Duration = Duration::from_micros(20);

impl Waiter {
    #[doc(hidden)]
    pub fn new(idle: Idle) -> Self {
        Self { idle, backoff: Backoff::new(), next_sleep: FIRST_SLEEP }
    }

    /// Begins again: there was work.
    #[doc(hidden)]
    pub fn reset(&mut self) {
        self.backoff.reset();
        self.next_sleep = FIRST_SLEEP;
    }

    /// Begins again: there was work, but little. Lets more of it come together.
    ///
    /// A consumer that checks again at once takes the cache line with the producer's position away from it for every
    /// event. The producer, whose stores wait for that line, slows down.
    #[doc(hidden)]
    pub fn let_gather(&mut self) {
        self.reset();
        for _ in 0..GATHERING_SPINS {
            std::hint::spin_loop();
        }
    }

    /// Waits once more: there was no work.
    #[doc(hidden)]
    pub fn wait(&mut self) {
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
