//! Iterates over the events of a log file.
#![forbid(unsafe_code)]

use std::fmt;

use ringlog_nostd::format::{Event, FILE_HEADER_LEN, Layouts, RecordError, RecordErrorKind, Records};

use crate::checksum::record_slice::RecordSlice;
use crate::storage::error::ReadError;
use crate::storage::read::decode::bulk::stream_ended;
use crate::storage::read::decode::record_search::RecordSearch;
use crate::storage::read::decode::segment_index::{Index, IndexPoint};
use crate::storage::read::filter::{Filter, Filtered, SkipTo};
use crate::storage::read::mapped::segment_reader::MmapReader;
use crate::storage::read::needle::Needle;

impl MmapReader {
    /// Calls `f` with every event, in order, and returns the number of events.
    ///
    /// ```
    /// use ringlog::storage::MmapReader;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// let reader = MmapReader::open(path)?;
    /// let mut bytes = 0;
    /// assert_eq!(reader.replay(|event| bytes += event.payload.len())?, 4);
    /// assert_eq!(bytes, 5 + 16 + 8);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ReadError`] at the first record that cannot be read; all before it were passed to `f`.
    pub fn replay(&self, mut f: impl FnMut(Event<'_>)) -> Result<u64, ReadError> {
        let mut events = self.events_at(IndexPoint::FIRST);
        let mut count = events.pass_valid(u64::MAX, &mut f);
        // What is left are META records and what follows them, the end, or damage.
        while let Some(event) = events.next() {
            f(event?);
            count += 1 + events.pass_valid(u64::MAX, &mut f);
        }
        Ok(count)
    }

    /// Returns all events, in order. After an error the iterator ends.
    ///
    /// ```
    /// use ringlog::storage::MmapReader;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// let reader = MmapReader::open(path)?;
    /// let types: Vec<u8> = reader.events().map(|event| event.unwrap().header.event_type).collect();
    /// assert_eq!((types.len(), types[0], types[1]), (4, 7, 42));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn events(&self) -> impl Iterator<Item = Result<Event<'_>, ReadError>> {
        self.events_at(IndexPoint::FIRST)
    }

    /// Returns the events from `sequence` on, in order; all of them if the file starts later.
    ///
    /// The first call reads through the file once to index it.
    ///
    /// ```
    /// use ringlog::storage::MmapReader;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// let reader = MmapReader::open(path)?;
    /// let sequences: Vec<u64> = reader.events_from(2).map(|event| event.unwrap().sequence).collect();
    /// assert_eq!(sequences, [2, 3]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn events_from(&self, sequence: u64) -> impl Iterator<Item = Result<Event<'_>, ReadError>> {
        let number = sequence.saturating_sub(self.header.base_sequence);
        let start = self.index().start_of_number(number);
        let (place, _) = self.walk(start, |at, _| at >= number);
        self.events_at(place)
    }

    /// Returns the events from the first one on whose timestamp is `since` or later; none if there is no such
    /// event.
    ///
    /// Timestamps may go backwards, so later events may have earlier timestamps; a
    /// [`Filter`](crate::storage::read::filter::Filter) leaves those out. The first call reads through the file
    /// once to index it. After that it takes the same time for every file.
    ///
    /// ```
    /// # use ringlog::event::EventHeader;
    /// # use ringlog::storage::{MmapReader, MmapWriter};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("events.evtl");
    /// let mut writer = MmapWriter::create(&path, 1 << 16)?;
    /// for timestamp in [10, 30, 20, 40] {
    ///     writer.write_event(&EventHeader::new(timestamp, 0, 0), b"")?;
    /// }
    /// let reader = MmapReader::open(&path)?;
    /// let found: Vec<u64> = reader.events_since(15).map(|event| event.unwrap().header.timestamp).collect();
    /// assert_eq!(found, [30, 20, 40]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn events_since(&self, since: u64) -> impl Iterator<Item = Result<Event<'_>, ReadError>> {
        let index = self.index();
        let start = index.start_of_time(since).unwrap_or(index.end);
        let (place, _) = self.walk(start, |_, header| header.timestamp >= since);
        self.events_at(place)
    }

    /// Returns the events that a filter selects. The first call reads through the file once to index it.
    ///
    /// ```
    /// use ringlog::storage::{Filter, MmapReader};
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// let reader = MmapReader::open(path)?;
    /// let wanted = Filter::new().event_type(7).sequences(0..2);
    /// assert_eq!(reader.events_matching(&wanted).count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn events_matching<'a>(
        &'a self,
        filter: &Filter,
    ) -> impl Iterator<Item = Result<Event<'a>, ReadError>> + use<'a> {
        let number = filter.first_sequence().saturating_sub(self.header.base_sequence);
        let index = self.index();
        let start = index.start_of(number, filter.earliest());
        Filtered::new(self.events_at(start), filter.clone())
    }

    pub(crate) fn events_at(&self, place: IndexPoint) -> Events<'_> {
        let start = usize::try_from(place.offset - FILE_HEADER_LEN as u64).unwrap_or(usize::MAX);
        let bytes = self.map.records().get(start..).unwrap_or_default();
        let sequence = self.header.base_sequence + place.number;
        let records = Records::starting_at(bytes, self.form(), place.offset, sequence);
        let layouts = self.schemas().map(|schemas| schemas as &dyn Layouts);
        Events { reader: self, records: Some(records), layouts, skipped_from: None, is_search_off: false }
    }

    /// Returns the index if it was made before.
    fn kept_index(&self) -> Option<&Index> {
        self.index.get()
    }
}

