//! What errors say, in words.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io;
use std::path::Path;

use super::error::OpenError;
use super::lock_holder::exclusive_holder;

impl OpenError {
    pub(super) fn locked_segment(path: &Path, file: &File) -> Self {
        Self::LockedSegment { path: path.into(), pid: exclusive_holder(file) }
    }
}

/// What to do where there is no room for a file.
pub(super) fn room_words(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::FileTooLarge => {
            "this process must not make files of that size: raise the limit (`ulimit -f`) or ask for a smaller capacity"
        }
        _ => "free some space or ask for a smaller capacity",
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
