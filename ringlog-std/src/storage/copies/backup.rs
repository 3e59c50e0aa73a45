//! Backs up a log: copies what is new, so that the copy is a log at any time.
//!
//! The order makes every state of the folder one that verifies. Its `writer` file says that the log is open before the
//! first file changes, files are copied from the oldest to the newest, and the `writer` file of the log comes last.
#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::event::{FileHeader, file_flags};
use crate::os::platform::Linux;
use crate::storage::copies::content::{Compressor, Content, count_records, read_back, write};
use crate::storage::copies::draft::{
    DraftFile, check_apart, create_folders, remove_abandoned_files, sync_folder,
};
use crate::storage::copies::error::CopyError;
use crate::storage::copies::held::HeldSegments;
use crate::storage::copies::source::{SourceLog, record_of};
use crate::storage::error::{OpenError, ReadError};
use crate::storage::folder::listing::{Folder, Listed};
use crate::storage::folder::writer_lock::{WriterLock, peek};
use crate::storage::folder::writer_record::WriterRecord;
use crate::storage::names::{COMPRESSED_END, WRITER_FILE, is_compressed, segment_name};
use crate::storage::read::scan::segment_scan::FileScan;
use crate::storage::read::seek::index_cache;
use crate::storage::segment::file::{SegmentFile, SegmentInfo, open_regular};

/// How a log is backed up.
#[derive(Clone, Copy, Default)]
pub struct BackupOptions<'a> {
    /// Gives finished segments a second name instead of copying them, where that is possible.
    pub link: bool,
    /// Deletes what the log does not have any more.
    pub mirror: bool,
    /// Compresses the copies.
    pub compress: Option<&'a Compressor>,
}

/// What a backup did, and what is in its folder.
#[derive(Debug, Default)]
#[cfg_attr(feature = "schema", derive(serde::Serialize))]
#[non_exhaustive]
pub struct BackupReport {
    /// Segments that were copied.
    pub copied_files: u64,
    /// Bytes of the log in them.
    pub copied_bytes: u64,
    /// Segments that got a second name.
    pub linked_files: u64,
    /// Segments that the backup had already.
    pub kept_files: u64,
    /// Segments that were deleted from the backup.
    pub deleted_files: u64,
    /// Segments in the backup.
    pub files: u64,
    /// Bytes of the files in the backup.
    pub bytes: u64,
    /// The sequence of its first record.
    pub first_sequence: u64,
    /// The sequence after its last record.
    pub next_sequence: u64,
    /// Whether the log was closed, so that the backup has all of it.
    pub is_closed: bool,
    /// Bytes of records that are not on the log's disk yet, and so not in the backup.
    pub unsynced_bytes: u64,
    /// What is damaged in the log, and so in the copy.
    #[cfg_attr(feature = "schema", serde(skip))]
    pub damage: Vec<ReadError>,
}

/// Copies the log in the folder `log` to the folder `dest`, or what has changed since that was done before.
///
/// # Errors
///
/// [`CopyError`] if there is no log, if `dest` holds something else, or if the system refuses something. What was copied
/// before stays, and running it again continues.
pub fn backup_log(log: &Path, dest: &Path, options: &BackupOptions<'_>) -> Result<BackupReport, CopyError> {
    let source = SourceLog::open(log)?;
    if source.is_compressed() {
        return Err(CopyError::Compressed { path: log.into() });
    }
    check_apart(log, dest)?;
    create_folders(dest)?;
    Backup::begin(source, dest, *options)?.run()
}

struct Backup<'a> {
    source: SourceLog,
    dest: &'a Path,
    options: BackupOptions<'a>,
    /// Keeps writers and other backups out of the folder.
    lock: WriterLock,
    /// What its `writer` file holds now.
    stored: WriterRecord,
    /// What is in it, by base sequence.
    present: Vec<(u64, PathBuf, Option<SegmentInfo>)>,
    report: BackupReport,
}

