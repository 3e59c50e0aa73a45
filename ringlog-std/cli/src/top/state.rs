//! What is on the screen: the looks so far, and what the user has chosen.
#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::time::Duration;

use crate::top::look::{EventLine, Look};
use crate::top::rates::{History, Point, Series};
use crate::top::recent::KEPT_EVENTS;

/// The looks so far.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) history: History,
    /// The last look, without its events. What it did not find is from an earlier one.
    pub(crate) look: Look,
    pub(crate) events: VecDeque<EventLine>,
}

impl Seen {
    fn add(&mut self, mut look: Look) {
        if look.is_new_start {
            (self.history, self.events) = (History::default(), VecDeque::new());
        }
        if let Some(point) = Point::of(&look) {
            self.history.add(point);
        }
        self.events.extend(std::mem::take(&mut look.events));
        let too_many = self.events.len().saturating_sub(KEPT_EVENTS);
        self.events.drain(..too_many);
        look.log = look.log.or_else(|| self.look.log.take());
        look.ring = look.ring.or_else(|| self.look.ring.take());
        self.look = look;
    }
}

/// A line of the table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Row {
    pub(crate) series: Series,
    pub(crate) name: String,
}

/// What is on the screen.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// The log or ring, as it was typed.
    pub(crate) target: String,
    pub(crate) interval: Duration,
    pub(crate) is_coloured: bool,
    /// What is shown.
    pub(crate) seen: Seen,
    /// What has come since the user paused; `None` while nothing is paused.
    unseen: Option<Box<Seen>>,
    /// The expression in force; empty for all events.
    pub(crate) filter: String,
    /// The expression that is being typed.
    pub(crate) input: Option<String>,
    /// The answer to what was typed last.
    pub(crate) message: Option<String>,
    /// The number of the marked row.
    pub(crate) selected: usize,
    /// The one type whose events are shown.
    pub(crate) only: Option<u8>,
    /// How many of the newest events are below the screen.
    pub(crate) scroll: usize,
    pub(crate) has_help: bool,
}

impl State {
    /// Makes the state before the first look.
    pub(crate) fn new(target: String, interval: Duration, filter: String, is_coloured: bool) -> Self {
        Self { target, interval, filter, is_coloured, ..Self::default() }
    }

    /// Takes a look. While the screen is paused it changes nothing that is shown.
    pub(crate) fn add(&mut self, look: Look) {
        match &mut self.unseen {
            Some(unseen) => unseen.add(look),
            None => {
                // Scrolled events stay where they are.
                let scrolled = if self.scroll > 0 { look.events.len() } else { 0 };
                self.seen.add(look);
                self.scroll = (self.scroll + scrolled).min(self.seen.events.len().saturating_sub(1));
            }
        }
    }

    /// Whether the screen is paused.
    pub(crate) fn is_paused(&self) -> bool {
        self.unseen.is_some()
    }

    /// Stops the screen, or shows what has come since.
    pub(crate) fn toggle_pause(&mut self) {
        match self.unseen.take() {
            Some(unseen) => (self.seen, self.scroll) = (*unseen, 0),
            None => self.unseen = Some(Box::new(self.seen.clone())),
        }
    }

    /// Shows the newest events again, as after another choice of events.
    pub(crate) fn begin_anew(&mut self) {
        if self.is_paused() {
            self.toggle_pause();
        }
        self.scroll = 0;
    }

