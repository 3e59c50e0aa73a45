//! Log files: written and read through memory mappings, and kept safe from crashes.

pub(crate) mod cursor;
pub(crate) mod error;
pub(crate) mod folder;
pub(crate) mod log;
pub(crate) mod maintenance;
pub(crate) mod names;
pub(crate) mod read;
pub(crate) mod recovery;
pub(crate) mod repair;
pub(crate) mod segment;
#[cfg(test)]
pub(crate) mod tests;

pub use crate::checksum::crc32c::crc32c_hardware;
pub use crate::image::ring_image::{ImageEvents, RingImage, RingImageError, RingImageErrorKind};
pub use crate::image::words::WordForm;
pub use crate::os::boot::boot_id;
pub(crate) use crate::os::files::is_at;
pub(crate) use crate::os::files::open_folder;
pub(crate) use crate::os::files::open_or_create;
pub(crate) use crate::os::ownership::{OwnerProcess, Ownership};
pub(crate) use crate::os::platform::{Linux, Platform};
pub(crate) use crate::os::temporary::temporary_start;
pub(crate) use crate::os::temporary::{create_temporary, remove_abandoned};
pub use cursor::cursor::Cursor;
pub use cursor::error::CursorError;
pub use cursor::list::{CursorInfo, cursors_of, cursors_of_other_logs};
pub use error::{AppendError, CreateError, MissingEnd, OpenError, ReadError, RecordedEnd, SyncError};
pub use folder::ending::{MissingRecords, WriterFile, WriterFileState};
pub use log::dropped::unreported_loss;
pub(crate) use log::late::{note_drained_ring, tell_undrained_ring};
pub use log::options::LogWriterOptions;
pub use log::summary::LogSummary;
pub use log::writer::LogWriter;
pub use maintenance::policies::{FullDisk, SyncPolicy};
pub use maintenance::retention::Retention;
pub use maintenance::watch::LogWatch;
pub use read::filter::{Filter, Filtered};
pub use read::follow::follower::LogFollower;
pub use read::mapped::log_events::LogEvents;
pub use read::mapped::log_reader::{LogReader, LogReaderOptions};
pub use read::mapped::segment_reader::{Events, MmapReader, MmapReaderOptions};
#[cfg(feature = "cli")]
pub(crate) use read::merge::HeadOrder;
pub use read::merge::{Merge, Merged, merge};
pub use read::replay_pace::ReplayPace;
pub use read::scan::log_scan::LogScan;
pub use read::scan::segment_scan::FileScan;
pub use read::scan::watermarks::LogWatermarks;
pub use read::seek::log_index::{LogIndex, SeekStatistics};
pub use recovery::report::{LastEnd, LockedSegment, RecoveredSegment, RecoveryAction, RecoveryReport};
pub use repair::salvage::salvage_log;
pub use repair::salvage_report::{SalvageError, SalvageReport, SalvagedFile, SkipReason, Skipped};
pub use repair::verdict::{Fault, LogCheck, LogVerdict, RecordCounts, SegmentCheck, Verdict};
pub use repair::verify::{verify_log, verify_log_with};
pub use segment::file::SegmentInfo;
pub use segment::options::MmapWriterOptions;
#[cfg(feature = "cli")]
pub(crate) use segment::plain_file::PlainFile;
pub use segment::writer::{Closed, MmapWriter};
