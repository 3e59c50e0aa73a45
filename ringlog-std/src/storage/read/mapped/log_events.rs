//! Iterates over the events of a log across its segments.

#![forbid(unsafe_code)]

use crate::event::Event;
use crate::storage::error::ReadError;
use crate::storage::read::decode::segment_index::IndexPoint;
use crate::storage::read::filter::{Filter, Filtered, SkipTo};
use crate::storage::read::mapped::log_reader::{FirstWanted, LogReader};
use crate::storage::read::mapped::segment_events::Events;
use crate::storage::read::mapped::segment_reader::MmapReader;
use crate::storage::read::needle::Needle;
use crate::storage::segment::position::PositionTracker;

/// Iterates over the events of a log: see [`LogReader::events`].
#[derive(Clone, Debug)]
pub(crate) struct LogEvents<'a> {
    log: &'a LogReader,
    /// The segment that is read, or the next one to enter while `current` is `None`.
    at: usize,
    start: FirstWanted,
    /// The sequence that the next record must have, once one was read.
    next_sequence: Option<u64>,
    /// The sequence after the last META record of the segment that was entered last.
    least_next: u64,
    current: Option<Current<'a>>,
    is_done: bool,
}

/// The segment that is being read.
#[derive(Clone, Debug)]
struct Current<'a> {
    events: Events<'a>,
    positions: PositionTracker,
    /// Where the next segment continues.
    end_position: Option<u64>,
}

impl<'a> Current<'a> {
    fn of(reader: &'a MmapReader, place: IndexPoint, end_position: Option<u64>) -> Self {
        let mut positions = PositionTracker::of(reader.header()).with_meta(reader.preamble().meta_bytes);
        if place != IndexPoint::FIRST {
            // The preamble is at the very start, which this reader skips.
            for event in reader.events().map_while(Result::ok) {
                if positions.next(&event).is_some() {
                    break;
                }
            }
        }
        Self { events: reader.events_at(place), positions, end_position }
    }

    /// Passes the next events of the segment that belong to the log to `f`, as [`Events::pass_valid`] does.
    /// Passes none before the preamble was read.
    fn pass_valid(&mut self, f: impl FnMut(Event<'a>)) -> u64 {
        if self.positions.is_in_preamble() {
            return 0;
        }
        self.events.pass_valid(self.next_segment(), f)
    }

    /// Returns the offset from which on records belong to the next segment.
    fn next_segment(&self) -> u64 {
        self.end_position.map_or(u64::MAX, |position| self.positions.offset_of(position))
    }

    /// Returns the next record of the segment that belongs to the log.
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

impl SkipTo for LogEvents<'_> {
    /// Does nothing in the preamble of a segment, and passes no segment as a whole: its first record is always read.
    fn skip_to_match(&mut self, needle: &Needle) {
        let (log, at) = (self.log, self.at);
        let Some(current) = self.current.as_mut().filter(|it| !it.positions.is_in_preamble()) else { return };
        let next_segment = current.next_segment();
        current.events.skip_up_to(needle, next_segment, || log.index.kept_index(at.checked_sub(1)?));
        self.next_sequence = current.events.next_sequence().or(self.next_sequence);
    }
}

impl<'a> LogEvents<'a> {
    /// Starts at the segment `at`, or at the first one from there on that holds a record of that time.
    pub(crate) fn new(log: &'a LogReader, at: usize, start: FirstWanted) -> Self {
        Self { log, at, start, next_sequence: None, least_next: 0, current: None, is_done: false }
    }

    /// Goes to the first or next segment; `false` at the end.
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
        let place = match self.next_sequence.map(|next| next.max(self.least_next)) {
            None => log.place_of(self.at, reader, self.start)?,
            Some(expected) if expected != base_sequence => {
                let path = reader.path().into();
                return Err(ReadError::Discontinuity { path, expected, found: base_sequence });
            }
            Some(_) => IndexPoint::FIRST,
        };
        // META records are passed over, also where no other record follows them.
        self.next_sequence = Some(base_sequence + place.number);
        self.least_next = base_sequence + reader.preamble().records;
        self.at += 1;
        let end_position = log.segments().get(self.at).map(|next| next.header.base_position);
        self.current = Some(Current::of(reader, place, end_position));
        Ok(true)
    }

    /// Returns the segment to enter; `None` at the end of the log.
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

/// Calls `f` with every event. Maps one segment at a time.
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
        let mut current = Current::of(reader, IndexPoint::FIRST, end_position);
        let mut next_sequence = found;
        while let Some(event) = current.next() {
            let event = event?;
            next_sequence = event.sequence + 1;
            f(event);
            let passed = current.pass_valid(&mut f);
            next_sequence += passed;
            count += 1 + passed;
        }
        // META records are passed over, also where no other record follows them.
        expected = Some(next_sequence.max(found + reader.preamble().records));
    }
    log.check_end()?;
    Ok(count)
}

