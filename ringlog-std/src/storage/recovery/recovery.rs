//! Where a log ends, no matter how its last writer ended, and so where the next segment begins.
//!
//! Nothing is stored into an old segment but SEALED and the final offset and count, and nothing that was ever
//! published is deleted. Each step leaves a folder from which the next opening finds the same end.
//!
//! Three crashes lead here. A killed process: every file records where it ends, and the last one may still have its
//! temporary name. A lost machine: of everything that was not synced, any page may be old or new. And a crash of this
//! recovery itself.
#![forbid(unsafe_code)]

use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};

use ringlog_nostd::format::{FILE_HEADER_LEN, FILE_MAGIC, FileHeader, HEADER_LEN};
use ringlog_nostd::internal::check_position;

use crate::event::{FileHeaderError, file_flags};
use crate::os::files::{folder_of, open_linked, open_to_write};
use crate::os::lock_holder::{Locker, wait_for_locker};
use crate::os::platform::Platform;
use crate::parallel::{default_jobs, map_in_order};
use crate::storage::cursor::list::cursors_ahead;
use crate::storage::error::{OpenError, ReadError};
use crate::storage::folder::last_run::{LastRun, LastWriter};
use crate::storage::folder::listing::Folder;
use crate::storage::names::{is_aside, segment_name};
use crate::storage::recovery::report::{LastEnd, RecoveredSegment, RecoveryAction, RecoveryReport};
use crate::storage::recovery::resync::store_again;
use crate::storage::recovery::segment_end::{SegmentEnd, is_promised};
use crate::storage::segment::create::move_aside;
use crate::storage::segment::file::{SegmentFile, SegmentInfo, read_up_to};
use crate::storage::segment::share::WRITER_WAITS;
use crate::storage::segment::spare::is_temporary;

/// Where the next segment begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct LogEnd {
    pub(crate) sequence: u64,
    pub(crate) position: u64,
    /// Set if events may be missing here: the timestamp of the last one before, 0 if it is unknown.
    pub(crate) lost_after: Option<u64>,
}

/// The folder of a log. The caller holds its lock.
pub(crate) struct LogRecovery<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) platform: &'a dyn Platform,
    pub(crate) writer: LastWriter,
    pub(crate) report: RecoveryReport,
    /// Empty files at the end. They have the name that the next segment needs.
    empties: Vec<EmptyLast>,
    /// Files that are no part of the log.
    pub(crate) strays: Vec<Stray>,
    /// Files past the end of what is whole.
    pub(crate) cut: Vec<ChainedSegment>,
    /// For how many milliseconds other programs' locks may still be waited for.
    waits_left: u32,
    /// How many segments are read at a time.
    jobs: NonZero<usize>,
}

/// A segment whose end is looked for.
struct Opened {
    segment: SegmentFile,
    /// Another program's lock on it.
    locked: Option<(PathBuf, Option<u32>)>,
    /// The header of the one after it.
    next: Option<FileHeader>,
}

/// What recovery found.
pub(crate) struct Recovered {
    pub(crate) end: LogEnd,
    pub(crate) report: RecoveryReport,
    /// The segments of the log in order, under their names, with those at the end that will be cleared away. The
    /// header of a segment that was sealed now is the one from before.
    pub(crate) segments: Vec<SegmentInfo>,
    pub(crate) unfinished: Unfinished,
    empties: Vec<EmptyLast>,
}

/// What a process that died under this kernel left: the kernel has it, the disk may not.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Unfinished {
    /// The segments, oldest first.
    pub(crate) paths: Vec<PathBuf>,
    /// The log's position below which everything is on stable storage; `None` if that is its end.
    pub(crate) durable_position: Option<u64>,
}

/// A segment without records.
struct EmptyLast {
    path: PathBuf,
    /// It holds bytes that cannot be read now: a person should look at them.
    has_bytes: bool,
}

/// A file of the log, by its present name.
pub(crate) struct ChainedSegment {
    pub(crate) path: PathBuf,
    pub(crate) info: SegmentInfo,
}

