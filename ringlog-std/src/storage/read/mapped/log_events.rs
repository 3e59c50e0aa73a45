//! The events of a log across its segments.

#![forbid(unsafe_code)]

use crate::event::Event;
use crate::storage::error::ReadError;
use crate::storage::read::mapped::log_reader::LogReader;
use crate::storage::read::mapped::segment_reader::{Events, MmapReader};
use crate::storage::read::segment_index::Place;
use crate::storage::segment::position::Positions;

/// The events of a log: see [`LogReader::events`].
#[derive(Clone, Debug)]
pub struct LogEvents<'a> {
    log: &'a LogReader,
    /// The segment that is read, or the next one to enter while `current` is `None`.
    at: usize,
    start: Start,
    /// What the next record's sequence has to be, once one was read.
    next_sequence: Option<u64>,
    current: Option<Current<'a>>,
    is_done: bool,
}

/// What the first record has to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    /// Not before this one.
    pub(crate) sequence: u64,
    /// Of this time or later.
    pub(crate) since: u64,
}

/// The segment that is being read.
#[derive(Clone, Debug)]
struct Current<'a> {
    events: Events<'a>,
    positions: Positions,
    /// The next segment goes on from here.
    end_position: Option<u64>,
}

impl<'a> Current<'a> {
    fn of(reader: &'a MmapReader, place: Place, end_position: Option<u64>) -> Self {
        let mut positions = Positions::of(reader.header());
        if place != Place::FIRST {
            // The lead stands at the very start, which is skipped.
            for event in reader.events().map_while(Result::ok) {
                if positions.next(&event).is_some() {
                    break;
                }
            }
        }
        Self { events: reader.events_at(place), positions, end_position }
    }

    /// Passes the next events of the segment that belong to the log to `f`, as [`Events::pass_valid`] does. First the lead
    /// has to be read.
    fn pass_valid(&mut self, f: impl FnMut(Event<'a>)) -> u64 {
        if self.positions.is_in_lead() {
            return 0;
        }
        let behind = self.end_position.map_or(u64::MAX, |position| self.positions.offset_of(position));
        self.events.pass_valid(behind, f)
    }

    /// The next record of the segment that belongs to the log.
    #[inline]
    fn next(&mut self) -> Option<Result<Event<'a>, ReadError>> {
        let event = match self.events.next()? {
            Ok(event) => event,
            Err(error) => return Some(Err(error)),
        };
        match (self.positions.next(&event), self.end_position) {
            (Some(position), Some(end_position)) if position >= end_position => None,
            _ => Some(Ok(event)),
        }
    }
}

impl<'a> Iterator for LogEvents<'a> {
    type Item = Result<Event<'a>, ReadError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.current.as_mut().and_then(Current::next) {
                Some(Ok(event)) => {
                    self.next_sequence = Some(event.sequence + 1);
                    return Some(Ok(event));
                }
                Some(Err(error)) => return Some(Err(self.end_with(error))),
                None => match self.enter() {
                    Ok(true) => {}
                    Ok(false) => return None,
                    Err(error) => return Some(Err(self.end_with(error))),
                },
            }
        }
    }
}

impl std::iter::FusedIterator for LogEvents<'_> {}

impl<'a> LogEvents<'a> {
    /// From the segment `at` on, or the first one behind it that holds a record of that time.
    pub(crate) fn new(log: &'a LogReader, at: usize, start: Start) -> Self {
        Self { log, at, start, next_sequence: None, current: None, is_done: false }
    }

    /// Goes to the next segment, or to the first one; `false` at the end.
    fn enter(&mut self) -> Result<bool, ReadError> {
        let log = self.log;
        self.current = None;
        if self.is_done {
            return Ok(false);
        }
        let Some(reader) = self.next_reader()? else {
            self.is_done = true;
            return log.check_end().map(|()| false);
        };
        let base_sequence = reader.header().base_sequence;
        let place = match self.next_sequence {
            None => log.place_of(self.at, reader, self.start)?,
            Some(expected) if expected != base_sequence => {
                let path = reader.path().into();
                return Err(ReadError::Discontinuity { path, expected, found: base_sequence });
            }
            Some(_) => Place::FIRST,
        };
        self.next_sequence = Some(base_sequence + place.number);
        self.at += 1;
        let end_position = log.segments().get(self.at).map(|next| next.header.base_position);
        self.current = Some(Current::of(reader, place, end_position));
        Ok(true)
    }

    /// The segment to enter, `None` at the end of the log.
    fn next_reader(&mut self) -> Result<Option<&'a MmapReader>, ReadError> {
        if self.next_sequence.is_none() && self.start.since > 0 {
            match self.log.segment_since(self.at, self.start.since)? {
                Some(at) => self.at = at,
                None => return Ok(None),
            }
        }
        self.log.reader(self.at)
    }

    fn end_with(&mut self, error: ReadError) -> ReadError {
        self.current = None;
        self.is_done = true;
        error
    }
}

/// Calls `f` with every event, one segment mapped at a time.
pub(crate) fn replay(log: &LogReader, mut f: impl FnMut(Event<'_>)) -> Result<u64, ReadError> {
    let (mut count, mut expected) = (0, None);
    for at in 0..log.segments().len() {
        let opened = if log.mapped(at).is_none() { Some(log.map(at)?) } else { None };
        let Some(reader) = opened.as_ref().or_else(|| log.mapped(at)) else { break };
        let found = reader.header().base_sequence;
        if let Some(expected) = expected.filter(|&expected| expected != found) {
            return Err(ReadError::Discontinuity { path: reader.path().into(), expected, found });
        }
        let end_position = log.segments().get(at + 1).map(|next| next.header.base_position);
        let mut current = Current::of(reader, Place::FIRST, end_position);
        let mut next_sequence = found;
        while let Some(event) = current.next() {
            let event = event?;
            next_sequence = event.sequence + 1;
            f(event);
            let passed = current.pass_valid(&mut f);
            next_sequence += passed;
            count += 1 + passed;
        }
        expected = Some(next_sequence);
    }
    log.check_end()?;
    Ok(count)
}
