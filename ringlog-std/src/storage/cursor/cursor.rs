//! Named cursors: keeps how far a reader has come in the log's folder.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use ringlog_nostd::internal::check_position;

use crate::os::files::{is_at, open_to_read, open_to_write};
use crate::os::platform::{Linux, Platform};
use crate::os::temporary::{create_temporary, separate};
use crate::os::time::unix_nanos;
use crate::storage::cursor::error::CursorError;
use crate::storage::cursor::slot::{FILE_BYTES, SLOT_DISTANCE, Slot, read_newest};
use crate::storage::error::OpenError;
use crate::storage::folder::ending::WriterFile;
use crate::storage::folder::listing::Folder;
use crate::storage::names::CURSOR_FOLDER;

/// Longest name of a cursor, in bytes.
const MAX_NAME_BYTES: usize = 64;
/// How often opening is tried while others delete the cursor and make it again.
const OPENINGS: usize = 100;

/// A named place in a log that survives its reader. One reader at a time has it.
///
/// A reader handles records, calls [`advance`](Self::advance), and stores the place with
/// [`commit`](Self::commit). If it is killed in between, it gets those records again: each at least once.
/// Retention keeps what a cursor still needs, up to a limit that the operator sets.
///
/// A power loss may take records that were read but not synced. New records then get their sequences.
/// [`follow`](Self::follow) notices that. To rule it out, commit no further than what is durable: the second
/// example.
///
/// A cursor stores the identity of its log ([`WriterFile::identity`]), and is refused where another log is in
/// that one's place. A log without an identity counts as the one that it was made for.
///
/// ```
/// use ringlog::event::EventHeader;
/// use ringlog::storage::{Cursor, LogWriter};
///
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// let mut writer = LogWriter::open(folder)?;
/// for number in 0..3 {
///     writer.write_event(&EventHeader::new(number, 0, 0), b"")?;
/// }
///
/// let mut cursor = Cursor::open(folder, "billing")?;
/// let mut follower = cursor.follow()?;
/// while let Some(event) = follower.next_event()? {
///     cursor.advance(event.sequence + 1)?;
/// }
/// cursor.commit()?;
/// drop(cursor);
/// assert_eq!(Cursor::open(folder, "billing")?.next_sequence(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Reads up to the durable position, and commits no further:
///
/// ```
/// # use ringlog::event::EventHeader;
/// # use ringlog::storage::{Cursor, LogWriter};
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// # let mut writer = LogWriter::open(folder)?;
/// # writer.write_event(&EventHeader::new(0, 0, 0), b"")?;
/// # writer.sync()?;
/// # writer.write_event(&EventHeader::new(1, 0, 0), b"")?;
/// let mut cursor = Cursor::open(folder, "billing")?;
/// let mut follower = cursor.follow()?;
/// let durable = follower.positions()?.durable;
/// while follower.position() < durable && follower.advance()? {
///     // Handle `follower.found_event()`.
/// }
/// // The first record may already be past the durable position.
/// if follower.position() <= durable {
///     cursor.advance(follower.next_sequence())?;
///     cursor.commit()?;
/// }
/// # assert_eq!(cursor.next_sequence(), 1, "the second record is not synced");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Cursor {
    folder: PathBuf,
    path: PathBuf,
    /// Has the exclusive lock.
    file: File,
    /// The slot that was stored last.
    stored: Slot,
    /// Index of that slot, 0 or 1.
    at: usize,
    next_sequence: u64,
    /// The process that has the lock.
    pid: u32,
}

impl Drop for Cursor {
    fn drop(&mut self) {
        // Closing the file is not enough if another thread is starting a child at this moment: until the child has
        // become another program, it has a copy of the open file. A forked child unlocks nothing.
        if self.pid == std::process::id() {
            let _ = self.file.unlock();
        }
    }
}

