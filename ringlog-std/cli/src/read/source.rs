//! Reads a log, a folder or one file, for the commands.
//!
//! Reads with `pread`, never through a mapping: a file that shrinks meanwhile is an error, not a signal.

use std::path::Path;

use crate::error::CliError;
use crate::read::lines::{SegmentLine, WriterLine};
use ringlog::event::{ClockKind, Event};
use ringlog::programs::{LogIndex, WriterFileState};
use ringlog::storage::{Filter, LogScan, MissingRecords, OpenError, WriterFile};

/// Lends the records of a log one by one.
#[derive(Debug)]
pub(crate) struct LogSource {
    /// `None` for a log without a file.
    scan: Option<LogScan>,
    /// Opened for a filter that needs it.
    index: Option<LogIndex>,
}

impl LogSource {
    /// Opens one file or all log files of a folder.
    pub(crate) fn open(path: &Path) -> Result<Self, CliError> {
        Ok(Self { scan: Some(LogScan::open(path)?), index: None })
    }

    /// Opens like [`open`](Self::open), but takes a folder with only a `writer` file for a log without records.
    ///
    /// Not for verifying: a log that lost all its files looks the same.
    pub(crate) fn open_or_empty(path: &Path) -> Result<Self, CliError> {
        match LogScan::open(path) {
            Err(OpenError::NoSegments { .. }) if WriterFile::of(path).state == WriterFileState::Good => {
                Ok(Self { scan: None, index: None })
            }
            other => Ok(Self { scan: Some(other?), index: None }),
        }
    }

    /// Returns what the timestamp of the next record counts.
    pub(crate) fn clock(&self) -> ClockKind {
        self.scan.as_ref().map_or(ClockKind::Unspecified, |scan| scan.header().clock())
    }

    /// Returns what the timestamp of the next record counts; `None` if the log has no file.
    pub(crate) fn known_clock(&self) -> Option<ClockKind> {
        self.scan.as_ref().map(|scan| scan.header().clock())
    }

    /// Whether the log has no file.
    pub(crate) fn is_empty(&self) -> bool {
        self.scan.is_none()
    }

    /// Goes to the start of the file that holds `sequence`; lends the records before it in that file too.
    pub(crate) fn seek(&mut self, sequence: u64) -> Result<(), CliError> {
        Ok(self.scan.as_mut().map_or(Ok(()), |scan| scan.seek(sequence))?)
    }

    /// Goes to the first record that may pass the filter. `path` must be the path by which the log was opened.
    pub(crate) fn seek_first(&mut self, path: &Path, filter: &Filter) -> Result<(), CliError> {
        let needs_index = filter.first_sequence() > 0 || filter.earliest() > 0;
        if self.scan.is_none() || !needs_index && filter.needle().is_none() {
            return Ok(());
        }
        let index = LogIndex::open(path)?;
        if needs_index {
            self.seek_with(&index, filter)?;
        }
        self.index = Some(index);
        Ok(())
    }

    fn seek_with(&mut self, index: &LogIndex, filter: &Filter) -> Result<(), CliError> {
        let Some(scan) = &mut self.scan else { return Ok(()) };
        let sequence = if filter.earliest() > 0 {
            let found = index.sequence_since(filter.first_sequence(), filter.earliest())?;
            found.map_or_else(|| index.next_sequence(), Ok)?
        } else {
            filter.first_sequence()
        };
        Ok(scan.seek_with(index, sequence)?)
    }

    /// Goes to the next record that passes the filter; `false` after the last one.
    pub(crate) fn advance(&mut self, filter: &mut Filter) -> Result<bool, CliError> {
        let Some(scan) = &mut self.scan else { return Ok(false) };
        while scan.advance_to(filter, self.index.as_ref())? {
            match scan.found_event() {
                Some(event) if filter.is_past(&event) => return Ok(false),
                Some(event) if filter.selects_next(&event) => return Ok(true),
                _ => {}
            }
        }
        Ok(false)
    }

    /// Returns the record that [`advance`](Self::advance) found.
    pub(crate) fn found_event(&self) -> Option<Event<'_>> {
        self.scan.as_ref().and_then(LogScan::found_event)
    }

    /// Describes the `writer` file of the log at `path`.
    pub(crate) fn writer_file(&self, path: &Path) -> WriterLine {
        let file = self.scan.as_ref().map_or_else(|| WriterFile::of(path), |scan| *scan.writer_file());
        WriterLine::new(&file, path)
    }

    /// Returns the records that are missing before the first file.
    pub(crate) fn missing_start(&self) -> Option<MissingRecords> {
        let scan = self.scan.as_ref()?;
        let (first, base_sequence) = scan.first_file()?;
        scan.writer_file().missing_start(first, base_sequence)
    }

    /// Describes the files of the log.
    pub(crate) fn segments(&self) -> Vec<SegmentLine> {
        self.scan.iter().flat_map(LogScan::segments).map(SegmentLine::from).collect()
    }

    /// Returns the sequence of the next record, or of the end of the log if there is none.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.scan.as_ref().map_or(0, LogScan::next_sequence)
    }

    /// Returns the next record, checked; an error names file, offset and record.
    pub(crate) fn next_event(&mut self) -> Result<Option<Event<'_>>, CliError> {
        Ok(self.scan.as_mut().map_or(Ok(None), LogScan::next_event)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::many_segments::{FEW_FILES, many_segments};
    use ringlog::programs::OPENED_FILES;

    #[test]
    fn the_first_record_to_print_of_a_long_log_is_found_by_opening_few_files() {
        let folder = tempfile::tempdir().unwrap();
        many_segments(folder.path());
        let first = |filter: &Filter| {
            OPENED_FILES.take();
            let mut source = LogSource::open_or_empty(folder.path()).unwrap();
            source.seek_first(folder.path(), filter).unwrap();
            assert!(source.advance(&mut filter.clone()).unwrap());
            (source.found_event().unwrap().sequence, OPENED_FILES.take())
        };
        let (found, opened) = first(&Filter::new().sequences(7777..u64::MAX));
        assert!(found == 7777 && opened <= FEW_FILES, "{found}, {opened} files");
        let late = Filter::new().since(39_001);
        let (found, _) = first(&late);
        assert_eq!(first(&late).0, found);
        let (again, opened) = first(&late);
        assert!(again == found && opened <= FEW_FILES, "{again}, {opened} files");
    }
}
