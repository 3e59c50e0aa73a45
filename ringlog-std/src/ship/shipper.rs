//! Feeds a target from a log: the loop around the window.
#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::ship::error::ShipError;
use crate::ship::runs::{Cut, Found, LogRuns};
use crate::ship::target::{End, Last, Outcome, Position, Run, Silence, Target};
use crate::ship::window::{Meaning, Window};
use crate::storage::Cursor;

/// How long the target is waited for before something else is looked at.
const TICK: Duration = Duration::from_millis(50);
/// How long the shipper waits after an answer that it should try again later.
const PAUSE: Duration = Duration::from_millis(500);
/// How often the last message may be missing before that counts.
const ABSENCES: u32 = 5;
/// How often an idle shipper asks for the end, at least.
const CHECK_EVERY: Duration = Duration::from_secs(30);
/// Acknowledgements within this time count as one, until their hold is over.
const HOLD_STEP: Duration = Duration::from_secs(1);

/// The times and sizes of a shipper.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Most runs on their way.
    pub(crate) window: usize,
    /// How long an acknowledgement is waited for.
    pub(crate) ack_timeout: Duration,
    /// How long records wait for others before they are sent as a run that is shorter than the grid.
    pub(crate) linger: Duration,
    /// How long the cursor stays at what was acknowledged.
    pub(crate) hold: Duration,
    /// The record to continue with where the target does not say where it is.
    pub(crate) resume_at: Option<u64>,
}

/// What a shipper has done and waits for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct State {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
    /// Sequence after the last record that was acknowledged.
    pub(crate) acknowledged: u64,
    /// The log's position there, in bytes.
    pub(crate) acknowledged_position: u64,
    /// Where the stored cursor is.
    pub(crate) cursor: u64,
    pub(crate) position: Position,
    /// How often the end was read, but for the first time.
    pub(crate) restarts: u64,
    /// How often something was waited for: a server, an answer.
    pub(crate) waits: u64,
    /// GAPs that were sent for records that the log no longer had.
    pub(crate) gaps: u64,
    pub(crate) pending_bytes: u64,
    /// What is waited for, in words; empty if nothing is wrong.
    pub(crate) waits_for: String,
}

/// What was acknowledged, until it is old enough.
#[derive(Clone, Copy, Debug)]
struct Held {
    since: Instant,
    position: Position,
    next_sequence: u64,
}

/// Ships one log to one target.
pub(crate) struct Shipper<T> {
    pub(crate) target: T,
    runs: LogRuns,
    pace: Pace,
    window: Window,
    /// The cursor that keeps the log's segments.
    cursor: Option<Cursor>,
    held: VecDeque<Held>,
    /// Whether the end has to be read before anything is sent.
    is_lost: bool,
    /// When that may be tried.
    not_before: Option<Instant>,
    connections: u64,
    created: Option<String>,
    /// Records that the log no longer has, from and to: a GAP goes first.
    gap_from: Option<(u64, u64)>,
    /// Since when there are records that do not reach the grid.
    short_since: Option<Instant>,
    checked_at: Option<Instant>,
    /// How often in a row the last message was not there.
    absences: u32,
    pub(crate) state: State,
}

impl<T: Target> Shipper<T> {
    pub(crate) fn new(target: T, runs: LogRuns, pace: Pace, cursor: Option<Cursor>) -> Self {
        Self {
            window: Window::new(pace.window),
            connections: target.connections(),
            target,
            runs,
            pace,
            state: State {
                cursor: cursor.as_ref().map_or(0, Cursor::committed_sequence),
                ..State::default()
            },
            cursor,
            held: VecDeque::new(),
            is_lost: true,
            not_before: None,
            created: None,
            gap_from: None,
            short_since: None,
            checked_at: None,
            absences: 0,
        }
    }

    /// Does one step, of at most about 50 ms; `false` if nothing is left to send or to wait for at this moment.
    ///
    /// # Errors
    ///
    /// [`ShipError`] where no trying again helps. What was acknowledged stays acknowledged.
    pub(crate) fn step(&mut self) -> Result<bool, ShipError> {
        match self.try_step() {
            Err(Stop::Silent(Silence::Away(why))) => {
                self.give_up(why);
                self.not_before = Some(self.target.now() + PAUSE);
                Ok(true)
            }
            Err(Stop::Silent(Silence::Wrong(why))) => Err(ShipError::Wrong(why)),
            Err(Stop::Failed(error)) => Err(*error),
            Ok(is_busy) => Ok(is_busy),
        }
    }

