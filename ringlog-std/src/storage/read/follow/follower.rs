//! Follows a log that grows, across its segments, from any process.
//!
//! The header of the segment that is read shows how far it is published: one small `pread` for each look. The
//! folder is listed only when there may be a successor: once the segment is sealed and read to its end, and
//! after a silence, less and less often.
//!
//! It reads with `pread`, not through a mapping: the tools follow files that others may cut short meanwhile.
//! That is an error here, and would be a signal with a mapping.
#![forbid(unsafe_code)]

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::event::{ClockKind, Event};
use crate::os::sync::now;
use crate::ring::{Idle, Waiter};
use crate::storage::error::{MissingEnd, OpenError, ReadError};
use crate::storage::folder::ending::WriterFile;
use crate::storage::folder::listing::Folder;
use crate::storage::read::follow::next_listing::NextListing;
use crate::storage::read::follow::successor::{Successor, successor};
use crate::storage::read::scan::live::LiveFile;
use crate::storage::read::scan::overtaken::overtaken;
use crate::storage::read::scan::segment_scan::FileScan;
use crate::storage::read::scan::watermarks::LogWatermarks;
use crate::storage::read::seek::index_cache::{IndexFile, IndexKey};
use crate::storage::segment::header_count::final_count;

/// How often the folder is listed before a missing segment counts as missing.
const LISTINGS: u32 = 3;

/// Reads the records of a log as they are published, and continues with the next segment when one is full.
///
/// It sees only whole records and outlives its writers. It also waits for the first segment of an empty folder: a
/// reader that starts before the log's writer may create the folder. A segment that it reads is not recycled meanwhile. One that retention deleted before that is
/// [`ReadError::Overtaken`], which names the missed records; [`resume`](Self::resume) continues after them.
///
/// ```
/// use ringlog::event::EventHeader;
/// use ringlog::storage::{LogFollower, LogWriter};
/// use std::time::Duration;
///
/// # let folder = tempfile::tempdir()?;
/// let mut follower = LogFollower::open(folder.path())?;
/// assert!(follower.next_event()?.is_none(), "nothing yet");
///
/// let mut writer = LogWriter::open(folder.path())?;
/// writer.write_event(&EventHeader::new(1, 2, 3), b"abc")?;
/// let event = follower.next_within(Duration::from_secs(5))?.expect("an event");
/// assert_eq!((event.sequence, event.payload), (0, &b"abc"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct LogFollower {
    path: PathBuf,
    is_folder: bool,
    current: Option<Followed>,
    /// The sequence of the next record to give out; `None` for the first one that the log has.
    wanted: Option<u64>,
    /// The log's position after the record that was given out last.
    position: u64,
    next_listing: NextListing,
    overtaken: Option<Overtaken>,
    /// The segments as they were listed last, so that a log of many is not listed again for each of them.
    listed: Vec<(u64, PathBuf)>,
}

/// The segment that is read.
#[derive(Debug)]
struct Followed {
    scan: FileScan,
    /// Whether the shared lock is held.
    is_held: bool,
}

#[derive(Clone, Copy, Debug)]
struct Overtaken {
    from: u64,
    to: u64,
}