impl<'a> Backup<'a> {
    fn begin(source: SourceLog, dest: &'a Path, options: BackupOptions<'a>) -> Result<Self, CopyError> {
        let (mut lock, stored) =
            WriterLock::acquire_within(dest, Duration::ZERO).map_err(|error| match error {
                OpenError::Locked { .. } => CopyError::InUse { path: dest.into() },
                OpenError::ForeignWriterFile { .. } => CopyError::OtherLog { path: dest.into() },
                other => other.into(),
            })?;
        lock.set_draft(stored.is_blank());
        remove_abandoned_files(dest);
        let Folder { segments: listed, foreign } = Folder::list(dest)?;
        if stored.is_blank() && listed.is_empty() && !foreign.is_empty() {
            return Err(CopyError::Occupied { path: dest.into() });
        }
        let files: Vec<_> = listed
            .iter()
            .map(|(base, path)| Listed { path: path.clone(), named_sequence: Some(*base) })
            .collect();
        let infos: Vec<_> = Listed::open_all(&files).map(Result::ok).collect();
        let present = listed.into_iter().zip(infos).map(|((base, path), info)| (base, path, info)).collect();
        let backup = Self { source, dest, options, lock, stored, present, report: BackupReport::default() };
        backup.check_form()?;
        backup.check_identity()?;
        Ok(backup)
    }

    fn run(mut self) -> Result<BackupReport, CopyError> {
        let first = self.source.first_sequence();
        let has_hole = self.check_records(first)?;
        let stale = self.stale(first);
        let older: Vec<_> =
            self.present.iter().filter(|(base, ..)| *base < first).map(|it| it.1.clone()).collect();
        self.delete(stale.into_iter().rev())?;
        if has_hole {
            self.delete(older.iter().cloned())?;
        }
        self.copy_segments()?;
        if self.options.mirror && !has_hole {
            self.delete(older.into_iter())?;
        }
        self.copy_asides()?;
        self.store_end()?;
        self.conclude()
    }

    /// Checks that all files of the backup are compressed, or none.
    fn check_form(&self) -> Result<(), CopyError> {
        let is_wanted = self.options.compress.is_some();
        match self.present.iter().find(|(_, path, _)| is_compressed(path) != is_wanted) {
            Some(_) => Err(CopyError::OtherForm { path: self.dest.into(), is_compressed: !is_wanted }),
            None => Ok(()),
        }
    }

    /// Checks that the backup is of this log: by identity, or without one by what the segments of both have.
    fn check_identity(&self) -> Result<(), CopyError> {
        let identity = self.source.record.as_ref().and_then(|record| record.log_identity);
        let is_same = match (identity, self.stored.log_identity) {
            (Some(log), Some(backup)) => log == backup,
            _ => {
                self.present.is_empty()
                    || self.pairs().any(|(log, copy)| log.header.salt() == copy.header.salt())
            }
        };
        if is_same && !self.stored.is_damaged {
            Ok(())
        } else {
            Err(CopyError::OtherLog { path: self.dest.into() })
        }
    }

    /// Returns the segments that both have.
    fn pairs(&self) -> impl Iterator<Item = (&SegmentInfo, &SegmentInfo)> {
        let copies = self.present.iter().filter_map(|(_, _, info)| info.as_ref());
        copies.filter_map(|copy| {
            let base = copy.header.base_sequence;
            let at = self.source.segments.binary_search_by_key(&base, |log| log.header.base_sequence).ok()?;
            Some((self.source.segments.get(at)?, copy))
        })
    }

    /// Returns whether records are missing between the older files and the log. Without `mirror` that is an error, and so
    /// are records that only the backup has.
    fn check_records(&self, first: u64) -> Result<bool, CopyError> {
        let older = self.present.iter().rfind(|(base, ..)| *base < first);
        let end = older.map(|(base, _, info)| info.as_ref().map_or(*base, end_of));
        let hole = end.filter(|end| *end < first);
        if self.options.mirror {
            return Ok(hole.is_some());
        }
        if let Some(ends_before) = hole {
            return Err(CopyError::Hole { path: self.dest.into(), ends_before, begins_at: first });
        }
        let longer = self.pairs().find(|(log, copy)| {
            let is_other = log.header.salt() != copy.header.salt();
            let log_end = if is_other { 0 } else { log.header.write_offset };
            has_record(&copy.header) && copy.header.write_offset > log_end
        });
        let only_here = self.stale(first).into_iter().find(|path| {
            self.present
                .iter()
                .any(|(_, it, info)| it == path && info.as_ref().is_none_or(|it| has_record(&it.header)))
        });
        match longer.map(|(_, copy)| copy.path.clone()).or(only_here) {
            Some(path) => Err(CopyError::Diverged { path }),
            None => Ok(false),
        }
    }

    /// Returns the files from where the log begins on that the log does not have.
    fn stale(&self, first: u64) -> Vec<PathBuf> {
        let has = |base: u64| {
            self.source.segments.binary_search_by_key(&base, |log| log.header.base_sequence).is_ok()
        };
        let stale = self.present.iter().filter(|(base, ..)| *base >= first && !has(*base));
        stale.map(|(_, path, _)| path.clone()).collect()
    }

