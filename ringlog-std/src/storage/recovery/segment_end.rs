//! Finds where the records of one segment end, no matter how its writer ended, and cuts a torn tail there.
#![forbid(unsafe_code)]

use std::io;
use std::path::Path;

use ringlog_nostd::format::{FILE_HEADER_LEN, FileHeader, RecordError, field};

use crate::event::file_flags;
use crate::os::files::{open_linked, open_to_write};
use crate::os::platform::Platform;
use crate::storage::error::{OpenError, ReadError};
use crate::storage::folder::last_run::{LastRun, LastWriter};
use crate::storage::read::scan::segment_scan::FileScan;
use crate::storage::segment::file::{SegmentFile, SegmentInfo};
use crate::storage::segment::header_count::{final_count, is_count_possible, most_records};

/// The end of a segment's records.
#[derive(Clone, Debug)]
pub(crate) struct SegmentEnd {
    pub(crate) info: SegmentInfo,
    /// Sequence after the last record.
    pub(crate) sequence: u64,
    /// Position after the last record.
    pub(crate) position: u64,
    /// Offset after the last record.
    pub(crate) offset: u64,
    /// Timestamp of the last record, 0 if it was not read.
    pub(crate) last_timestamp: u64,
    /// Damage before the end, if the end is still known.
    pub(crate) damage: Option<RecordError>,
    /// Whether anything may be missing after it: it was not closed, and the machine went down.
    pub(crate) is_doubtful: bool,
    /// Whether the file does not record yet that it ends here.
    needs_sealing: bool,
}

impl SegmentEnd {
    /// Finds the end. Records at the position where the next segment begins, or after it, are no part of the log.
    ///
    /// After a loss of power, damage ends the segment, unless that would take away what the disk must have. Such
    /// damage is reported if the next segment agrees with the seal on the end, and is an error otherwise.
    pub(crate) fn find(
        segment: SegmentFile,
        writer: LastWriter,
        next: Option<&FileHeader>,
    ) -> Result<Self, OpenError> {
        let (header, path) = (segment.info.header, segment.info.path.clone());
        let found = Self::find_whole(segment, writer, next.map(|next| next.base_position));
        let next = next.filter(|next| is_sealed_before(&header, next));
        match next.and_then(|next| damage_before(&found, next)) {
            None => found.map(|end| Self { damage: None, ..end }),
            damage => Ok(Self { damage, ..Self::of_sealed(SegmentFile::open(&path)?)? }),
        }
    }

    fn find_whole(
        segment: SegmentFile,
        writer: LastWriter,
        end_position: Option<u64>,
    ) -> Result<Self, OpenError> {
        let header = segment.info.header;
        let (is_sealed, is_clean) = (header.has(file_flags::SEALED), header.has(file_flags::CLEAN));
        if header.has(file_flags::STREAM) {
            let end = segment.info.file_bytes;
            return Ok(Self { needs_sealing: false, ..Self::walk(segment, end, end, None)? });
        }
        if is_clean || is_sealed && writer.is_trusted() {
            return Self::of_sealed(segment);
        }
        if writer.run == LastRun::SameBoot {
            segment.info.check_length()?;
            return Self::walk(segment, header.write_offset, header.write_offset, None);
        }
        let end = scan_end(&segment.info, is_sealed);
        let found = Self::walk(segment, end, header.synced_offset, end_position)?;
        let event_count = found.sequence - header.base_sequence;
        let is_said = (found.offset, event_count) == (header.write_offset, header.event_count);
        let needs_sealing = !is_sealed || !is_said;
        Ok(Self { is_doubtful: true, needs_sealing, ..found })
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.sequence == self.info.header.base_sequence
    }

    /// Returns whether it holds records that the kernel has and that may not be on the disk: only CLEAN shows that,
    /// and it is not stored into streams.
    pub(crate) const fn is_unfinished(&self) -> bool {
        let header = &self.info.header;
        !self.is_empty() && !header.has(file_flags::CLEAN) && !header.has(file_flags::STREAM)
    }