impl LogFollower {
    /// Follows a log, a folder or a single file, from the first record that it has.
    ///
    /// ```
    /// use ringlog::storage::{LogFollower, OpenError};
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// let mut follower = LogFollower::open(path)?;
    /// assert_eq!(follower.next_event()?.unwrap().sequence, 0);
    /// assert!(matches!(LogFollower::open("no such log"), Err(OpenError::NoLog { .. })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`OpenError::NoLog`] if there is no such folder or file; any other [`OpenError`] if it cannot be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::open_wanting(path.as_ref(), None)
    }

    /// Follows a log from the record `sequence` on. That record need not be written yet.
    ///
    /// If the log starts after it, the first read is [`ReadError::Overtaken`]. To continue after a restart, use
    /// a [`Cursor`](crate::storage::cursor::cursor::Cursor): its
    /// [`follow`](crate::storage::cursor::cursor::Cursor::follow) also notices a log that lost records which
    /// were read.
    ///
    /// ```
    /// use ringlog::storage::LogFollower;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// let mut follower = LogFollower::open_at(path, 3)?;
    /// assert_eq!(follower.next_event()?.unwrap().sequence, 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_at(path: impl AsRef<Path>, sequence: u64) -> Result<Self, OpenError> {
        Self::open_wanting(path.as_ref(), Some(sequence))
    }

    fn open_wanting(path: &Path, wanted: Option<u64>) -> Result<Self, OpenError> {
        let metadata = std::fs::metadata(path).map_err(|source| match source.kind() {
            ErrorKind::NotFound => OpenError::NoLog { path: path.into() },
            _ => OpenError::io(path, "open", source),
        })?;
        let is_folder = metadata.is_dir();
        let mut follower = Self {
            path: path.into(),
            is_folder,
            current: None,
            wanted,
            position: 0,
            next_listing: NextListing::at_once(),
            overtaken: None,
            listed: Vec::new(),
        };
        if !is_folder {
            follower.current = match FileScan::open_held(path)? {
                LiveFile::Held(scan) => Some(Followed { scan, is_held: true }),
                LiveFile::Unheld(scan) => Some(Followed { scan, is_held: false }),
                // Opened again for the error that says what is wrong.
                LiveFile::Gone => Some(Followed { scan: FileScan::open(path)?, is_held: false }),
            };
        }
        Ok(follower)
    }

    /// Returns the next record if it is published by now; `None` if not. Does not wait.
    ///
    /// The folder is not listed for each look: the first record of a new segment may be found up to 100 ms after it was
    /// published. So `None` alone is not the end of a log: see [`has_ended`](Self::has_ended).
    ///
    /// ```
    /// use ringlog::storage::{LogFollower, ReadError};
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// let mut follower = LogFollower::open(path)?;
    /// loop {
    ///     match follower.next_event() {
    ///         Ok(Some(event)) => assert!(event.sequence < 4),
    ///         Ok(None) => break,
    ///         Err(ReadError::Overtaken { from, to, .. }) => {
    ///             eprintln!("records {from} to {} were deleted", to - 1);
    ///             follower.resume();
    ///         }
    ///         Err(other) => return Err(other.into()),
    ///     }
    /// }
    /// assert_eq!(follower.next_sequence(), 4);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ReadError::Overtaken`] until [`resume`](Self::resume) is called; [`ReadError::MissingEnd`] after the
    /// last record of a closed log that had more; any other [`ReadError`] for damage, a file that was cut
    /// short, and I/O. Calling again tries again.
    pub fn next_event(&mut self) -> Result<Option<Event<'_>>, ReadError> {
        Ok(if self.advance()? { self.found_event() } else { None })
    }

    /// Waits for the next record and returns it; `None` if there is none within `limit`.
    ///
    /// While it waits it looks about once a millisecond. It does not wait for a file that has ended.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ringlog::event::EventHeader;
    /// use ringlog::storage::{LogFollower, LogWriter};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path();
    /// let mut follower = LogFollower::open(folder)?;
    /// let mut writer = LogWriter::open(folder)?;
    /// writer.write_event(&EventHeader::new(1, 2, 3), b"abc")?;
    /// assert_eq!(follower.next_within(Duration::from_secs(5))?.unwrap().payload, b"abc");
    /// assert!(follower.next_within(Duration::from_millis(10))?.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`next_event`](Self::next_event).
    pub fn next_within(&mut self, limit: Duration) -> Result<Option<Event<'_>>, ReadError> {
        // A limit beyond the range of the clock is no limit.
        let end = Instant::now().checked_add(limit);
        let mut waiter = Waiter::new(Idle::default());
        while !self.advance()? {
            if self.has_ended() || end.is_some_and(|end| Instant::now() >= end) {
                return Ok(None);
            }
            waiter.wait();
        }
        Ok(self.found_event())
    }

    /// Continues after [`ReadError::Overtaken`] with the next record that the log has, and returns its
    /// sequence.
    ///
    /// Does nothing and returns `None` if nothing was missed.
    ///
    /// ```
    /// # use ringlog::event::EventHeader;
    /// use ringlog::storage::{LogFollower, LogWriter, ReadError};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path();
    /// # for number in 0..2 {
    /// #     let mut writer = LogWriter::open(folder)?;
    /// #     writer.write_event(&EventHeader::new(number, 0, 0), b"")?;
    /// #     writer.close()?;
    /// # }
    /// # std::fs::remove_file(folder.join("00000000000000000000.evtl"))?;
    /// let mut follower = LogFollower::open_at(folder, 0)?;
    /// // Meanwhile the oldest segment was deleted.
    /// assert!(matches!(follower.next_event(), Err(ReadError::Overtaken { from: 0, to: 1, .. })));
    /// assert_eq!(follower.resume(), Some(1));
    /// assert_eq!(follower.next_event()?.unwrap().sequence, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn resume(&mut self) -> Option<u64> {
        let Overtaken { to, .. } = self.overtaken.take()?;
        self.current = None;
        self.wanted = Some(to);
        self.next_listing = NextListing::at_once();
        Some(to)
    }

    /// Has the next look list the folder if it has read its segment, so that its `None` means that nothing more is published.
    pub(crate) fn list_at_next_look(&mut self) {
        self.next_listing = NextListing::at_once();
    }

    /// Returns whether no more records can come: only for a single file that is sealed and read to its end.
    ///
    /// The next writer of a folder may always continue its log. Whether the last one has closed it:
    ///
    /// ```
    /// # use ringlog::event::EventHeader;
    /// use ringlog::storage::{LogFollower, LogWriter, WriterFile};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path();
    /// let mut writer = LogWriter::open(folder)?;
    /// writer.write_event(&EventHeader::new(1, 2, 3), b"abc")?;
    /// let mut follower = LogFollower::open(folder)?;
    /// while follower.advance()? {}
    /// assert_ne!(WriterFile::of(folder).end_sequence(), Some(follower.next_sequence()));
    /// writer.close()?;
    /// assert_eq!(WriterFile::of(folder).end_sequence(), Some(follower.next_sequence()), "all is read");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// A single file:
    ///
    /// ```
    /// use ringlog::storage::LogFollower;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// let mut follower = LogFollower::open(path)?;
    /// while follower.advance()? {}
    /// assert!(follower.has_ended(), "a single file that is sealed");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn has_ended(&self) -> bool {
        let is_read = |current: &Followed| current.scan.is_final() && current.scan.is_at_end();
        !self.is_folder && self.current.as_ref().is_none_or(is_read)
    }

    /// Returns the sequence of the next record; 0 while that is not known.
    ///
    /// ```
    /// use ringlog::storage::LogFollower;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// let mut follower = LogFollower::open(path)?;
    /// follower.next_event()?;
    /// assert_eq!(follower.next_sequence(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn next_sequence(&self) -> u64 {
        self.wanted.or_else(|| self.current.as_ref().map(|it| it.scan.next_sequence())).unwrap_or(0)
    }

    /// Returns the log's position after the record that was read last, in bytes; 0 before the first one.
    ///
    /// Compare it with [`LogWatermarks::durable`]: up to there, the log survives a loss of power. Log-side GAP
    /// records at the start of a segment take no position.
    ///
    /// ```
    /// # use ringlog::event::EventHeader;
    /// use ringlog::storage::{LogFollower, LogWatermarks, LogWriter};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path();
    /// let mut writer = LogWriter::open(folder)?;
    /// writer.write_event(&EventHeader::new(1, 2, 3), b"abc")?;
    /// let mut follower = LogFollower::open(folder)?;
    /// assert!(follower.advance()?);
    /// assert_eq!((follower.position(), LogWatermarks::of(folder)?.durable), (24, 0));
    /// writer.sync()?;
    /// assert_eq!((follower.position(), LogWatermarks::of(folder)?.durable), (24, 24));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// Returns the clock of the record that was read last; unspecified before the first one.
    ///
    /// ```
    /// # use ringlog::event::ClockKind;
    /// use ringlog::storage::LogFollower;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// let mut follower = LogFollower::open(path)?;
    /// follower.next_event()?;
    /// assert_eq!(follower.clock(), ClockKind::UnixNanos);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn clock(&self) -> ClockKind {
        self.current.as_ref().map_or(ClockKind::Unspecified, |it| it.scan.header().clock())
    }

    /// Returns the path of the log's folder or file.
    ///
    /// ```
    /// use ringlog::storage::LogFollower;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// let follower = LogFollower::open(path)?;
    /// assert!(follower.path().ends_with("format.evtl"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads how far the log is published and durable now: see [`LogWatermarks`].
    ///
    /// ```
    /// # use ringlog::event::EventHeader;
    /// use ringlog::storage::{LogFollower, LogWriter};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path();
    /// # let mut writer = LogWriter::open(folder)?;
    /// # for number in 0..3 {
    /// #     writer.write_event(&EventHeader::new(number, 0, 0), b"")?;
    /// # }
    /// let follower = LogFollower::open(folder)?;
    /// assert_eq!(follower.positions()?.published, 48);
    /// writer.sync()?;
    /// assert_eq!(follower.positions()?.durable, 48);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`LogWatermarks::of`].
    pub fn positions(&self) -> Result<LogWatermarks, ReadError> {
        LogWatermarks::of(&self.path)
    }

    /// Returns the record that [`advance`](Self::advance) found. May be called again.
    ///
    /// ```
    /// use ringlog::storage::LogFollower;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// let mut follower = LogFollower::open(path)?;
    /// assert!(follower.found_event().is_none(), "nothing was read yet");
    /// follower.advance()?;
    /// assert_eq!(follower.found_event().unwrap().payload, b"hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn found_event(&self) -> Option<Event<'_>> {
        self.current.as_ref()?.scan.found_event()
    }

    /// Goes to the next record, which [`found_event`](Self::found_event) then lends. Returns `false` if it is
    /// not published yet.
    ///
    /// ```
    /// use ringlog::storage::LogFollower;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// let mut follower = LogFollower::open(path)?;
    /// let mut count = 0;
    /// while follower.advance()? {
    ///     count += 1;
    /// }
    /// assert_eq!(count, 4);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`next_event`](Self::next_event).
    pub fn advance(&mut self) -> Result<bool, ReadError> {
        if let Some(Overtaken { from, to }) = self.overtaken {
            return Err(ReadError::Overtaken { path: self.path.clone(), from, to });
        }
        loop {
            if self.advance_in_segment()? {
                return Ok(true);
            }
            if self.refresh()? {
                continue;
            }
            if !self.is_folder || !self.next_listing.is_due_at(now()) || !self.look_into_folder()? {
                return Ok(false);
            }
        }
    }

    fn advance_in_segment(&mut self) -> Result<bool, ReadError> {
        while let Some(current) = &mut self.current {
            match current.scan.advance() {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(error) => return Err(self.explained(error)),
            }
            let sequence = current.scan.next_sequence() - 1;
            if self.wanted.is_none_or(|wanted| sequence >= wanted) {
                self.wanted = Some(sequence + 1);
                self.position = current.scan.position();
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Reads the header of the segment again; `true` if there is more to read, or if the segment is now final.
    fn refresh(&mut self) -> Result<bool, ReadError> {
        let Some(current) = &mut self.current else { return Ok(false) };
        // A file without its name may be recycled already.
        let hold = |scan: &FileScan| scan.hold().unwrap_or(false) && scan.is_named().unwrap_or(false);
        current.is_held = current.is_held || hold(&current.scan);
        match current.scan.refresh() {
            Ok(false) => Ok(false),
            Ok(true) => {
                self.next_listing = NextListing::after_end(current.scan.is_final());
                Ok(true)
            }
            Err(error) => Err(self.explained(error)),
        }
    }

    /// Lists the folder for the segment to read next; `true` if there is one.
    fn look_into_folder(&mut self) -> Result<bool, ReadError> {
        if self.enter_known()? {
            return Ok(true);
        }
        let mut listings = 0;
        loop {
            listings += 1;
            // Read before the listing: all files of a closed log have their names.
            let writer = WriterFile::read_once(&self.path);
            let folder = Folder::list(&self.path).map_err(|error| ReadError::Segment(Box::new(error)))?;
            let is_named = match &self.current {
                // Checked after the listing. If this segment still has its name, retention has not deleted the
                // later ones that the list lacks: it deletes the oldest first.
                Some(current) => current.scan.is_named().map_err(|source| self.cannot_list(source))?,
                None => false,
            };
            let place =
                self.current.as_ref().map(|it| (it.scan.header().base_sequence, it.scan.next_sequence()));
            match successor(&folder.segments, place, is_named, self.wanted) {
                Successor::None => match self.check_end(&writer) {
                    Ok(()) => return Ok(false),
                    Err(_) if self.refresh()? => return Ok(true),
                    Err(missing) if listings >= LISTINGS => return Err(ReadError::MissingEnd(missing)),
                    Err(_) => {}
                },
                Successor::Waiting => {
                    self.current = None;
                    return Ok(false);
                }
                Successor::Segment(at) if self.enter(&folder.segments, at)? => {
                    self.listed = folder.segments;
                    return Ok(true);
                }
                // A segment is missing, or vanished meanwhile. One listing proves nothing while names are made
                // and deleted.
                Successor::Segment(_) if listings >= LISTINGS => return Ok(false),
                Successor::Missing { .. } if self.refresh()? => return Ok(true),
                Successor::Segment(_) => {}
                // The wanted record comes after what was deleted, so nothing is missed.
                Successor::Overtaken { to, .. } if self.wanted.is_some_and(|wanted| to <= wanted) => {
                    self.current = None;
                }
                Successor::Overtaken { from, to } if listings >= LISTINGS => {
                    return Err(self.overtaken(self.wanted.unwrap_or(0).max(from), to));
                }
                Successor::Missing { expected, at } if listings >= LISTINGS => {
                    let (found, path) = folder.segments[at].clone();
                    return Err(ReadError::Discontinuity { path, expected, found });
                }
                Successor::Overtaken { .. } | Successor::Missing { .. } => {}
            }
        }
    }

    /// Enters the successor of a sealed segment if it was listed already with another one after it, so that it
    /// was not the last one even then. Returns `false` if it was not, or was retired meanwhile.
    fn enter_known(&mut self) -> Result<bool, ReadError> {
        let Some(Followed { scan, .. }) = self.current.as_ref().filter(|it| it.scan.is_final()) else {
            return Ok(false);
        };
        let (begin, expected) = (scan.header().base_sequence, scan.next_sequence());
        let found = self.listed.binary_search_by_key(&expected, |(base, _)| *base);
        let Some(at) = found.ok().filter(|at| expected > begin && at + 1 < self.listed.len()) else {
            return Ok(false);
        };
        let listed = std::mem::take(&mut self.listed);
        let is_entered = self.enter(&listed, at)?;
        self.listed = listed;
        Ok(is_entered)
    }

    /// Checks that the records that were read end where the log was closed.
    fn check_end(&self, writer: &WriterFile) -> Result<(), MissingEnd> {
        let scan = self.current.as_ref().map(|current| &current.scan);
        let (next_sequence, position) =
            scan.map_or((0, None), |scan| (scan.next_sequence(), scan.end_position()));
        writer.check_end(&self.path, next_sequence, position)
    }

    /// Opens a segment and goes near the wanted record; `false` if it was retired meanwhile.
    fn enter(&mut self, segments: &[(u64, PathBuf)], at: usize) -> Result<bool, ReadError> {
        let (named_sequence, path) = &segments[at];
        let next = segments.get(at + 1);
        let opened = match next {
            Some(_) => FileScan::open_finished(path).map(|scan| scan.map_or(LiveFile::Gone, LiveFile::Held)),
            None => FileScan::open_held(path),
        };
        let (mut scan, is_held) = match opened.map_err(Box::new)? {
            LiveFile::Held(scan) => (scan, true),
            // The last segment: its writer may have the lock.
            LiveFile::Unheld(scan) => (scan, false),
            LiveFile::Gone => return Ok(false),
        };
        scan.check_name(*named_sequence).map_err(Box::new)?;
        if let Some(next) = next.and_then(|(_, path)| FileScan::open(path).ok()) {
            scan.end_at_position(next.header().base_position);
        }
        self.go_near(&mut scan)?;
        self.next_listing = NextListing::after_end(scan.is_final());
        self.current = Some(Followed { scan, is_held });
        Ok(true)
    }

    /// Goes close to the wanted record if an index is kept. Otherwise all before it is read and left out.
    fn go_near(&self, scan: &mut FileScan) -> Result<(), ReadError> {
        let header = *scan.header();
        let number = self.wanted.unwrap_or(0).saturating_sub(header.base_sequence);
        if number == 0 || final_count(&header).is_none() {
            return Ok(());
        }
        let key = IndexKey { salt: header.salt(), end_offset: header.write_offset };
        match IndexFile::new(&self.path, header.base_sequence, key).read() {
            Some(index) => scan.go_to(index.start_of_number(number)),
            None => Ok(()),
        }
    }

    /// Turns an error in a segment that was not held and lost its name into [`ReadError::Overtaken`]: it may
    /// have been recycled.
    fn explained(&mut self, error: ReadError) -> ReadError {
        let Some(Followed { scan, is_held: false }) = &self.current else { return error };
        if scan.is_named().unwrap_or(true) {
            return error;
        }
        let from = self.wanted.unwrap_or_else(|| scan.next_sequence());
        match overtaken(&self.path, from) {
            Some(ReadError::Overtaken { from, to, .. }) => self.overtaken(from, to),
            _ => error,
        }
    }

    fn overtaken(&mut self, from: u64, to: u64) -> ReadError {
        self.overtaken = Some(Overtaken { from, to });
        ReadError::Overtaken { path: self.path.clone(), from, to }
    }

    fn cannot_list(&self, source: std::io::Error) -> ReadError {
        ReadError::Segment(Box::new(OpenError::Io { path: self.path.clone(), action: "list", source }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_of_many_segments_is_listed_a_few_times() {
        let folder = tempfile::tempdir().unwrap();
        let (segments, event) = (100, crate::event::EventHeader::new(1, 0, 3000));
        let mut writer = crate::storage::log::writer::LogWriter::options()
            .segment_bytes(4096)
            .open(folder.path())
            .unwrap();
        for _ in 0..segments {
            writer.write_event(&event, &[7; 3000]).unwrap();
        }
        writer.close().unwrap();
        let mut follower = LogFollower::open(folder.path()).unwrap();
        crate::storage::folder::listing::LISTED_FOLDERS.take();
        let mut records = 0;
        while records < segments {
            records += u64::from(follower.next_event().unwrap().is_some());
        }
        let listings = crate::storage::folder::listing::LISTED_FOLDERS.take();
        assert!(listings < 10, "{listings} listings for {segments} segments");
    }
}
