//! How the writer of a mapped log file and its readers share the words of the header.
//!
//! All stores to a header that others may have mapped, and the loads that go with them, in the order that makes
//! what a reader sees consistent: `docs/format.md` says it in words, the models in `loom-tests` run this code.
//! Where the words stand is the caller's business: see [`HeaderWords`].
//!
//! | what is stored | before | so that whoever sees the latter sees the former |
//! |---|---|---|
//! | the records' bytes | `write_offset` | PUBLISH |
//! | `write_offset` and `event_count` for the last time | SEALED | SEAL |
//! | the next segment's header | SEALED of the one before | SEAL |
//! | `write_offset` | `synced_offset` that is not above it | SYNC |
//! | `synced_offset` for the last time | CLEAN | SEAL |
//! | the rest of a header | the word with the magic | BIRTH |
#![forbid(unsafe_code)]

use crate::format::file_header::{FILE_HEADER_LEN, FileHeader, field, file_flags};
pub use crate::sync::{AtomicU32, AtomicU64};
use crate::sync::{Ordering, fence};

/// The words before the flags, but the first one, in the order in which readers load them.
const MIDDLE: [usize; 5] =
    [field::BASE_POSITION, field::BASE_SEQUENCE, field::WRITE_OFFSET, field::EVENT_COUNT, field::CREATED_AT];

/// Where the words of one header stand, little-endian whatever the machine is.
pub trait HeaderWords {
    /// The 8 bytes at `at`, a multiple of 8 below [`field::FLAGS`].
    fn word64(&self, at: usize) -> &AtomicU64;

    /// The 4 bytes at `at`: [`field::FLAGS`] or [`field::HEADER_CHECKSUM`].
    fn word32(&self, at: usize) -> &AtomicU32;

    /// Called behind each store. For tests that follow them.
    #[inline]
    fn stored(&self, at: usize, bytes: &[u8]) {
        let _ = (at, bytes);
    }
}

/// The header's bytes, each word at some moment of its own, in an order that keeps them consistent. Loads only.
pub fn read_header(words: &impl HeaderWords) -> [u8; FILE_HEADER_LEN] {
    let mut bytes = [0; FILE_HEADER_LEN];
    load64(words, field::MAGIC, &mut bytes);
    // ORDERING: Acquire, BIRTH. Pairs with the Release of the magic in `store_header`: who sees the magic sees the
    // rest of the header.
    fence(Ordering::Acquire);
    for at in [field::FLAGS, field::HEADER_CHECKSUM] {
        // ORDERING: Relaxed, all that read-only memory allows; the fences do the rest.
        let word = words.word32(at).load(Ordering::Relaxed);
        bytes[at..at + 4].copy_from_slice(&u32::from_le(word).to_le_bytes());
    }
    // ORDERING: Acquire, SEAL. Pairs with the Release in `set_flags`: whoever sees SEALED sees the final offset and
    // count, and the next segment's header; whoever sees CLEAN sees the final watermark.
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
    // ORDERING: Relaxed, as in `read_header`, whose fences stand between these loads.
    let word = words.word64(at).load(Ordering::Relaxed);
    bytes[at..at + 8].copy_from_slice(&u64::from_le(word).to_le_bytes());
}

/// Stores a whole header, the word with the magic last: without it the file is no log yet.
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
    // ORDERING: Release, BIRTH. Pairs with the first fence in `read_header`: who sees the magic sees the rest.
    store64(words, field::MAGIC, word_at(&bytes, field::MAGIC), Ordering::Release);
}

fn word_at(bytes: &[u8; FILE_HEADER_LEN], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

/// Makes the header all zeros, of a file that is to be used again and that nobody else has mapped.
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

/// Publishes everything below `write_offset`, and with it `event_count`. Only by the file's one writer.
#[inline]
pub fn publish(words: &impl HeaderWords, write_offset: u64, event_count: u64) {
    // ORDERING: Relaxed: a hint until the file is sealed, and SEAL covers it then.
    store64(words, field::EVENT_COUNT, event_count, Ordering::Relaxed);
    // ORDERING: Release, PUBLISH. Pairs with the last fence in `read_header` and the Acquire in `write_offset`: the
    // bytes stored before are visible to whoever sees this offset.
    store64(words, field::WRITE_OFFSET, write_offset, Ordering::Release);
}

/// What the writer has published, for whoever makes it durable.
#[inline]
pub fn write_offset(words: &impl HeaderWords) -> u64 {
    // ORDERING: Acquire, PUBLISH. Pairs with the Release in `publish`: the bytes below are the ones that a sync
    // started now writes out.
    u64::from_le(words.word64(field::WRITE_OFFSET).load(Ordering::Acquire))
}

/// Raises the durable watermark. Only after the sync of all below it has returned.
pub fn raise_synced_offset(words: &impl HeaderWords, synced_offset: u64) {
    // ORDERING: Release, SYNC. Pairs with the third fence in `read_header`: whoever sees this watermark sees the
    // `write_offset` that it was taken from.
    store64(words, field::SYNCED_OFFSET, synced_offset, Ordering::Release);
}

/// Sets SEALED, CLEAN or both, which nothing clears again; other bits are left as they are.
pub fn set_flags(words: &impl HeaderWords, flags: u32) {
    let mutable = flags & (file_flags::SEALED | file_flags::CLEAN);
    // ORDERING: Release, SEAL. Pairs with the second fence in `read_header`: what was stored before, in this file
    // and in the next segment's header, is visible to whoever sees the flag.
    let before = words.word32(field::FLAGS).fetch_or(mutable.to_le(), Ordering::Release);
    words.stored(field::FLAGS, &(u32::from_le(before) | mutable).to_le_bytes());
}

/// Stores a word of the header, little-endian as all of it.
#[inline]
fn store64(words: &impl HeaderWords, at: usize, value: u64, ordering: Ordering) {
    // ORDERING: argued by each caller.
    words.word64(at).store(value.to_le(), ordering);
    words.stored(at, &value.to_le_bytes());
}