/// Iterates over the events of a log file: see [`MmapReader::events`].
#[derive(Clone)]
pub(crate) struct Events<'a> {
    reader: &'a MmapReader,
    /// `None` after the end or an error.
    records: Option<Records<'a>>,
    layouts: Option<&'a dyn Layouts>,
    /// Where it was before it passed records by their lengths.
    skipped_from: Option<Records<'a>>,
    /// Whether it found something else among the records, and so reads all.
    is_search_off: bool,
}

impl<'a> Iterator for Events<'a> {
    type Item = Result<Event<'a>, ReadError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.next_record()? {
                Ok(event) if event.is_meta() => {}
                Err(_) if self.search_again() => {}
                other => return Some(other),
            }
        }
    }
}

impl std::iter::FusedIterator for Events<'_> {}

impl SkipTo for Events<'_> {
    fn skip_to_match(&mut self, needle: &Needle) {
        let reader = self.reader;
        self.skip_up_to(needle, u64::MAX, || reader.kept_index());
    }
}

impl<'a> Events<'a> {
    /// Returns to where records were passed by their lengths, if any were: damage may be in one of those.
    #[cold]
    fn search_again(&mut self) -> bool {
        let from = self.skipped_from.take();
        let was_skipped = from.is_some();
        if was_skipped {
            self.records = from;
            self.is_search_off = true;
        }
        was_skipped
    }

    #[inline]
    fn next_record(&mut self) -> Option<Result<Event<'a>, ReadError>> {
        let records = self.records.as_mut()?;
        if self.reader.is_stream() && stream_ended(records.remaining()) {
            self.records = None;
            return None;
        }
        match records.next() {
            Some(Ok(event)) => {
                let checked = self.reader.demand.check(&event.header, event.payload, event.offset);
                let allowed = checked.and_then(|()| self.check_place(&event));
                Some(allowed.map(|()| event.with_layouts(self.layouts)).map_err(|kind| {
                    let (offset, sequence) = (event.offset, event.sequence);
                    self.damaged(RecordError { offset, sequence, kind })
                }))
            }
            Some(Err(source)) => Some(Err(self.damaged(source))),
            None => self.end().map(Err),
        }
    }

    /// Refuses a META record after the preamble.
    #[inline]
    fn check_place(&self, event: &Event<'_>) -> Result<(), RecordErrorKind> {
        if event.is_meta() && event.offset >= self.reader.preamble().end {
            return Err(RecordErrorKind::MisplacedMeta);
        }
        Ok(())
    }

    /// Passes the records before the next one whose payload holds the needle, unverified; all up to the offset
    /// `starts_below` if there is none. `index` is asked at most once, for an index of this file.
    pub(crate) fn skip_up_to<'i>(
        &mut self,
        needle: &Needle,
        starts_below: u64,
        index: impl FnOnce() -> Option<&'i Index>,
    ) {
        let Some(from) = self.records.clone().filter(|_| !self.is_search_off) else { return };
        let search = RecordSearch {
            bytes: self.reader.map.records(),
            form: self.reader.form(),
            start: IndexPoint {
                offset: from.offset(),
                number: from.sequence() - self.reader.header.base_sequence,
            },
            starts_below,
        };
        let count = self.reader.final_count();
        self.is_search_off = match search.run(needle, count, index) {
            Some(place) => {
                let Self { reader, .. } = *self;
                *self = reader.events_at(place);
                self.skipped_from = Some(from);
                false
            }
            None => true,
        };
    }

    /// Returns the sequence of the next record.
    pub(crate) fn next_sequence(&self) -> Option<u64> {
        self.records.as_ref().map(Records::sequence)
    }

    /// Passes the next events that start below this offset to `f`, as long as they are whole and valid. Returns
    /// their number.
    pub(crate) fn pass_valid(&mut self, starts_below: u64, mut f: impl FnMut(Event<'a>)) -> u64 {
        let Some(records) = &mut self.records else { return 0 };
        let (bytes, offset, sequence) = (records.remaining(), records.offset(), records.sequence());
        let layouts = self.layouts;
        let passed = RecordSlice { bytes, offset, sequence, starts_below }
            .pass(self.reader.demand, |event| f(event.with_layouts(layouts)));
        *records = Records::starting_at(
            bytes.get(passed.bytes..).unwrap_or_default(),
            self.reader.form(),
            offset + passed.bytes as u64,
            sequence + passed.events,
        );
        passed.events
    }

    #[cold]
    fn damaged(&mut self, source: RecordError) -> ReadError {
        self.records = None;
        ReadError::Record { path: self.reader.path().into(), source }
    }

    /// Checks that a sealed file holds as many records as its header says.
    fn end(&mut self) -> Option<ReadError> {
        let records = self.records.take()?;
        let header = &self.reader.header;
        let found = records.sequence() - header.base_sequence;
        let wrong = self.reader.is_sealed() && !self.reader.is_stream() && found != header.event_count;
        wrong.then(|| ReadError::EventCount {
            path: self.reader.path().into(),
            offset: records.offset(),
            stored: header.event_count,
            found,
        })
    }
}

impl fmt::Debug for Events<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("reader", &self.reader).finish_non_exhaustive()
    }
}