impl Cursor {
    /// Opens the cursor `name` of the log in `folder`. A new one starts at the oldest record of the log.
    ///
    /// ```
    /// use ringlog::storage::{Cursor, CursorError};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path();
    /// let cursor = Cursor::open(folder, "billing")?;
    /// assert_eq!(cursor.next_sequence(), 0);
    /// match Cursor::open(folder, "billing") {
    ///     Err(CursorError::InUse { pid, .. }) => assert_eq!(pid, Some(std::process::id())),
    ///     other => panic!("{other:?}"),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`CursorError::Name`]; [`CursorError::Log`] with [`OpenError::NoLog`] if there is no such folder: it may be created
    /// before the log's writer starts; [`CursorError::InUse`] while another reader has it; [`CursorError::Damaged`];
    /// [`CursorError::OtherLog`] where the log was deleted and another one begun; [`CursorError::Io`].
    pub fn open(folder: impl AsRef<Path>, name: &str) -> Result<Self, CursorError> {
        let folder = folder.as_ref();
        let path = path_of(folder, name)?;
        for _ in 0..OPENINGS {
            match open_locked(&path)? {
                Opening::Locked(file) => return Self::of(folder, path, file),
                Opening::Missing => create(folder, &path)?,
                Opening::Replaced => {}
            }
        }
        Err(never_the_same(&path))
    }

    /// Deletes the cursor `name` of the log in `folder`; returns whether there was one. Also one that is damaged or of another log.
    ///
    /// ```
    /// use ringlog::storage::Cursor;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path();
    /// drop(Cursor::open(folder, "billing")?);
    /// assert!(Cursor::delete(folder, "billing")?);
    /// assert!(!Cursor::delete(folder, "billing")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`CursorError::Name`]; [`CursorError::InUse`] while a reader has it; [`CursorError::Damaged`] if what has its name is no
    /// file; [`CursorError::Io`].
    pub fn delete(folder: impl AsRef<Path>, name: &str) -> Result<bool, CursorError> {
        let folder = folder.as_ref();
        let path = path_of(folder, name)?;
        for _ in 0..OPENINGS {
            match open_locked(&path)? {
                // Another one that opened the file meanwhile finds that it has lost its name.
                Opening::Locked(_file) => {
                    fs::remove_file(&path).map_err(failed(&path, "delete the file"))?;
                    let cursors = folder.join(CURSOR_FOLDER);
                    Linux.sync_folder(&cursors).map_err(failed(&cursors, "sync the folder"))?;
                    return Ok(true);
                }
                Opening::Missing => return Ok(false),
                Opening::Replaced => {}
            }
        }
        Err(never_the_same(&path))
    }

    fn of(folder: &Path, path: PathBuf, file: File) -> Result<Self, CursorError> {
        let newest = read_newest(&file).map_err(failed(&path, "read the file"))?;
        let Some((at, stored)) = newest else { return Err(CursorError::Damaged { path }) };
        let (folder, next_sequence) = (folder.into(), stored.next_sequence);
        let pid = std::process::id();
        let mut cursor = Self { folder, path, file, stored, at, next_sequence, pid };
        cursor.check_log()?;
        // Stores this process's id, so that the next one to try can report it. The lock is the kernel's, so the
        // id need not last.
        cursor.write()?;
        Ok(cursor)
    }

