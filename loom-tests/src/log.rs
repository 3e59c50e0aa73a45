//! A log file under the model checker: header words, records, and the lock that retention takes.
#![forbid(unsafe_code)]

use crate::event::{read_id, write};
use loom::sync::Mutex;
use ringlog_nostd::format::{
    Checksums, FILE_HEADER_LEN, FileHeader, Records, encode, field, file_flags, record_len,
};
use ringlog_nostd::internal::publication::{self, AtomicU32, AtomicU64, HeaderWords};
use ringlog_nostd::{ClockKind, ShadowCell};
use std::sync::Mutex as RealMutex;

/// Payload bytes of every event in a model's log.
const PAYLOAD_LEN: u16 = 8;
/// Length of a record, in bytes.
pub const STRIDE: usize = record_len(PAYLOAD_LEN as usize);

/// A file that its writer and readers have mapped.
///
/// The words are the model's atomics, for the real code of `format/publication.rs`. The bytes of the records are
/// ordinary bytes under a real lock, which the model checker does not see. It watches one cell for each event.
#[derive(Debug)]
pub struct LogFile {
    words: [AtomicU64; 7],
    flags: AtomicU32,
    checksum: AtomicU32,
    bytes: RealMutex<Vec<u8>>,
    cells: Vec<ShadowCell>,
}

impl HeaderWords for LogFile {
    fn word64(&self, at: usize) -> &AtomicU64 {
        &self.words[at / 8]
    }

    fn word32(&self, at: usize) -> &AtomicU32 {
        if at == field::FLAGS { &self.flags } else { &self.checksum }
    }
}

impl LogFile {
    /// Makes a file of zeros with room for this number of events.
    #[must_use]
    pub fn zeros(events: usize) -> Self {
        Self {
            words: core::array::from_fn(|_| AtomicU64::new(0)),
            flags: AtomicU32::new(0),
            checksum: AtomicU32::new(0),
            bytes: RealMutex::new(vec![0; events * STRIDE]),
            cells: (0..events).map(|_| ShadowCell::new(())).collect(),
        }
    }

    /// Makes a file that has a header.
    #[must_use]
    pub fn with_header(events: usize, header: &FileHeader) -> Self {
        let file = Self::zeros(events);
        publication::store_header(&file, header);
        file
    }

    /// Stores event `id` as the file's record number `index` and publishes nothing, as a writer does in
    /// `WriteMap::unpublished`.
    ///
    /// # Panics
    ///
    /// If there is no room.
    pub fn store_event(&self, index: usize, id: u64) {
        self.cells[index].with_mut(|_| ());
        let mut bytes = self.bytes.lock().unwrap();
        let to = &mut bytes[index * STRIDE..][..STRIDE];
        write(id, PAYLOAD_LEN, |header, payload| Ok(encode(to, header, payload).expect("room"))).unwrap();
    }

    /// Publishes the first `events` events, as `WriteMap::publish` does.
    pub fn publish(&self, events: usize) {
        publication::publish(self, offset_after(events), events as u64);
    }

    /// Returns the ids of the first events, as a reader reads `ReadMap::records` or a sync writes the bytes to the
    /// disk.
    ///
    /// # Panics
    ///
    /// If any byte is not the one that was written.
    pub fn ids(&self, events: usize) -> Vec<u64> {
        for cell in &self.cells[..events] {
            cell.with(|_| ());
        }
        let bytes = self.bytes.lock().unwrap();
        let records = Records::new(&bytes[..events * STRIDE], Checksums::Ignore);
        let ids =
            records.map(|record| record.map(|event| read_id(&event.header, event.payload)).expect("whole"));
        ids.collect()
    }

    /// Reads the header as a reader does. Returns `None` if there is no header yet.
    ///
    /// # Panics
    ///
    /// If there is a header that is not whole.
    pub fn look(&self) -> Option<FileHeader> {
        let bytes = publication::read_header(self);
        if bytes[..8] == [0; 8] {
            return None;
        }
        let header = FileHeader::from_bytes(&bytes).expect("a whole header");
        assert!(header.synced_offset <= header.write_offset, "a watermark above what is published");
        Some(header)
    }
}

/// Returns a header without events. Each `life` of a file has a different one.
#[must_use]
pub fn header(life: i64) -> FileHeader {
    FileHeader::new(0x0123_4567 + life, ClockKind::UnixNanos, false)
}

/// Returns the offset after the first `events` events.
#[must_use]
pub const fn offset_after(events: usize) -> u64 {
    (FILE_HEADER_LEN + events * STRIDE) as u64
}

/// Returns the number of events below an offset.
///
/// # Panics
///
/// If no event ends there.
#[must_use]
pub fn events_below(offset: u64) -> usize {
    let bytes = usize::try_from(offset).unwrap() - FILE_HEADER_LEN;
    assert!(bytes.is_multiple_of(STRIDE), "inside a record");
    bytes / STRIDE
}

/// Returns whether a file is complete.
#[must_use]
pub const fn is_sealed(header: &FileHeader) -> bool {
    header.has(file_flags::SEALED)
}

/// The kernel's part in a file's life: its lock, shared or exclusive, and whether the name still leads to the file.
///
/// The kernel owns and orders this state. Here a mutex does the same.
#[derive(Debug)]
pub struct ShareLock(Mutex<ShareLockState>);

#[derive(Debug)]
struct ShareLockState {
    readers: usize,
    is_named: bool,
}

impl ShareLock {
    /// Makes the state of a segment that nobody has opened.
    #[must_use]
    pub fn new() -> Self {
        Self(Mutex::new(ShareLockState { readers: 0, is_named: true }))
    }

    /// Does a reader's `os::files::try_hold`, then `share::is_same_file`. They are two calls, with time in between.
    ///
    /// # Panics
    ///
    /// Never: no thread panics while it has the mutex.
    pub fn try_hold(&self) -> bool {
        self.0.lock().unwrap().readers += 1;
        let leads_here = self.0.lock().unwrap().is_named;
        if !leads_here {
            self.let_go();
        }
        leads_here
    }

    /// Ends a reader's mapping.
    ///
    /// # Panics
    ///
    /// Never, as above.
    pub fn let_go(&self) {
        self.0.lock().unwrap().readers -= 1;
    }

    /// Does retention's `try_lock` and, if nobody holds the file, the rename and the unlock: `SpareSegment::recycled`.
    /// The exclusive lock lasts over the rename, so both are one step.
    ///
    /// # Panics
    ///
    /// Never, as above.
    pub fn try_set_aside(&self) -> bool {
        let mut state = self.0.lock().unwrap();
        let free = state.readers == 0;
        state.is_named &= !free;
        free
    }
}

impl Default for ShareLock {
    fn default() -> Self {
        Self::new()
    }
}
