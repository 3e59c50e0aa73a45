//! Lists the cursors in a log's folder, without using them.
#![forbid(unsafe_code)]

use std::io;
use std::path::Path;

use crate::storage::cursor::cursor::{Cursor, check_name, failed, open_existing};
use crate::storage::cursor::error::CursorError;
use crate::storage::cursor::slot::{Slot, read_newest};
use crate::storage::folder::ending::WriterFile;
use crate::storage::names::CURSOR_FOLDER;

/// A cursor's state, read without using the cursor.
///
/// ```
/// use ringlog::storage::Cursor;
///
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// Cursor::open(folder, "audit")?;
/// let cursors = Cursor::list(folder)?;
/// assert_eq!((cursors[0].name.as_str(), cursors[0].next_sequence), ("audit", 0));
/// assert!(!cursors[0].is_damaged);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct CursorInfo {
    /// Its name.
    pub name: String,
    /// The sequence of the next record that its reader needs; 0, the safe value, if the file is damaged.
    pub next_sequence: u64,
    /// When that was stored, in unix nanoseconds; 0 if the file is damaged.
    pub updated_at: i64,
    /// Whether the file has no valid position.
    pub is_damaged: bool,
    /// The identity of the log that it was made for, if known.
    pub log_identity: Option<u128>,
}

impl CursorInfo {
    /// Returns whether it was made for another log than the one with this identity. Returns `false` if either
    /// identity is not known.
    ///
    /// ```
    /// use ringlog::storage::{Cursor, LogWriter, WriterFile};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path();
    /// LogWriter::open(folder)?.close()?;
    /// Cursor::open(folder, "audit")?;
    /// let identity = WriterFile::of(folder).identity;
    /// assert!(!Cursor::list(folder)?[0].is_of_another_log(identity));
    /// assert!(Cursor::list(folder)?[0].is_of_another_log(Some(1)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_of_another_log(&self, log_identity: Option<u128>) -> bool {
        matches!((self.log_identity, log_identity), (Some(own), Some(log)) if own != log)
    }

    /// Returns the warning about a cursor that was made for another log.
    #[doc(hidden)]
    pub fn other_log_words(&self) -> String {
        let Self { name, next_sequence, log_identity, .. } = self;
        format!(
            "{CURSOR_FOLDER}/{name}: this cursor is at record {next_sequence} of another log, {:032x}: it is refused, and holds \
             no file back; delete it, or, if this is the same log under a new identity, first read on from that record",
            log_identity.unwrap_or_default()
        )
    }
}

impl Cursor {
    /// Lists all cursors of the log in `folder`, sorted by name, in use or not.
    ///
    /// # Errors
    ///
    /// [`CursorError::Io`] if the cursors cannot be listed. A damaged cursor is no error: it is in the list, with
    /// sequence 0.
    ///
    /// ```
    /// # use ringlog::storage::Cursor;
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path();
    /// Cursor::open(folder, "audit")?;
    /// let needed = Cursor::list(folder)?.iter().map(|cursor| cursor.next_sequence).min();
    /// assert_eq!(needed, Some(0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn list(folder: impl AsRef<Path>) -> Result<Vec<CursorInfo>, CursorError> {
        cursors_of(folder.as_ref())
    }
}

pub(crate) fn cursors_of(folder: &Path) -> Result<Vec<CursorInfo>, CursorError> {
    let cursors = folder.join(CURSOR_FOLDER);
    let entries = match cursors.read_dir() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(failed(&cursors, "list the cursors"))?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed(&cursors, "list the cursors"))?;
        let is_file = entry.file_type().is_ok_and(|it| it.is_file());
        if let Some(name) = entry.file_name().to_str().filter(|name| is_file && check_name(name).is_ok()) {
            found.extend(info_of(name, &entry.path()));
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// Returns the smallest sequence that any cursor of this log needs; 0 if the cursors cannot be listed.
pub(crate) fn needed_from(folder: &Path) -> Option<u64> {
    let identity = WriterFile::read_once(folder).identity;
    match cursors_of(folder) {
        Ok(cursors) => {
            let own = cursors.iter().filter(|cursor| !cursor.is_of_another_log(identity));
            own.map(|cursor| cursor.next_sequence).min()
        }
        Err(_) => Some(0),
    }
}

/// Lists the cursors in `folder` that were made for another log. They are refused, and retention does not wait
/// for them.
///
/// The list is empty if the log's identity is not known, or the cursors cannot be listed.
pub fn cursors_of_other_logs(folder: &Path) -> Vec<CursorInfo> {
    let identity = WriterFile::of(folder).identity;
    others_among(cursors_of(folder).unwrap_or_default(), identity)
}

pub(crate) fn others_among(mut cursors: Vec<CursorInfo>, log_identity: Option<u128>) -> Vec<CursorInfo> {
    cursors.retain(|cursor| cursor.is_of_another_log(log_identity));
    cursors
}

/// Returns the cursors that are past this end of their log; none if they cannot be listed. Those of another log
/// are left out.
pub(crate) fn cursors_ahead(folder: &Path, end: u64) -> Vec<CursorInfo> {
    let identity = WriterFile::read_once(folder).identity;
    let mut cursors = cursors_of(folder).unwrap_or_default();
    cursors.retain(|cursor| cursor.next_sequence > end && !cursor.is_of_another_log(identity));
    cursors
}

/// Reads a cursor's state; `None` if the cursor was deleted meanwhile.
fn info_of(name: &str, path: &Path) -> Option<CursorInfo> {
    let newest = match open_existing(path, false) {
        Ok(None) => return None,
        Ok(Some(file)) => read_newest(&file).ok().flatten(),
        Err(_) => None,
    };
    let name = name.into();
    let Some((_, Slot { next_sequence, updated_at, log_identity, .. })) = newest else {
        return Some(CursorInfo {
            name,
            next_sequence: 0,
            updated_at: 0,
            is_damaged: true,
            log_identity: None,
        });
    };
    Some(CursorInfo { name, next_sequence, updated_at, is_damaged: false, log_identity })
}