    /// Returns the sequence of the next record to read, after all calls of [`advance`](Self::advance) and
    /// [`go_to`](Self::go_to).
    ///
    /// ```
    /// use ringlog::storage::Cursor;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path();
    /// let mut cursor = Cursor::open(folder, "billing")?;
    /// cursor.advance(7)?;
    /// assert_eq!(cursor.next_sequence(), 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    /// Returns the stored sequence of the next record to read: where the next reader would start.
    ///
    /// ```
    /// use ringlog::storage::Cursor;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path();
    /// let mut cursor = Cursor::open(folder, "billing")?;
    /// cursor.advance(7)?;
    /// assert_eq!(cursor.committed_sequence(), 0);
    /// cursor.commit()?;
    /// assert_eq!(cursor.committed_sequence(), 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn committed_sequence(&self) -> u64 {
        self.stored.next_sequence
    }

    /// Refuses a log whose identity differs from the cursor's.
    pub(crate) fn check_log(&self) -> Result<(), CursorError> {
        match (self.stored.log_identity, WriterFile::of(&self.folder).identity) {
            (Some(expected), Some(found)) if expected != found => Err(CursorError::OtherLog {
                path: self.path.clone(),
                next_sequence: self.next_sequence,
                expected,
                found,
            }),
            _ => Ok(()),
        }
    }

    pub(crate) fn log_folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the path of the cursor's file.
    ///
    /// ```
    /// use ringlog::storage::Cursor;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path();
    /// assert!(Cursor::open(folder, "billing")?.path().ends_with("cursors/billing"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Notes that all records before `next_sequence` were handled. The next [`commit`](Self::commit) stores it.
    ///
    /// ```
    /// use ringlog::storage::{Cursor, CursorError};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path();
    /// let mut cursor = Cursor::open(folder, "billing")?;
    /// cursor.advance(7)?;
    /// assert!(matches!(cursor.advance(6), Err(CursorError::Backwards { next_sequence: 7, asked: 6, .. })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`CursorError::Backwards`] if the cursor is already past it.
    pub fn advance(&mut self, next_sequence: u64) -> Result<(), CursorError> {
        if next_sequence < self.next_sequence {
            let path = self.path.clone();
            return Err(CursorError::Backwards {
                path,
                next_sequence: self.next_sequence,
                asked: next_sequence,
            });
        }
        self.next_sequence = next_sequence;
        Ok(())
    }

    /// Goes to any sequence, backwards too. The next [`commit`](Self::commit) stores it.
    ///
    /// ```
    /// use ringlog::storage::Cursor;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path();
    /// let mut cursor = Cursor::open(folder, "billing")?;
    /// cursor.advance(7)?;
    /// cursor.go_to(3);
    /// assert_eq!(cursor.next_sequence(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn go_to(&mut self, next_sequence: u64) {
        self.next_sequence = next_sequence;
    }

    /// Stores the position durably. Does nothing if it did not change.
    ///
    /// ```
    /// use ringlog::storage::Cursor;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path();
    /// let mut cursor = Cursor::open(folder, "billing")?;
    /// cursor.advance(7)?;
    /// cursor.commit()?;
    /// drop(cursor);
    /// assert_eq!(Cursor::open(folder, "billing")?.next_sequence(), 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`CursorError::Io`]: the position that was stored before is untouched, and the next commit tries again.
    /// [`CursorError::Limit`] for a position that no log reaches.
    pub fn commit(&mut self) -> Result<(), CursorError> {
        if self.next_sequence == self.stored.next_sequence { Ok(()) } else { self.write() }
    }

    /// Writes into the slot that does not count. It counts once it is on stable storage.
    ///
    /// After a failed sync the same slot is written again, as the other one is known to be readable.
    fn write(&mut self) -> Result<(), CursorError> {
        if check_position(self.next_sequence).is_none() {
            return Err(CursorError::Limit { path: self.path.clone(), asked: self.next_sequence });
        }
        let damaged = || CursorError::Damaged { path: self.path.clone() };
        let generation = check_position(self.stored.generation + 1).ok_or_else(damaged)?;
        let slot = Slot {
            generation,
            next_sequence: self.next_sequence,
            updated_at: unix_nanos().max(0),
            pid: std::process::id(),
            // The log may have been begun after the cursor.
            log_identity: self.stored.log_identity.or_else(|| WriterFile::of(&self.folder).identity),
        };
        let at = 1 - self.at;
        // If the log was copied with hard links, the copy's cursor stays where it is.
        let separated = separate(&self.path, &self.file).map_err(failed(&self.path, "separate the file"))?;
        if let Some(file) = separated {
            self.file = file;
        }
        self.file
            .write_all_at(&slot.to_bytes(), at as u64 * SLOT_DISTANCE)
            .and_then(|()| self.file.sync_data())
            .map_err(failed(&self.path, "store the position"))?;
        (self.stored, self.at) = (slot, at);
        Ok(())
    }
}

/// What was found under a cursor's name.
enum Opening {
    /// The file, which has its name and this process's lock.
    Locked(File),
    Missing,
    /// It lost its name before it was locked.
    Replaced,
}

fn open_locked(path: &Path) -> Result<Opening, CursorError> {
    let Some(file) = open_existing(path, true)? else { return Ok(Opening::Missing) };
    lock(path, &file)?;
    let has_name = is_at(path, &file).map_err(failed(path, "look up the file"))?;
    Ok(if has_name { Opening::Locked(file) } else { Opening::Replaced })
}

fn never_the_same(path: &Path) -> CursorError {
    failed(path, "find the file twice under its name")(io::ErrorKind::NotFound.into())
}

