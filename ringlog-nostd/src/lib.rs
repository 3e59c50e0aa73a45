//! Event records and a lock-free single-producer single-consumer byte ring: `no_std`, no allocator.
//!
//! - Records: a 16-byte [`EventHeader`], a payload of up to 65,535 bytes, padding to a multiple of 8. The same
//!   bytes in a ring and in a log file; see [`Records`], [`FileHeader`], [`Gap`].
//! - [`ConsumerList`] hands the events of a ring to several consumers, [`FlightRecorder`] keeps the newest
//!   events and overwrites the oldest.
//! - The ring: [`StaticRing`] in a `static`, [`Ring::format`] over any bytes, `Ring::attach` for memory shared
//!   with another process, `Ring::recover` for memory that outlives a reset. It gives one [`Producer`] and one
//!   [`Consumer`]; loads and stores only, so it runs on cores without compare-and-swap.
//!
//! # In firmware
//!
//! ```
//! use ringlog_nostd::{EventHeader, StaticRing};
//!
//! static RING: StaticRing<1024, 32> = StaticRing::new();
//!
//! let (mut producer, mut consumer) = RING.split().unwrap();
//! producer.write_event(&EventHeader::new(1, 7, 2), &[1, 2]).unwrap(); // in the interrupt
//! consumer.drain(usize::MAX, |header, payload| { /* in the main loop */ }).unwrap();
//! ```
//!
//! # Filling a payload in place
//!
//! ```
//! # use ringlog_nostd::{AlignedBytes, EventHeader, Ring};
//! # let mut memory = AlignedBytes::<1024>::new();
//! # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
//! # let (mut producer, mut consumer) = ring.split();
//! let mut claim = producer.claim(64).unwrap();
//! claim.payload_mut()[..5].copy_from_slice(b"hello");
//! claim.commit(&EventHeader::new(1, 7, 5)).unwrap(); // shorter than claimed
//! assert_eq!(consumer.read_event().unwrap().1, b"hello");
//! ```
//!
//! # What it does not do
//!
//! Many producers or many consumers on one ring; waiting (poll, or park in the code around it, with a
//! [`ParkFlag`]).
//!
//! # Features
//!
//! - `crc-table-1k` (default), `crc-table-16k`: tables for CRC-32C; without either it is computed bit by bit.
//! - `embedded-io`: `StreamSink`, a log file out of anything that takes bytes.
//! - `defmt`: `defmt::Format` for headers, gaps and errors.
//! - `small-copy`: payloads are copied by a byte loop instead of `memcpy`, where flash is scarcer than time.
//! - `critical-section`, `unsafe-assume-single-core`: forwarded to `portable-atomic`, for `StaticRing::split` on
//!   cores without compare-and-swap. The application chooses; the ring itself needs neither.

// For maintainers. The control words (control.rs) stand in front of the data: one lap of `capacity` bytes and
// an overrun area that is one largest record long. Positions run freely and wrap; `head` belongs to the
// producer, `tail` to the consumer, and who owns a byte follows from the two: see ends.rs, where every access
// to the bytes is. geometry.rs holds all arithmetic on sizes and positions. Nobody frees anything here.

// Firmware: the allocator and the operating system are not there.
#![no_std]
#![cfg_attr(
    ringlog_loom,
    expect(
        dead_code,
        reason = "the model makes its rings in model.rs, without memory.rs and static_ring.rs"
    )
)]

mod batch;
mod checksum;
mod claim;
mod clock;
mod closer;
mod consumer;
mod consumer_list;
mod control;
mod copy;
mod ends;
mod error;
mod event_consumer;
mod file_header;
mod flight_recorder;
mod gap;
mod geometry;
mod header;
mod lossy;
#[cfg(not(ringlog_loom))]
mod memory;
#[cfg(doctest)]
mod misuse;
#[cfg(ringlog_loom)]
mod model;
mod once;
mod owned;
mod park_flag;
mod producer;
#[cfg(target_has_atomic = "64")]
pub mod publication;
mod record;
mod retention;
mod ring;
mod run;
#[cfg(not(ringlog_loom))]
mod static_ring;
#[cfg(feature = "embedded-io")]
mod stream_sink;
mod sync;

pub use batch::Batch;
pub use checksum::{Crc32cAppend, crc32c_append, place_word, record_checksum};
pub use claim::Claim;
pub use clock::{EventClock, WideCounter};
pub use consumer::Consumer;
pub use consumer_list::{ConsumerCounts, ConsumerList, ListFull};
pub use control::Loss;
pub use error::{RingError, RingFault, SkipError, WriteError};
pub use event_consumer::EventConsumer;
pub use file_header::{
    ClockKind, FILE_HEADER_LEN, FILE_MAGIC, FILE_VERSION, FileHeader, FileHeaderError, MAX_POSITION,
    check_position, field, file_flags,
};
pub use flight_recorder::FlightRecorder;
pub use gap::{GAP_PAYLOAD_LEN, Gap, GapReason};
pub use header::{EventHeader, HEADER_LEN, MAX_PAYLOAD, RECORD_ALIGN, flags, record_len};
pub use lossy::{Delivery, LossyProducer};
#[cfg(not(ringlog_loom))]
pub use memory::AlignedBytes;
#[cfg(ringlog_loom)]
pub use model::ModelControl;
pub use owned::OwnedEvent;
pub use park_flag::ParkFlag;
pub use producer::Producer;
pub use record::{
    Checksums, Event, RecordError, RecordErrorKind, Records, check_event, decode, encode, seal,
};
pub use retention::WriteBack;
pub use ring::{Fresh, Recovery, Ring, RingOptions, RingStamp, required_len};
pub use run::Run;
#[cfg(not(ringlog_loom))]
pub use static_ring::StaticRing;
#[cfg(feature = "embedded-io")]
pub use stream_sink::{StreamError, StreamSink};
#[cfg(ringlog_loom)]
pub use sync::{Killed, ShadowCell, die_before_store, die_not};
