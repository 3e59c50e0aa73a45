//! Reading a log, a folder or one file, as the commands see it.
//!
//! The one place of the tools that knows how log files are found and read. Reads with `pread`, never through
//! a mapping: a file that shrinks meanwhile is an error, not a signal.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use ringlog_nostd::{FILE_HEADER_LEN, crc32c_append, decode, record_len};
use serde::Serialize;

use super::error::CliError;
use super::text::{grouped, size};
use crate::event::{
    Checksums, ClockKind, Event, EventHeader, FileHeader, HEADER_LEN, RecordError, file_flags,
};

/// At least one largest record.
const BUFFER_BYTES: usize = 256 * 1024;

/// What is told of a log file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct SegmentLine {
    pub(crate) file: String,
    pub(crate) base_sequence: u64,
    /// Records, GAP records included, as the file's header says.
    pub(crate) records: u64,
    /// Bytes of records.
    pub(crate) bytes: u64,
    /// "clean", "sealed", or "open" where a writer is at work or was killed.
    pub(crate) state: &'static str,
    pub(crate) checksums: bool,
}

impl std::fmt::Display for SegmentLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { file, state, .. } = self;
        write!(f, "{file}  {} records  {}  {state}", grouped(self.records), size(self.bytes))
    }
}

#[derive(Debug)]
struct Segment {
    path: PathBuf,
    file: File,
    header: FileHeader,
}

impl Segment {
    fn open(path: &Path) -> Result<Self, CliError> {
        let file = File::open(path).map_err(CliError::io("open", path))?;
        let mut bytes = [0; FILE_HEADER_LEN];
        let read = read_at_most(&file, &mut bytes, 0).map_err(CliError::io("read", path))?;
        let refused = |problem: String| CliError::NotALog { path: path.into(), problem };
        if read < FILE_HEADER_LEN {
            return Err(refused(format!("{read} bytes long, a log file has at least {FILE_HEADER_LEN}")));
        }
        let header = FileHeader::from_bytes(&bytes).map_err(|error| refused(error.to_string()))?;
        Ok(Self { path: path.into(), file, header })
    }

    fn checksums(&self) -> Checksums {
        if self.header.has(file_flags::CHECKSUMS) {
            Checksums::Verify { salt: self.header.salt(), crc: crc32c_append }
        } else {
            Checksums::Absent
        }
    }

    fn line(&self) -> SegmentLine {
        let header = &self.header;
        let state = match (header.has(file_flags::CLEAN), header.has(file_flags::SEALED)) {
            (true, _) => "clean",
            (false, true) => "sealed",
            (false, false) => "open",
        };
        SegmentLine {
            file: self.path.display().to_string(),
            base_sequence: header.base_sequence,
            records: header.event_count,
            bytes: header.write_offset - FILE_HEADER_LEN as u64,
            state,
            checksums: header.has(file_flags::CHECKSUMS),
        }
    }
}

/// Lends the records of a log one after the other.
#[derive(Debug)]
pub(crate) struct LogSource {
    segments: Vec<Segment>,
    at: usize,
    offset: u64,
    sequence: u64,
    buffer: Vec<u8>,
    buffer_offset: u64,
}

impl LogSource {
    /// Opens a file, or every log file of a folder.
    pub(crate) fn open(path: &Path) -> Result<Self, CliError> {
        let metadata = path.metadata().map_err(CliError::io("open", path))?;
        let paths = if metadata.is_dir() { segment_paths(path)? } else { vec![path.into()] };
        if paths.is_empty() {
            let problem = "the folder holds no log file (*.evtl); `ringlog serve --log` begins one".into();
            return Err(CliError::NotALog { path: path.into(), problem });
        }
        let segments = paths.iter().map(|path| Segment::open(path)).collect::<Result<Vec<_>, _>>()?;
        let sequence = segments.first().map_or(0, |segment| segment.header.base_sequence);
        let offset = FILE_HEADER_LEN as u64;
        Ok(Self { segments, at: 0, offset, sequence, buffer: Vec::new(), buffer_offset: 0 })
    }

    /// What the timestamps of the next record count.
    pub(crate) fn clock(&self) -> ClockKind {
        let segment = self.segments.get(self.at).or(self.segments.last());
        segment.map_or(ClockKind::Unspecified, |segment| segment.header.clock())
    }

