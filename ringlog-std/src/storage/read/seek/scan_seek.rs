//! Puts a scan at a sequence, and notices what retention took from a log that is being scanned.
#![forbid(unsafe_code)]

use crate::event::Event;
use crate::storage::error::{OpenError, ReadError};
use crate::storage::read::filter::Filter;
use crate::storage::read::scan::log_scan::LogScan;
use crate::storage::read::scan::overtaken::overtaken;
use crate::storage::read::seek::log_index::LogIndex;

impl LogScan {
    /// Goes to the record `sequence`: to the first record if the log starts after it, and to the end if it ends
    /// before it.
    ///
    /// The names of the segments say which one has the record, so the number of files that it opens does not grow with
    /// the log. It reads that segment through if it has no index yet. Indexes of sealed segments are kept in the
    /// folder `index` of the log, a cache that may be deleted.
    ///
    /// ```
    /// use ringlog::storage::LogScan;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// let mut scan = LogScan::open(path)?;
    /// scan.seek_record(3)?;
    /// assert_eq!(scan.next_event()?.unwrap().sequence, 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the segment cannot be read, or was retired.
    pub fn seek_record(&mut self, sequence: u64) -> Result<(), ReadError> {
        self.seek_with(&self.index()?, sequence)
    }

    /// Returns the sequence of the first record from `sequence` on with a timestamp of `since` or later; `None` if
    /// there is none. Leaves the scan where it is.
    ///
    /// First in the order of the log: timestamps may go backwards. The first search reads each segment that has no
    /// index yet, up to the one with the record. Later ones open some ten files in a log of any length.
    ///
    /// ```
    /// use ringlog::event::EventHeader;
    /// use ringlog::storage::{LogScan, LogWriter};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// let mut writer = LogWriter::open(folder.path())?;
    /// for timestamp in [10, 30, 20, 40] {
    ///     writer.write_event(&EventHeader::new(timestamp, 0, 0), b"")?;
    /// }
    /// writer.close()?;
    ///
    /// let mut scan = LogScan::open(folder.path())?;
    /// assert_eq!(scan.sequence_since(0, 15)?, Some(1));
    /// assert_eq!(scan.sequence_since(2, 15)?, Some(2));
    /// assert_eq!(scan.sequence_since(0, 50)?, None);
    /// scan.seek_record(1)?;
    /// assert_eq!(scan.next_event()?.unwrap().header.timestamp, 30);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ReadError`] if a segment that may hold it cannot be read or was retired.
    pub fn sequence_since(&self, sequence: u64, since: u64) -> Result<Option<u64>, ReadError> {
        self.index()?.sequence_since(sequence, since)
    }

    /// Returns the sequence after the last record that is published now. It counts the records of the last segment
    /// if that is not sealed.
    ///
    /// ```
    /// use ringlog::storage::LogScan;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// let mut scan = LogScan::open(path)?;
    /// // The last two records.
    /// scan.seek_record(scan.end_sequence()? - 2)?;
    /// assert_eq!(scan.next_event()?.unwrap().sequence, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ReadError`] if a segment cannot be read.
    pub fn end_sequence(&self) -> Result<u64, ReadError> {
        self.index()?.next_sequence()
    }

    /// Opens the log's index as the log is now.
    fn index(&self) -> Result<LogIndex, ReadError> {
        LogIndex::open(&self.path).map_err(|error| ReadError::Segment(Box::new(error)))
    }

    /// Goes to a record as [`seek_record`](Self::seek_record) does, with an index that is open already.
    #[doc(hidden)]
    pub fn seek_with(&mut self, index: &LogIndex, sequence: u64) -> Result<(), ReadError> {
        self.seek(sequence).map_err(Box::new)?;
        let header = self.current.header();
        let (base_sequence, salt) = (header.base_sequence, header.salt());
        let at = index.segment_of(base_sequence);
        let is_known = index.segment(at).is_ok_and(|segment| segment.header.salt() == salt);
        if is_known && sequence > base_sequence {
            let place = index.index(at)?.start_of_number(sequence - base_sequence);
            self.current.go_to(place)?;
        }
        self.current.skip_to(sequence)
    }