    /// Notes in the folder that its log is not complete, before anything changes in it.
    fn store_open(&mut self) -> Result<(), CopyError> {
        let Some(record) = &self.source.record else { return Ok(()) };
        let (end, first_sequence, has_undrained_ring) = (None, None, false);
        self.store(WriterRecord {
            end,
            first_sequence,
            has_undrained_ring,
            is_partial_copy: true,
            ..record.clone()
        })
    }

    fn store(&mut self, record: WriterRecord) -> Result<(), CopyError> {
        if record != self.stored {
            let failed = CopyError::io(&self.dest.join(WRITER_FILE), "store into the file");
            self.lock.store(&Linux, &record).map_err(failed)?;
            self.lock.set_draft(false);
            self.stored = record;
        }
        Ok(())
    }

    /// Stores what the log's `writer` file holds, but not an end that the backup does not have.
    fn store_end(&mut self) -> Result<(), CopyError> {
        let Some(mut record) = record_of(&self.source.folder) else { return Ok(()) };
        let next = self.present.last().and_then(|(_, _, info)| Some(end_of(info.as_ref()?)));
        let is_closed = record.is_closed();
        record.end = record.end.filter(|end| Some(end.sequence) == next);
        self.report.is_closed = record.is_closed();
        // A writer was at work, or one has come since: the log has more, or will have.
        let is_held = || peek(&self.source.folder).is_some_and(|peeked| peeked.is_held);
        if !record.is_closed() && (is_closed || self.source.is_live || is_held()) {
            record.has_undrained_ring = false;
            record.is_partial_copy = true;
        }
        self.store(record)
    }

    fn delete(&mut self, paths: impl Iterator<Item = PathBuf>) -> Result<(), CopyError> {
        for path in paths {
            self.store_open()?;
            fs::remove_file(&path).map_err(CopyError::io(&path, "delete the file"))?;
            sync_folder(self.dest)?;
            let segment = if is_compressed(&path) { path.with_extension("") } else { path.clone() };
            index_cache::forget(&segment);
            self.present.retain(|(_, it, _)| *it != path);
            self.report.deleted_files += 1;
        }
        Ok(())
    }

    fn copy_segments(&mut self) -> Result<(), CopyError> {
        let segments = std::mem::take(&mut self.source.segments);
        let is_due: Vec<_> =
            segments.iter().map(|segment| !self.has(&segment.header, segment.file_bytes)).collect();
        let due = segments.iter().zip(&is_due).filter(|(_, is_due)| **is_due).map(|(segment, _)| segment);
        let mut held = HeldSegments::new(due);
        for (at, (segment, is_due)) in segments.iter().zip(&is_due).enumerate() {
            if !is_due {
                self.report.kept_files += 1;
                continue;
            }
            let next_position = segments.get(at + 1).map(|next| next.header.base_position);
            match held.next(segment) {
                // Retention took the oldest, and nothing of the backup ends there.
                Err(CopyError::Retired { .. }) if self.present.is_empty() => {}
                scan => self.copy_segment(scan?, next_position)?,
            }
        }
        self.source.segments = segments;
        Ok(())
    }

    /// Returns whether the backup has a finished segment with this header and length.
    fn has(&self, header: &FileHeader, bytes: u64) -> bool {
        header.has(file_flags::SEALED)
            && self.present.iter().any(|(_, _, info)| {
                info.as_ref().is_some_and(|info| info.header == *header && info.file_bytes == bytes)
            })
    }

