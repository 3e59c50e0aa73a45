//! The log that a stream becomes again: the same records and sequences, in files that begin where the source's did.
//!
//! Records go to the end of the last file, which stays open between two runs: the stream alone says where a file ends. Checksums
//! are made for the new places. All is written by calls, and `write_offset` last, as in any log.
#![forbid(unsafe_code)]

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use ringlog_nostd::format::{FILE_HEADER_LEN, add_checksum, field, place_word};

use crate::checksum::crc32c::crc32c_hardware;
use crate::event::{ClockKind, Event, EventHeader, FileHeader, file_flags};
use crate::os::boot::boot_id;
use crate::os::platform::{Linux, Platform};
use crate::os::time::unix_nanos;
use crate::ship::error::PullError;
use crate::ship::header::{Kind, gap_record};
use crate::ship::target::Run;
use crate::storage::error::{OpenError, ReadError, RecordedEnd};
use crate::storage::folder::listing::LogList;
use crate::storage::folder::writer_lock::WriterLock;
use crate::storage::folder::writer_record::WriterRecord;
use crate::storage::names::segment_name;
use crate::storage::read::scan::segment_scan::FileScan;
use crate::storage::segment::position::PositionTracker;

const START: u64 = FILE_HEADER_LEN as u64;

/// A log that is made of a stream, under its writer's lock.
#[derive(Debug)]
pub(crate) struct PulledLog {
    folder: PathBuf,
    lock: WriterLock,
    identity: Option<u128>,
    /// Where the log begins.
    first: u64,
    /// The sequence of the next record.
    next: u64,
    /// The position after the last record.
    position: u64,
    segment: Option<Segment>,
    /// Where the next message must begin in its segment, if this run has taken one before.
    source_offset: Option<u64>,
}

/// The last file.
#[derive(Debug)]
struct Segment {
    file: File,
    path: PathBuf,
    header: FileHeader,
    positions: PositionTracker,
}

impl PulledLog {
    /// Opens the log in a folder, which may be missing or empty, and reads its last file.
    pub(crate) fn open(folder: &Path) -> Result<Self, PullError> {
        fs::create_dir_all(folder).map_err(failed(folder, "create the folder"))?;
        let (mut lock, previous) = WriterLock::acquire(folder)?;
        if previous.is_closed() {
            return Err(PullError::Closed { path: folder.into() });
        }
        lock.set_draft(previous.is_blank());
        let first = previous.first_sequence.unwrap_or(0);
        let identity = previous.log_identity;
        let folder = folder.to_path_buf();
        let mut log = Self {
            folder,
            lock,
            identity,
            first,
            next: first,
            position: 0,
            segment: None,
            source_offset: None,
        };
        log.find_end()?;
        Ok(log)
    }

    /// Returns the sequence of the next record.
    pub(crate) const fn next_sequence(&self) -> u64 {
        self.next
    }

    pub(crate) const fn identity(&self) -> Option<u128> {
        self.identity
    }

    /// Returns whether it has no record yet.
    pub(crate) const fn is_empty(&self) -> bool {
        self.identity.is_none()
    }

    fn find_end(&mut self) -> Result<(), PullError> {
        let list = match LogList::of(&self.folder) {
            Err(OpenError::NoSegments { .. }) => {
                // It was killed before it had a record.
                self.identity = None;
                return Ok(());
            }
            other => other?,
        };
        let Some(last) = list.segments.last() else { return Ok(()) };
        let mut scan = FileScan::open(&last.path)?;
        let mut end = (START, scan.next_sequence(), scan.positions);
        // What a loss of power took is pulled again.
        while let Ok(Some(_)) = scan.next_bytes() {
            end = (scan.offset(), scan.next_sequence(), scan.positions);
        }
        if end.0 == START && !scan.header().has(file_flags::SEALED) {
            // It is made again with its first message.
            fs::remove_file(&last.path).map_err(failed(&last.path, "delete the file without records"))?;
            return self.find_end();
        }
        self.set_end(&scan, &last.path, end)
    }

