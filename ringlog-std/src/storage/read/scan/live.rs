//! Scans a segment that grows or may be retired: holds it, seeks in it, and refreshes its header.
#![forbid(unsafe_code)]

use std::io;
use std::path::Path;
use std::sync::atomic::{Ordering, fence};

use ringlog_nostd::format::FILE_HEADER_LEN;

use crate::event::{FileHeader, FileHeaderError, file_flags};
use crate::os::files::try_hold;
use crate::storage::error::{OpenError, ReadError};
use crate::storage::read::decode::segment_index::{Index, IndexPoint};
use crate::storage::read::scan::segment_scan::FileScan;
use crate::storage::segment::file::{SegmentInfo, is_gone, read_header, read_stable_header};
use crate::storage::segment::share::{Hold, hold_finished, is_same_file};

/// The result of opening a segment by a name that was just listed.
#[derive(Debug)]
pub(crate) enum LiveFile {
    /// It is open, and cannot be recycled any more.
    Held(FileScan),
    /// It is open, and another has an exclusive lock on it: the writer of a single file, or another program.
    Unheld(FileScan),
    /// It was retired meanwhile.
    Gone,
}

impl FileScan {
    /// Opens a segment and takes the shared lock, which keeps it from being recycled.
    pub(crate) fn open_held(path: &Path) -> Result<LiveFile, OpenError> {
        let scan = match Self::open(path) {
            Ok(scan) => scan,
            Err(OpenError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Ok(LiveFile::Gone);
            }
            // Retired after it was opened, and its header erased.
            Err(OpenError::TooShort { .. } | OpenError::Header { .. }) if is_gone(path) => {
                return Ok(LiveFile::Gone);
            }
            Err(error) => return Err(error),
        };
        let held =
            scan.hold().map_err(|source| OpenError::Io { path: path.into(), action: "lock", source })?;
        // In this order: see `segment/share.rs`.
        let is_named = scan.is_named().map_err(|source| OpenError::Io {
            path: path.into(),
            action: "look up",
            source,
        })?;
        Ok(match (is_named, held) {
            (false, _) => LiveFile::Gone,
            (true, true) => LiveFile::Held(scan),
            (true, false) => LiveFile::Unheld(scan),
        })
    }

    /// Opens a segment that has no writer any more, and takes the shared lock; `None` if it was retired meanwhile.
    ///
    /// # Errors
    ///
    /// [`OpenError::LockedSegment`] if another program has an exclusive lock on it.
    pub(crate) fn open_finished(path: &Path) -> Result<Option<Self>, OpenError> {
        let scan = match Self::open_held(path)? {
            LiveFile::Held(scan) => return Ok(Some(scan)),
            LiveFile::Gone => return Ok(None),
            LiveFile::Unheld(scan) => scan,
        };
        let file = &scan.segment.file;
        let held = hold_finished(path, file).map_err(|source| OpenError::Io {
            path: path.into(),
            action: "lock",
            source,
        })?;
        match held {
            Hold::Held => Ok(Some(scan)),
            Hold::Gone => Ok(None),
            Hold::Locked => Err(OpenError::locked_segment(path, file)),
        }
    }

    /// Opens the last segment, which its writer may hold; `None` if it was retired meanwhile.
    pub(crate) fn open_last(path: &Path) -> Result<Option<Self>, OpenError> {
        match Self::open_held(path)? {
            LiveFile::Held(scan) | LiveFile::Unheld(scan) => Ok(Some(scan)),
            LiveFile::Gone => Ok(None),
        }
    }

    /// Takes the shared lock; `false` while another has an exclusive one.
    pub(crate) fn hold(&self) -> io::Result<bool> {
        try_hold(&self.segment.file)
    }

    /// Returns whether the file still has the name under which it was opened.
    pub(crate) fn is_named(&self) -> io::Result<bool> {
        is_same_file(&self.segment.info.path, &self.segment.file)
    }

    /// Returns whether all published records were read.
    pub(crate) fn is_at_end(&self) -> bool {
        self.offset >= self.end
    }