    fn copy_segment(&mut self, scan: FileScan, end_position: Option<u64>) -> Result<(), CopyError> {
        let SegmentFile { file, info } = scan.segment;
        let is_final = info.header.has(file_flags::SEALED) || info.header.has(file_flags::STREAM);
        let is_growing = self.source.is_live && !is_final;
        let (mut header, mut len) = (info.header, info.file_bytes);
        if is_growing {
            header.write_offset = info.header.synced_offset.min(info.header.write_offset);
            header.synced_offset = header.write_offset;
            self.report.unsynced_bytes = info.header.write_offset - header.write_offset;
            len = header.write_offset;
        }
        let again = file.try_clone().map_err(CopyError::io(&info.path, "open the file again"))?;
        let checked = SegmentFile { file: again, info: info.clone() };
        let end = if header.has(file_flags::STREAM) { info.file_bytes } else { header.write_offset };
        match count_records(checked, end, end_position) {
            Ok(records) if is_growing => header.event_count = records,
            Ok(_) => {}
            Err(error) => self.report.damage.push(error),
        }
        let mut name = segment_name(header.base_sequence);
        if self.options.compress.is_some() {
            name += COMPRESSED_END;
        }
        let path = self.dest.join(name);
        let is_there = |it: &&(u64, PathBuf, Option<SegmentInfo>)| it.0 == header.base_sequence;
        let there = self.present.iter().find(is_there).and_then(|(_, _, there)| there.as_ref());
        if there.is_some_and(|it| it.header == header && it.file_bytes == len && is_growing) {
            self.report.kept_files += 1;
            return Ok(());
        }
        self.store_open()?;
        let can_link = self.options.link
            && self.options.compress.is_none()
            && header.has(file_flags::SEALED | file_flags::CLEAN);
        let link = if can_link { DraftFile::link(&info.path, &file, &path)? } else { None };
        match link {
            Some(link) => {
                link.publish()?;
                self.report.linked_files += 1;
            }
            None => {
                // Its writer may be changing it.
                let changed = self.source.is_live.then_some(&header);
                let content = Content::of_file(&file, len, changed)
                    .map_err(CopyError::io(&info.path, "read the file"))?;
                copy_file(content, &path, self.options.compress)?;
                self.report.copied_files += 1;
                self.report.copied_bytes += len;
            }
        }
        self.present.retain(|(base, ..)| *base != header.base_sequence);
        let info = SegmentInfo { path: path.clone(), header, file_bytes: len };
        let at = self.present.partition_point(|(base, ..)| *base < header.base_sequence);
        self.present.insert(at, (header.base_sequence, path, Some(info)));
        Ok(())
    }

    /// Copies the files that a recovery moved aside, which hold what it could not keep.
    fn copy_asides(&self) -> Result<(), CopyError> {
        for aside in &self.source.asides {
            let Some(name) = aside.file_name() else { continue };
            let path = self.dest.join(name);
            let len = |path: &Path| fs::symlink_metadata(path).ok().map(|it| it.len());
            // A file that was moved aside does not change.
            if len(&path) == len(aside) {
                continue;
            }
            let content = open_regular(aside).map(|file| Content::of_whole(&file));
            copy_file(content?.map_err(CopyError::io(aside, "read the file"))?, &path, None)?;
        }
        Ok(())
    }

    fn conclude(mut self) -> Result<BackupReport, CopyError> {
        let report = &mut self.report;
        report.files = self.present.len() as u64;
        let len = |path: &Path| fs::symlink_metadata(path).map_or(0, |it| it.len());
        report.bytes = self.present.iter().map(|(_, path, _)| len(path)).sum();
        report.first_sequence = self.present.first().map_or(0, |(base, ..)| *base);
        if let Some((base, path, Some(info))) = self.present.last() {
            report.next_sequence = if info.header.has(file_flags::SEALED) {
                end_of(info)
            } else {
                let segment = SegmentFile::open(path)?;
                base + count_records(segment, info.header.write_offset, None).unwrap_or(0)
            };
        }
        Ok(self.report)
    }
}

fn has_record(header: &FileHeader) -> bool {
    header.write_offset > ringlog_nostd::format::FILE_HEADER_LEN as u64
}

/// Returns the sequence after a finished segment; that of its first record if it is not finished.
fn end_of(info: &SegmentInfo) -> u64 {
    let count = if info.header.has(file_flags::SEALED) { info.header.event_count } else { 0 };
    info.header.base_sequence.saturating_add(count)
}

/// Writes content to a file, reads it back and compares. The file gets its name at the end.
pub(crate) fn copy_file(
    mut content: Content,
    to: &Path,
    compress: Option<&Compressor>,
) -> Result<(), CopyError> {
    let draft = DraftFile::create(to)?;
    let len = content.len;
    let written = match compress {
        Some(compress) => compress(&mut content, len, &draft.file),
        None => write(&mut content, len, &draft.file),
    };
    written.map_err(CopyError::io(to, "write the file"))?;
    draft.sync()?;
    let found = read_back(to, &draft.file).map_err(CopyError::io(to, "read the file back"))?;
    if found != content.extent || found.bytes != len {
        return Err(CopyError::Differs { path: to.into() });
    }
    draft.publish()
}

/// Copies one segment of which the header was read before.
#[cfg(test)]
pub(crate) fn copy_one(source: SourceLog, scan: FileScan, dest: &Path) -> Result<(), CopyError> {
    let mut backup = Backup::begin(source, dest, BackupOptions::default())?;
    backup.copy_segment(scan, None)?;
    backup.store_end()
}
