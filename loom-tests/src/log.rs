//! A log file under the model checker: header words, records, and the lock that retention asks for.
#![forbid(unsafe_code)]

use crate::event::{read_id, write};
use loom::sync::Mutex;
use ringlog_nostd::publication::{self, AtomicU32, AtomicU64, HeaderWords};
use ringlog_nostd::{
    Checksums, ClockKind, FILE_HEADER_LEN, FileHeader, Records, ShadowCell, encode, field, file_flags,
    record_len,
};
use std::sync::Mutex as RealMutex;

/// Payload bytes of every event in a model's log.
const PAYLOAD_LEN: u16 = 8;
/// Bytes that an event takes.
pub const STRIDE: usize = record_len(PAYLOAD_LEN as usize);

/// A file that its writer and readers have mapped.
///
/// The words are the model's atomics, for the real code of `ringlog_nostd::publication`. The bytes of the records are
/// ordinary ones behind a real lock, which the model checker knows nothing of; it watches one cell for each event.
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
    /// A file of zeros with room for so many events.
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

    /// A file whose header stands.
    #[must_use]
    pub fn with_header(events: usize, header: &FileHeader) -> Self {
        let file = Self::zeros(events);
        publication::store_header(&file, header);
        file
    }

    /// Stores event `id` as the file's record number `index`, and publishes nothing: what a writer does to
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

    /// Publishes so many events: `WriteMap::publish`.
    pub fn publish(&self, events: usize) {
        publication::publish(self, offset_behind(events), events as u64);
    }

    /// The ids of the first events: what a reader gets of `ReadMap::records`, or a sync writes out.
    ///
    /// # Panics
    ///
    /// If any byte is not what was written.
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

    /// What a reader finds, `None` where no header stands yet.
    ///
    /// # Panics
    ///
    /// If a header is there but not a whole one.
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

/// A header without events. Each `life` of a file has another one.
#[must_use]
pub fn header(life: i64) -> FileHeader {
    FileHeader::new(0x0123_4567 + life, ClockKind::UnixNanos, false)
}

/// The offset behind so many events.
#[must_use]
pub const fn offset_behind(events: usize) -> u64 {
    (FILE_HEADER_LEN + events * STRIDE) as u64
}

/// How many events end at an offset.
///
/// # Panics
///
/// If none does.
#[must_use]
pub fn events_below(offset: u64) -> usize {
    let bytes = usize::try_from(offset).unwrap() - FILE_HEADER_LEN;
    assert!(bytes.is_multiple_of(STRIDE), "inside a record");
    bytes / STRIDE
}

/// Whether nothing will be added to a file.
#[must_use]
pub const fn is_sealed(header: &FileHeader) -> bool {
    header.has(file_flags::SEALED)
}

/// The kernel's part in a file's life: its lock, shared or exclusive, and whether its name still leads to it. All of
/// that is in the kernel's hands, so a mutex stands for it, and orders what the kernel orders.
#[derive(Debug)]
pub struct Held(Mutex<HeldState>);

#[derive(Debug)]
struct HeldState {
    readers: usize,
    is_named: bool,
}

impl Held {
    /// A segment that nobody has opened.
    #[must_use]
    pub fn new() -> Self {
        Self(Mutex::new(HeldState { readers: 0, is_named: true }))
    }

    /// A reader's `held::try_hold`, then `held::leads_to`: two calls, and time in between.
    ///
    /// # Panics
    ///
    /// Never: nobody panics while it has the mutex.
    pub fn try_hold(&self) -> bool {
        self.0.lock().unwrap().readers += 1;
        let leads_here = self.0.lock().unwrap().is_named;
        if !leads_here {
            self.let_go();
        }
        leads_here
    }

    /// The end of a reader's mapping.
    ///
    /// # Panics
    ///
    /// Never, as above.
    pub fn let_go(&self) {
        self.0.lock().unwrap().readers -= 1;
    }

    /// Retention's `try_lock` and, if nobody holds the file, rename and unlock: `Prepared::recycled`. The exclusive
    /// lock is kept over the rename, so both are one step.
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

impl Default for Held {
    fn default() -> Self {
        Self::new()
    }
}
