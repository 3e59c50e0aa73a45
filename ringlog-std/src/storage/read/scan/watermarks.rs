//! Computes how far a log is published and how far it is durable.
#![forbid(unsafe_code)]

use std::path::Path;

use ringlog_nostd::format::FILE_HEADER_LEN;

use crate::event::{FileHeader, file_flags};
use crate::storage::error::{OpenError, ReadError};
use crate::storage::folder::listing::LogFiles;
use crate::storage::read::scan::live::LiveFile;
use crate::storage::read::scan::segment_scan::FileScan;
use crate::storage::segment::file::SegmentInfo;

/// How far a log is published and durable, in bytes of its records as they were in its ring.
///
/// Any process can read it from the headers of the segments, while the log is written. A new segment counts
/// once it has its name, some milliseconds after it was begun.
///
/// ```
/// use ringlog::event::EventHeader;
/// use ringlog::storage::{LogWatermarks, LogWriter};
///
/// # let folder = tempfile::tempdir()?;
/// let mut writer = LogWriter::open(folder.path())?;
/// writer.write_event(&EventHeader::new(1, 2, 3), b"abc")?;
/// let positions = LogWatermarks::of(folder.path())?;
/// assert_eq!((positions.published, positions.durable), (24, 0));
///
/// writer.sync()?;
/// assert_eq!(LogWatermarks::of(folder.path())?.durable, 24);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct LogWatermarks {
    /// The end of the last record that readers can see. All below survives the death of the writer.
    pub published: u64,
    /// All below is on stable storage and survives a loss of power. At most `published`.
    pub durable: u64,
}

impl LogWatermarks {
    /// Reads the headers of a log, a folder or a file. Both are 0 for a folder without segments.
    ///
    /// ```
    /// # use ringlog::event::EventHeader;
    /// use ringlog::storage::{LogWatermarks, LogWriter};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path();
    /// # let mut writer = LogWriter::open(folder)?;
    /// # for number in 0..3 {
    /// #     writer.write_event(&EventHeader::new(number, 0, 0), b"")?;
    /// # }
    /// # writer.close()?;
    /// let watermarks = LogWatermarks::of(folder)?;
    /// assert_eq!((watermarks.published, watermarks.durable), (48, 48), "the log was closed");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ReadError`] for a header, or a GAP record at the start of a segment, that cannot be read.
    pub fn of(path: impl AsRef<Path>) -> Result<Self, ReadError> {
        let segments = match LogFiles::open(path.as_ref()) {
            Err(OpenError::NoSegments { .. }) => return Ok(Self::default()),
            other => other.map_err(Box::new)?.segments,
        };
        Self::of_segments(&segments)
    }

    /// Computes the same from headers that were read.
    #[doc(hidden)]
    pub fn of_segments(segments: &[SegmentInfo]) -> Result<Self, ReadError> {
        let Some(last) = segments.last() else { return Ok(Self::default()) };
        let published = position_in(last, end_offset(&last.header, last.file_bytes))?;
        let durable = first_not_durable(segments);
        let durable = match segments.get(durable) {
            None => published,
            Some(segment) => position_in(segment, durable_offset(segment))?,
        };
        Ok(Self { published, durable: durable.min(published) })
    }
}

/// Returns the first segment that is not known to be durable to its end. All before a CLEAN one are.
fn first_not_durable(segments: &[SegmentInfo]) -> usize {
    let is_clean = |segment: &SegmentInfo| segment.header.has(file_flags::CLEAN);
    let from = segments.iter().rposition(is_clean).map_or(0, |clean| clean + 1);
    let rest = segments.iter().skip(from);
    from + rest.take_while(|segment| is_durable_to_its_end(&segment.header)).count()
}

/// Returns whether a sealed segment is durable to its end. One that is not sealed may have more by now.
fn is_durable_to_its_end(header: &FileHeader) -> bool {
    header.has(file_flags::SEALED) && header.synced_offset >= header.write_offset
}

/// Returns the offset up to which a segment is durable: never more than is published, even if the header says
/// so.
fn durable_offset(segment: &SegmentInfo) -> u64 {
    segment.header.synced_offset.min(end_offset(&segment.header, segment.file_bytes))
}

fn end_offset(header: &FileHeader, file_bytes: u64) -> u64 {
    if header.has(file_flags::STREAM) { file_bytes } else { header.write_offset }
}

/// Returns the position after a segment's last record; `None` if it has none.
pub(crate) fn end_position(segment: &SegmentInfo) -> Result<Option<u64>, ReadError> {
    let end = end_offset(&segment.header, segment.file_bytes);
    if end > FILE_HEADER_LEN as u64 { position_in(segment, end).map(Some) } else { Ok(None) }
}

/// Returns the position of an offset in a segment. Reads the preamble of the segment for that.
fn position_in(segment: &SegmentInfo, offset: u64) -> Result<u64, ReadError> {
    let base_position = segment.header.base_position;
    if offset <= FILE_HEADER_LEN as u64 {
        return Ok(base_position);
    }
    match FileScan::open_held(&segment.path).map_err(Box::new)? {
        LiveFile::Held(mut scan) | LiveFile::Unheld(mut scan)
            if scan.header().salt() == segment.header.salt() =>
        {
            scan.read_lead()?;
            Ok(scan.position_at(offset))
        }
        // The segment was retired since its header was read. Then the log continued, at this position or above.
        _ => Ok(base_position + (offset - FILE_HEADER_LEN as u64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::ClockKind;

    fn segment(flags: u32, write_offset: u64, synced_offset: u64) -> SegmentInfo {
        let header = FileHeader::new(0, ClockKind::UnixNanos, true);
        let header = FileHeader { write_offset, synced_offset, flags: header.flags | flags, ..header };
        SegmentInfo { path: "segment".into(), header, file_bytes: 4096 }
    }

    #[test]
    fn all_before_a_clean_segment_is_durable_and_the_first_gap_in_durability_ends_it() {
        const CLEAN: u32 = file_flags::CLEAN | file_flags::SEALED;
        const SEALED: u32 = file_flags::SEALED;
        let cut = || segment(SEALED, 128, 64);
        let cases = [
            (vec![segment(CLEAN, 128, 128)], 1),
            (vec![cut(), segment(CLEAN, 128, 128), segment(0, 128, 96)], 2),
            (vec![segment(CLEAN, 128, 128), segment(SEALED, 128, 128), segment(0, 128, 128)], 2),
            (vec![segment(SEALED, 128, 128), cut(), segment(SEALED, 128, 128)], 1),
            (vec![segment(0, 64, 64)], 0),
        ];
        for (segments, expected) in cases {
            assert_eq!(first_not_durable(&segments), expected, "{segments:?}");
        }
    }
}