impl LogReader {
    /// Calls `f` with every event, in order, and returns the number of events. Maps one segment at a time.
    ///
    /// ```
    /// use ringlog::storage::LogReader;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// let reader = LogReader::open(path)?;
    /// let mut bytes = 0;
    /// assert_eq!(reader.replay(|event| bytes += event.payload.len())?, 4);
    /// assert_eq!(bytes, 5 + 16 + 8);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ReadError`] at the first record that cannot be read; all before it were passed to `f`.
    /// [`ReadError::MissingEnd`] after the last record of a closed log that had more.
    pub fn replay(&self, f: impl FnMut(Event<'_>)) -> Result<u64, ReadError> {
        replay(self, f)
    }

    /// Returns all events, in order. After an error the iterator ends. [`ReadError::MissingEnd`] comes after
    /// the last event of a closed log that had more.
    ///
    /// Events live as long as this reader, so each segment stays open and mapped once it was reached. For a log
    /// of more segments than a process may have open files, use [`replay`](Self::replay) or
    /// [`LogScan`](crate::storage::read::scan::log_scan::LogScan): they open one at a time.
    ///
    /// ```
    /// use ringlog::storage::{LogReader, ReadError};
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// let reader = LogReader::open(path)?;
    /// for event in reader.events() {
    ///     match event {
    ///         Ok(event) => assert!(event.sequence < 4),
    ///         Err(ReadError::Record { path, source }) => panic!("{}: {source}", path.display()),
    ///         Err(other) => return Err(other.into()),
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn events(&self) -> impl Iterator<Item = Result<Event<'_>, ReadError>> {
        self.events_from(0)
    }

    /// Returns the events from `sequence` on, in order; all of them if the log starts later.
    ///
    /// Records that retention deleted are no error here: compare with [`first_sequence`](Self::first_sequence).
    /// Finding the first one takes no longer in a longer log: it needs the names of the segments and an index
    /// of one of them.
    ///
    /// ```
    /// use ringlog::storage::LogReader;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// let reader = LogReader::open(path)?;
    /// let sequences: Vec<u64> = reader.events_from(2).map(|event| event.unwrap().sequence).collect();
    /// assert_eq!(sequences, [2, 3]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn events_from(&self, sequence: u64) -> impl Iterator<Item = Result<Event<'_>, ReadError>> {
        self.start_at(sequence, 0)
    }

    /// Returns the events from the first one on whose timestamp is `since` or later; none if there is no such
    /// event.
    ///
    /// Timestamps may go backwards, so later events may have earlier timestamps;
    /// [`events_matching`](Self::events_matching) leaves those out. Each segment is read once for its index,
    /// which is then kept in the folder `index` of the log, a cache. From then on this reads 64 bytes for each
    /// segment, one index, and at most 32 KiB of records.
    ///
    /// ```
    /// # use ringlog::event::EventHeader;
    /// # use ringlog::storage::{LogReader, LogWriter};
    /// # let folder = tempfile::tempdir()?;
    /// let mut writer = LogWriter::open(folder.path())?;
    /// for timestamp in [10, 30, 20, 40] {
    ///     writer.write_event(&EventHeader::new(timestamp, 0, 0), b"")?;
    /// }
    /// writer.close()?;
    /// let reader = LogReader::open(folder.path())?;
    /// assert_eq!(reader.events_since(15).next().unwrap()?.sequence, 1);
    /// assert!(reader.events_since(41).next().is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn events_since(&self, since: u64) -> impl Iterator<Item = Result<Event<'_>, ReadError>> {
        self.start_at(0, since)
    }

    /// Returns the events that a filter selects. Finds the first one without reading all before it.
    ///
    /// ```
    /// # use ringlog::event::EventHeader;
    /// # use ringlog::storage::{Filter, LogReader, LogWriter};
    /// # let folder = tempfile::tempdir()?;
    /// # let mut writer = LogWriter::open(folder.path())?;
    /// # for (timestamp, event_type) in [(10, 7), (30, 8), (20, 7), (40, 7)] {
    /// #     writer.write_event(&EventHeader::new(timestamp, event_type, 0), b"")?;
    /// # }
    /// # writer.close()?;
    /// let reader = LogReader::open(folder.path())?;
    /// let wanted = Filter::new().event_type(7).since(15);
    /// let found: Vec<u64> = reader.events_matching(&wanted).map(|event| event.unwrap().sequence).collect();
    /// assert_eq!(found, [2, 3]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn events_matching<'a>(
        &'a self,
        filter: &Filter,
    ) -> impl Iterator<Item = Result<Event<'a>, ReadError>> + use<'a> {
        Filtered::new(self.start_at(filter.first_sequence(), filter.earliest()), filter.clone())
    }

    fn start_at(&self, sequence: u64, since: u64) -> LogEvents<'_> {
        let at = self.index.segment_of(sequence);
        LogEvents::new(self, at, FirstWanted { sequence, since })
    }
}
