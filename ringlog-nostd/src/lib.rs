//! Event records and a lock-free single-producer single-consumer byte ring.
#![no_std]

mod batch;
mod checksum;
mod claim;
mod consumer;
mod control;
mod ends;
mod error;
mod event_consumer;
mod file_header;
mod gap;
mod geometry;
mod header;
mod lossy;
#[cfg(not(ringlog_loom))]
mod memory;
#[cfg(ringlog_loom)]
mod model;
mod owned;
mod producer;
mod record;
mod ring;
mod run;
#[cfg(not(ringlog_loom))]
mod static_ring;
mod sync;

pub use batch::Batch;
pub use checksum::{Crc32cAppend, crc32c_append, place_word, record_checksum};
pub use claim::Claim;
pub use consumer::Consumer;
pub use control::Loss;
pub use error::{RingError, RingFault, WriteError};
pub use event_consumer::EventConsumer;
pub use file_header::{
    ClockKind, FILE_HEADER_LEN, FILE_MAGIC, FILE_VERSION, FileHeader, FileHeaderError, field, file_flags,
};
pub use gap::{GAP_PAYLOAD_LEN, Gap, GapReason};
pub use header::{EventHeader, HEADER_LEN, MAX_PAYLOAD, RECORD_ALIGN, flags, record_len};
pub use lossy::{Delivery, LossyProducer};
#[cfg(not(ringlog_loom))]
pub use memory::AlignedBytes;
#[cfg(ringlog_loom)]
pub use model::ModelControl;
pub use owned::OwnedEvent;
pub use producer::Producer;
pub use record::{
    Checksums, Event, RecordError, RecordErrorKind, Records, check_event, decode, encode, seal,
};
pub use ring::{Fresh, Recovery, Ring, RingOptions, required_len};
pub use run::Run;
#[cfg(not(ringlog_loom))]
pub use static_ring::StaticRing;
#[cfg(ringlog_loom)]
pub use sync::ShadowCell;
