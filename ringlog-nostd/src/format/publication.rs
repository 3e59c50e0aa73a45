//! How the writer of a mapped log file and its readers share the words of the header.
//!
//! All stores to a header that others may have mapped, and the loads that go with them, in an order that keeps what a
//! reader sees consistent. `docs/format.md` describes the order, and the models in `loom-tests` run this code. The
//! caller provides the words: see [`HeaderWords`].
//!
//! | what is stored | before | name of the pair: a reader that sees the second sees the first |
//! |---|---|---|
//! | the records' bytes | `write_offset` | PUBLISH |
//! | `write_offset` and `event_count` for the last time | SEALED | SEAL |
//! | the next segment's header | SEALED of the one before | SEAL |
//! | `write_offset` | `synced_offset` that is not above it | SYNC |
//! | `synced_offset` for the last time | CLEAN | SEAL |
//! | the rest of a header | the word with the magic | BIRTH |
#![forbid(unsafe_code)]

use crate::format::file_fields::{FILE_HEADER_LEN, field, file_flags};
use crate::format::file_header::FileHeader;
pub use crate::sync::{AtomicU32, AtomicU64};
use crate::sync::{Ordering, fence};

/// The words before the flags without the first one and the watermark, in the order in which readers load them.
const MIDDLE: [usize; 5] =
    [field::BASE_POSITION, field::BASE_SEQUENCE, field::WRITE_OFFSET, field::EVENT_COUNT, field::CREATED_AT];

/// The words of one header in memory, little-endian on every machine.
///
/// ```
/// use ringlog_nostd::internal::publication::{self, AtomicU32, AtomicU64, HeaderWords};
/// use ringlog_nostd::ClockKind;
/// use ringlog_nostd::format::FileHeader;
///
/// /// On a host, references into a mapping.
/// #[derive(Default)]
/// struct Words([AtomicU64; 7], [AtomicU32; 2]);
///
/// impl HeaderWords for Words {
///     fn word64(&self, at: usize) -> &AtomicU64 {
///         &self.0[at / 8]
///     }
///     fn word32(&self, at: usize) -> &AtomicU32 {
///         &self.1[at % 8 / 4]
///     }
/// }
///
/// let words = Words::default();
/// let header = FileHeader::new(0, ClockKind::UnixNanos, true);
/// publication::store_header(&words, &header);
/// publication::publish(&words, 88, 1);
/// let found = FileHeader::from_bytes(&publication::read_header(&words)).unwrap();
/// assert_eq!(found, FileHeader { write_offset: 88, event_count: 1, ..header });
/// ```
pub trait HeaderWords {
    /// Returns the 8 bytes at `at`, a multiple of 8 below [`field::FLAGS`].
    fn word64(&self, at: usize) -> &AtomicU64;

    /// Returns the 4 bytes at `at`, which is [`field::FLAGS`] or [`field::HEADER_CHECKSUM`].
    fn word32(&self, at: usize) -> &AtomicU32;

    /// Called after each store, for tests that follow the stores. Does nothing by default.
    #[inline]
    fn stored(&self, at: usize, bytes: &[u8]) {
        let _ = (at, bytes);
    }
}

/// Reads the header's bytes by loads only. Each word is of another moment; the order of the loads keeps them
/// consistent.
pub fn read_header(words: &impl HeaderWords) -> [u8; FILE_HEADER_LEN] {
    let mut bytes = [0; FILE_HEADER_LEN];
    load64(words, field::MAGIC, &mut bytes);
    // ORDERING: Acquire, BIRTH. Pairs with the Release of the magic in `store_header`: a reader that sees the magic
    // sees the rest of the header.
    fence(Ordering::Acquire);
    for at in [field::FLAGS, field::HEADER_CHECKSUM] {
        // ORDERING: Relaxed, all that read-only memory allows; the fences do the rest.
        let word = words.word32(at).load(Ordering::Relaxed);
        bytes[at..at + 4].copy_from_slice(&u32::from_le(word).to_le_bytes());
    }
    // ORDERING: Acquire, SEAL. Pairs with the Release in `set_flags`: a reader that sees SEALED sees the final offset
    // and count, and the next segment's header. One that sees CLEAN sees the final watermark.
    fence(Ordering::Acquire);
    load64(words, field::SYNCED_OFFSET, &mut bytes);
    // ORDERING: Acquire, SYNC. Pairs with the Release in `raise_synced_offset`: `write_offset` is not below the
    // watermark just loaded.
    fence(Ordering::Acquire);
    for at in MIDDLE {
        load64(words, at, &mut bytes);
    }
    // ORDERING: Acquire, PUBLISH. Pairs with the Release in `publish`: the bytes of every record below the
    // `write_offset` just loaded are visible.
    fence(Ordering::Acquire);
    bytes
}

