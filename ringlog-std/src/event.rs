//! Events: headers, gaps, the headers of log files, and what can be wrong with their bytes.
//!
//! Re-exported from `ringlog-nostd`. Its module [`format`](mod@ringlog_nostd::format) has what reads and writes the
//! bytes themselves.
#![forbid(unsafe_code)]

pub use ringlog_nostd::format::{
    Event, FileHeader, FileHeaderError, Layouts, MetaTopic, RecordError, RecordErrorKind, file_flags,
};
pub use ringlog_nostd::{ClockKind, EventHeader, Gap, GapReason, MAX_PAYLOAD, flags};
#[cfg(feature = "macros")]
pub use ringlog_nostd::{EventSchema, EventTypes, HasTail, Payload, Tail, ViewError, little_endian};
