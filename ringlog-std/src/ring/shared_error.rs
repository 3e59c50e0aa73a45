//! What can go wrong with a ring in a file.
#![forbid(unsafe_code)]

use std::io;
use std::path::{Path, PathBuf};

use ringlog_nostd::RingError;

use super::ring_file::LIKELY_CAUSE;

use crate::words::{Counted, has_size_limit, io_advice};

/// Describes the owner of a role, and what to do about it.
fn owner_words(pid: Option<u32>) -> String {
    match pid {
        Some(pid) if pid == std::process::id() => {
            format!("this process (process {pid}) already; drop that end first")
        }
        Some(pid) => format!("process {pid}; stop that one first"),
        None => "process (unknown); stop that one first".to_owned(),
    }
}

/// One of the two sides of a ring.
///
/// ```
/// use ringlog::ring::Role;
///
/// assert_eq!(Role::Producer.to_string(), "producer");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Role {
    /// Writes events.
    Producer,
    /// Reads them and gives their space back.
    Consumer,
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Producer => "producer",
            Self::Consumer => "consumer",
        })
    }
}

/// Why a shared ring could not be created, opened or used.
///
/// ```
/// # use ringlog::{event::EventHeader, ring::{RingOptions, SharedRing, SharedRingError}};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("events.ring");
/// match SharedRing::open("/dev/null") {
///     Err(SharedRingError::NotAFile { path }) => assert!(path.ends_with("null")),
///     other => panic!("{other:?}"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SharedRingError {
    /// Something of that name exists.
    #[error("{}: exists already; open it, or choose another name", path.display())]
    Exists {
        /// The name that is taken.
        path: PathBuf,
    },
    /// Another process is creating a ring of that name.
    #[error("{}: another process is making this ring; open it once it is there", path.display())]
    Busy {
        /// The ring that was to be created.
        path: PathBuf,
    },
    /// No ring has the sizes that were asked for.
    #[error("{}: {source}; choose other sizes", path.display())]
    Sizes {
        /// The ring that was to be created.
        path: PathBuf,
        /// What is wrong with them.
        source: RingError,
    },
    /// The file system has no room or takes no file so large, or the process must not create one (`ulimit -f`).
    #[error("{}: no room for a ring of {bytes} bytes; {}", path.display(), room_words(source, *bytes))]
    DiskFull {
        /// The ring that was to be created.
        path: PathBuf,
        /// The length of its file.
        bytes: u64,
        /// The error of the system.
        source: io::Error,
    },
    /// A folder, a pipe, a device.
    #[error("{}: not a regular file, as a ring is; check the path, or move it away", path.display())]
    NotAFile {
        /// What was to be opened.
        path: PathBuf,
    },
    /// The file has more than one name, and locks go by the name.
    #[error("{}: the file has {names} names (hard links); remove all but one", path.display())]
    Names {
        /// One of them.
        path: PathBuf,
        /// How many there are.
        names: u64,
    },
    /// There is no ring in the file, or a damaged one.
    #[error("{}: {}; check the path, or move this file away", path.display(), contents_words(source))]
    Contents {
        /// The file.
        path: PathBuf,
        /// What is wrong with its control words.
        source: RingError,
    },
    /// The ring's positions contradict each other, so nothing in it can be found.
    #[error(
        "{}: corrupt ring: {problem}: {LIKELY_CAUSE}; end both programs and delete this file and its role files, which loses \
         what is unread in it (`ringlog ring` shows it)",
        path.display()
    )]
    Positions {
        /// The ring.
        path: PathBuf,
        /// Which word has which value, and why that cannot be.
        problem: String,
    },
    /// The file is shorter or longer than its ring.
    #[error(
        "{}: {}, but a ring of these sizes has {needed_bytes}: it was cut short or damaged; move it away",
        path.display(),
        Counted(*len_bytes, "byte")
    )]
    Length {
        /// The file.
        path: PathBuf,
        /// Its length.
        len_bytes: u64,
        /// The length that belongs to the sizes in its control words.
        needed_bytes: u64,
    },
    /// The role has an owner that is alive.
    #[error(
        "{}: the {role}'s role is taken by {}, or use another ring",
        path.display(),
        owner_words(*pid)
    )]
    Claimed {
        /// The ring.
        path: PathBuf,
        /// The role.
        role: Role,
        /// Its owner, if the role's file names one.
        pid: Option<u32>,
    },
    /// The name of a role's file is taken by something else.
    #[error("{}: not a role file of a ring; move it away, or use another ring", path.display())]
    ForeignRoleFile {
        /// The file.
        path: PathBuf,
    },
    /// The ring was created before the machine was restarted.
    #[error(
        "{}: of an earlier boot, so what is in it cannot be trusted; start its consumer first (`RecorderBuilder::start_shared`, \
         `ringlog serve --ring`), which replaces it",
        path.display()
    )]
    OtherBoot {
        /// The ring.
        path: PathBuf,
    },
    /// The ring has unread events, which other descriptions describe than those of the producer to be.
    #[error(
        "{}: {} of events with other descriptions are unread; start the ring's recorder, and claim the role again when it \
         has read them",
        path.display(),
        Counted(*unread_bytes, "byte")
    )]
    OtherSchemas {
        /// The ring.
        path: PathBuf,
        /// The length of the unread events.
        unread_bytes: u64,
    },
    /// The ring has no place for descriptions of its events: an older version of this library made it.
    #[error(
        "{}: an older version made this ring, and such a ring has no place for descriptions of events; end its producer and \
         its recorder, delete the ring, and start the recorder, which makes a new one",
        path.display()
    )]
    NoSchemas {
        /// The ring.
        path: PathBuf,
    },
    /// The descriptions are longer than any log takes.
    #[error(
        "{}: descriptions of {schema_bytes} bytes, a log takes {max_bytes} at most; describe fewer types, or shorten labels \
         and names",
        path.display()
    )]
    SchemasTooLong {
        /// The ring.
        path: PathBuf,
        /// The length of their META records.
        schema_bytes: u64,
        /// The longest length.
        max_bytes: u64,
    },
    /// The file that describes the ring's events is damaged.
    #[error(
        "{}: not the descriptions that the ring's producer stored; restart the producer, which stores them again",
        path.display()
    )]
    SchemaFile {
        /// The file.
        path: PathBuf,
    },
    /// The name leads to another file than when the ring was opened, or to none.
    #[error("{}: was replaced or deleted since it was opened; open it again", path.display())]
    Replaced {
        /// The ring.
        path: PathBuf,
    },
    /// The file of a role was deleted or replaced while the role was held.
    #[error(
        "{}: this role file was deleted or replaced while the role was held, so another process may have the role, too; \
         end both, leave that file alone, and start one again",
        path.display()
    )]
    RoleFile {
        /// The role's file.
        path: PathBuf,
    },
    /// The system refused.
    #[error("{}: cannot {action}: {source}; {}", path.display(), io_advice(source))]
    Io {
        /// The file concerned.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// The error of the system.
        source: io::Error,
    },
}

