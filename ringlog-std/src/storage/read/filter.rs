//! Chooses among the events of a log.
#![forbid(unsafe_code)]

use std::ops::Range;

use crate::event::{Event, EventHeader};
use crate::storage::error::ReadError;

/// Selects events of a log by type, time and sequence. A new filter selects all.
///
/// A GAP record passes for every choice of types, as the lost events may have had any type.
///
/// ```
/// use ringlog::event::{Event, EventHeader};
/// use ringlog::storage::Filter;
///
/// let filter = Filter::new().event_type(7).event_type(9).since(100).until(200).sequences(0..10);
/// let event = |timestamp, event_type| {
///     let header = EventHeader::new(timestamp, event_type, 0);
///     Event { header, payload: &[], sequence: 0, offset: 64 }
/// };
/// assert!(filter.matches(&event(100, 9)));
/// assert!(!filter.matches(&event(200, 9)) && !filter.matches(&event(100, 8)));
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Filter {
    /// `None` for all, else a bit for each.
    types: Option<[u64; 4]>,
    since: u64,
    /// `None` for no end: then the largest timestamp passes too.
    until: Option<u64>,
    sequences: Range<u64>,
}

impl Filter {
    /// Selects every event.
    ///
    /// ```
    /// use ringlog::storage::Filter;
    ///
    /// assert_eq!(Filter::new(), Filter::default());
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self { types: None, since: 0, until: None, sequences: 0..u64::MAX }
    }

    /// Selects events of this type, and of the types from earlier calls.
    #[must_use]
    pub fn event_type(mut self, event_type: u8) -> Self {
        let types = self.types.get_or_insert_default();
        types[usize::from(event_type >> 6)] |= 1 << (event_type & 63);
        self
    }

    /// Selects events with this timestamp or a later one, in the unit of the log's clock.
    #[must_use]
    pub const fn since(mut self, timestamp: u64) -> Self {
        self.since = timestamp;
        self
    }

    /// Selects events with a timestamp before this one.
    #[must_use]
    pub const fn until(mut self, timestamp: u64) -> Self {
        self.until = Some(timestamp);
        self
    }

    /// Selects records with these sequences; the end is not included.
    ///
    /// Records that retention deleted are left out without an error: compare with
    /// [`LogReader::first_sequence`](crate::storage::LogReader::first_sequence).
    #[must_use]
    pub const fn sequences(mut self, sequences: Range<u64>) -> Self {
        self.sequences = sequences;
        self
    }

    /// Returns whether the filter selects the event.
    ///
    /// ```
    /// # use ringlog::event::{Event, EventHeader};
    /// use ringlog::storage::Filter;
    ///
    /// let header = EventHeader::new(100, 7, 0);
    /// let event = Event { header, payload: &[], sequence: 3, offset: 64 };
    /// assert!(Filter::new().event_type(7).matches(&event));
    /// assert!(!Filter::new().since(101).matches(&event));
    /// ```
    #[must_use]
    #[inline]
    pub fn matches(&self, event: &Event<'_>) -> bool {
        let header = &event.header;
        self.sequences.contains(&event.sequence)
            && (header.timestamp >= self.since || is_gap_without_time(header))
            && self.until.is_none_or(|until| header.timestamp < until)
            && (header.is_gap() || self.has_type(header.event_type))
    }

    /// Returns whether the filter selects neither this event nor any later one in its log.
    ///
    /// ```
    /// # use ringlog::event::{Event, EventHeader};
    /// use ringlog::storage::Filter;
    ///
    /// let event = Event { header: EventHeader::new(100, 7, 0), payload: &[], sequence: 3, offset: 64 };
    /// assert!(Filter::new().sequences(0..3).is_past(&event));
    /// assert!(!Filter::new().sequences(0..4).is_past(&event));
    /// ```
    #[must_use]
    #[inline]
    pub const fn is_past(&self, event: &Event<'_>) -> bool {
        event.sequence >= self.sequences.end
    }

    /// Returns the smallest sequence that the filter selects.
    ///
    /// ```
    /// use ringlog::storage::Filter;
    ///
    /// assert_eq!(Filter::new().sequences(5..9).first_sequence(), 5);
    /// ```
    #[must_use]
    pub const fn first_sequence(&self) -> u64 {
        self.sequences.start
    }

    /// Returns the earliest timestamp that the filter selects; 0 for all.
    ///
    /// ```
    /// use ringlog::storage::Filter;
    ///
    /// assert_eq!(Filter::new().since(100).earliest(), 100);
    /// ```
    #[must_use]
    pub const fn earliest(&self) -> u64 {
        self.since
    }

    fn has_type(&self, event_type: u8) -> bool {
        self.types.is_none_or(|types| types[usize::from(event_type >> 6)] >> (event_type & 63) & 1 == 1)
    }
}

/// A GAP record without a time passes: the loss may be in the wanted time.
const fn is_gap_without_time(header: &EventHeader) -> bool {
    header.is_gap() && header.timestamp == 0
}

impl Default for Filter {
    fn default() -> Self {
        Self::new()
    }
}

/// Iterates over the events that a [`Filter`] selects. Errors pass.
///
/// It ends after the last sequence that the filter selects.
#[derive(Clone, Debug)]
pub(crate) struct Filtered<I> {
    events: I,
    filter: Filter,
    is_done: bool,
}

impl<I> Filtered<I> {
    pub(crate) const fn new(events: I, filter: Filter) -> Self {
        Self { events, filter, is_done: false }
    }
}

impl<'a, I: Iterator<Item = Result<Event<'a>, ReadError>>> Iterator for Filtered<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.is_done {
            match self.events.next()? {
                Ok(event) if self.filter.is_past(&event) => self.is_done = true,
                Ok(event) if !self.filter.matches(&event) => {}
                other => return Some(other),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{EventHeader, Gap};

    fn event(sequence: u64, timestamp: u64, event_type: u8) -> Event<'static> {
        Event { header: EventHeader::new(timestamp, event_type, 0), payload: &[], sequence, offset: 64 }
    }

    #[test]
    fn each_type_has_a_separate_bit() {
        for wanted in 0..=255 {
            let filter = Filter::new().event_type(wanted);
            let passed: Vec<u8> = (0..=255).filter(|&it| filter.matches(&event(0, 0, it))).collect();
            assert_eq!(passed, [wanted]);
        }
    }

    #[test]
    fn ends_are_exclusive_and_the_largest_values_can_be_had() {
        assert!(Filter::new().matches(&event(1, u64::MAX, 0)));
        assert!(!Filter::new().until(5).matches(&event(1, 5, 0)));
        let filter = Filter::new().sequences(2..4);
        let passed: Vec<u64> = (0..6).filter(|&it| filter.matches(&event(it, 0, 0))).collect();
        assert_eq!(passed, [2, 3]);
        assert!(filter.is_past(&event(4, 0, 0)) && !filter.is_past(&event(3, 0, 0)));
    }

    #[test]
    fn gaps_pass_for_any_type() {
        let gap = Event { header: Gap::header(3), payload: &[0; 16], sequence: 0, offset: 64 };
        assert!(Filter::new().event_type(9).matches(&gap));
        assert!(!Filter::new().event_type(9).since(4).matches(&gap));
        let without_time = Event { header: Gap::header(0), ..gap };
        assert!(Filter::new().since(4).matches(&without_time));
    }
}