fn load64(words: &impl HeaderWords, at: usize, bytes: &mut [u8; FILE_HEADER_LEN]) {
    // ORDERING: Relaxed, as in `read_header`, whose fences are between these loads.
    let word = words.word64(at).load(Ordering::Relaxed);
    bytes[at..at + 8].copy_from_slice(&u64::from_le(word).to_le_bytes());
}

/// Stores a whole header, the word with the magic last. Without the magic the file is no log yet.
pub fn store_header(words: &impl HeaderWords, header: &FileHeader) {
    let bytes = header.to_bytes();
    for at in [field::FLAGS, field::HEADER_CHECKSUM] {
        let mut word = [0; 4];
        word.copy_from_slice(&bytes[at..at + 4]);
        // ORDERING: Relaxed; the Release of the magic covers it.
        words.word32(at).store(u32::from_le_bytes(word).to_le(), Ordering::Relaxed);
        words.stored(at, &word);
    }
    for at in MIDDLE.into_iter().chain([field::SYNCED_OFFSET]) {
        // ORDERING: Relaxed, as above.
        store64(words, at, word_at(&bytes, at), Ordering::Relaxed);
    }
    // ORDERING: Release, BIRTH. Pairs with the first fence in `read_header`: a reader that sees the magic sees the
    // rest.
    store64(words, field::MAGIC, word_at(&bytes, field::MAGIC), Ordering::Release);
}

fn word_at(bytes: &[u8; FILE_HEADER_LEN], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

/// Zeroes the header of a file that will be used again. Nobody else may have the file mapped.
pub fn erase_header(words: &impl HeaderWords) {
    for at in (0..FILE_HEADER_LEN).step_by(8) {
        if at == field::FLAGS {
            // ORDERING: Relaxed, all: nobody reads the file before `store_header` has published the next header.
            words.word32(field::FLAGS).store(0, Ordering::Relaxed);
            words.word32(field::HEADER_CHECKSUM).store(0, Ordering::Relaxed);
            words.stored(at, &[0; 8]);
        } else {
            store64(words, at, 0, Ordering::Relaxed);
        }
    }
}

/// Publishes all bytes below `write_offset`, and `event_count` with them. Only the file's writer may call it.
#[inline]
pub fn publish(words: &impl HeaderWords, write_offset: u64, event_count: u64) {
    // ORDERING: Relaxed: it may be stale until the file is sealed, and then SEAL covers it.
    store64(words, field::EVENT_COUNT, event_count, Ordering::Relaxed);
    // ORDERING: Release, PUBLISH. Pairs with the last fence in `read_header` and the Acquire in `write_offset`: the
    // bytes stored before are visible to anyone who sees this offset.
    store64(words, field::WRITE_OFFSET, write_offset, Ordering::Release);
}

/// Returns the offset up to which the writer has published, for the thread that makes it durable.
#[inline]
pub fn write_offset(words: &impl HeaderWords) -> u64 {
    // ORDERING: Acquire, PUBLISH. Pairs with the Release in `publish`: a sync that starts after this load writes the
    // bytes below the offset.
    u64::from_le(words.word64(field::WRITE_OFFSET).load(Ordering::Acquire))
}

/// Raises the durable watermark. Call it only after the sync of all bytes below has returned.
pub fn raise_synced_offset(words: &impl HeaderWords, synced_offset: u64) {
    // ORDERING: Release, SYNC. Pairs with the third fence in `read_header`: a reader that sees this watermark sees the
    // `write_offset` that it was taken from.
    store64(words, field::SYNCED_OFFSET, synced_offset, Ordering::Release);
}

/// Sets SEALED, CLEAN or both. Nothing clears them again. Other bits stay as they are.
pub fn set_flags(words: &impl HeaderWords, flags: u32) {
    let mutable = flags & (file_flags::SEALED | file_flags::CLEAN);
    // ORDERING: Release, SEAL. Pairs with the second fence in `read_header`: what was stored before, in this file
    // and in the next segment's header, is visible to anyone who sees the flag.
    let before = words.word32(field::FLAGS).fetch_or(mutable.to_le(), Ordering::Release);
    words.stored(field::FLAGS, &(u32::from_le(before) | mutable).to_le_bytes());
}

/// Stores a word of the header, little-endian.
#[inline]
fn store64(words: &impl HeaderWords, at: usize, value: u64, ordering: Ordering) {
    // ORDERING: argued by each caller.
    words.word64(at).store(value.to_le(), ordering);
    words.stored(at, &value.to_le_bytes());
}
