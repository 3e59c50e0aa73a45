//! Chooses among the events of a log.
#![forbid(unsafe_code)]

use std::ops::Range;

use crate::event::{Event, EventHeader};
#[cfg(feature = "schema")]
use crate::schema::{Expression, ExpressionError, SchemaSet};
use crate::storage::error::ReadError;
#[cfg(feature = "schema")]
use crate::storage::read::choice::Choice;
use crate::storage::read::needle::Needle;
use crate::storage::read::type_set::TypeSet;

/// Selects events of a log by type, time, sequence and bytes of the payload, and with the feature `schema` by an expression.
/// A new filter selects all.
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
///     Event::new(header, &[], 0, 64)
/// };
/// assert!(filter.matches(&event(100, 9)));
/// assert!(!filter.matches(&event(200, 9)) && !filter.matches(&event(100, 8)));
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Filter {
    /// `None` for all, else a bit for each.
    types: Option<TypeSet>,
    since: u64,
    /// `None` for no end: then the largest timestamp passes too.
    until: Option<u64>,
    sequences: Range<u64>,
    /// `None` for any payload.
    needle: Option<Needle>,
    #[cfg(feature = "schema")]
    choice: Option<Choice>,
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
        Self {
            types: None,
            since: 0,
            until: None,
            sequences: 0..u64::MAX,
            needle: None,
            #[cfg(feature = "schema")]
            choice: None,
        }
    }

    /// Selects events by an [`Expression`], such as `price > 100.5 && side == "buy"`.
    ///
    /// The names of fields are those that the segment of an event describes, or that
    /// [`describing`](Self::describing) gave. A name that is not known there selects nothing: [`check`](Self::check)
    /// reports it.
    ///
    /// ```
    /// use ringlog::storage::{Filter, LogReader, LogWriter};
    /// # let folder = tempfile::tempdir()?;
    ///
    /// #[ringlog::event(type = 1)]
    /// struct Tick {
    ///     #[event(scale = -2)]
    ///     price: i64,
    /// }
    /// ringlog::events!(Ticks: Tick);
    ///
    /// let mut writer = LogWriter::options().events::<Ticks>().open(folder.path())?;
    /// for price in [10_049, 10_050, 10_051] {
    ///     writer.write(1_000, &Tick { price })?;
    /// }
    /// writer.close()?;
    ///
    /// let reader = LogReader::open(folder.path())?;
    /// let filter = Filter::parse("price > 100.5")?;
    /// assert_eq!(reader.events_matching(&filter).count(), 1);
    /// assert!(Filter::parse("price >").is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ExpressionError`] with the place of the first fault in the expression.
    #[cfg(feature = "schema")]
    pub fn parse(expression: &str) -> Result<Self, ExpressionError> {
        Ok(Self::new().expression(&Expression::parse(expression)?))
    }

    /// Selects events that the expression chooses, instead of an earlier one.
    ///
    /// ```
    /// use ringlog::schema::Expression;
    /// use ringlog::storage::Filter;
    ///
    /// let filter = Filter::new().sequences(5..9).expression(&Expression::parse("len > 100")?);
    /// assert_eq!(filter.first_sequence(), 5);
    /// # Ok::<(), ringlog::schema::ExpressionError>(())
    /// ```
    #[cfg(feature = "schema")]
    #[must_use]
    pub fn expression(mut self, expression: &Expression) -> Self {
        self.choice = Some(Choice::new(expression, SchemaSet::new()));
        self
    }

    /// Describes the types that a segment does not describe, for the names in the expression.
    ///
    /// ```
    /// use ringlog::schema::SchemaSet;
    /// use ringlog::storage::Filter;
    /// # use ringlog::event::{Event, EventHeader};
    ///
    /// let set = SchemaSet::from_json(
    ///     br#"[{"type":7,"name":"tick","size":1,"fields":[{"name":"level","offset":0,"kind":"u8"}]}]"#,
    /// )?;
    /// let filter = Filter::parse("level > 3")?.describing(set);
    /// # let event = |payload| Event::new(EventHeader::new(100, 7, 1), payload, 3, 64);
    /// assert!(filter.matches(&event(&[4])) && !filter.matches(&event(&[3])));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "schema")]
    #[must_use]
    pub fn describing(mut self, set: SchemaSet) -> Self {
        if let Some(choice) = self.choice.take() {
            self.choice = Some(Choice::new(choice.expression(), set));
        }
        self
    }

    /// Checks the names in the expression against schemas, before any event is read.
    ///
    /// ```
    /// use ringlog::schema::SchemaSet;
    /// use ringlog::storage::Filter;
    ///
    /// assert!(Filter::parse("price > 100.5")?.check(&SchemaSet::new()).is_err());
    /// assert!(Filter::new().check(&SchemaSet::new()).is_ok());
    /// # Ok::<(), ringlog::schema::ExpressionError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ExpressionError`] if no type has a field of the name, or none can compare it so.
    #[cfg(feature = "schema")]
    pub fn check(&self, set: &SchemaSet) -> Result<(), ExpressionError> {
        self.choice.as_ref().map_or(Ok(()), |choice| choice.expression().bind(set).map(drop))
    }

    /// Selects events of this type, and of the types from earlier calls.
    #[must_use]
    pub fn event_type(mut self, event_type: u8) -> Self {
        self.types.get_or_insert_default().insert(event_type);
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

    /// Selects events whose payload holds these bytes; empty for any payload. GAP records are left out.
    ///
    /// A reader searches the bytes of whole segments. It decodes and verifies the records with a match only, so damage in
    /// others may pass without an error.
    ///
    /// ```
    /// use ringlog::event::EventHeader;
    /// use ringlog::storage::{Filter, LogReader, LogWriter};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// let mut writer = LogWriter::open(folder.path())?;
    /// for payload in [&b"buy 7"[..], b"sell 7", b"buy 8"] {
    ///     writer.write_event(&EventHeader::new(1, 0, payload.len() as u16), payload)?;
    /// }
    /// writer.close()?;
    /// let reader = LogReader::open(folder.path())?;
    /// let buys = Filter::new().grep(b"buy");
    /// let found: Vec<u64> = reader.events_matching(&buys).map(|event| event.unwrap().sequence).collect();
    /// assert_eq!(found, [0, 2]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn grep(mut self, bytes: &[u8]) -> Self {
        self.needle = if bytes.is_empty() { None } else { Some(Needle::new(bytes)) };
        self
    }

    /// Returns the bytes that a payload must hold.
    #[doc(hidden)]
    pub const fn needle(&self) -> Option<&Needle> {
        self.needle.as_ref()
    }

    /// Returns whether the filter selects the event.
    ///
    /// ```
    /// # use ringlog::event::{Event, EventHeader};
    /// use ringlog::storage::Filter;
    ///
    /// let header = EventHeader::new(100, 7, 0);
    /// let event = Event::new(header, &[], 3, 64);
    /// assert!(Filter::new().event_type(7).matches(&event));
    /// assert!(!Filter::new().since(101).matches(&event));
    /// ```
    #[must_use]
    #[inline]
    pub fn matches(&self, event: &Event<'_>) -> bool {
        let is_selected = self.has_place(event);
        #[cfg(feature = "schema")]
        let is_selected = is_selected && self.has_content(event);
        is_selected
    }

    /// Returns whether all but the expression selects the event.
    #[inline]
    fn has_place(&self, event: &Event<'_>) -> bool {
        let header = &event.header;
        self.sequences.contains(&event.sequence)
            && (header.timestamp >= self.since || is_gap_without_time(header))
            && self.until.is_none_or(|until| header.timestamp < until)
            && (header.is_gap() || self.has_type(header.event_type))
            && self.needle.as_ref().is_none_or(|needle| holds(event, needle))
    }

    /// Returns whether the event is left out only because nothing describes its type here: after [`enter`](Self::enter).
    pub(crate) fn lacks_description(&self, event: &Event<'_>) -> bool {
        #[cfg(feature = "schema")]
        return self.choice.as_ref().is_some_and(|choice| choice.is_blind_to(event))
            && self.has_place(event)
            && !self.has_content(event);
        #[cfg(not(feature = "schema"))]
        {
            let _ = event;
            false
        }
    }

    /// Counts events of these types that the expression cannot choose, because nothing describes them where they are.
    #[cfg(feature = "schema")]
    #[doc(hidden)]
    pub fn expecting(mut self, set: &SchemaSet) -> Self {
        if let Some(choice) = &mut self.choice {
            choice.expect(set);
        }
        self
    }

    /// Returns the number of these events so far.
    #[cfg(feature = "schema")]
    #[doc(hidden)]
    pub fn undescribed(&self) -> u64 {
        self.choice.as_ref().map_or(0, Choice::undescribed)
    }

    #[cfg(feature = "schema")]
    #[inline]
    fn has_content(&self, event: &Event<'_>) -> bool {
        self.choice.as_ref().is_none_or(|choice| choice.selects(event))
    }

    /// Looks up the names of the expression in what the event's segment says, so that [`matches`](Self::matches) is fast
    /// for this event and those after it.
    #[inline]
    pub(crate) fn enter(&mut self, event: &Event<'_>) {
        #[cfg(feature = "schema")]
        if let Some(choice) = &mut self.choice {
            choice.enter(event);
        }
        #[cfg(not(feature = "schema"))]
        let _ = event;
    }

    /// Does both: for events that come one after another.
    #[inline]
    #[doc(hidden)]
    pub fn selects_next(&mut self, event: &Event<'_>) -> bool {
        self.enter(event);
        let is_selected = self.has_place(event);
        #[cfg(feature = "schema")]
        let is_selected = is_selected && self.chooses_next(event);
        is_selected
    }

    #[cfg(feature = "schema")]
    #[inline]
    fn chooses_next(&mut self, event: &Event<'_>) -> bool {
        let Some(choice) = &mut self.choice else { return true };
        let is_chosen = choice.selects(event);
        if !is_chosen {
            choice.note_left_out(event);
        }
        is_chosen
    }

    /// Returns whether the filter selects neither this event nor any later one in its log.
    ///
    /// ```
    /// # use ringlog::event::{Event, EventHeader};
    /// use ringlog::storage::Filter;
    ///
    /// let event = Event::new(EventHeader::new(100, 7, 0), &[], 3, 64);
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

    /// Whether events with this timestamp are too late for the filter.
    #[doc(hidden)]
    #[must_use]
    pub fn ends_by(&self, timestamp: u64) -> bool {
        self.until.is_some_and(|until| timestamp >= until)
    }

    fn has_type(&self, event_type: u8) -> bool {
        self.types.is_none_or(|types| types.has(event_type))
    }
}