impl ChainedSegment {
    fn is_named(&self) -> bool {
        !is_temporary(&self.path)
    }
}

/// What happens to a file that is no part of the log.
pub(crate) enum Stray {
    /// There is nothing in it.
    Delete(PathBuf),
    /// A person may want to look at it: it gets the first free name of `to.1`, `to.2`, ...
    MoveAside { from: PathBuf, to: PathBuf },
}

impl<'a> LogRecovery<'a> {
    pub(crate) fn new(folder: &'a Path, platform: &'a dyn Platform, writer: LastWriter) -> Self {
        Self {
            folder,
            platform,
            writer,
            report: RecoveryReport::default(),
            empties: Vec::new(),
            strays: Vec::new(),
            cut: Vec::new(),
            waits_left: WRITER_WAITS,
            // Tests have one thread, whose faults and schedules do not apply to others.
            jobs: if cfg!(test) { NonZero::<usize>::MIN } else { default_jobs() },
        }
    }

    /// Finds the end of the log, seals its last segments, and clears away what does not belong to it, except for
    /// [empty segments](Recovered::clear_away) at the end.
    ///
    /// No file changes before everything that must be read was read, and every file to store into was opened. An
    /// error until then leaves the folder as it was.
    pub(crate) fn run(mut self) -> Result<Recovered, OpenError> {
        let mut chain = self.chain()?;
        self.report.last_end = self.last_end(&chain);
        let from = chain.iter().rposition(|link| link.info.header.has(file_flags::CLEAN)).unwrap_or(0);
        // These were closed: only the ends of the later ones are searched for.
        chain[..from].iter().try_for_each(|link| link.info.check_length())?;
        let ends = self.ends(&mut chain, from)?;
        self.check_recorded_end(&ends)?;
        self.note_missing(chain.get(..=from).unwrap_or_default());
        let lost_below = self.lost_below(&chain[from..], &ends)?;
        let end = self.end_of(ends.clone(), lost_below)?;
        ends.iter().try_for_each(SegmentEnd::check_can_seal)?;
        self.clear_strays()?;
        self.set_aside()?;
        self.name_and_seal(&mut chain[from..], &ends)?;
        let unfinished = self.unfinished(&chain[from..], &ends);
        self.report.next_sequence = end.sequence;
        self.report.next_position = end.position;
        self.report.has_loss = end.lost_after.is_some();
        self.report.cursors_ahead = cursors_ahead(self.folder, end.sequence);
        let segments = chain.into_iter().map(|link| link.info).collect();
        Ok(Recovered { end, report: self.report, segments, unfinished, empties: self.empties })
    }

    fn last_end(&self, chain: &[ChainedSegment]) -> LastEnd {
        match self.writer.run {
            _ if chain.is_empty() => LastEnd::New,
            _ if self.writer.end.is_some() => LastEnd::Closed,
            LastRun::SameBoot => LastEnd::Killed,
            LastRun::OtherBoot => LastEnd::MachineLost,
            LastRun::Unknown | LastRun::AtWork => LastEnd::Unknown,
        }
    }

    // Which files there are.

    /// Returns the files of the log in order, with those that the log had continued in before they were named.
    fn chain(&mut self) -> Result<Vec<ChainedSegment>, OpenError> {
        let Folder { segments, foreign, .. } = Folder::list_to_write(self.folder)?;
        let looked_at = SegmentFile::look_at_all(segments.iter().map(|(_, path)| &**path));
        let mut chain = Vec::new();
        let last = segments.last().map(|(_, path)| path);
        for ((named_sequence, path), opened) in segments.iter().zip(looked_at) {
            let named = self.named(*named_sequence, path, opened);
            let is_last = last == Some(path);
            chain.extend(named.map_err(|error| self.explained(*named_sequence, is_last, error))?);
        }
        let first_sequence = chain.first().map(|link| link.info.header.base_sequence);
        // A link of such a name is no file of a writer.
        for path in foreign.into_iter().filter(|path| is_temporary(path) && is_regular(path)) {
            chain.extend(self.temporary(path, first_sequence)?);
        }
        chain.sort_by_key(|link| (link.info.header.base_sequence, !link.is_named()));
        self.drop_duplicates(&mut chain);
        Ok(chain)
    }