    fn try_step(&mut self) -> Result<bool, Stop> {
        if self.connections != self.target.connections() {
            self.connections = self.target.connections();
            self.give_up("the connection was made again".into());
        }
        if self.not_before.is_some_and(|at| self.target.now() < at) {
            // What comes meanwhile is of runs that were given up.
            self.take_outcome(TICK)?;
            return Ok(true);
        }
        self.not_before = None;
        if self.is_lost {
            self.resume()?;
        }
        self.release()?;
        let is_idle = !self.send()?;
        self.take_outcome(TICK)?;
        if self.window.oldest().is_some_and(|sent| self.target.now() >= sent + self.pace.ack_timeout) {
            self.give_up("an acknowledgement".into());
        }
        self.state.pending_bytes = self.runs.pending_bytes();
        Ok(!is_idle || !self.window.is_empty() || self.is_lost)
    }

    /// Returns whether the log was closed and all of it is acknowledged.
    pub(crate) fn is_done(&self) -> bool {
        self.window.is_empty() && !self.is_lost && self.gap_from.is_none() && self.runs.is_at_end()
    }

    /// Gives up what is on its way: the end is read before anything else is sent.
    fn give_up(&mut self, why: String) {
        if !self.is_lost {
            self.state.restarts += 1;
        }
        self.is_lost = true;
        self.window.restart(0);
        self.short_since = None;
        self.wait_for(why);
    }

    fn wait_for(&mut self, why: String) {
        self.state.waits += u64::from(self.state.waits_for.is_empty());
        self.state.waits_for = why;
    }

    /// Reads the end, and continues after it if the log has the same there.
    fn resume(&mut self) -> Result<(), Stop> {
        let end = self.target.last()?;
        self.gap_from = None;
        self.checked_at = Some(self.target.now());
        if self.created.replace(end.created.clone()).is_some_and(|created| created != end.created) {
            self.held.clear();
        }
        let differs = match &end.last {
            None if end.position == 0 => {
                self.runs.go_to_segment(0);
                None
            }
            // A leader that was elected just now may be late with one of the two.
            None if self.absences < ABSENCES => {
                self.absences += 1;
                return Err(Silence::Away("the stream's last message".into()).into());
            }
            None => Some("its last message was deleted".to_owned()),
            Some(Last::Foreign(why)) => Some(format!("its last message {why}")),
            Some(Last::Run(run)) => match self.runs.continue_after(run).map_err(failed)? {
                Found::Same => None,
                Found::Differs(why) => Some(why),
            },
        };
        self.absences = 0;
        if let Some(why) = differs {
            self.resume_elsewhere(&end, why)?;
        }
        let next = self.runs.next_sequence();
        self.window.restart(end.position);
        self.is_lost = false;
        self.state.waits_for.clear();
        (self.state.position, self.state.acknowledged) = (end.position, next);
        self.state.acknowledged_position = self.runs.log_position().unwrap_or(0);
        self.held.retain(|held| held.position <= end.position);
        if end.position > 0 && self.gap_from.is_none() {
            self.hold(end.position, next);
        }
        Ok(())
    }

    /// Continues where the caller says, with a GAP; refuses where it says nothing.
    fn resume_elsewhere(&mut self, end: &End, why: String) -> Result<(), Stop> {
        let last = match &end.last {
            Some(Last::Run(run)) => Some(run.header),
            _ => None,
        };
        let Some(sequence) = self.pace.resume_at else {
            return Err(failed(ShipError::Mismatch {
                position: end.position,
                stream: last.map_or_else(String::new, |header| {
                    let (first, last) = (header.first, header.next().saturating_sub(1));
                    format!(
                        ", records {first} to {last} of log {:032x} (salt {:08x})",
                        header.log, header.salt
                    )
                }),
                next_sequence: self.state.cursor,
                why,
            }));
        };
        let first = last.map_or(sequence, |header| header.next().min(sequence));
        self.gap_from = Some((first, sequence));
        Ok(())
    }

    /// Sends what may be sent; `false` if there was nothing.
    fn send(&mut self) -> Result<bool, Stop> {
        let mut has_sent = false;
        while self.window.has_room() {
            if let Some((first, next)) = self.gap_from {
                if !self.window.is_empty() {
                    return Ok(true);
                }
                self.runs.go_to_segment(next);
                self.state.gaps += 1;
                let run = self.runs.gap(first, next);
                return self.put(&run, true).map(|()| true);
            }
            match self.runs.next().map_err(failed)? {
                Cut::Whole(run) => {
                    self.short_since = None;
                    self.put(&run, false)?;
                    has_sent = true;
                }
                Cut::Gap { first, next } => self.gap_from = Some((first, next)),
                Cut::Nothing => return Ok(has_sent),
                Cut::Short => {
                    let now = self.target.now();
                    let since = *self.short_since.get_or_insert(now);
                    if self.window.is_empty() && now >= since + self.pace.linger {
                        let run = self.runs.take_short();
                        self.short_since = None;
                        self.put(&run, true)?;
                    }
                    return Ok(true);
                }
            }
        }
        Ok(true)
    }