/// Returns the path of a cursor.
fn path_of(folder: &Path, name: &str) -> Result<PathBuf, CursorError> {
    check_name(name)?;
    let cursors = folder.join(CURSOR_FOLDER);
    // If the folder is a link, its content is not this log's.
    if fs::symlink_metadata(&cursors).is_ok_and(|metadata| !metadata.is_dir()) {
        return Err(failed(&cursors, "open the folder")(io::ErrorKind::NotADirectory.into()));
    }
    Ok(cursors.join(name))
}

/// Refuses path separators and hidden names, so that a name is one file in the cursors' folder.
pub(super) fn check_name(name: &str) -> Result<(), CursorError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let has_length = (1..=MAX_NAME_BYTES).contains(&name.len());
    if has_length && !name.starts_with('.') && name.bytes().all(is_plain) {
        return Ok(());
    }
    Err(CursorError::Name { name: name.chars().take(MAX_NAME_BYTES).collect() })
}

/// Opens a regular file; `None` if there is none. Follows no link and waits for no pipe.
pub(super) fn open_existing(path: &Path, write: bool) -> Result<Option<File>, CursorError> {
    match if write { open_to_write(path) } else { open_to_read(path) } {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            Err(CursorError::Damaged { path: path.into() })
        }
        other => Ok(Some(other.map_err(failed(path, "open the file"))?)),
    }
}

fn lock(path: &Path, file: &File) -> Result<(), CursorError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            let pid = read_newest(file).ok().flatten().map(|(_, slot)| slot.pid);
            Err(CursorError::InUse { path: path.into(), pid })
        }
        Err(TryLockError::Error(source)) => Err(failed(path, "lock the file")(source)),
    }
}

/// Creates a cursor that is complete before it has its name. If another process was faster, its cursor stays.
fn create(folder: &Path, path: &Path) -> Result<(), CursorError> {
    let cursors = folder.join(CURSOR_FOLDER);
    match fs::create_dir(&cursors) {
        Ok(()) => Linux.sync_folder(folder).map_err(failed(folder, "sync the folder"))?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(CursorError::in_the_log(OpenError::NoLog { path: folder.into() }));
        }
        Err(error) => return Err(failed(&cursors, "create the folder")(error)),
    }
    let oldest = Folder::list(folder).map_err(CursorError::in_the_log)?;
    let next_sequence = oldest.segments.first().map_or(0, |(base_sequence, _)| *base_sequence);
    let slot = Slot {
        generation: 1,
        next_sequence,
        updated_at: unix_nanos().max(0),
        pid: std::process::id(),
        log_identity: WriterFile::of(folder).identity,
    };
    let (file, temporary) = create_temporary(&Linux, &cursors, OsStr::new("."), ".new")
        .map_err(failed(&cursors, "create a file in"))?;
    let made = write_new(&file, &slot).and_then(|()| Linux.rename_new(&temporary, path));
    match made {
        Ok(()) => Linux.sync_folder(&cursors).map_err(failed(&cursors, "sync the folder")),
        Err(error) => {
            // Report the first error, not this one.
            let _ = fs::remove_file(&temporary);
            let is_there = error.kind() == io::ErrorKind::AlreadyExists;
            if is_there { Ok(()) } else { Err(failed(path, "create the file")(error)) }
        }
    }
}

fn write_new(file: &File, slot: &Slot) -> io::Result<()> {
    file.set_len(FILE_BYTES)?;
    file.write_all_at(&slot.to_bytes(), 0)?;
    file.sync_all()
}