    /// Cuts the last file before the record `sequence`, where the message begins of which only a part is there.
    pub(crate) fn cut_to(&mut self, sequence: u64) -> Result<(), PullError> {
        let Some(segment) = &self.segment else { return Ok(()) };
        let path = segment.path.clone();
        let mut scan = FileScan::open(&path)?;
        if scan.next_sequence() > sequence {
            return Err(PullError::Differs { path, sequence });
        }
        let mut end = (START, scan.next_sequence(), scan.positions);
        while end.1 < sequence && scan.next_bytes()?.is_some() {
            end = (scan.offset(), scan.next_sequence(), scan.positions);
        }
        self.set_end(&scan, &path, end)
    }

    fn set_end(
        &mut self,
        scan: &FileScan,
        path: &Path,
        end: (u64, u64, PositionTracker),
    ) -> Result<(), PullError> {
        let (offset, sequence, positions) = end;
        let mut header = *scan.header();
        let is_final = header.has(file_flags::SEALED);
        (header.write_offset, header.event_count) = (offset, sequence - header.base_sequence);
        (self.next, self.position) = (sequence, positions.at(offset));
        if is_final {
            return Ok(());
        }
        let file = OpenOptions::new().write(true).open(path).map_err(failed(path, "open the file"))?;
        header.synced_offset = header.synced_offset.min(offset);
        let segment = Segment { file, path: path.into(), header, positions };
        segment.store().map_err(failed(path, "store the end"))?;
        self.segment = Some(segment);
        Ok(())
    }

    /// Adds the records of a message.
    pub(crate) fn append(&mut self, run: &Run) -> Result<(), PullError> {
        let header = &run.header;
        if header.crc != crc32c_hardware(0, &run.bytes) {
            return Err(PullError::Message {
                first: header.first,
                why: "its bytes do not have its checksum",
            });
        }
        if self.is_empty() {
            self.begin(header.log, header.first)?;
        } else if self.identity != Some(header.log) {
            return Err(PullError::OtherLog { path: self.folder.clone(), log: header.log });
        }
        if header.kind == Kind::Gap {
            return Err(PullError::Gap { first: header.first, next: header.next() });
        }
        if header.first != self.next
            || self.source_offset.is_some_and(|offset| ![offset, START].contains(&header.offset))
        {
            return Err(PullError::Message {
                first: header.first,
                why: "it does not follow the message before it",
            });
        }
        if header.offset == START || self.segment.is_none() {
            self.roll(run)?;
        }
        self.source_offset = Some(header.offset + run.bytes.len() as u64);
        self.add(run.bytes.clone(), header.count)
    }

    /// Stores whose log it is.
    fn begin(&mut self, identity: u128, first: u64) -> Result<(), PullError> {
        // Where records are missing before the first, a GAP says so, and takes the sequence before it.
        (self.identity, self.first) = (Some(identity), first.saturating_sub(1));
        self.next = first;
        self.lock.set_draft(false);
        self.store_record(None)
    }

    fn store_record(&mut self, end: Option<RecordedEnd>) -> Result<(), PullError> {
        let record = WriterRecord {
            pid: Some(std::process::id()),
            boot_id: boot_id().ok(),
            log_identity: self.identity,
            first_sequence: Some(self.first),
            end,
            ..WriterRecord::default()
        };
        let path = self.lock.path().to_path_buf();
        self.lock.store(&Linux, &record).map_err(failed(&path, "store the file"))
    }

    /// Ends the file and begins the next one.
    fn roll(&mut self, run: &Run) -> Result<(), PullError> {
        self.seal()?;
        let begins_with_gap = self.next > 0 && self.next == self.first + 1 && self.position == 0;
        let base_sequence = if begins_with_gap { self.first } else { self.next };
        let clock = ClockKind::from_code(
            u8::try_from((run.header.flags >> file_flags::CLOCK_SHIFT) & 0xFF).unwrap_or(0),
        );
        let has_checksums = run.header.flags & file_flags::CHECKSUMS != 0;
        let mut header = FileHeader::new(unix_nanos(), clock, has_checksums);
        (header.base_sequence, header.base_position) = (base_sequence, self.position);
        let path = self.folder.join(segment_name(base_sequence));
        let made = OpenOptions::new().write(true).create_new(true).open(&path);
        let file = made.map_err(failed(&path, "create the file"))?;
        let write = || file.write_all_at(&header.to_bytes(), 0).and_then(|()| file.sync_all());
        write().map_err(failed(&path, "write the header"))?;
        Linux.sync_folder(&self.folder).map_err(failed(&self.folder, "sync the folder"))?;
        self.segment = Some(Segment { file, path, header, positions: PositionTracker::of(&header) });
        if begins_with_gap {
            self.next = base_sequence;
            self.add(gap_record(), 1)?;
        }
        Ok(())
    }