    /// Goes to the next record, which [`found_event`](Self::found_event) then lends. Returns `false` at the end
    /// of the log.
    ///
    /// ```
    /// use ringlog::storage::LogScan;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// let mut scan = LogScan::open(path)?;
    /// let mut count = 0;
    /// while scan.advance()? {
    ///     count += 1;
    /// }
    /// assert_eq!(count, 4);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`next_event`](Self::next_event).
    pub fn advance(&mut self) -> Result<bool, ReadError> {
        while !self.current.advance()? {
            if !self.enter_next()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Goes to the next record that the filter selects, which [`found_event`](Self::found_event) then lends. Returns
    /// `false` if there is none.
    ///
    /// It starts where the scan is: go to the first record with [`seek_record`](Self::seek_record). Where the filter
    /// demands bytes, it searches several segments at a time, and reads only the records with a match; all calls must
    /// then have the same filter.
    ///
    /// ```
    /// use ringlog::storage::{Filter, LogScan};
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// let (mut scan, filter) = (LogScan::open(path)?, Filter::new().grep(b"ell"));
    /// assert!(scan.advance_matching(&filter)?);
    /// assert_eq!(scan.found_event().unwrap().payload, b"hello");
    /// assert!(!scan.advance_matching(&filter)?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`next_event`](Self::next_event).
    pub fn advance_matching(&mut self, filter: &Filter) -> Result<bool, ReadError> {
        while self.advance_to(filter, None)? {
            match self.found_event() {
                Some(event) if filter.is_past(&event) => return Ok(false),
                Some(event) if filter.matches(&event) => return Ok(true),
                _ => {}
            }
        }
        Ok(false)
    }

    /// Goes to the next record that may have the bytes that the filter demands; to any next one if it demands none. An
    /// index of the log makes it faster.
    #[doc(hidden)]
    pub fn advance_to(&mut self, filter: &Filter, index: Option<&LogIndex>) -> Result<bool, ReadError> {
        let Some(needle) = filter.needle() else { return self.advance() };
        loop {
            self.search_ahead(needle);
            let header = self.current.header();
            let (base_sequence, salt) = (header.base_sequence, header.salt());
            let kept = || {
                let index = index?;
                let at = index.segment_of(base_sequence);
                let is_known = index.segment(at).is_ok_and(|segment| segment.header.salt() == salt);
                if is_known { index.kept_index(at) } else { None }
            };
            let before = self.current.skip_to_match(needle, kept)?;
            match (self.current.advance(), before) {
                (Ok(true), _) => return Ok(true),
                (Ok(false), _) if self.enter_next()? => {}
                (Ok(false), _) => return Ok(false),
                (Err(ReadError::Record { .. } | ReadError::EventCount { .. }), Some(before)) => {
                    self.current.search_from(before)?;
                }
                (Err(error), _) => return Err(error),
            }
        }
    }

    /// Returns the record that [`advance`](Self::advance) found. May be called again.
    ///
    /// ```
    /// use ringlog::storage::LogScan;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// let mut scan = LogScan::open(path)?;
    /// assert!(scan.found_event().is_none(), "nothing was read yet");
    /// scan.advance()?;
    /// assert_eq!(scan.found_event().unwrap().payload, b"hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn found_event(&self) -> Option<Event<'_>> {
        self.current.found_event()
    }

    /// Turns the error for a next segment that was retired into one that names the missed records.
    pub(crate) fn explained(&self, error: OpenError) -> ReadError {
        let from = self.current.next_sequence();
        let folder = self.current.info().path.parent().filter(|_| error.is_not_found());
        let found = folder.and_then(|folder| overtaken(folder, from));
        found.unwrap_or_else(|| ReadError::Segment(Box::new(error)))
    }
}