    /// Goes to the file that holds `sequence`; records before it in that file are still lent.
    pub(crate) fn seek(&mut self, sequence: u64) -> Result<(), CliError> {
        let begins_by_then = |segment: &Segment| segment.header.base_sequence <= sequence;
        self.enter(self.segments.iter().rposition(begins_by_then).unwrap_or(0));
        Ok(())
    }

    /// The files of the log.
    pub(crate) fn segments(&self) -> Vec<SegmentLine> {
        self.segments.iter().map(Segment::line).collect()
    }

    /// The next record, checked, or an error that names file, offset and record.
    pub(crate) fn next_event(&mut self) -> Result<Option<Event<'_>>, CliError> {
        while self.segments.get(self.at).is_some_and(|segment| self.offset >= segment.header.write_offset) {
            self.enter_next()?;
        }
        if self.at >= self.segments.len() {
            return Ok(None);
        }
        self.fetch(HEADER_LEN)?;
        let stride = self
            .record()
            .first_chunk()
            .map_or(0, |head| record_len(usize::from(EventHeader::from_bytes(head).payload_len)));
        self.fetch(stride)?;
        let (offset, sequence) = (self.offset, self.sequence);
        let segment = &self.segments[self.at];
        let available = usize::try_from(segment.header.write_offset - offset).unwrap_or(usize::MAX);
        let from = usize::try_from(offset - self.buffer_offset).unwrap_or(usize::MAX);
        let record = self.buffer.get(from..).unwrap_or_default();
        let record = record.get(..available).unwrap_or(record);
        match decode(record, offset, segment.checksums()) {
            Ok((header, payload, stride)) => {
                self.offset += stride as u64;
                self.sequence += 1;
                Ok(Some(Event { header, payload, sequence, offset }))
            }
            Err(kind) => {
                let error = RecordError { offset, sequence, kind };
                Err(CliError::Damage { path: segment.path.clone(), error })
            }
        }
    }

    fn enter_next(&mut self) -> Result<(), CliError> {
        let expected = self.sequence;
        self.enter(self.at + 1);
        match self.segments.get(self.at) {
            Some(segment) if segment.header.base_sequence != expected => {
                let (path, found) = (segment.path.clone(), segment.header.base_sequence);
                Err(CliError::Missing { path, expected, found })
            }
            _ => Ok(()),
        }
    }

    fn enter(&mut self, at: usize) {
        self.at = at;
        self.offset = FILE_HEADER_LEN as u64;
        self.buffer.clear();
        self.buffer_offset = self.offset;
        if let Some(segment) = self.segments.get(at) {
            self.sequence = segment.header.base_sequence;
        }
    }

    /// What is buffered of the record at `offset`.
    fn record(&self) -> &[u8] {
        let from = self.offset.saturating_sub(self.buffer_offset);
        usize::try_from(from).ok().and_then(|from| self.buffer.get(from..)).unwrap_or_default()
    }

    /// Has `bytes` bytes of the record in the buffer, as far as the file has them.
    fn fetch(&mut self, bytes: usize) -> Result<(), CliError> {
        let Some(segment) = self.segments.get(self.at) else { return Ok(()) };
        if self.record().len() >= bytes {
            return Ok(());
        }
        self.buffer.resize(BUFFER_BYTES, 0);
        self.buffer_offset = self.offset;
        let read = read_at_most(&segment.file, &mut self.buffer, self.offset);
        self.buffer.truncate(read.map_err(CliError::io("read", &segment.path))?);
        Ok(())
    }
}

fn segment_paths(folder: &Path) -> Result<Vec<PathBuf>, CliError> {
    let mut paths = Vec::new();
    for entry in folder.read_dir().map_err(CliError::io("list", folder))? {
        let path = entry.map_err(CliError::io("list", folder))?.path();
        if path.extension().is_some_and(|extension| extension == "evtl") {
            paths.push(path);
        }
    }
    // Twenty digits: the order of the names is the order of the log.
    paths.sort();
    Ok(paths)
}

fn read_at_most(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut read = 0;
    while read < buffer.len() {
        match file.read_at(buffer.get_mut(read..).unwrap_or_default(), offset + read as u64) {
            Ok(0) => break,
            Ok(bytes) => read += bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}