    /// Writes records to the end of the file.
    fn add(&mut self, mut bytes: Vec<u8>, count: u64) -> Result<(), PullError> {
        let first = self.next;
        let Some(segment) = &mut self.segment else { return Ok(()) };
        let wrong = PullError::Message { first, why: "its records cannot be read" };
        let found = segment.place(&mut bytes);
        if found != Some(count) {
            return Err(wrong);
        }
        let write = |segment: &Segment| -> io::Result<()> {
            let end = segment.header.write_offset;
            segment.file.write_all_at(&bytes, end - bytes.len() as u64)?;
            segment.store()
        };
        segment.header.write_offset += bytes.len() as u64;
        segment.header.event_count += count;
        write(segment).map_err(failed(&segment.path, "write the records"))?;
        self.next += count;
        self.position = segment.positions.at(segment.header.write_offset);
        Ok(())
    }

    /// Syncs what was added.
    pub(crate) fn sync(&mut self) -> Result<(), PullError> {
        let Some(segment) = &mut self.segment else { return Ok(()) };
        let sync = |segment: &mut Segment| -> io::Result<()> {
            segment.file.sync_data()?;
            segment.header.synced_offset = segment.header.write_offset;
            segment.store_word(field::SYNCED_OFFSET, segment.header.synced_offset)
        };
        sync(segment).map_err(failed(&segment.path.clone(), "sync the file"))
    }

    /// Ends the file: nothing is added to it any more.
    fn seal(&mut self) -> Result<(), PullError> {
        self.sync()?;
        let Some(segment) = self.segment.take() else { return Ok(()) };
        let flags = segment.header.flags | file_flags::SEALED | file_flags::CLEAN;
        let store = segment.file.write_all_at(&flags.to_le_bytes(), field::FLAGS as u64);
        store.and_then(|()| segment.file.sync_data()).map_err(failed(&segment.path, "seal the file"))
    }

    /// Ends the log: no message is added to it any more.
    pub(crate) fn close(mut self) -> Result<(), PullError> {
        self.seal()?;
        let end = RecordedEnd { sequence: self.next, position: self.position };
        if self.is_empty() { Ok(()) } else { self.store_record(Some(end)) }
    }
}

impl Segment {
    /// Gives records the checksums of their places at the end of this file; returns how many they are.
    fn place(&mut self, bytes: &mut [u8]) -> Option<u64> {
        let salt = self.header.salt();
        let (mut at, mut count) = (0, 0);
        while at < bytes.len() {
            let record = bytes.get_mut(at..)?;
            let offset = self.header.write_offset + at as u64;
            let header = EventHeader::from_bytes(record.first_chunk()?);
            if !header.is_committed() || header.stride() > record.len() {
                return None;
            }
            if self.header.has(file_flags::CHECKSUMS) {
                add_checksum(record, place_word(salt, offset), crc32c_hardware)?;
            }
            let payload = record.get(16..16 + usize::from(header.payload_len))?;
            self.positions.next(&Event::new(header, payload, 0, offset));
            (at, count) = (at + header.stride(), count + 1);
        }
        Some(count)
    }

    /// Publishes what was written: the count first.
    fn store(&self) -> io::Result<()> {
        self.store_word(field::EVENT_COUNT, self.header.event_count)?;
        self.store_word(field::WRITE_OFFSET, self.header.write_offset)
    }

    fn store_word(&self, at: usize, word: u64) -> io::Result<()> {
        self.file.write_all_at(&word.to_le_bytes(), at as u64)
    }
}

fn failed(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> PullError {
    let path = path.to_path_buf();
    move |source| PullError::Io { path, action, source }
}

impl From<OpenError> for PullError {
    fn from(error: OpenError) -> Self {
        Self::Log(ReadError::Segment(Box::new(error)))
    }
}
