//! Keeps indexes of sealed segments in files: a cache that anyone may delete at any time.
//!
//! ```text
//!   0  | magic "EVTX"                  | version, u32 = 1              |
//!   8  | salt, u32 (of the segment)    | entries_checksum, u32         |
//!  16  | end_offset, u64: where the indexed records end                |
//!  24  | record_count, u64                                             |
//!  32  | max_timestamp, u64                                            |
//!  40  | entry_count, u64                                              |
//!  48  | zero, 12 bytes                | header_checksum, u32, at 60   |
//!  64  | entries of 24 bytes: offset u64, number u64, max_before u64   |
//! ```
//!
//! All little-endian. `header_checksum` is the CRC-32C of the 60 bytes before it, `entries_checksum` that of
//! all entries. A file that differs in any way, or has another salt or end, counts as missing.
#![forbid(unsafe_code)]

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ringlog_nostd::format::{FILE_HEADER_LEN, HEADER_LEN as EVENT_HEADER_LEN};

use crate::checksum::crc32c::crc32c_hardware;
use crate::os::files::{create_folder, folder_of, open_to_read};
use crate::os::platform::Linux;
use crate::os::temporary::create_temporary;
use crate::storage::names::{COMPRESSED_END, INDEX_FOLDER, base_sequence_of, segment_name};
use crate::storage::read::decode::segment_index::{Entry, Index, IndexPoint, SPACING_BYTES};

const MAGIC: &[u8; 4] = b"EVTX";
const VERSION: u32 = 1;
const HEADER_LEN: usize = 64;
const ENTRY_LEN: usize = 24;
/// Longer indexes, of segments of more than 80 GiB, are not kept.
const MAX_FILE_BYTES: u64 = 64 << 20;
const NAME_END: &str = ".idx";
const TEMPORARY_END: &str = ".new";
/// The age at which a temporary file counts as left by a process that died.
const ABANDONED: Duration = Duration::from_secs(60);

/// The segment that an index must be of to be of use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct IndexKey {
    /// The salt of the segment, which differs from that of any other that had its name.
    pub(crate) salt: u32,
    /// Where its records end.
    pub(crate) end_offset: u64,
}

/// What the header of an index file holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Summary {
    pub(crate) record_count: u64,
    /// `None` without records.
    pub(crate) max_timestamp: Option<u64>,
}

/// The file of the index of one segment.
#[derive(Clone, Debug)]
pub(crate) struct IndexFile {
    path: PathBuf,
    key: IndexKey,
}

impl IndexFile {
    pub(crate) fn new(log_folder: &Path, base_sequence: u64, key: IndexKey) -> Self {
        let name = segment_name(base_sequence);
        let stem = name.split('.').next().unwrap_or_default();
        Self { path: log_folder.join(INDEX_FOLDER).join(format!("{stem}{NAME_END}")), key }
    }

    /// Reads only the first 64 bytes.
    pub(crate) fn read_summary(&self) -> Option<Summary> {
        let header = read_header(&open_to_read(&self.path).ok()?, self.key)?;
        Some(header.summary())
    }

    /// Reads the whole index. Returns `None` if anything is wrong with it.
    pub(crate) fn read(&self) -> Option<Index> {
        let file = open_to_read(&self.path).ok()?;
        let header = read_header(&file, self.key)?;
        let file_bytes = file.metadata().ok()?.len();
        if file_bytes > MAX_FILE_BYTES || header.file_bytes()? != file_bytes {
            return None;
        }
        let mut bytes = Vec::new();
        file.take(file_bytes).read_to_end(&mut bytes).ok()?;
        header.with_entries(bytes.get(HEADER_LEN..)?)
    }

    /// Writes the index, all of it or nothing. Does nothing for one that is too long.
    pub(crate) fn write(&self, index: &Index) -> io::Result<()> {
        let bytes = to_bytes(index, self.key);
        if bytes.len() as u64 > MAX_FILE_BYTES { Ok(()) } else { write_whole(&self.path, &bytes) }
    }

