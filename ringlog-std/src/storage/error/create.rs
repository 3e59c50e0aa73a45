//! What can go wrong when a log file is created.
#![forbid(unsafe_code)]

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::storage::error::words::link_words;
use crate::storage::error::words::other_writer_words;
use crate::storage::error::words::pid_words;
use crate::storage::error::words::room_words;
use crate::words::Counted;
use crate::words::io_advice;

/// Why a log file was not created. Existing files are unchanged then.
///
/// ```
/// use ringlog::storage::{CreateError, MmapWriter};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("events.evtl");
///
/// MmapWriter::create(&path, 1 << 20)?.close()?;
/// match MmapWriter::create_new(&path, 1 << 20) {
///     Err(CreateError::Exists { path: taken }) => assert_eq!(taken, path),
///     other => panic!("{:?}", other.err()),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CreateError {
    /// The capacity is out of range.
    #[error(
        "{}: a log's file cannot have {}; ask for at least 4096 and at most 2^46",
        path.display(),
        Counted(*asked_bytes, "byte")
    )]
    Capacity {
        /// The file that was to be created.
        path: PathBuf,
        /// What was asked for, in bytes.
        asked_bytes: u64,
    },
    /// No log's file can begin at this sequence and position.
    #[error(
        "{}: a file of a log begins at sequence and position 2^62 at most, the position a multiple of 8, \
         not at {sequence} and {position}; begin it where a log may",
        path.display()
    )]
    Base {
        /// The file that was to be created.
        path: PathBuf,
        /// The sequence of its first record.
        sequence: u64,
        /// The position of its first record.
        position: u64,
    },
    /// The descriptions of the events, which each segment begins with, leave too little room in a segment.
    #[error(
        "{}: the schemas take {schema_bytes} bytes of a segment of {segment_bytes}; at most half of it and 1 MiB may be \
         schemas: choose larger segments, or describe fewer types",
        path.display()
    )]
    Schemas {
        /// The folder of the log, or the file.
        path: PathBuf,
        /// Length of all META records, in bytes.
        schema_bytes: u64,
        /// Length of a segment's file, in bytes.
        segment_bytes: u64,
    },
    /// Something of that name exists and may not be moved aside.
    #[error("{}: exists already; choose another name, or move it away", path.display())]
    Exists {
        /// The name that is taken.
        path: PathBuf,
    },
    /// A live writer holds the file.
    #[error(
        "{}: {}, or choose another name",
        path.display(),
        other_writer_words(*pid)
    )]
    Busy {
        /// The file that is being written.
        path: PathBuf,
        /// The process that writes it, if the kernel shows it.
        pid: Option<u32>,
    },
    /// Something of that name exists, and it is no log file.
    #[error("{}: exists, and is no log file; choose another name", path.display())]
    NotALog {
        /// The name that is taken.
        path: PathBuf,
    },
    /// The file system has no room for the file or takes none so large, or the process must not create one so large
    /// (`ulimit -f`).
    #[error("{}: no room for a file of {capacity_bytes} bytes; {}", path.display(), room_words(source, *capacity_bytes))]
    DiskFull {
        /// The file that was to be created.
        path: PathBuf,
        /// Its capacity in bytes.
        capacity_bytes: u64,
        /// The error of the system.
        source: io::Error,
    },
    /// Another program has an exclusive lock on a segment of the log. The writer continues without that lock.
    #[error(
        "{}: another program (process {}) has an exclusive lock on this segment: nobody can read it meanwhile, and once \
         retired it is deleted instead of used again; end that program (`flock`, a backup)",
        path.display(),
        pid_words(*pid)
    )]
    LockedSegment {
        /// The segment.
        path: PathBuf,
        /// The process that holds the lock, if the kernel shows it.
        pid: Option<u32>,
    },
    /// A retired segment was not recycled, because another file may share its bytes. Only its name was deleted.
    #[error(
        "{}: this retired segment {}, so its bytes were left alone and only this name was deleted; \
         copy a log without links to keep both apart",
        path.display(),
        link_words(*names)
    )]
    Linked {
        /// The segment.
        path: PathBuf,
        /// How many names the file has (hard links); 0 if the segment's name is a symbolic link.
        names: u64,
    },
    /// The system refused something else.
    #[error("{}: cannot {action}: {source}; {}", path.display(), io_advice(source))]
    Io {
        /// The file or folder concerned.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// The error of the system.
        source: io::Error,
    },
}

impl CreateError {
    pub(crate) fn io(path: &Path, action: &'static str, source: io::Error) -> Self {
        Self::Io { path: path.into(), action, source }
    }
}
