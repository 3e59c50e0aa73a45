//! Log files: written and read through memory mappings, and kept safe from crashes.

mod boot;
mod crc;
mod create;
mod durable;
mod error;
mod index;
mod lock;
mod lock_holder;
mod log_reader;
mod log_recovery;
mod log_scan;
mod log_tally;
mod log_writer;
mod log_writer_options;
mod mmap;
mod position;
mod reader;
mod scan;
mod segment;
mod segment_file;
mod writer;
mod writer_options;

pub use boot::boot_id;
pub use crc::crc32c_hardware;
pub use error::{AppendError, CreateError, OpenError, ReadError, SyncError};
pub use log_reader::{LogEvents, LogReader, LogReaderOptions};
pub use log_scan::LogScan;
pub use log_tally::LogSummary;
pub use log_writer::LogWriter;
pub use log_writer_options::LogWriterOptions;
pub use reader::{Events, MmapReader, MmapReaderOptions};
pub use scan::FileScan;
pub use segment::SegmentInfo;
pub use writer::{Closed, MmapWriter};
pub use writer_options::MmapWriterOptions;