/// What is wrong with the content of a ring's file.
fn contents_words(error: &RingError) -> String {
    match error {
        RingError::TooSmall { len, needed } => {
            format!("only {}, and a ring has {needed} or more", Counted(*len as u64, "byte"))
        }
        _ => format!("offset 0: {error}"),
    }
}

/// What to do where there is no room for a ring.
fn room_words(error: &io::Error, bytes: u64) -> &'static str {
    match error.kind() {
        io::ErrorKind::FileTooLarge if !has_size_limit(bytes) => {
            "its file system takes no file of that size: ask for a smaller ring (`--ring-size`)"
        }
        io::ErrorKind::FileTooLarge => {
            "raise the limit (`ulimit -f`), or ask for a smaller ring (`--ring-size`)"
        }
        _ => "free some space, or ask for a smaller ring (`--ring-size`)",
    }
}

impl SharedRingError {
    pub(super) fn io(path: &Path, action: &'static str, source: io::Error) -> Self {
        Self::Io { path: path.into(), action, source }
    }

    /// Returns whether there is no file of that name, so that one may be created.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, ring::{RingOptions, SharedRing, SharedRingError}};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("events.ring");
    /// assert!(SharedRing::open(&path).unwrap_err().is_missing());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// Returns whether the same attempt may succeed a little later: the role's owner is about to end, the ring is
    /// being created, its consumer replaced it, or its consumer is still reading events with other descriptions.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, ring::{RingOptions, SharedRing, SharedRingError}};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("events.ring");
    /// let ring = SharedRing::create(&path, &RingOptions::default())?;
    /// let _producer = ring.claim_producer()?;
    /// assert!(ring.claim_producer().unwrap_err().is_transient());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_transient(&self) -> bool {
        let waits = matches!(
            self,
            Self::Busy { .. }
                | Self::Claimed { .. }
                | Self::OtherBoot { .. }
                | Self::OtherSchemas { .. }
                | Self::Replaced { .. }
        );
        waits || self.is_missing()
    }
}