    /// Resolves a named file and one without a name that begin with the same sequence. One of them is empty: it was
    /// meant to make room for the other.
    fn drop_duplicates(&mut self, chain: &mut Vec<ChainedSegment>) {
        let is_empty = |link: &ChainedSegment| link.info.header.write_offset == FILE_HEADER_LEN as u64;
        let mut at = 0;
        while let (Some(first), Some(second)) = (chain.get(at), chain.get(at + 1)) {
            let are_twins = first.info.header.base_sequence == second.info.header.base_sequence;
            let drops_second = are_twins && is_empty(second);
            if !(drops_second || are_twins && is_empty(first)) {
                at += 1;
                continue;
            }
            let dropped = chain.remove(if drops_second { at + 1 } else { at });
            self.strays.push(Stray::Delete(dropped.path));
        }
    }

    /// Checks a file with the name of a segment; `None` if it is no part of the log.
    fn named(
        &mut self,
        named_sequence: u64,
        path: &Path,
        opened: Result<SegmentInfo, OpenError>,
    ) -> Result<Option<ChainedSegment>, OpenError> {
        match opened {
            Ok(info) => {
                info.check_name(named_sequence)?;
                Ok(Some(ChainedSegment { path: path.into(), info }))
            }
            Err(OpenError::TooShort { .. } | OpenError::Header { .. })
                if self.is_stranger(named_sequence, path)? =>
            {
                self.strays.push(Stray::MoveAside { from: path.into(), to: path.into() });
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Checks a file that was being prepared, in use, or about to be recycled, when its writer died.
    fn temporary(
        &mut self,
        path: PathBuf,
        first_sequence: Option<u64>,
    ) -> Result<Option<ChainedSegment>, OpenError> {
        match SegmentFile::open(&path) {
            // Retired: the file was renamed, and its header is not erased yet.
            Ok(segment) if is_retired(&segment.info, first_sequence) => {
                self.strays.push(Stray::Delete(path));
            }
            Ok(segment) => return Ok(Some(ChainedSegment { path, info: segment.info })),
            Err(error) if never_began(&error) => self.strays.push(Stray::Delete(path)),
            Err(OpenError::Header { .. }) => {
                // Nothing in it was ever promised, but a person may want to look at it.
                self.strays.push(Stray::MoveAside { from: path, to: self.folder.join("unreadable") });
            }
            Err(error) => return Err(error),
        }
        Ok(None)
    }

    // Where each of them ends.

    /// Finds the ends of the files from `from` on. Cuts the chain where a loss of power tore it.
    ///
    /// After a loss of power each file is read through, several at a time. Otherwise headers say where they end.
    fn ends(&mut self, chain: &mut Vec<ChainedSegment>, from: usize) -> Result<Vec<SegmentEnd>, OpenError> {
        let jobs = if self.writer.is_trusted() { NonZero::<usize>::MIN } else { self.jobs };
        let mut ends = Vec::new();
        while from + ends.len() < chain.len() {
            let (writer, at) = (self.writer, from + ends.len());
            let (opened, failed) = self.open_some(chain, at, jobs);
            let found = map_in_order(opened, jobs, |Opened { segment, locked, next }| {
                (locked, SegmentEnd::find(segment, writer, next.as_ref()))
            });
            for (locked, end) in found {
                self.report.locked_segments.extend(locked);
                let end = end?;
                let at = from + ends.len() + 1;
                let is_cut = chain.get(at).is_some_and(|next| {
                    let next = next.info.header.base_sequence;
                    next != end.sequence || next == end.info.header.base_sequence
                });
                if is_cut {
                    self.check_cut(&chain[at..], &end)?;
                    self.cut = chain.split_off(at);
                }
                ends.push(end);
                if is_cut {
                    return Ok(ends);
                }
            }
            failed?;
        }
        Ok(ends)
    }

    /// Opens up to `count` files from `at` on, up to the first one that cannot be opened, and the error for that.
    fn open_some(
        &mut self,
        chain: &[ChainedSegment],
        at: usize,
        count: NonZero<usize>,
    ) -> (Vec<Opened>, Result<(), OpenError>) {
        let mut opened = Vec::new();
        for at in (at..chain.len()).take(count.get()) {
            match self.open_one(&chain[at], chain.get(at + 1)) {
                Ok(segment) => opened.push(segment),
                Err(error) => return (opened, Err(error)),
            }
        }
        (opened, Ok(()))
    }

    fn open_one(
        &mut self,
        link: &ChainedSegment,
        next: Option<&ChainedSegment>,
    ) -> Result<Opened, OpenError> {
        let segment = SegmentFile::open(&link.path)?;
        let locked = foreign_lock(&segment, &mut self.waits_left)?;
        Ok(Opened { segment, locked, next: next.map(|next| next.info.header) })
    }

    /// Checks that files after a torn one, or after a missing one, may be set aside: the power went, and nothing in
    /// them was promised. No file is missing before one that has its name, because files are named in the order of
    /// the log.
    fn check_cut(&self, after: &[ChainedSegment], end: &SegmentEnd) -> Result<(), OpenError> {
        let may_be_missing = !self.writer.is_trusted() && !after.iter().any(ChainedSegment::is_named);
        let is_promised = after.iter().any(|link| is_promised(&link.info.header));
        if (end.is_doubtful || may_be_missing) && !is_promised {
            return Ok(());
        }
        let Some(next) = after.first() else { return Ok(()) };
        let (path, expected, found) = (next.path.clone(), end.sequence, next.info.header.base_sequence);
        Err(OpenError::recovery(ReadError::Discontinuity { path, expected, found }))
    }

    /// Returns where something may be missing at the end of the log: the position past everything that may have been
    /// lost.
    fn lost_below(&self, links: &[ChainedSegment], ends: &[SegmentEnd]) -> Result<Option<u64>, OpenError> {
        let is_doubtful =
            self.writer.is_lost() || !self.cut.is_empty() || ends.iter().any(|end| end.is_doubtful);
        if is_doubtful { self.highest_position(links).map(Some) } else { Ok(None) }
    }

    /// Returns the position past everything that these files, and those that are or will be set aside, have room for.
    fn highest_position(&self, links: &[ChainedSegment]) -> Result<u64, OpenError> {
        let foreign = Folder::list_to_write(self.folder)?.foreign;
        let aside =
            foreign.iter().filter(|path| is_aside(path)).filter_map(|path| SegmentFile::open(path).ok());
        let aside: Vec<_> = aside.map(|segment| segment.info).collect();
        let all = links.iter().chain(&self.cut).map(|link| &link.info).chain(&aside);
        Ok(all.map(room_end).max().unwrap_or(0))
    }

    // What is stored of it.

    /// Gives every file its name and stores where it ends.
    fn name_and_seal(&mut self, links: &mut [ChainedSegment], ends: &[SegmentEnd]) -> Result<(), OpenError> {
        let whole = if self.writer.is_lost() { first_damaged(ends) } else { 0 };
        let mut found = Vec::new();
        for (at, (link, end)) in links.iter_mut().zip(ends).enumerate() {
            let path = self.name(link)?;
            link.info.path.clone_from(&path);
            let was_sealed_here = end.seal(self.platform, &path)?;
            if at < whole {
                end.raise_watermark(self.platform, &path)?;
            }
            let action = match (link.is_named(), was_sealed_here) {
                (false, _) => RecoveryAction::Adopted,
                (true, true) => RecoveryAction::Sealed,
                (true, false) => RecoveryAction::Kept,
            };
            found.push(RecoveredSegment {
                path,
                action,
                first_sequence: end.info.header.base_sequence,
                next_sequence: end.sequence,
                end_offset: end.offset,
                cut_bytes: end.cut_bytes(),
                damage: end.damage,
            });
        }
        found.append(&mut self.report.segments);
        self.report.segments = found;
        Ok(())
    }

    /// Returns which of the files still have to be synced. After a loss of the machine what was read came from the
    /// disk: only the files from the first damage on cannot be promised.
    fn unfinished(&self, links: &[ChainedSegment], ends: &[SegmentEnd]) -> Unfinished {
        let from = if self.writer.is_lost() { first_damaged(ends) } else { 0 };
        let all = links.iter().zip(ends).skip(from).filter(|(_, end)| end.is_unfinished());
        let durable_position = all.clone().next().map(|(_, end)| end.durable_position());
        Unfinished { paths: all.map(|(link, _)| link.info.path.clone()).collect(), durable_position }
    }

    fn name(&self, link: &ChainedSegment) -> Result<PathBuf, OpenError> {
        if link.is_named() {
            return Ok(link.path.clone());
        }
        let path = self.folder.join(segment_name(link.info.header.base_sequence));
        let rename = || {
            let file = open_to_write(&link.path)?;
            // A named file always has its header. An earlier sync of it may have failed.
            let stored = store_again(self.platform, &file, 0, FILE_HEADER_LEN as u64)?;
            stored.unreadable.map_or(Ok(()), Err)?;
            self.platform.sync_file(&file)?;
            self.platform.rename_new(&link.path, &path)?;
            self.platform.sync_folder(self.folder)
        };
        rename().map_err(|error| OpenError::io(&path, "name the segment", error))?;
        Ok(path)
    }

    /// Returns the log's end. Empty segments at the end are cleared away: they have the name that the next one needs.
    fn end_of(&mut self, mut ends: Vec<SegmentEnd>, lost_below: Option<u64>) -> Result<LogEnd, OpenError> {
        let mut empty: Option<LogEnd> = None;
        while let Some(last) = ends.pop() {
            let mut end = LogEnd { sequence: last.sequence, position: last.position, lost_after: None };
            if let Some(empty) = empty {
                end = end.followed_by(empty, last.last_timestamp);
            }
            if last.is_empty() {
                self.note_empty(&last)?;
                empty = Some(end);
                continue;
            }
            if let Some(lost_below) = lost_below {
                end.position = end.position.max(lost_below);
                end.lost_after = Some(last.last_timestamp);
            }
            return Ok(end);
        }
        // An empty segment may have been deleted already, by an earlier recovery that crashed.
        let mut end = empty.unwrap_or_default();
        if let Some(lost_below) = lost_below {
            end.position = end.position.max(lost_below);
            end.lost_after = end.lost_after.or(Some(0));
        }
        Ok(end)
    }

    /// Notes an empty segment. It must give its name free, once another file shows where the log continues.
    fn note_empty(&mut self, empty: &SegmentEnd) -> Result<(), OpenError> {
        let path = self.folder.join(segment_name(empty.info.header.base_sequence));
        let was_published = empty.info.header.write_offset > FILE_HEADER_LEN as u64;
        // After a loss of power the header may be older than the bytes after it.
        let has_bytes = was_published || empty.is_doubtful && begins_with_bytes(&empty.info.path)?;
        self.empties.push(EmptyLast { path, has_bytes });
        Ok(())
    }

    pub(crate) fn delete(&self, path: &Path) -> Result<(), OpenError> {
        self.platform.remove(path).map_err(|error| OpenError::io(path, "delete the empty file", error))?;
        self.sync_folder()
    }

    pub(crate) fn sync_folder(&self) -> Result<(), OpenError> {
        self.platform.sync_folder(self.folder).map_err(|error| OpenError::io(self.folder, "sync", error))
    }
}

impl Recovered {
    /// Clears away the empty segments at the end.
    pub(crate) fn clear_away(&mut self, platform: &dyn Platform) -> Result<(), OpenError> {
        for EmptyLast { path, has_bytes } in std::mem::take(&mut self.empties) {
            let action = if has_bytes {
                RecoveryAction::SetAside(move_aside(platform, &path)?)
            } else {
                platform
                    .remove(&path)
                    .map_err(|error| OpenError::io(&path, "delete the empty file", error))?;
                RecoveryAction::Deleted
            };
            let folder = folder_of(&path);
            platform.sync_folder(&folder).map_err(|error| OpenError::io(&folder, "sync", error))?;
            if let Some(reported) = self.report.segments.iter_mut().find(|reported| reported.path == path) {
                reported.action = action;
            }
        }
        Ok(())
    }
}

impl LogEnd {
    /// Checks that another segment can begin here.
    pub(crate) fn check(self, folder: &Path) -> Result<(), OpenError> {
        let Self { sequence, position, .. } = self;
        match check_position(sequence).and(check_position(position)) {
            Some(_) => Ok(()),
            None => Err(OpenError::AtLimit { path: folder.into(), sequence, position }),
        }
    }

    /// Returns this end of a segment, together with an empty segment after it.
    fn followed_by(self, empty: Self, last_timestamp: u64) -> Self {
        // A jump that no GAP record reports: the writer died before it could store one.
        let is_lost = empty.lost_after.is_some() || empty.position > self.position;
        Self {
            sequence: self.sequence,
            position: empty.position.max(self.position),
            lost_after: is_lost.then_some(last_timestamp),
        }
    }
}

/// Returns the first file with damage that does not end the log; their number if there is none.
fn first_damaged(ends: &[SegmentEnd]) -> usize {
    ends.iter().position(|end| end.damage.is_some()).unwrap_or(ends.len())
}

/// Returns the position past everything that a segment has room for. A file may have any length, but a position is a
/// multiple of 8.
fn room_end(info: &SegmentInfo) -> u64 {
    let room = info.file_bytes.saturating_sub(FILE_HEADER_LEN as u64);
    info.header.base_position + room.next_multiple_of(8)
}

/// Returns whether a temporary file had a name before, and was about to be recycled.
fn is_retired(info: &SegmentInfo, first_sequence: Option<u64>) -> bool {
    info.header.has(file_flags::CLEAN)
        || first_sequence.is_some_and(|first| info.header.base_sequence < first)
}

/// Returns whether the header of a temporary file was never stored, or not up to the magic, which comes last.
fn never_began(error: &OpenError) -> bool {
    match error {
        OpenError::TooShort { .. } => true,
        OpenError::Header { source: FileHeaderError::Magic { found }, .. } => *found == [0; FILE_MAGIC.len()],
        _ => false,
    }
}

fn is_regular(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file())
}

/// Returns another program's exclusive lock on a segment. It is waited for, and means nothing for the bytes.
///
/// A segment that is being written outside of a [`LogWriter`](crate::storage::log::writer::LogWriter) is locked in
/// the same way: that is refused.
fn foreign_lock(
    segment: &SegmentFile,
    waits_left: &mut u32,
) -> Result<Option<(PathBuf, Option<u32>)>, OpenError> {
    let (path, file) = (&segment.info.path, &segment.file);
    let failed = |error| OpenError::io(path, "lock", error);
    let is_sealed = segment.info.header.has(file_flags::SEALED);
    match wait_for_locker(file, is_sealed, waits_left).map_err(failed)? {
        Locker::Nobody => Ok(None),
        Locker::OtherProgram(pid) => Ok(Some((path.clone(), pid))),
        Locker::Writer(pid) => Err(OpenError::Locked { path: path.clone(), pid }),
    }
}

/// Returns whether there are bytes where the first record would be.
fn begins_with_bytes(path: &Path) -> Result<bool, OpenError> {
    let mut bytes = [0; HEADER_LEN];
    let file = open_linked(path).map_err(|error| OpenError::io(path, "open", error))?;
    read_up_to(&file, &mut bytes, FILE_HEADER_LEN as u64)
        .map_err(|error| OpenError::io(path, "read", error))?;
    Ok(bytes != [0; HEADER_LEN])
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringlog_nostd::format::field;

    use crate::event::EventHeader;
    use crate::os::platform::Linux;
    use crate::storage::log::writer::LogWriter;
    use crate::storage::read::scan::watermarks::LogWatermarks;

    /// Makes a log of many segments as a lost machine leaves it: none is marked as synced.
    fn lost_log(folder: &Path, damaged: Option<usize>) {
        let mut writer = LogWriter::options().segment_bytes(4096).open(folder).unwrap();
        for number in 0..3000 {
            writer.write_event(&EventHeader::new(number, 0, 8), &[7; 8]).unwrap();
        }
        writer.close().unwrap();
        let segments = Folder::list(folder).unwrap().segments;
        for (at, (_, path)) in segments.iter().enumerate() {
            let file = open_to_write(path).unwrap();
            let header = SegmentFile::open(path).unwrap().info.header;
            let flags = header.flags & !file_flags::CLEAN;
            Linux.write_at(&file, &flags.to_le_bytes(), field::FLAGS as u64).unwrap();
            let synced = FILE_HEADER_LEN as u64;
            Linux.write_at(&file, &synced.to_le_bytes(), field::SYNCED_OFFSET as u64).unwrap();
            if damaged == Some(at) {
                Linux.write_at(&file, &[0xEE; 4], synced + 480).unwrap();
            }
        }
    }

    fn recovered(jobs: usize, damaged: Option<usize>) -> (LogEnd, usize, String) {
        let folder = tempfile::tempdir().unwrap();
        lost_log(folder.path(), damaged);
        let writer = LastWriter { run: LastRun::OtherBoot, first_sequence: None, end: None };
        let recovery = LogRecovery::new(folder.path(), &Linux, writer);
        let recovery = LogRecovery { jobs: NonZero::new(jobs).unwrap(), ..recovery };
        let Recovered { end, report, segments, .. } = recovery.run().unwrap();
        let report = format!("{report:?}").replace(folder.path().to_str().unwrap(), "");
        (end, segments.len(), report)
    }

    #[test]
    fn after_a_loss_of_power_the_files_say_that_what_was_found_whole_is_durable() {
        for damaged in [None, Some(4)] {
            let folder = tempfile::tempdir().unwrap();
            lost_log(folder.path(), damaged);
            assert_eq!(LogWatermarks::of(folder.path()).unwrap().durable, 0);
            let writer = LastWriter { run: LastRun::OtherBoot, first_sequence: None, end: None };
            let Recovered { end, .. } = LogRecovery::new(folder.path(), &Linux, writer).run().unwrap();
            let watermarks = LogWatermarks::of(folder.path()).unwrap();
            assert_eq!(watermarks.durable, watermarks.published, "damage in {damaged:?}");
            assert!(watermarks.durable > 0 && watermarks.durable <= end.position);

            let killed = tempfile::tempdir().unwrap();
            lost_log(killed.path(), None);
            let writer = LastWriter { run: LastRun::SameBoot, ..writer };
            LogRecovery::new(killed.path(), &Linux, writer).run().unwrap();
            let durable = LogWatermarks::of(killed.path()).unwrap().durable;
            assert_eq!(durable, 0, "what the kernel has need not be on the disk");
        }
    }

    #[test]
    fn the_same_end_is_found_no_matter_how_many_segments_are_read_at_a_time() {
        for damaged in [None, Some(0), Some(4), Some(11)] {
            let alone = recovered(1, damaged);
            assert!(alone.1 >= damaged.map_or(12, |at| at + 1), "{alone:?}");
            for jobs in [2, 3, 64] {
                assert_eq!(recovered(jobs, damaged), alone, "{jobs} jobs, damage in {damaged:?}");
            }
        }
    }
}
