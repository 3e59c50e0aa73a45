//! Makes a log of a backup: the same files, decompressed.
#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;

use crate::os::files::open_to_read;
use crate::storage::copies::backup::copy_file;
use crate::storage::copies::content::{Content, count_records};
use crate::storage::copies::draft::{DraftFolder, check_apart};
use crate::storage::copies::error::CopyError;
use crate::storage::copies::source::SourceLog;
use crate::storage::error::{OpenError, ReadError};
use crate::storage::names::{WRITER_FILE, segment_name};
use crate::storage::segment::file::SegmentFile;

/// What was restored.
#[derive(Debug, Default)]
#[cfg_attr(feature = "schema", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RestoreReport {
    /// Segments of the log.
    pub files: u64,
    /// Their length in bytes.
    pub bytes: u64,
    /// What is damaged in the backup, and so in the log.
    #[cfg_attr(feature = "schema", serde(skip))]
    pub damage: Vec<ReadError>,
}

/// Copies the backup in the folder `backup` to the folder `dest`, which must be empty or missing.
///
/// The folder gets its name once all is in it and on the disk.
///
/// # Errors
///
/// [`CopyError`] if there is no backup, if a program writes it, if `dest` is not free, or if the system refuses something.
/// Nothing is left then.
pub fn restore_log(backup: &Path, dest: &Path) -> Result<RestoreReport, CopyError> {
    let source = SourceLog::open(backup)?;
    if source.is_live {
        return Err(CopyError::InUse { path: backup.into() });
    }
    check_apart(backup, dest)?;
    let draft = DraftFolder::create(dest)?;
    let mut report = RestoreReport::default();
    for (at, segment) in source.segments.iter().enumerate() {
        let path = draft.temporary.join(segment_name(segment.header.base_sequence));
        let SegmentFile { file, .. } = SegmentFile::look_at(&segment.path)?;
        let content =
            Content::of_copy(&segment.path, &file).map_err(CopyError::io(&segment.path, "read the file"))?;
        let len = content.len;
        copy_file(content, &path, None)?;
        let mut copy = SegmentFile::open(&path)?;
        // Errors name the file of the backup.
        copy.info.path.clone_from(&segment.path);
        let end = copy.info.header.write_offset.min(len);
        if let Err(error) = count_records(copy, end, source.position_after(at)) {
            report.damage.push(error);
        }
        report.files += 1;
        report.bytes += len;
    }
    let writer = backup.join(WRITER_FILE);
    let names = source.asides.iter().chain(fs::exists(&writer).unwrap_or(false).then_some(&writer));
    for from in names {
        let Some(name) = from.file_name() else { continue };
        let file = open_to_read(from).map_err(|source| OpenError::io(from, "open", source))?;
        let content = Content::of_whole(&file).map_err(CopyError::io(from, "read the file"))?;
        copy_file(content, &draft.temporary.join(name), None)?;
    }
    draft.publish()?;
    Ok(report)
}