    /// Returns the log's position below which its records are on stable storage, as the file itself records.
    pub(crate) fn durable_position(&self) -> u64 {
        let header = &self.info.header;
        // Without checksums the watermark must be on the disk, too. Otherwise what is below it looks the same as
        // garbage.
        let durable =
            if header.has(file_flags::CHECKSUMS) { header.synced_offset } else { FILE_HEADER_LEN as u64 };
        let after_durable = self.offset.saturating_sub(durable);
        // Less than the base only within the preamble, whose records take no position.
        header.base_position.max(self.position.saturating_sub(after_durable))
    }

    /// Returns the bytes that the header counts as records and that are none.
    pub(crate) fn cut_bytes(&self) -> u64 {
        self.info.header.write_offset.saturating_sub(self.offset)
    }

    /// Reads all records up to `end`, or up to the first invalid one at or past `whole_below`.
    fn walk(
        segment: SegmentFile,
        end: u64,
        whole_below: u64,
        end_position: Option<u64>,
    ) -> Result<Self, OpenError> {
        let mut scan = FileScan::up_to(segment, end);
        if let Some(end_position) = end_position {
            scan.end_at_position(end_position);
        }
        let (mut last_timestamp, mut damage) = (0, None);
        loop {
            scan.pass_valid(|event| last_timestamp = event.header.timestamp);
            match scan.advance() {
                Ok(true) => {
                    last_timestamp = scan.found_event().map_or(0, |event| event.header.timestamp);
                }
                Ok(false) => break,
                Err(ReadError::Record { source, .. }) if source.offset >= whole_below => {
                    damage = Some(source);
                    break;
                }
                // The header's count of records does not matter if the bytes decide.
                Err(ReadError::EventCount { .. }) if whole_below < end => break,
                Err(error) => return Err(OpenError::recovery(error)),
            }
        }
        // META records alone are no content: they are stored before the first record that needs them.
        let (sequence, position, offset) = if scan.has_only_meta() {
            let header = scan.header();
            (header.base_sequence, header.base_position, FILE_HEADER_LEN as u64)
        } else {
            (scan.next_sequence(), scan.position(), scan.offset())
        };
        Ok(Self {
            info: scan.info().clone(),
            sequence,
            position,
            offset,
            last_timestamp,
            damage,
            is_doubtful: false,
            needs_sealing: true,
        })
    }

    /// Returns the end of a sealed segment, which its header records. Only its preamble has to be read.
    fn of_sealed(segment: SegmentFile) -> Result<Self, OpenError> {
        segment.info.check_length()?;
        let info = segment.info.clone();
        let (sequence, offset) = (plausible_end(&info)?, info.header.write_offset);
        let mut scan = FileScan::up_to(segment, offset);
        while scan.is_in_preamble() && scan.advance().map_err(OpenError::recovery)? {}
        let position = scan.position_at(offset);
        Ok(Self {
            info,
            sequence,
            position,
            offset,
            last_timestamp: 0,
            damage: None,
            is_doubtful: false,
            needs_sealing: false,
        })
    }

    /// Checks that [`seal`](Self::seal) can store into the file, as far as opening it shows.
    pub(crate) fn check_can_seal(&self) -> Result<(), OpenError> {
        let path = &self.info.path;
        let opened = if self.needs_sealing { open_to_write(path).map(drop) } else { Ok(()) };
        opened.map_err(|error| OpenError::io(path, "seal the file", error))
    }

