//! Keeps the largest timestamp of each sealed segment of a log in one file: a cache that anyone may delete.
//!
//! A search by time then opens this file and the segment that it finds. It looks up the other segments by name without
//! opening them: one that is another file, or that was changed since, has no entry.
//!
//! ```text
//!   0  | magic "EVTM"                  | version, u32 = 1              |
//!   8  | entry_count, u64                                              |
//!  16  | zero, u32                     | checksum, u32                 |
//!  24  | entries of 40 bytes: base_sequence u64, max_timestamp u64, inode u64, changed_at i64, file_bytes u64 |
//! ```
//!
//! All little-endian. `checksum` is the CRC-32C of the 20 bytes before it and all entries. A file that differs in any
//! way counts as missing.
#![forbid(unsafe_code)]

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::checksum::crc32c::crc32c_hardware;
use crate::os::files::open_to_read;
use crate::storage::names::INDEX_FOLDER;
use crate::storage::read::seek::index_cache::write_whole;

const MAGIC: &[u8; 4] = b"EVTM";
const VERSION: u32 = 1;
const HEADER_LEN: usize = 24;
const COVERED_LEN: usize = 20;
const ENTRY_LEN: usize = 40;
/// Longer caches, of more than 1.6 million segments, are not kept.
const MAX_FILE_BYTES: u64 = 64 << 20;
const NAME: &str = "times";
/// A file system gives the same time to changes that are so close to each other.
const TICK: Duration = Duration::from_millis(50);
/// The same for a file system that keeps whole seconds.
const COARSE_TICK: Duration = Duration::from_secs(2);
const NANOS: i64 = 1_000_000_000;

/// What shows, without opening a file, whether it is the one that it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct FileStamp {
    inode: u64,
    /// When its content or its name last changed, in nanoseconds since 1970: programs cannot set it.
    changed_at: i64,
    file_bytes: u64,
}

impl FileStamp {
    /// Looks a file up by its name. Returns `None` if that fails.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let found = fs::metadata(path).ok()?;
        let changed_at = found.ctime().checked_mul(NANOS)?.checked_add(found.ctime_nsec())?;
        Some(Self { inode: found.ino(), changed_at, file_bytes: found.len() })
    }

    /// Returns whether a change from now on gives the file another stamp. One in the same tick as the last would not.
    pub(crate) fn is_settled(&self) -> bool {
        let tick = if self.changed_at % NANOS == 0 { COARSE_TICK } else { TICK };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(self.changed_at).is_ok_and(|then| Duration::from_nanos(then) + tick < now)
    }
}

/// The largest timestamp of a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TimeEntry {
    pub(crate) base_sequence: u64,
    /// 0 without records.
    pub(crate) max_timestamp: u64,
    /// The file that it was read from.
    pub(crate) stamp: FileStamp,
}

/// What is known of the segments of a log.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct KnownTimes {
    /// By ascending base sequence.
    entries: Vec<TimeEntry>,
}

impl KnownTimes {
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the largest timestamp of a segment, if it is known and the file is still the same.
    pub(crate) fn max_timestamp(&self, base_sequence: u64, stamp: FileStamp) -> Option<u64> {
        let at = self.entries.binary_search_by_key(&base_sequence, |entry| entry.base_sequence).ok()?;
        self.entries.get(at).filter(|entry| entry.stamp == stamp).map(|entry| entry.max_timestamp)
    }

    /// Returns this with `learned`, which replace what was known of the same segments, and without those that are gone.
    pub(crate) fn with(&self, learned: &[TimeEntry], is_there: impl Fn(u64) -> bool) -> Self {
        let mut entries: Vec<_> = learned.iter().chain(&self.entries).copied().collect();
        // Stable: of two for the same segment the first one stays, which was learned.
        entries.sort_by_key(|entry| entry.base_sequence);
        entries.dedup_by_key(|entry| entry.base_sequence);
        entries.retain(|entry| is_there(entry.base_sequence));
        Self { entries }
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (header, rest) = bytes.split_first_chunk::<HEADER_LEN>()?;
        let words = |bytes: &[u8]| bytes.try_into().ok().map(u32::from_le_bytes);
        let count = u64::from_le_bytes(*header[8..].first_chunk()?);
        let is_ours = header.starts_with(MAGIC) && words(&header[4..8])? == VERSION;
        if !is_ours || words(&header[COVERED_LEN..])? != checksum(&header[..COVERED_LEN], rest) {
            return None;
        }
        let entries: Vec<_> = rest.chunks_exact(ENTRY_LEN).filter_map(entry_of).collect();
        let is_sound = rest.len().is_multiple_of(ENTRY_LEN)
            && entries.len() as u64 == count
            && entries.windows(2).all(|pair| pair[0].base_sequence < pair[1].base_sequence);
        is_sound.then_some(Self { entries })
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; HEADER_LEN];
        for TimeEntry { base_sequence, max_timestamp, stamp } in &self.entries {
            let changed_at = stamp.changed_at.cast_unsigned();
            for value in [*base_sequence, *max_timestamp, stamp.inode, changed_at, stamp.file_bytes] {
                bytes.extend_from_slice(&value.to_le_bytes());
            }
        }
        bytes[..4].copy_from_slice(MAGIC);
        bytes[4..8].copy_from_slice(&VERSION.to_le_bytes());
        bytes[8..16].copy_from_slice(&(self.entries.len() as u64).to_le_bytes());
        let checksum = checksum(&bytes[..COVERED_LEN], &bytes[HEADER_LEN..]);
        bytes[COVERED_LEN..HEADER_LEN].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }
}

