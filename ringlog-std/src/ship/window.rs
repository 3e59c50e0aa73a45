//! What is on its way, and when more may follow: go-back-N, as a state without time or connection.
//!
//! The rules, each of which was seen to lose or double events where it was broken:
//!
//! - After a start, a refusal or a time-out one run goes alone. Others follow once it is acknowledged.
//! - A run that is shorter than the grid goes when nothing is on its way, and nothing follows it until the end was read again.
//! - An acknowledgement counts if it is for the oldest run on its way, since the last restart, and has the position expected.
#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::time::Instant;

use crate::ship::target::{Outcome, Position};

/// A run that was sent and is not acknowledged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Flight {
    token: u64,
    /// Where it is expected to be stored.
    pub(crate) position: Position,
    /// The sequence after its last record.
    pub(crate) next_sequence: u64,
    /// The log's position there, in bytes.
    pub(crate) log_position: u64,
    /// Whether it is shorter than the grid, so that its position may have another content.
    pub(crate) is_short: bool,
    pub(crate) sent_at: Instant,
}

/// What an outcome means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Meaning {
    /// Nothing: it is of a run that was given up.
    Late,
    /// The oldest run is stored.
    Stored(Flight),
    /// What is on its way must be given up, and the end read again.
    Restart,
}

/// The runs on their way.
#[derive(Debug)]
pub(crate) struct Window {
    /// Most runs on their way, at least 1.
    size: usize,
    flights: VecDeque<Flight>,
    /// Whether a run was acknowledged since the last restart.
    is_open: bool,
    /// The position of the last message, with all that is on its way.
    sent: Position,
    next_token: u64,
    /// Tokens below are of runs that were given up.
    first_token: u64,
}

impl Window {
    pub(crate) fn new(size: usize) -> Self {
        Self { size, flights: VecDeque::new(), is_open: false, sent: 0, next_token: 0, first_token: 0 }
    }

    /// Gives up all that is on its way, and continues after the message at `position`.
    pub(crate) fn restart(&mut self, position: Position) {
        self.flights.clear();
        self.first_token = self.next_token;
        self.is_open = false;
        self.sent = position;
    }

    /// Returns whether a run may be sent now.
    pub(crate) fn has_room(&self) -> bool {
        let size = if self.is_open { self.size } else { 1 };
        self.flights.len() < size && !self.flights.back().is_some_and(|last| last.is_short)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.flights.is_empty()
    }

    /// Notes a run that is sent now, and returns its token and the position that it comes after.
    pub(crate) fn send(
        &mut self,
        (next_sequence, log_position): (u64, u64),
        is_short: bool,
        now: Instant,
    ) -> (u64, Position) {
        let (token, after) = (self.next_token, self.sent);
        self.next_token += 1;
        self.sent += 1;
        self.flights.push_back(Flight {
            token,
            position: self.sent,
            next_sequence,
            log_position,
            is_short,
            sent_at: now,
        });
        (token, after)
    }

    /// Takes an outcome.
    pub(crate) fn take(&mut self, token: u64, outcome: &Outcome) -> Meaning {
        if token < self.first_token {
            return Meaning::Late;
        }
        match (self.flights.front(), outcome) {
            (Some(first), Outcome::Stored(position))
                if first.token == token && first.position == *position =>
            {
                let stored = *first;
                self.flights.pop_front();
                self.is_open = true;
                Meaning::Stored(stored)
            }
            _ => Meaning::Restart,
        }
    }

    /// Returns when the oldest run on its way was sent.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        self.flights.front().map(|flight| flight.sent_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window() -> Window {
        let mut window = Window::new(3);
        window.restart(10);
        window
    }

    #[test]
    fn the_first_run_goes_alone_and_others_follow_its_acknowledgement() {
        let (mut window, now) = (window(), Instant::now());
        assert_eq!(window.send((5, 0), false, now), (0, 10));
        assert!(!window.has_room());
        let Meaning::Stored(flight) = window.take(0, &Outcome::Stored(11)) else { panic!("it is stored") };
        assert_eq!((flight.position, flight.next_sequence), (11, 5));
        for after in 11..14 {
            assert!(window.has_room());
            assert_eq!(window.send((5, 0), false, now).1, after);
        }
        assert!(!window.has_room(), "three are on their way");
    }

    #[test]
    fn an_outcome_of_a_run_that_was_given_up_means_nothing() {
        let (mut window, now) = (window(), Instant::now());
        let (late, _) = window.send((5, 0), false, now);
        window.restart(10);
        window.send((9, 0), false, now);
        assert_eq!(window.take(late, &Outcome::Stored(11)), Meaning::Late);
        assert_eq!(window.take(late, &Outcome::Refused), Meaning::Late);
        assert!(!window.is_empty() && !window.has_room());
    }

    #[test]
    fn another_position_another_order_or_a_refusal_is_a_restart() {
        let now = Instant::now();
        for outcome in
            [Outcome::Stored(12), Outcome::Stored(10), Outcome::Refused, Outcome::Busy("busy".into())]
        {
            let mut window = window();
            let (token, _) = window.send((5, 0), false, now);
            assert_eq!(window.take(token, &outcome), Meaning::Restart, "{outcome:?}");
        }
        let mut window = window();
        let (token, _) = window.send((5, 0), false, now);
        window.take(token, &Outcome::Stored(11));
        window.send((6, 0), false, now);
        let (second, _) = window.send((7, 0), false, now);
        assert_eq!(
            window.take(second, &Outcome::Stored(13)),
            Meaning::Restart,
            "the one before has no outcome"
        );
    }

    #[test]
    fn nothing_follows_a_short_run() {
        let (mut window, now) = (window(), Instant::now());
        let (token, _) = window.send((5, 0), false, now);
        window.take(token, &Outcome::Stored(11));
        window.send((6, 0), true, now);
        assert!(!window.has_room());
    }

    #[test]
    fn after_a_refusal_one_run_goes_alone_again() {
        let (mut window, now) = (window(), Instant::now());
        let (token, _) = window.send((5, 0), false, now);
        window.take(token, &Outcome::Stored(11));
        window.send((6, 0), false, now);
        window.restart(11);
        assert!(window.has_room());
        window.send((6, 0), false, now);
        assert!(!window.has_room());
    }
}
