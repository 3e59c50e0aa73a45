//! The words of errors that several of them share.
#![forbid(unsafe_code)]

use std::io;
use std::path::Path;

use ringlog_nostd::format::FileHeaderError;

use crate::storage::names::{is_named_as_log, with_further_ending};
use crate::words::{Counted, has_size_limit};

/// How the file of a shared ring begins.
const RING_START: &[u8; 4] = b"1GOL";

/// What to do about a damaged file of a log.
pub(crate) const RESTORE_OR_SALVAGE: &str = "restore it from a copy, or copy what is whole into another folder with `salvage_log` or `ringlog salvage` and continue there";

/// What to do about a closed log that does not end where it was closed.
pub(crate) const END_ADVICE: &str = "restore it from a copy, or copy what is whole into another folder with \
     `salvage_log` or `ringlog salvage` and continue there, or, to accept the loss, end all writers, move this file away if it is there, and \
     delete the log's `writer` file: a GAP record of unknown count then reports it";

/// Returns what to do about a file that is too short for a header, or does not begin as a log file does.
pub(crate) fn no_header_advice(path: &Path) -> String {
    let or_mend = if is_named_as_log(path) { format!(", or {RESTORE_OR_SALVAGE}") } else { String::new() };
    format!("check the path{or_mend}")
}

/// Returns the name that a segment under a name with a further ending should have.
pub(crate) fn plain_name(path: &Path) -> &str {
    path.file_name().and_then(with_further_ending).unwrap_or_default()
}

/// Returns what to do about a header that cannot be used.
pub(crate) fn header_advice(path: &Path, error: &FileHeaderError) -> String {
    match error {
        FileHeaderError::Version { .. } => {
            "read it with the version of ringlog that wrote it, or a later one".to_owned()
        }
        FileHeaderError::Magic { found } if found == RING_START => {
            "it is a shared ring: `ringlog ring` shows its state, `ringlog top` its events, and `ringlog serve --ring` records them"
                .to_owned()
        }
        FileHeaderError::Magic { .. } => no_header_advice(path),
        _ => RESTORE_OR_SALVAGE.to_owned(),
    }
}

/// Returns what to do if there is no room for a file of this size.
pub(crate) fn room_words(source: &io::Error, bytes: u64) -> &'static str {
    match source.kind() {
        io::ErrorKind::FileTooLarge if !has_size_limit(bytes) => {
            "its file system takes no file of that size: ask for smaller files (`segment_bytes`, `--segment-size`)"
        }
        io::ErrorKind::FileTooLarge => {
            "this process must not make files of that size: raise the limit (`ulimit -f`), or ask for smaller files \
             (`segment_bytes`, `--segment-size`)"
        }
        _ => "free some space, or ask for smaller files (`segment_bytes`, `--segment-size`)",
    }
}

/// Describes what a folder without any segment holds.
pub(crate) fn no_segments_words(foreign_files: usize) -> String {
    match foreign_files as u64 {
        0 => "holds no log file (20 digits and .evtl)".to_owned(),
        others => format!("holds no log file (20 digits and .evtl), but {}", Counted(others, "other file")),
    }
}

/// Returns what to do with a folder without any segment, in which this file may be a log.
pub(crate) fn no_segments_advice(single_file: Option<&Path>) -> String {
    match single_file {
        None => "check the path, or record into it first".to_owned(),
        Some(file) => format!("read its files one by one: {}", file.display()),
    }
}

/// Describes how many events were dropped; 0 is an unknown number.
pub(crate) fn dropped_words(count: u64) -> String {
    match count {
        0 => "an unknown number of events was dropped".to_owned(),
        1 => "1 event was dropped".to_owned(),
        _ => format!("{count} events were dropped"),
    }
}

/// Describes why a retired segment does not belong to this log alone.
pub(crate) fn link_words(names: u64) -> String {
    match names {
        0 => "is a symbolic link".to_owned(),
        1 => "has another name than its own".to_owned(),
        _ => format!("has {names} names (hard links)"),
    }
}

/// Describes the holder of a writer's lock, and what to do about it.
pub(crate) fn other_writer_words(pid: Option<u32>) -> String {
    match pid {
        Some(pid) if pid == std::process::id() => {
            format!("this process (process {pid}) has it open for writing already; close that writer first")
        }
        _ => format!("locked by another writer (process {}); stop it first", pid_words(pid)),
    }
}

/// Describes who uses something that one may use at a time, and what to do about it.
pub(crate) fn in_use_words(pid: Option<u32>) -> String {
    match pid {
        Some(pid) if pid == std::process::id() => {
            format!("this process (process {pid}) has it open already; drop that one first")
        }
        _ => format!("in use by process {}; stop that one first", pid_words(pid)),
    }
}

pub(crate) fn pid_words(pid: Option<u32>) -> String {
    pid.map_or_else(|| "unknown".to_owned(), |pid| pid.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_other_file_is_no_plural() {
        assert_eq!(no_segments_words(1), "holds no log file (20 digits and .evtl), but 1 other file");
    }

    #[test]
    fn a_shared_ring_is_named_as_one() {
        let advice = |found: [u8; 4]| header_advice(Path::new("ring"), &FileHeaderError::Magic { found });
        assert!(advice(*b"1GOL").starts_with("it is a shared ring"));
        assert_eq!(advice(*b"PK\x03\x04"), "check the path");
    }
}