    /// Deletes the indexes of segments that are gone, and temporary files of processes that died.
    pub(crate) fn clear_away_old(&self) {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let entries = folder.read_dir().into_iter().flatten().flatten();
        for entry in entries.filter(|entry| is_old(folder, entry)) {
            // Another process may have been faster; nothing depends on it.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Writes a file of the folder `index`, all of it or nothing.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    create_folder(folder)?;
    let mut start = path.file_name().unwrap_or_default().to_owned();
    start.push(".");
    let (mut file, temporary) = create_temporary(&Linux, folder, &start, TEMPORARY_END)?;
    let written = file.write_all(bytes).and_then(|()| fs::rename(&temporary, path));
    written.inspect_err(|_| {
        // The error that led here is the one to report.
        let _ = fs::remove_file(&temporary);
    })
}

/// Deletes the index of a segment that is deleted, if there is one.
pub(crate) fn forget(segment: &Path) {
    let name = segment.with_extension(&NAME_END[1..]);
    let index = folder_of(segment).join(INDEX_FOLDER).join(name.file_name().unwrap_or_default());
    // A cache: what stays is deleted when the next index is kept.
    let _ = fs::remove_file(index);
}

/// The header of an index file, checked.
#[derive(Clone, Copy, Debug)]
struct Header {
    key: IndexKey,
    entries_checksum: u32,
    record_count: u64,
    max_timestamp: u64,
    entry_count: u64,
}

impl Header {
    fn from_bytes(bytes: &[u8; HEADER_LEN]) -> Option<Self> {
        let (covered, _) = bytes.split_at(HEADER_LEN - 4);
        let is_ours = bytes.starts_with(MAGIC) && u32_at(bytes, 4)? == VERSION;
        if !is_ours || u32_at(bytes, 60)? != crc32c_hardware(0, covered) {
            return None;
        }
        Some(Self {
            key: IndexKey { salt: u32_at(bytes, 8)?, end_offset: u64_at(bytes, 16)? },
            entries_checksum: u32_at(bytes, 12)?,
            record_count: u64_at(bytes, 24)?,
            max_timestamp: u64_at(bytes, 32)?,
            entry_count: u64_at(bytes, 40)?,
        })
    }

    fn to_bytes(self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[..4].copy_from_slice(MAGIC);
        bytes[4..8].copy_from_slice(&VERSION.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.key.salt.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.entries_checksum.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.key.end_offset.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.record_count.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.max_timestamp.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.entry_count.to_le_bytes());
        let checksum = crc32c_hardware(0, &bytes[..60]);
        bytes[60..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    fn summary(&self) -> Summary {
        let max_timestamp = (self.record_count > 0).then_some(self.max_timestamp);
        Summary { record_count: self.record_count, max_timestamp }
    }

    /// Returns whether the segment has room for this many records. Its end was checked against the length of
    /// its file.
    fn has_room(&self) -> bool {
        self.record_count <= (self.key.end_offset - FILE_HEADER_LEN as u64) / EVENT_HEADER_LEN as u64
    }

    fn file_bytes(&self) -> Option<u64> {
        self.entry_count.checked_mul(ENTRY_LEN as u64)?.checked_add(HEADER_LEN as u64)
    }

    /// Returns the index if its entries are consistent with each other and with this header.
    fn with_entries(&self, bytes: &[u8]) -> Option<Index> {
        if self.entries_checksum != crc32c_hardware(0, bytes) {
            return None;
        }
        let entries: Vec<Entry> = bytes.chunks_exact(ENTRY_LEN).filter_map(entry_of).collect();
        let end = IndexPoint { offset: self.key.end_offset, number: self.record_count };
        let rises = entries.windows(2).all(|pair| is_in_order(&pair[0], &pair[1]));
        let starts = entries.first().is_none_or(|first| first.place == IndexPoint::FIRST);
        let ends = entries.last().is_none_or(|last| is_before(last.place, end));
        let is_sound = rises && starts && ends && entries.is_empty() == (self.record_count == 0);
        is_sound.then(|| Index { entries, end, max_timestamp: self.summary().max_timestamp, is_cut: false })
    }
}

fn is_in_order(first: &Entry, second: &Entry) -> bool {
    let is_apart = second.place.offset.saturating_sub(first.place.offset) >= SPACING_BYTES;
    is_apart && is_before(first.place, second.place) && first.max_before <= second.max_before
}

fn is_before(first: IndexPoint, second: IndexPoint) -> bool {
    first.offset < second.offset && first.number < second.number && second.offset.is_multiple_of(8)
}

fn to_bytes(index: &Index, key: IndexKey) -> Vec<u8> {
    let mut bytes = vec![0; HEADER_LEN];
    for Entry { place, max_before } in &index.entries {
        for value in [place.offset, place.number, *max_before] {
            bytes.extend_from_slice(&value.to_le_bytes());
        }
    }
    let header = Header {
        key,
        entries_checksum: crc32c_hardware(0, &bytes[HEADER_LEN..]),
        record_count: index.record_count(),
        max_timestamp: index.max_timestamp.unwrap_or(0),
        entry_count: index.entries.len() as u64,
    };
    bytes[..HEADER_LEN].copy_from_slice(&header.to_bytes());
    bytes
}

fn read_header(file: &File, key: IndexKey) -> Option<Header> {
    let mut bytes = [0; HEADER_LEN];
    file.read_exact_at(&mut bytes, 0).ok()?;
    Header::from_bytes(&bytes).filter(|header| header.key == key && header.has_room())
}

fn entry_of(bytes: &[u8]) -> Option<Entry> {
    let place = IndexPoint { offset: u64_at(bytes, 0)?, number: u64_at(bytes, 8)? };
    Some(Entry { place, max_before: u64_at(bytes, 16)? })
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Returns whether a file is the index of a segment that is gone, or was left by a process that died.
fn is_old(folder: &Path, entry: &fs::DirEntry) -> bool {
    let name = entry.file_name();
    let Some(name) = name.to_str() else { return false };
    let segment = name.strip_suffix(NAME_END).map(|stem| format!("{stem}.evtl"));
    match segment.filter(|segment| base_sequence_of(segment.as_ref()).is_some()) {
        Some(segment) => {
            let compressed = format!("{segment}{COMPRESSED_END}");
            [segment, compressed].iter().all(|name| !folder.with_file_name(name).exists())
        }
        None => name.ends_with(TEMPORARY_END) && is_abandoned(entry),
    }
}

fn is_abandoned(entry: &fs::DirEntry) -> bool {
    let age = entry.metadata().and_then(|metadata| metadata.modified()).map(|time| time.elapsed());
    matches!(age, Ok(Ok(age)) if age > ABANDONED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringlog_nostd::EventHeader;

    const KEY: IndexKey = IndexKey { salt: 7, end_offset: 64 + 40_000 * 24 };

    fn index() -> Index {
        let mut index = Index::default();
        for number in 0..40_000 {
            index.add(&EventHeader::new(number ^ 5, 0, 8), 24);
        }
        index
    }

    fn log() -> (tempfile::TempDir, IndexFile) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(segment_name(3)), "").unwrap();
        let file = IndexFile::new(folder.path(), 3, KEY);
        (folder, file)
    }

    #[test]
    fn what_is_kept_is_found_again_for_the_same_segment_only() {
        let (folder, file) = log();
        assert_eq!((file.read(), file.read_summary()), (None, None));
        file.write(&index()).unwrap();
        file.write(&index()).unwrap();
        assert_eq!(file.read(), Some(index()));
        let summary = Summary { record_count: 40_000, max_timestamp: index().max_timestamp };
        assert_eq!(file.read_summary(), Some(summary));
        for other in [IndexKey { salt: 8, ..KEY }, IndexKey { end_offset: 64, ..KEY }] {
            let other = IndexFile::new(folder.path(), 3, other);
            assert_eq!((other.read(), other.read_summary()), (None, None));
        }
    }

    #[test]
    fn every_bit_flip_and_every_length_makes_it_missing() {
        let (_folder, file) = log();
        let mut small = Index::default();
        (0..3000).for_each(|number| small.add(&EventHeader::new(number, 0, 8), 24));
        let file = IndexFile { key: IndexKey { end_offset: small.end.offset, ..KEY }, ..file };
        file.write(&small).unwrap();
        let good = fs::read(&file.path).unwrap();
        assert!(good.len() > HEADER_LEN + ENTRY_LEN && file.read() == Some(small));
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            fs::write(&file.path, &bad).unwrap();
            assert_eq!(file.read(), None, "bit {bit}");
        }
        for len in 0..good.len() {
            fs::write(&file.path, &good[..len]).unwrap();
            assert_eq!(file.read(), None, "length {len}");
        }
    }

    #[test]
    fn indexes_of_segments_that_are_gone_are_deleted() {
        let (folder, file) = log();
        let gone = IndexFile::new(folder.path(), 2, KEY);
        gone.write(&index()).unwrap();
        assert!(gone.read().is_some());
        file.write(&index()).unwrap();
        let strange = folder.path().join("index/strange.idx");
        fs::write(&strange, "x").unwrap();
        file.clear_away_old();
        assert!(gone.read().is_none() && file.read().is_some() && strange.exists());
    }
}