pub(super) fn failed(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> CursorError {
    let path = path.into();
    move |source| CursorError::Io { path, action, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::cursor::list::cursors_of;
    use crate::storage::cursor::slot::SLOT_LEN;

    fn cursor(folder: &Path) -> Cursor {
        Cursor::open(folder, "a").unwrap()
    }

    #[test]
    fn a_write_cut_short_at_any_byte_leaves_the_old_position_or_the_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let mut open = cursor(folder.path());
        for next_sequence in [10, 20] {
            open.advance(next_sequence).unwrap();
            open.commit().unwrap();
        }
        let before = fs::read(open.path()).unwrap();
        open.advance(30).unwrap();
        open.commit().unwrap();
        let (path, after) = (open.path().to_owned(), fs::read(open.path()).unwrap());
        drop(open);
        let changed: Vec<usize> = (0..after.len()).filter(|&at| before[at] != after[at]).collect();
        let (first, last) = (changed[0], changed[changed.len() - 1]);
        assert!(last - first < SLOT_LEN, "one slot was written");
        let slot = first / SLOT_DISTANCE as usize * SLOT_DISTANCE as usize;
        for cut in 0..=SLOT_LEN {
            let mut torn = before.clone();
            torn[slot..slot + cut].copy_from_slice(&after[slot..slot + cut]);
            fs::write(&path, &torn).unwrap();
            let expected = if slot + cut > last { 30 } else { 20 };
            assert_eq!(cursor(folder.path()).next_sequence(), expected, "cut at {cut}");
            // And from the other end, as a disk may write in any order.
            torn.copy_from_slice(&before);
            torn[slot + cut..slot + SLOT_LEN].copy_from_slice(&after[slot + cut..slot + SLOT_LEN]);
            fs::write(&path, &torn).unwrap();
            let expected = if slot + cut <= first { 30 } else { 20 };
            assert_eq!(cursor(folder.path()).next_sequence(), expected, "cut from {cut}");
        }
    }

    #[test]
    fn damage_to_one_slot_costs_one_position_and_to_both_is_an_error_that_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let mut open = cursor(folder.path());
        open.advance(5).unwrap();
        open.commit().unwrap();
        let (path, good) = (open.path().to_owned(), fs::read(open.path()).unwrap());
        drop(open);
        for bit in 0..SLOT_LEN * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            bad[SLOT_DISTANCE as usize + bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, &bad).unwrap();
            let error = Cursor::open(folder.path(), "a").unwrap_err();
            assert!(matches!(error, CursorError::Damaged { .. }), "{error}");
            assert!(error.to_string().contains("delete it"), "{error}");
            let listed = cursors_of(folder.path()).unwrap();
            assert_eq!((listed[0].next_sequence, listed[0].is_damaged), (0, true));
        }
        for len in 0..SLOT_LEN {
            fs::write(&path, &good[..len]).unwrap();
            assert!(matches!(Cursor::open(folder.path(), "a"), Err(CursorError::Damaged { .. })));
        }
    }

    #[test]
    fn names_are_one_plain_file_each() {
        let long = "x".repeat(65);
        for bad in ["", ".", "..", ".hidden", "a/b", "/etc/passwd", "a b", "ä", "a\0", long.as_str()] {
            let error = Cursor::open("/nonexistent", bad).unwrap_err();
            assert!(matches!(error, CursorError::Name { .. }), "{bad:?}: {error}");
        }
        for good in ["a", "A-b_c.9", &long[1..]] {
            check_name(good).unwrap();
        }
    }

    #[test]
    fn one_reader_at_a_time_and_the_second_hears_who_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let first = cursor(folder.path());
        let error = Cursor::open(folder.path(), "a").unwrap_err();
        assert!(matches!(error, CursorError::InUse { pid: Some(pid), .. } if pid == std::process::id()));
        assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
        Cursor::open(folder.path(), "b").unwrap();
        drop(first);
        cursor(folder.path());
    }

    #[test]
    fn it_goes_forward_unless_it_is_rewound() {
        let folder = tempfile::tempdir().unwrap();
        let mut open = cursor(folder.path());
        open.advance(7).unwrap();
        assert!(matches!(open.advance(6), Err(CursorError::Backwards { next_sequence: 7, asked: 6, .. })));
        open.commit().unwrap();
        open.go_to(3);
        assert_eq!((open.next_sequence(), open.committed_sequence()), (3, 7));
        open.commit().unwrap();
        drop(open);
        assert_eq!(cursor(folder.path()).next_sequence(), 3);
    }

    #[test]
    fn strangers_in_the_cursors_folder_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(cursors_of(folder.path()).unwrap(), []);
        drop(cursor(folder.path()));
        let letter = folder.path().join("letter");
        fs::write(&letter, "Dear reader").unwrap();
        std::os::unix::fs::symlink(&letter, folder.path().join("cursors/link")).unwrap();
        assert!(Cursor::open(folder.path(), "link").is_err());
        assert_eq!(fs::read(&letter).unwrap(), b"Dear reader");
        let names: Vec<String> = cursors_of(folder.path()).unwrap().into_iter().map(|it| it.name).collect();
        assert_eq!(names, ["a"]);
    }
}
