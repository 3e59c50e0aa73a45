//! Segments, the files of a log's folder: their names.

#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::path::Path;

/// Digits in a segment's name, enough for every u64.
const NAME_DIGITS: usize = 20;
/// What follows the digits.
const NAME_END: &str = ".evtl";
/// What follows the name of a segment in that of a compressed copy of it.
pub(crate) const COMPRESSED_END: &str = ".zst";
/// The end of a file's name while it does not have its final name. Readers ignore such names.
pub(crate) const TEMPORARY_END: &str = ".ringlog-new";
/// The file with the lock and the id of the last writer.
pub const WRITER_FILE: &str = "writer";
/// The folder with the named cursors.
pub(crate) const CURSOR_FOLDER: &str = "cursors";
/// The folder with the indexes of sealed segments, a cache.
pub(crate) const INDEX_FOLDER: &str = "index";

/// Returns the name of the segment whose first record has this sequence.
pub(crate) fn segment_name(base_sequence: u64) -> String {
    format!("{base_sequence:020}{NAME_END}")
}

/// The inverse of [`segment_name`]; `None` for every other name.
pub(crate) fn base_sequence_of(name: &OsStr) -> Option<u64> {
    let digits = name.to_str()?.strip_suffix(NAME_END)?;
    // `parse` alone would accept a sign.
    if digits.len() != NAME_DIGITS || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

/// Returns the base sequence of the segment of which a file is a compressed copy by its name, if this library can read it.
pub(crate) fn compressed_base_of(name: &OsStr) -> Option<u64> {
    let segment = name.to_str()?.strip_suffix(COMPRESSED_END).filter(|_| cfg!(feature = "compressed"))?;
    base_sequence_of(OsStr::new(segment))
}

/// Returns whether a file has the name of a compressed copy of a log's file, which this library can read.
pub(crate) fn is_compressed(path: &Path) -> bool {
    let segment = path.as_os_str().as_encoded_bytes().strip_suffix(COMPRESSED_END.as_bytes());
    cfg!(feature = "compressed") && segment.is_some_and(|segment| segment.ends_with(NAME_END.as_bytes()))
}

/// Returns the name of the segment that a file is under a name with a further ending, such as `.zst`; `None` if the file is
/// none, or was moved aside.
pub(crate) fn with_further_ending(name: &OsStr) -> Option<&str> {
    let name = name.to_str()?;
    let (segment, ending) = name.split_at_checked(NAME_DIGITS + NAME_END.len())?;
    base_sequence_of(OsStr::new(segment))?;
    let (first, _) = ending.strip_prefix('.').map(|ending| ending.split_once('.').unwrap_or((ending, "")))?;
    (!is_aside_number(first)).then_some(segment)
}

/// Returns whether an ending is the number of a file that was moved aside.
fn is_aside_number(ending: &str) -> bool {
    // As above.
    ending.bytes().all(|digit| digit.is_ascii_digit()) && ending.parse::<u32>().is_ok()
}

/// Returns whether a file is a segment that was moved aside: a segment's name, a dot and a number.
pub(crate) fn is_aside(path: &Path) -> bool {
    path.file_name().and_then(OsStr::to_str).and_then(|name| name.rsplit_once('.')).is_some_and(
        |(segment, number)| base_sequence_of(OsStr::new(segment)).is_some() && is_aside_number(number),
    )
}

/// Returns whether a file has the name of a log's file: a segment, one that was moved aside, or a single file.
pub(crate) fn is_named_as_log(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().ends_with(NAME_END.as_bytes()) || is_aside(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::folder::listing::Folder;

    #[test]
    fn names_are_exactly_twenty_digits() {
        for base_sequence in [0, 1, 12_345, u64::MAX] {
            let name = segment_name(base_sequence);
            assert_eq!((name.len(), base_sequence_of(OsStr::new(&name))), (25, Some(base_sequence)));
        }
        let others = ["0.evtl", "+0000000000000000001.evtl", "99999999999999999999.evtl", "writer", ""];
        for other in others.into_iter().chain(["00000000000000000000.evtl.tmp", "0000000000000000000x.evtl"])
        {
            assert_eq!(base_sequence_of(OsStr::new(other)), None, "{other}");
        }
    }

    #[test]
    fn a_further_ending_is_any_but_a_number() {
        let segment = segment_name(7);
        for ending in [".zst", ".tmp", ".bak.1", ".1x", ".-1", ".+1", "."] {
            let name = format!("{segment}{ending}");
            assert!(!is_aside(Path::new(&name)), "{name}");
            assert_eq!(with_further_ending(OsStr::new(&name)), Some(&*segment), "{name}");
        }
        let others = ["", ".1", ".4294967295", ".1.zst", "~"].map(|ending| format!("{segment}{ending}"));
        for other in
            others.iter().map(|name| &**name).chain(["7.evtl.zst", "0000000000000000000x.evtl.zst", "x"])
        {
            assert_eq!(with_further_ending(OsStr::new(other)), None, "{other}");
        }
    }

    #[test]
    fn a_folder_is_listed_in_order_and_strange_files_apart() {
        let folder = tempfile::tempdir().unwrap();
        for name in [&segment_name(10), &segment_name(9), &segment_name(0), "writer", "notes.txt", "b"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let found = Folder::list(folder.path()).unwrap();
        assert_eq!(found.segments.iter().map(|(base, _)| *base).collect::<Vec<_>>(), [0, 9, 10]);
        assert_eq!(found.foreign, [folder.path().join("b"), folder.path().join("notes.txt")]);
        assert!(Folder::list(&folder.path().join("missing")).is_err());
    }
}