/// The file that keeps what is known of a log's segments.
#[derive(Clone, Debug)]
pub(crate) struct TimeFile {
    path: PathBuf,
}

impl TimeFile {
    pub(crate) fn new(log_folder: &Path) -> Self {
        Self { path: log_folder.join(INDEX_FOLDER).join(NAME) }
    }

    /// Reads the file. Returns `None` if anything is wrong with it.
    pub(crate) fn read(&self) -> Option<KnownTimes> {
        let file = open_to_read(&self.path).ok()?;
        let mut bytes = Vec::new();
        file.take(MAX_FILE_BYTES).read_to_end(&mut bytes).ok()?;
        KnownTimes::from_bytes(&bytes)
    }

    /// Writes the file, all of it or nothing. Does nothing if it would be too long.
    pub(crate) fn write(&self, times: &KnownTimes) -> io::Result<()> {
        let bytes = times.to_bytes();
        if bytes.len() as u64 > MAX_FILE_BYTES { Ok(()) } else { write_whole(&self.path, &bytes) }
    }
}

fn checksum(covered: &[u8], entries: &[u8]) -> u32 {
    crc32c_hardware(crc32c_hardware(0, covered), entries)
}

fn entry_of(bytes: &[u8]) -> Option<TimeEntry> {
    let mut values = bytes.chunks_exact(8).filter_map(|value| value.try_into().ok().map(u64::from_le_bytes));
    let mut next = || values.next();
    let (base_sequence, max_timestamp) = (next()?, next()?);
    let stamp = FileStamp { inode: next()?, changed_at: next()?.cast_signed(), file_bytes: next()? };
    Some(TimeEntry { base_sequence, max_timestamp, stamp })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(base_sequence: u64, max_timestamp: u64) -> TimeEntry {
        let stamp = FileStamp { inode: base_sequence + 7, changed_at: -1, file_bytes: 4096 };
        TimeEntry { base_sequence, max_timestamp, stamp }
    }

    fn known() -> KnownTimes {
        KnownTimes::default().with(&[entry(9, 4), entry(0, 5), entry(3, u64::MAX)], |_| true)
    }

    #[test]
    fn what_is_kept_is_found_again_for_the_same_file_only() {
        let folder = tempfile::tempdir().unwrap();
        let file = TimeFile::new(folder.path());
        assert_eq!(file.read(), None);
        file.write(&known()).unwrap();
        let times = file.read().unwrap();
        assert_eq!(times, known());
        let stamp = entry(3, 0).stamp;
        assert_eq!(times.max_timestamp(3, stamp), Some(u64::MAX));
        let others = [
            FileStamp { inode: 1, ..stamp },
            FileStamp { changed_at: 0, ..stamp },
            FileStamp { file_bytes: 0, ..stamp },
        ];
        assert!(others.into_iter().all(|other| times.max_timestamp(3, other).is_none()));
        assert_eq!(times.max_timestamp(4, stamp), None);
    }

    #[test]
    fn what_was_learned_replaces_what_was_known_and_what_is_gone_is_left_out() {
        let times = known().with(&[entry(3, 1), entry(4, 2)], |base_sequence| base_sequence != 9);
        assert_eq!(times.entries, [entry(0, 5), entry(3, 1), entry(4, 2)]);
    }

    #[test]
    fn every_bit_flip_and_every_length_makes_it_missing() {
        let good = known().to_bytes();
        assert_eq!(KnownTimes::from_bytes(&good), Some(known()));
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(KnownTimes::from_bytes(&bad), None, "bit {bit}");
        }
        for len in 0..good.len() {
            assert_eq!(KnownTimes::from_bytes(&good[..len]), None, "length {len}");
        }
    }

    #[test]
    fn a_stamp_settles_and_changes_with_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        assert_eq!(FileStamp::of(&path), None);
        fs::write(&path, "a").unwrap();
        let first = FileStamp::of(&path).unwrap();
        let has_settled = || {
            std::thread::sleep(TICK / 2);
            first.is_settled()
        };
        assert!((0..200).any(|_| has_settled()), "{first:?}");
        fs::write(&path, "b").unwrap();
        assert_ne!(FileStamp::of(&path), Some(first));
        let later = FileStamp { changed_at: i64::MAX, ..first };
        assert!(!later.is_settled() && !FileStamp { changed_at: -1, ..first }.is_settled());
    }
}
