//! What errors say, in words.
//!
//! An error's text is `CAUSE; ADVICE`, with one `; ` between the two. An error that reports another one takes the [`cause`]
//! alone: advice is given once.
#![forbid(unsafe_code)]

use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;

use ringlog_nostd::FileHeaderError;

use super::error::OpenError;
use super::lock_holder::exclusive_holder;

/// What to do about a damaged file of a log.
pub(super) const RESTORE_OR_SALVAGE: &str = "restore it from a copy, or copy what is whole into another folder with `ringlog salvage` and continue there";

/// What to do about a closed log that does not end where it was closed.
pub(super) const END_ADVICE: &str = "restore it from a copy, or copy what is whole into another folder with \
     `ringlog salvage` and continue there, or, to accept the loss, end all writers, move this file away if it is there, and \
     delete the log's `writer` file: a GAP record of unknown count then reports it";

/// A number of things: `1 byte`, `2 bytes`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Counted(pub(crate) u64, pub(crate) &'static str);

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(count, one) = self;
        write!(f, "{count} {one}{}", if *count == 1 { "" } else { "s" })
    }
}

/// An error's text without what to do.
pub(crate) fn cause(error: &impl fmt::Display) -> String {
    let text = error.to_string();
    text.split_once("; ").map_or(text.as_str(), |(cause, _)| cause).to_owned()
}

/// What to do about a header that cannot be used.
pub(super) const fn header_advice(error: &FileHeaderError) -> &'static str {
    match error {
        FileHeaderError::Version { .. } => {
            "read it with the version of ringlog that wrote it, or a later one"
        }
        FileHeaderError::Magic { .. } => {
            "check the path, or, if this was a log's file, restore it from a copy, or copy what is whole into another \
             folder with `ringlog salvage` and continue there"
        }
        _ => RESTORE_OR_SALVAGE,
    }
}

/// What to do where the system refuses.
pub(crate) fn io_advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "check the path, and whether it was renamed or deleted",
        io::ErrorKind::NotADirectory => "check the path",
        io::ErrorKind::IsADirectory => "give a file",
        io::ErrorKind::AddrInUse => "stop the program that has it, or choose another one",
        io::ErrorKind::AddrNotAvailable => "give an address of this machine",
        io::ErrorKind::PermissionDenied => "check who may read and write there",
        io::ErrorKind::ReadOnlyFilesystem => "choose a place that can be written",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space",
        io::ErrorKind::FileTooLarge => "ask for less, or raise the limit (`ulimit -f`)",
        io::ErrorKind::InvalidFilename => "choose another name",
        _ => "check the path and its file system, and try again",
    }
}

impl OpenError {
    pub(super) fn locked_segment(path: &Path, file: &File) -> Self {
        Self::LockedSegment { path: path.into(), pid: exclusive_holder(file) }
    }
}

/// What to do where there is no room for a file.
pub(super) fn room_words(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::FileTooLarge => {
            "the file system or a limit (`ulimit -f`) allows no file of that size: raise the limit, or ask for smaller files \
             (`--segment-size`)"
        }
        _ => "free some space, or ask for smaller files (`--segment-size`)",
    }
}

/// What a folder without any segment holds.
pub(super) fn no_segments_words(foreign_files: usize) -> String {
    match foreign_files as u64 {
        0 => "holds no log file (20 digits and .evtl)".to_owned(),
        others => format!("holds no log file (20 digits and .evtl), but {}", Counted(others, "other file")),
    }
}

/// How many events were dropped; 0 is an unknown number.
pub(super) fn dropped_words(count: u64) -> String {
    match count {
        0 => "an unknown number of events was dropped".to_owned(),
        1 => "1 event was dropped".to_owned(),
        _ => format!("{count} events were dropped"),
    }
}

/// Why a retired segment is not this log's alone.
pub(super) fn link_words(names: u64) -> String {
    match names {
        0 => "is a symbolic link".to_owned(),
        1 => "has another name than its own".to_owned(),
        _ => format!("has {names} names (hard links)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_no_plural() {
        let said = [0, 1, 2].map(|count| Counted(count, "byte").to_string());
        assert_eq!(said, ["0 bytes", "1 byte", "2 bytes"]);
        assert_eq!(no_segments_words(1), "holds no log file (20 digits and .evtl), but 1 other file");
    }

    #[test]
    fn a_cause_is_what_comes_before_the_advice() {
        assert_eq!(cause(&"x: broken; mend it; twice"), "x: broken");
        assert_eq!(cause(&"x: broken"), "x: broken");
    }
}