    fn put(&mut self, run: &Run, is_short: bool) -> Result<(), Stop> {
        let position = self.runs.log_position().unwrap_or(self.state.acknowledged_position);
        let end = (run.header.next(), position);
        let (token, after) = self.window.send(end, is_short, self.target.now());
        self.state.messages += 1;
        self.state.bytes += run.bytes.len() as u64;
        Ok(self.target.put(token, run, after)?)
    }

    /// Waits for one outcome, and takes those that are there.
    fn take_outcome(&mut self, wait: Duration) -> Result<(), Stop> {
        let mut wait = wait;
        while let Some((token, outcome)) = self.target.outcome(wait)? {
            wait = Duration::ZERO;
            match self.window.take(token, &outcome) {
                Meaning::Late => {}
                Meaning::Stored(flight) => {
                    (self.state.position, self.state.acknowledged) = (flight.position, flight.next_sequence);
                    self.state.acknowledged_position = flight.log_position;
                    if flight.is_short {
                        self.settle(flight.sent_at + self.pace.ack_timeout);
                    } else {
                        self.hold(flight.position, flight.next_sequence);
                    }
                }
                Meaning::Restart => match outcome {
                    Outcome::Never(why) => return Err(failed(ShipError::Refused(why))),
                    Outcome::Busy(why) => {
                        self.give_up(why);
                        self.not_before = Some(self.target.now() + PAUSE);
                    }
                    _ => self.give_up("the end of the stream".into()),
                },
            }
        }
        Ok(())
    }

    /// After a short run: nothing is sent until what was sent before it can no longer come, and the end was read again.
    fn settle(&mut self, until: Instant) {
        self.is_lost = true;
        // It was stored, if it was asked for.
        self.pace.resume_at = None;
        self.window.restart(0);
        self.not_before = Some(until);
    }

    /// Notes what is acknowledged: the cursor may follow when the hold is over.
    fn hold(&mut self, position: Position, next_sequence: u64) {
        let since = self.target.now();
        match self.held.back_mut() {
            Some(last) if last.position >= position => {}
            // The hold is longer by this step.
            Some(last) if since < last.since + HOLD_STEP => {
                (last.position, last.next_sequence) = (position, next_sequence)
            }
            _ => self.held.push_back(Held { since, position, next_sequence }),
        }
    }

    /// Moves the cursor to what was acknowledged long enough ago, if the target still has it.
    fn release(&mut self) -> Result<(), Stop> {
        let now = self.target.now();
        let hold = self.pace.hold + HOLD_STEP;
        let is_due = self.held.front().is_some_and(|held| now >= held.since + hold);
        let is_unchecked = self.checked_at.is_none_or(|at| now >= at + CHECK_EVERY);
        if !is_due && !is_unchecked {
            return Ok(());
        }
        let end = self.target.last()?;
        self.checked_at = Some(now);
        let is_other = self.created.as_ref().is_some_and(|created| *created != end.created);
        if is_other || end.position < self.state.position {
            self.held.clear();
            self.give_up("what the stream has lost".into());
            return self.resume();
        }
        while let Some(held) = self.held.front().copied().filter(|held| now >= held.since + hold) {
            self.held.pop_front();
            self.move_cursor(held.next_sequence)?;
        }
        Ok(())
    }

    fn move_cursor(&mut self, sequence: u64) -> Result<(), Stop> {
        let Some(cursor) = &mut self.cursor else { return Ok(()) };
        if sequence > cursor.next_sequence() {
            cursor.advance(sequence).and_then(|()| cursor.commit()).map_err(failed)?;
            self.state.cursor = sequence;
        }
        Ok(())
    }
}

/// Why a step ends early.
#[derive(Debug)]
enum Stop {
    Silent(Silence),
    Failed(Box<ShipError>),
}

impl From<Silence> for Stop {
    fn from(silence: Silence) -> Self {
        Self::Silent(silence)
    }
}

fn failed(error: impl Into<ShipError>) -> Stop {
    Stop::Failed(Box::new(error.into()))
}
