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

// For maintainers. The folders, from the lowest up; a file names only what is in its folder or in one above it in
// this list:
//
// - sync.rs, copy.rs: atomics and volatile accesses, the one place that a model replaces;
// - format/: the bytes of a record and of a log file;
// - protocol/: the control words, all arithmetic on sizes and positions, and the two ends with every access to the
//   ring's bytes;
// - handle/: what a user holds of a ring (producer, consumer, claim, batch);
// - ring/: where the memory comes from, and how it becomes a ring;
// - sink/: what takes the events of a consumer.
//
// The control words precede the data: one lap of `capacity` bytes and an overrun area that is one largest record long.
// Positions run freely and wrap; `head` belongs to the producer, `tail` to the consumer, and who owns a byte follows
// from the two: see protocol/parts.rs. Nobody frees anything here.

// Firmware: the allocator and the operating system are not there.
#![no_std]
#![cfg_attr(
    ringlog_loom,
    expect(
        dead_code,
        reason = "the model makes its rings in ring/model.rs, without ring/memory.rs and ring/static_ring.rs"
    )
)]

mod clock;
mod copy;
mod error;
mod format;
mod handle;
#[cfg(doctest)]
mod misuse;
mod park_flag;
mod protocol;
mod ring;
mod sink;
mod sync;

#[cfg(target_has_atomic = "64")]
pub use format::publication;

pub use self::clock::{EventClock, WideCounter};
pub use self::error::{RingError, RingFault, SkipError, WriteError};
pub use self::format::checksum::{Crc32cAppend, crc32c_append, place_word, record_checksum};
pub use self::format::file_header::{
    ClockKind, FILE_HEADER_LEN, FILE_MAGIC, FILE_VERSION, FileHeader, FileHeaderError, MAX_POSITION,
    check_position, field, file_flags,
};
pub use self::format::gap::{GAP_PAYLOAD_LEN, Gap, GapReason};
pub use self::format::header::{EventHeader, HEADER_LEN, MAX_PAYLOAD, RECORD_ALIGN, flags, record_len};
pub use self::format::owned::OwnedEvent;
pub use self::format::record::{
    Checksums, Event, RecordError, RecordErrorKind, Records, add_checksum, check_event, decode, encode,
};
pub use self::format::run::Run;
pub use self::handle::batch::Batch;
pub use self::handle::claim::Claim;
pub use self::handle::consumer::Consumer;
pub use self::handle::lossy::{Delivery, LossyProducer};
pub use self::handle::producer::Producer;
pub use self::park_flag::ParkFlag;
pub use self::protocol::losses::Loss;
pub use self::protocol::retained::WriteBack;
pub use self::ring::flight_recorder::FlightRecorder;
#[cfg(not(ringlog_loom))]
pub use self::ring::memory::AlignedBytes;
#[cfg(ringlog_loom)]
pub use self::ring::model::ModelControl;
pub use self::ring::ring::{Fresh, Recovery, Ring, RingOptions, RingStamp, required_len};
#[cfg(not(ringlog_loom))]
pub use self::ring::static_ring::StaticRing;
pub use self::sink::consumer_list::{ConsumerCounts, ConsumerList, ListFull};
pub use self::sink::event_consumer::EventConsumer;
#[cfg(feature = "embedded-io")]
pub use self::sink::stream_sink::{StreamError, StreamSink};
#[cfg(ringlog_loom)]
pub use self::sync::{Killed, ShadowCell, die_before_store, die_not};
