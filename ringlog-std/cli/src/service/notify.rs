//! The talk with a service manager (`NOTIFY_SOCKET`): ready, at work, stopping, and a line of status.
//!
//! A thread does it, because a manager that does not read would hold its caller up.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use sd_notify::NotifyState;

use crate::error::CliError;
use crate::service::state::{Phase, State};
use crate::terminal::messages::{SERVE, warn};
use crate::terminal::words::{counted, size};

/// How often losses are looked at and the watchdog is fed, at most.
const PERIOD: Duration = Duration::from_secs(1);
const STATUS_PERIOD: Duration = Duration::from_secs(5);
/// How long the end of the program waits for the last word to the manager.
const LAST_WORD: Duration = Duration::from_secs(1);

/// Whether there is a manager to talk with.
pub(crate) fn is_wanted() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some_and(|path| !path.is_empty())
}

/// The thread that talks. Dropping this ends it.
#[derive(Debug)]
pub(crate) struct Ticker {
    sender: Option<Sender<Phase>>,
    has_ended: Receiver<()>,
}

impl Ticker {
    /// Starts the thread.
    pub(crate) fn start(state: &Arc<State>) -> Result<Self, CliError> {
        let ((sender, phases), (ended, has_ended)) = (channel(), channel());
        let manager = Manager::new(Arc::clone(state), is_wanted());
        let run = move || {
            // Dropped at the end of the thread.
            let _ended = ended;
            manager.run(&phases);
        };
        let thread = std::thread::Builder::new().name("ringlog-notify".into()).spawn(run);
        thread.map_err(CliError::Thread)?;
        Ok(Self { sender: Some(sender), has_ended })
    }

    /// Says how far the run is.
    pub(crate) fn tell(&self, phase: Phase) {
        if let Some(sender) = &self.sender {
            // The thread may be gone if the program is ending.
            let _ = sender.send(phase);
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.sender = None;
        let _ = self.has_ended.recv_timeout(LAST_WORD);
    }
}

/// The other end of the talk.
struct Manager {
    state: Arc<State>,
    is_there: bool,
    /// Time between two signs of life.
    watchdog: Option<Duration>,
    /// The recorder's turns at the last sign of life.
    turns: u64,
    next_watchdog: Instant,
    next_status: Instant,
    has_warned: bool,
}

impl Manager {
    fn new(state: Arc<State>, is_there: bool) -> Self {
        let watchdog = if is_there { sd_notify::watchdog_enabled().map(|most| most / 3) } else { None };
        let now = Instant::now();
        Self { state, is_there, watchdog, turns: 0, next_watchdog: now, next_status: now, has_warned: false }
    }

    fn run(mut self, phases: &Receiver<Phase>) {
        let period = self.watchdog.unwrap_or(PERIOD).clamp(Duration::from_millis(10), PERIOD);
        loop {
            match phases.recv_timeout(period) {
                Ok(phase) => {
                    self.state.set_phase(phase);
                    match phase {
                        Phase::Ready => self.say(&[NotifyState::Ready]),
                        Phase::Stopping => {
                            self.say(&[NotifyState::Stopping, NotifyState::Status("stopping")])
                        }
                        Phase::Starting => {}
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.tick(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn tick(&mut self) {
        let (Phase::Ready, Some(metrics)) = (self.state.phase(), self.state.monitor().map(|it| it.metrics()))
        else {
            return;
        };
        let now = Instant::now();
        let reasons = self.state.reasons_in(&metrics);
        if !metrics.has_stopped && self.is_sign_due(metrics.turns, now) {
            self.say(&[NotifyState::Watchdog]);
        }
        if now >= self.next_status {
            self.next_status = now + STATUS_PERIOD;
            let log = &metrics.log;
            let mut text = format!(
                "{}, lost {}, the log takes {}",
                counted(log.events, "event"),
                metrics.counts.lost,
                size(log.disk_bytes)
            );
            if !reasons.is_empty() {
                text = format!("{}; {text}", reasons.join("; "));
            }
            // A line of the protocol is one value.
            self.say(&[NotifyState::Status(&text.replace('\n', " "))]);
        }
    }

    /// Whether it is time for a sign of life, and the recorder's thread has moved on since the last one.
    fn is_sign_due(&mut self, turns: u64, now: Instant) -> bool {
        let Some(pause) = self.watchdog.filter(|_| now >= self.next_watchdog && turns > self.turns) else {
            return false;
        };
        (self.turns, self.next_watchdog) = (turns, now + pause);
        true
    }

    fn say(&mut self, words: &[NotifyState<'_>]) {
        if !self.is_there {
            return;
        }
        if let Err(error) = sd_notify::notify(words)
            && !self.has_warned
        {
            self.has_warned = true;
            warn!(target: SERVE, "NOTIFY_SOCKET: the service manager does not answer: {error}; the recording continues");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_recorder_that_does_not_move_gives_no_sign_of_life() {
        let mut manager = Manager::new(Arc::new(State::new(Path::new("log"), None)), false);
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        assert!(!manager.is_sign_due(1, at(0)), "nobody asks for it");
        (manager.watchdog, manager.next_watchdog) = (Some(Duration::from_millis(100)), start);
        assert!(manager.is_sign_due(1, at(0)));
        assert!(!manager.is_sign_due(2, at(99)), "too early");
        assert!(manager.is_sign_due(3, at(100)));
        assert!(!manager.is_sign_due(3, at(1000)), "the recorder is held up");
        assert!(manager.is_sign_due(4, at(1001)));
    }
}
