//! Log files: written and read through memory mappings, and kept safe from crashes.
//!
//! A log is a folder of segments, or a single file. Which type for which task:
//!
//! | task | use |
//! |---|---|
//! | write a log that may run for months | [`LogWriter`], with [`LogWriterOptions`], [`SyncPolicy`], [`Retention`], [`FullDisk`] |
//! | write one file of fixed size | [`MmapWriter`], with [`MmapWriterOptions`] |
//! | know from another thread how far a writer has come, and its state in numbers | [`LogWatch`], [`LogMetrics`], [`SyncTimes`] |
//! | read a log without copying | [`LogReader`]; one file: [`MmapReader`] |
//! | read files that others may change or cut short | [`LogScan`] |
//! | choose events by type, sequence or time | [`Filter`] |
//! | read a log while it is written | [`LogFollower`]; over restarts of the reader: [`Cursor`]; as a task of tokio: `LogStream` (feature `tokio`) |
//! | read several logs as one, in the order of time | [`merge`](fn@merge) |
//! | find records without reading the log through | [`LogReader::events_from`], [`LogReader::events_since`]; [`LogScan::seek_record`] |
//! | learn what an opening found and cut | [`RecoveryReport`] |
//! | check a log, copy what is whole of a damaged one | [`verify_log`], [`salvage_log`] |
//! | know what may be missing at the end of a log | [`WriterFile`], [`LogWatermarks`] |
//!
//! Errors: [`OpenError`], [`ReadError`], [`AppendError`], [`SyncError`], [`CreateError`], [`CursorError`], [`SalvageError`].

pub(crate) mod copies;
pub(crate) mod cursor;
pub(crate) mod error;
pub(crate) mod folder;
pub(crate) mod log;
pub(crate) mod maintenance;
pub(crate) mod names;
pub(crate) mod read;
pub(crate) mod recovery;
pub(crate) mod repair;
pub(crate) mod schemas;
pub(crate) mod segment;
#[cfg(test)]
pub(crate) mod tests;

pub use cursor::cursor::Cursor;
pub use cursor::error::CursorError;
pub use cursor::list::CursorInfo;
pub use error::{AppendError, CreateError, MissingEnd, OpenError, ReadError, SyncError};
pub use folder::ending::{MissingRecords, WriterFile};
pub(crate) use log::late::{note_drained_ring, report_undrained_ring};
pub use log::options::LogWriterOptions;
pub use log::summary::LogSummary;
pub use log::writer::LogWriter;
pub use maintenance::metrics::LogMetrics;
pub use maintenance::policies::{FullDisk, SyncPolicy};
pub use maintenance::retention::Retention;
pub use maintenance::sync_times::SyncTimes;
pub use maintenance::watch::LogWatch;
pub use read::filter::Filter;
pub use read::follow::follower::LogFollower;
#[cfg(feature = "tokio")]
pub use read::follow::log_stream::LogStream;
#[cfg(feature = "tokio")]
pub use read::follow::owned_event::OwnedLogEvent;
pub use read::mapped::log_reader::LogReader;
pub use read::mapped::segment_reader::MmapReader;
pub use read::merge::merge;
pub use read::scan::log_scan::LogScan;
pub use read::scan::lost_description::LostDescription;
pub use read::scan::watermarks::LogWatermarks;
pub use recovery::report::{LastEnd, RecoveredSegment, RecoveryAction, RecoveryReport};
pub use repair::salvage::{salvage_log, salvage_log_matching, salvage_log_with_jobs};
pub use repair::salvage_report::{CopiedGap, SalvageError, SalvageReport, SalvagedFile, Skipped};
pub use repair::verdict::{Fault, LogCheck, SegmentCheck, Verdict};
pub use repair::verify::{verify_log, verify_log_with_jobs};
#[cfg(feature = "schema")]
pub use schemas::in_force::DecodeEvent;
pub use schemas::in_force::SegmentSchemas;
pub(crate) use schemas::list::MAX_PREAMBLE_BYTES;
pub use schemas::list::{SchemaList, SchemaTooLong};
#[cfg(all(feature = "macros", feature = "schema"))]
pub use schemas::read_event::{FieldError, ReadEvent};
pub use segment::counts::RecordCounts;
pub use segment::file::SegmentInfo;
pub use segment::options::MmapWriterOptions;
pub use segment::writer::MmapWriter;
