//! Event records and a lock-free single-producer single-consumer byte ring.
#![no_std]

mod checksum;
mod error;
mod event_consumer;
mod file_header;
mod gap;
mod header;
mod owned;
mod record;
mod run;

pub use checksum::{Crc32cAppend, crc32c_append, place_word, record_checksum};
pub use error::{RingError, RingFault, WriteError};
pub use event_consumer::EventConsumer;
pub use file_header::{
    ClockKind, FILE_HEADER_LEN, FILE_MAGIC, FILE_VERSION, FileHeader, FileHeaderError, field, file_flags,
};
pub use gap::{GAP_PAYLOAD_LEN, Gap, GapReason};
pub use header::{EventHeader, HEADER_LEN, MAX_PAYLOAD, RECORD_ALIGN, flags, record_len};
pub use owned::OwnedEvent;
pub use record::{
    Checksums, Event, RecordError, RecordErrorKind, Records, check_event, decode, encode, seal,
};
pub use run::Run;