    /// Checks that the file's name matches its header.
    pub(crate) fn check_name(&self, named_sequence: u64) -> Result<(), OpenError> {
        self.segment.info.check_name(named_sequence)
    }

    /// Returns whether nothing will be added to the file.
    pub(crate) fn is_final(&self) -> bool {
        let header = self.header();
        header.has(file_flags::STREAM) || header.has(file_flags::SEALED)
    }

    /// Reads the header again; `true` if there is more to read, or if the segment is now final.
    pub(crate) fn refresh(&mut self) -> Result<bool, ReadError> {
        if self.is_final() {
            return Ok(false);
        }
        let SegmentInfo { path, header: known, .. } = &self.segment.info;
        let first = read_header(&self.segment.file, path).map_err(Box::new)?;
        if (first.write_offset, first.flags) == (known.write_offset, known.flags) {
            return Ok(false);
        }
        let header = read_stable_header(&self.segment.file, path).map_err(Box::new)?;
        // ORDERING: Acquire, PUBLISH. Pairs with the Release in `WriteMap::publish`: the records that this
        // header publishes are read after it. The kernel made the loads, on this thread.
        fence(Ordering::Acquire);
        self.take_over(header)?;
        Ok(true)
    }

    fn take_over(&mut self, header: FileHeader) -> Result<(), ReadError> {
        let info = &mut self.segment.info;
        let (stored, computed) = (header.salt(), info.header.salt());
        if stored != computed {
            let source = FileHeaderError::Checksum { stored, computed };
            return Err(ReadError::Header { path: info.path.clone(), source });
        }
        let file_bytes = self.segment.file.metadata().map(|metadata| metadata.len());
        let len_bytes =
            file_bytes.map_err(|source| ReadError::Io { path: info.path.clone(), offset: 0, source })?;
        let (write_offset, published_bytes) = (header.write_offset, info.header.write_offset);
        if !(published_bytes..=len_bytes).contains(&write_offset) {
            return Err(ReadError::WriteOffset {
                path: info.path.clone(),
                write_offset,
                published_bytes,
                len_bytes,
            });
        }
        info.header = header;
        self.end = write_offset;
        Ok(())
    }

    /// Goes to a place between two records, which comes from an index of this file.
    pub(crate) fn go_to(&mut self, place: IndexPoint) -> Result<(), ReadError> {
        self.read_lead()?;
        self.found = None;
        self.search.restart();
        self.offset = place.offset.clamp(FILE_HEADER_LEN as u64, self.end);
        self.sequence = self.header().base_sequence + place.number;
        if self.offset < self.buffer_offset {
            self.buffer.clear();
            self.prefix_crcs.clear();
            self.buffer_offset = self.offset;
        }
        Ok(())
    }

    /// Reads up to before the record `sequence`, or to the end.
    pub(crate) fn skip_to(&mut self, sequence: u64) -> Result<(), ReadError> {
        self.pass_meta()?;
        while self.next_sequence() < sequence && self.advance()? {
            self.pass_meta()?;
        }
        Ok(())
    }

    /// Reads the records that take no position, so that the positions of all others are known.
    pub(crate) fn read_lead(&mut self) -> Result<(), ReadError> {
        while self.is_in_preamble() && self.advance()? {}
        Ok(())
    }

    /// Indexes all records that are not read yet, up to damage.
    pub(crate) fn index_all(&mut self) -> Result<Index, ReadError> {
        let mut index = Index::default();
        loop {
            match self.advance() {
                Ok(true) => self.add_found_to(&mut index),
                Ok(false) => return Ok(index),
                Err(ReadError::Record { .. } | ReadError::EventCount { .. }) => {
                    index.is_cut = true;
                    return Ok(index);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn add_found_to(&self, index: &mut Index) {
        if let Some(found) = &self.found {
            // META records were passed over.
            let number = found.sequence - self.header().base_sequence;
            index.end = IndexPoint { offset: found.offset, number };
            index.add(&found.header, found.header.stride());
        }
    }
}
