//! Why a log cannot be copied.
#![forbid(unsafe_code)]

use std::io;
use std::path::{Path, PathBuf};

use crate::storage::error::{AppendError, CreateError, OpenError, ReadError, SyncError};
use crate::words::io_words;

/// Why a backup, a restored log or the parts of a log cannot be made.
#[derive(thiserror::Error, Debug)]
#[non_exhaustive]
pub enum CopyError {
    /// The log, or the folder of the copy, cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A file of the copy cannot be created.
    #[error("the copy: {0}")]
    Create(#[from] CreateError),
    /// A file of the copy cannot be written.
    #[error("the copy: {0}")]
    Write(#[from] AppendError),
    /// A file of the copy cannot be closed.
    #[error("the copy: {0}")]
    Close(#[from] SyncError),
    /// The system refused something.
    #[error("{}: cannot {action}: {}", path.display(), io_words(source))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was refused.
        action: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// The path is not the folder of a log.
    #[error("{}: is one file, not the folder of a log; copy it with `cp`", path.display())]
    OneFile {
        /// The path.
        path: PathBuf,
    },
    /// The log is a compressed backup.
    #[error("{}: is a compressed backup; `ringlog restore` makes a log of it", path.display())]
    Compressed {
        /// The folder.
        path: PathBuf,
    },
    /// A writer is at work in the log.
    #[error("{}: a program is writing it; end that first", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// One folder is in the other.
    #[error("{}: is in the same folder as the log, or one is in the other; give another place", path.display())]
    Inside {
        /// The folder of the copy.
        path: PathBuf,
    },
    /// The folder of the copy has something in it.
    #[error("{}: exists and is not an empty folder; give a name that is free", path.display())]
    Occupied {
        /// The folder of the copy.
        path: PathBuf,
    },
    /// The backup is of another log.
    #[error("{}: holds another log, or a backup of another one; give another folder", path.display())]
    OtherLog {
        /// The folder of the backup.
        path: PathBuf,
    },
    /// The files of the backup are compressed and the new ones would not be, or the reverse.
    #[error(
        "{}: the files of this backup are {}compressed; {} --zstd, or give another folder",
        path.display(),
        if *is_compressed { "" } else { "not " },
        if *is_compressed { "give" } else { "leave out" }
    )]
    OtherForm {
        /// The folder of the backup.
        path: PathBuf,
        /// Whether the backup's files are compressed.
        is_compressed: bool,
    },
    /// Records between the backup and the log were deleted before a backup had them.
    #[error(
        "{}: the log begins at record {begins_at}, and this backup ends before record {ends_before}: what is between was \
         deleted before it was backed up; give --mirror to drop the older files, or give another folder",
        path.display()
    )]
    Hole {
        /// The folder of the backup.
        path: PathBuf,
        /// The sequence after the backup's last record.
        ends_before: u64,
        /// The sequence at which the log begins.
        begins_at: u64,
    },
    /// The backup has records that the log does not have.
    #[error(
        "{}: this file of the backup has records that the log does not have; give --mirror to make it as the log is, or \
         give another folder",
        path.display()
    )]
    Diverged {
        /// The file of the backup.
        path: PathBuf,
    },
    /// Retention took a segment during the copying.
    #[error("{}: was deleted by the log's writer before it was copied; run it again", path.display())]
    Retired {
        /// The segment.
        path: PathBuf,
    },
    /// A copy differs from what was written.
    #[error("{}: what was read back is not what was written; check the disk of the copy", path.display())]
    Differs {
        /// The file of the copy.
        path: PathBuf,
    },
    /// The log has no event.
    #[error("{}: has no event, so there is nothing to split; check the path", path.display())]
    NoEvent {
        /// The folder.
        path: PathBuf,
    },
}

impl CopyError {
    /// Returns what makes an error of the system's.
    pub(crate) fn io(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_path_buf();
        move |source| Self::Io { path, action, source }
    }
}