    /// Stores into the file where its records end, in an order in which every state that a crash can leave is true.
    /// Returns whether there was anything to store.
    pub(crate) fn seal(&self, platform: &dyn Platform, path: &Path) -> Result<bool, OpenError> {
        if self.info.header.has(file_flags::STREAM) {
            // Somebody put it here, perhaps a moment ago. The log continues after it.
            let sync = || platform.sync_file(&open_linked(path)?);
            sync().map_err(|error| OpenError::io(path, "sync", error))?;
        }
        if !self.needs_sealing {
            return Ok(false);
        }
        let event_count = self.sequence - self.info.header.base_sequence;
        let flags = self.info.header.flags | file_flags::SEALED;
        let store = || -> io::Result<()> {
            let file = open_to_write(path)?;
            platform.sync_file(&file)?;
            platform.write_at(&file, &event_count.to_le_bytes(), field::EVENT_COUNT as u64)?;
            platform.write_at(&file, &self.offset.to_le_bytes(), field::WRITE_OFFSET as u64)?;
            platform.sync_file(&file)?;
            platform.write_at(&file, &flags.to_le_bytes(), field::FLAGS as u64)?;
            platform.sync_file(&file)
        };
        store().map_err(|error| OpenError::io(path, "seal the file", error))?;
        Ok(true)
    }
}

impl SegmentEnd {
    /// Stores into a file that a lost machine left, and that was found whole, that all of it is on stable storage. A file that
    /// cannot be opened keeps its watermark.
    pub(crate) fn raise_watermark(&self, platform: &dyn Platform, path: &Path) -> Result<(), OpenError> {
        if !self.is_doubtful || self.is_empty() || self.info.header.synced_offset >= self.offset {
            return Ok(());
        }
        let Ok(file) = open_to_write(path) else { return Ok(()) };
        let store = || -> io::Result<()> {
            // What was read came from the disk, unless somebody has copied the file since.
            platform.sync_file(&file)?;
            platform.write_at(&file, &self.offset.to_le_bytes(), field::SYNCED_OFFSET as u64)?;
            platform.sync_file(&file)
        };
        store().map_err(|error| OpenError::io(path, "raise the watermark of the file", error))
    }
}

impl SegmentInfo {
    /// Returns whether the header records that the end is on stable storage.
    pub(crate) const fn is_synced(&self) -> bool {
        self.header.synced_offset >= self.header.write_offset
    }
}

/// Returns whether a file is sealed and the next one begins where its seal puts its end.
fn is_sealed_before(header: &FileHeader, next: &FileHeader) -> bool {
    let end = final_count(header).map(|count| header.base_sequence.wrapping_add(count));
    end == Some(next.base_sequence)
}

/// Returns the damage in a file whose end the next one confirms, if it must not end the log.
fn damage_before(found: &Result<SegmentEnd, OpenError>, next: &FileHeader) -> Option<RecordError> {
    match found {
        Ok(end) if end.sequence != next.base_sequence && is_promised(next) => end.damage,
        Err(OpenError::Recovery(error)) => match **error {
            ReadError::Record { source, .. } => Some(source),
            _ => None,
        },
        _ => None,
    }
}

/// Returns how far a scan may go if the bytes decide: nothing was ever written beyond a seal.
fn scan_end(info: &SegmentInfo, is_sealed: bool) -> u64 {
    let header = &info.header;
    if !header.has(file_flags::CHECKSUMS) {
        // What is not synced looks the same as garbage.
        return header.synced_offset;
    }
    let most = if is_sealed { header.write_offset.min(info.file_bytes) } else { info.file_bytes };
    most.max(header.synced_offset)
}

/// Returns the sequence after a sealed segment, unless its header contradicts itself.
fn plausible_end(info: &SegmentInfo) -> Result<u64, OpenError> {
    let SegmentInfo { header, path, .. } = info;
    match header.base_sequence.checked_add(header.event_count) {
        Some(sequence) if is_count_possible(header, header.write_offset) => Ok(sequence),
        _ => {
            let most = most_records(header.write_offset);
            let (path, offset, stored) = (path.clone(), header.write_offset, header.event_count);
            Err(OpenError::recovery(ReadError::EventCount { path, offset, stored, found: most }))
        }
    }
}

/// Returns whether anything in the file may have been promised to survive a loss of power.
pub(crate) fn is_promised(header: &FileHeader) -> bool {
    header.has(file_flags::CLEAN) || header.synced_offset > FILE_HEADER_LEN as u64
}