    /// Returns the lines of the table.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let row = |series, name: &str| Row { series, name: name.into() };
        let Some(log) = &self.seen.look.log else {
            return match &self.seen.look.ring {
                Some(_) => vec![row(Series::All, "written"), row(Series::Taken, "read")],
                None => Vec::new(),
            };
        };
        let (types, names) = (&log.read.types, &log.read.names);
        let numbers: std::collections::BTreeSet<_> = types.keys().chain(names.keys()).copied().collect();
        let of_type = |number: u8| match names.get(&number).filter(|name| !name.is_empty()) {
            Some(name) => row(Series::Type(number), &format!("{number} {name}")),
            None => row(Series::Type(number), &format!("type {number}")),
        };
        std::iter::once(row(Series::All, "all records")).chain(numbers.into_iter().map(of_type)).collect()
    }

    /// Marks the row this far down the table, or up.
    pub(crate) fn move_mark(&mut self, rows: isize) {
        let last = self.rows().len().saturating_sub(1);
        self.selected = self.selected.saturating_add_signed(rows).min(last);
    }

    /// Shows the events of the marked type only, or all again. Returns whether that changed something.
    pub(crate) fn toggle_type(&mut self) -> bool {
        let marked = match self.rows().get(self.selected).map(|row| row.series) {
            Some(Series::Type(number)) => Some(number),
            _ => None,
        };
        let before = self.only;
        self.only = if self.only == marked { None } else { marked };
        self.message = match (self.only, before) {
            (None, None) => Some("mark a type by the arrows, then t shows its events alone".into()),
            _ => None,
        };
        self.only != before
    }

    /// Scrolls to older events, or back.
    pub(crate) fn scroll_by(&mut self, events: isize) {
        let most = self.seen.events.len().saturating_sub(1);
        self.scroll = self.scroll.saturating_add_signed(events).min(most);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::top::look::{CursorLook, Disk, LogLook, ReadCounts, Tally};
    use std::collections::BTreeMap;

    /// A look after this many seconds: 1,000 orders, 10 trades and an event without a name a second.
    pub(crate) fn sample(at: u32) -> Look {
        let seconds = f64::from(at);
        let tally = |events: f64| Tally { events: events * seconds, bytes: events * 40.0 * seconds };
        let name = |name: &str| name.to_owned();
        let read = ReadCounts {
            types: BTreeMap::from([(1, tally(1000.0)), (5, tally(10.0)), (200, tally(1.0))]),
            names: BTreeMap::from([(1, name("order_add")), (5, name("trade")), (200, String::new())]),
            gaps: 2,
            lost: 7,
            ..ReadCounts::default()
        };
        let line = |number: u32| EventLine {
            text: format!("{number:>10}  2026-11-30T14:00:00.123456789Z  order_add  id={number} price=10.25"),
            is_gap: false,
        };
        let gap =
            EventLine { text: "1  2026-11-30T14:00:00Z  GAP  7 events lost: ring full".into(), is_gap: true };
        let log = LogLook {
            first_sequence: 10,
            end_sequence: 1_000_000 + u64::from(at) * 1011,
            published: 3 << 30,
            durable: (3 << 30) - (5 << 20),
            segments: 48,
            file_bytes: 3 << 30,
            writer: "process 77 (ringlog) is writing".into(),
            cursors: vec![CursorLook { name: "audit".into(), unread: 1234, problem: None }],
            disk: Some(Disk { free: 10 << 30, all: 100 << 30 }),
            read,
            ..LogLook::default()
        };
        let mut events: Vec<_> = (at * 3..at * 3 + 3).map(line).collect();
        events.push(gap);
        Look { at: Duration::from_secs(at.into()), log: Some(log), events, ..Look::default() }
    }

    pub(crate) fn state_after(looks: u32) -> State {
        let mut state = State::new("orders".into(), Duration::from_secs(1), String::new(), true);
        (0..looks).for_each(|at| state.add(sample(at)));
        state
    }

    #[test]
    fn a_paused_screen_stays_and_continues_with_all_that_came() {
        let mut state = state_after(3);
        let shown = state.seen.clone();
        state.toggle_pause();
        (3..9).for_each(|at| state.add(sample(at)));
        assert!(state.is_paused() && state.seen == shown);
        state.toggle_pause();
        assert!(!state.is_paused());
        assert_eq!(state.seen, state_after(9).seen, "as if it had not been paused");
    }

    #[test]
    fn events_are_kept_up_to_a_number_and_begin_anew_with_a_choice() {
        let mut state = state_after(100);
        assert_eq!(state.seen.events.len(), KEPT_EVENTS);
        state.add(Look { is_new_start: true, ..sample(101) });
        assert_eq!(state.seen.events.len(), 4);
        assert_eq!(state.seen.history.rate(Series::All, Duration::from_secs(1)), None);
    }

    #[test]
    fn what_a_look_did_not_find_stays_with_the_problem() {
        let mut state = state_after(2);
        let log = state.seen.look.log.clone();
        state.add(Look { problems: vec!["gone".into()], ..Look::default() });
        assert_eq!((&state.seen.look.log, state.seen.look.problems.len()), (&log, 1));
    }

    #[test]
    fn scrolled_events_stay_in_their_place() {
        let mut state = state_after(5);
        state.scroll_by(6);
        let shown = |state: &State| state.seen.events[state.seen.events.len() - 1 - state.scroll].clone();
        let before = shown(&state);
        state.add(sample(5));
        assert_eq!(shown(&state), before);
        state.scroll_by(1000);
        assert_eq!(state.scroll, state.seen.events.len() - 1);
        state.scroll_by(-1000);
        assert_eq!(state.scroll, 0);
    }

    #[test]
    fn a_marked_type_is_shown_alone_and_all_again() {
        let mut state = state_after(2);
        assert_eq!(
            state.rows().iter().map(|row| row.name.as_str()).collect::<Vec<_>>(),
            ["all records", "1 order_add", "5 trade", "type 200"]
        );
        assert!(!state.toggle_type() && state.message.is_some(), "all records are no type");
        state.move_mark(2);
        assert!(state.toggle_type() && state.only == Some(5));
        assert!(state.toggle_type() && state.only.is_none());
        state.move_mark(50);
        assert_eq!(state.selected, 3);
        state.move_mark(-50);
        assert_eq!(state.selected, 0);
    }
}