/// A GAP record without a time passes: the loss may be in the wanted time.
const fn is_gap_without_time(header: &EventHeader) -> bool {
    header.is_gap() && header.timestamp == 0
}

fn holds(event: &Event<'_>, needle: &Needle) -> bool {
    !event.header.is_gap() && needle.find(event.payload).is_some()
}

impl Default for Filter {
    fn default() -> Self {
        Self::new()
    }
}

/// An iterator over events that can leave out those without a match.
pub(crate) trait SkipTo {
    /// Passes events before the next one whose payload holds the needle, if that is faster than to decode them.
    fn skip_to_match(&mut self, needle: &Needle);
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

impl<'a, I: Iterator<Item = Result<Event<'a>, ReadError>> + SkipTo> Iterator for Filtered<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.is_done {
            if let Some(needle) = self.filter.needle() {
                self.events.skip_to_match(needle);
            }
            match self.events.next()? {
                Ok(event) if self.filter.is_past(&event) => self.is_done = true,
                Ok(event) if !self.filter.selects_next(&event) => {}
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
        Event::new(EventHeader::new(timestamp, event_type, 0), &[], sequence, 64)
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
    fn a_payload_must_hold_the_bytes_and_gaps_do_not_count() {
        let of = |payload| Event::new(EventHeader::new(0, 0, 0), payload, 0, 64);
        let filter = Filter::new().grep(b"ab");
        assert!(filter.matches(&of(b"ab")) && filter.matches(&of(b"aab\0")) && !filter.matches(&of(b"a b")));
        let gap = Event::new(Gap::header(3), b"ab", 0, 64);
        assert!(!filter.matches(&gap) && Filter::new().grep(b"").matches(&gap));
        assert_eq!(Filter::new().grep(b"ab"), filter);
        assert_ne!(Filter::new().grep(b"ac"), filter);
    }

    #[test]
    fn gaps_pass_for_any_type() {
        let gap = Event::new(Gap::header(3), &[0; 16], 0, 64);
        assert!(Filter::new().event_type(9).matches(&gap));
        assert!(!Filter::new().event_type(9).since(4).matches(&gap));
        let without_time = Event::new(Gap::header(0), &[0; 16], 0, 64);
        assert!(Filter::new().since(4).matches(&without_time));
    }
}
