//! Events: headers, records, gaps, file headers and checksums, re-exported from `ringlog-nostd`.
#![forbid(unsafe_code)]

pub use ringlog_nostd::{
    Checksums, ClockKind, Crc32cAppend, Event, EventHeader, FileHeader, FileHeaderError, GAP_PAYLOAD_LEN,
    Gap, GapReason, HEADER_LEN, MAX_PAYLOAD, MAX_POSITION, OwnedEvent, RECORD_ALIGN, RecordError,
    RecordErrorKind, Records, Run, file_flags, flags, record_len,
};
