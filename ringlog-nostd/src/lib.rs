//! Event records and a lock-free single-producer single-consumer byte ring: `no_std`, no allocator.
//!
//! A record is a 16-byte [`EventHeader`], a payload of up to 65,535 bytes, and padding to a multiple of 8. Its bytes
//! are the same in a ring, in a stream and in a log file, so moving events is copying bytes.
//!
//! A ring has one [`Producer`] and one [`Consumer`]. Both use loads and stores only, so the ring runs on cores
//! without compare-and-swap.
//!
//! # Which type for which task
//!
//! | task | type |
//! |---|---|
//! | put a ring into a `static` | [`StaticRing`] |
//! | make a ring in a buffer | [`Ring::format`], over [`AlignedBytes`] |
//! | share a ring with another process | [`Ring::format_raw`] and [`Ring::attach`] |
//! | keep a ring over a reset | [`Ring::recover`], with [`RingOptions::retained`] |
//! | write events, and handle a full ring | [`Producer`] |
//! | write events, and count those that find no room | [`LossyProducer`] |
//! | fill a payload in place | [`Claim`], from [`Producer::claim`] |
//! | publish several events at once | [`Batch`], from [`Producer::batch`] |
//! | read events | [`Consumer`] |
//! | hand each event to several consumers | [`ConsumerList`] of [`EventConsumer`]s |
//! | keep the newest events, overwrite the oldest | [`FlightRecorder`], from [`Ring::overwrite_oldest`] |
//! | write a log file to a UART or a card | `StreamSink` (feature `embedded-io`) |
//! | write events to a wire that loses bytes, and survive it | `FramedSink` (feature `embedded-io`) |
//! | sleep until an event comes | [`ParkFlag`] |
//! | await events in a task of any executor | `AsyncSignal` (feature `async`) |
//! | timestamp events | [`EventClock`], and [`WideCounter`] for a timer that wraps |
//! | write and read structs instead of bytes | `Payload` and the attribute `event` (feature `macros`) |
//! | keep an event after its space is released | [`OwnedEvent`] |
//! | count missing events | [`Gap`] |
//! | read or write records and log files as plain bytes | [`format`](mod@format) |
//! | find the records in the bytes of such a wire | [`frame`] |
//!
//! # In firmware
//!
//! ```
//! use ringlog_nostd::{EventHeader, StaticRing};
//!
//! static RING: StaticRing<1024, 32> = StaticRing::new();
//!
//! let (mut producer, mut consumer) = RING.split().unwrap();
//! // In the interrupt:
//! producer.write_event(&EventHeader::new(1, 7, 2), &[1, 2]).unwrap();
//! // In the main loop:
//! let mut sent = Vec::new();
//! consumer.drain(usize::MAX, |_header, payload| sent.extend_from_slice(payload)).unwrap();
//! assert_eq!(sent, [1, 2]);
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
//! A ring takes no second producer or consumer. Nothing here blocks: poll, await, or let the code around the ring sleep
//! with a [`ParkFlag`].
//!
//! # Features
//!
//! - `crc-table-1k` (on by default): computes CRC-32C with a table of 1 KiB.
//! - `crc-table-16k`: uses a table of 16 KiB, which is faster. Without a table, CRC-32C is computed bit by bit.
//! - `async`: adds ends of a ring that a task awaits (`AsyncSignal`). It needs compare-and-swap, or one of the features
//!   `critical-section` and `unsafe-assume-single-core`.
//! - `embedded-io`: adds `StreamSink`, which writes a log file to a UART, a card or anything else that takes bytes, and
//!   `FramedSink`, which writes frames.
//! - `embedded-io-async`: adds methods of `FramedSink` that a task awaits.
//! - `defmt`: implements `defmt::Format` for headers, gaps and errors.
//! - `macros`: adds typed events: the attributes `event`, `labels` and `fields`, the trait `Payload`, `events!` and `schema_section!`.
//! - `small-copy`: copies payloads by a byte loop instead of `memcpy`. It is slower and saves about 600 bytes of flash.
//! - `critical-section`, `unsafe-assume-single-core`: make [`StaticRing::split`] available on cores without
//!   compare-and-swap. The application turns on one of them, never a library; the ring itself needs neither.
//! - `processes`: lets an end know its process, so that a forked child does not close the parent's ring.

// For maintainers. docs/design.md has the map of the folders. A file names only what is in its own folder or in one
// above it in that map.
//
// The control words precede the data, which is one lap of `capacity` bytes and an overrun area as long as the largest
// record. Positions run freely and wrap: `head` belongs to the producer, `tail` to the consumer. The two decide who
// owns a byte: see protocol/parts.rs. Nothing here frees memory.

// Firmware has no allocator and no operating system.
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
pub mod format;
pub mod frame;
mod gate;
mod handle;
#[cfg(doctest)]
mod misuse;
mod park_flag;
#[cfg(feature = "macros")]
mod payload;
mod protocol;
mod ring;
mod sink;
mod sync;
#[cfg(feature = "async")]
mod wake;

pub use self::clock::{EventClock, WideCounter};
pub use self::error::{RingError, RingFault, SkipError, WriteError};
pub use self::format::file_header::ClockKind;
pub use self::format::gap::{Gap, GapReason};
pub use self::format::header::{EventHeader, MAX_PAYLOAD, flags};
pub use self::format::owned::OwnedEvent;
pub use self::format::run::Run;
pub use self::handle::batch::Batch;
pub use self::handle::claim::Claim;
pub use self::handle::consumer::Consumer;
pub use self::handle::lent::Lent;
pub use self::handle::lossy::{Delivery, LossyProducer};
pub use self::handle::producer::Producer;
pub use self::park_flag::ParkFlag;
#[cfg(feature = "macros")]
pub use self::payload::description::Tail;
#[cfg(feature = "macros")]
pub use self::payload::event_types::{EventSchema, EventTypes};
#[cfg(feature = "macros")]
pub use self::payload::payload::{HasTail, Payload, ViewError};
pub use self::protocol::losses::Loss;
pub use self::ring::flight_recorder::FlightRecorder;
#[cfg(not(ringlog_loom))]
pub use self::ring::memory::AlignedBytes;
#[cfg(ringlog_loom)]
pub use self::ring::model::ModelControl;
pub use self::ring::ring::{Recovery, Ring, RingOptions};
#[cfg(not(ringlog_loom))]
pub use self::ring::static_ring::StaticRing;
pub use self::sink::consumer_list::{ConsumerCounts, ConsumerList, ListFull};
pub use self::sink::event_consumer::EventConsumer;
#[cfg(feature = "embedded-io")]
pub use self::sink::framed_sink::FramedSink;
#[cfg(feature = "embedded-io")]
pub use self::sink::stream_sink::{StreamError, StreamSink};
#[cfg(ringlog_loom)]
pub use self::sync::{Killed, ShadowCell, die_before_store, die_not};
#[cfg(feature = "async")]
pub use self::wake::async_consumer::AsyncConsumer;
#[cfg(feature = "async")]
pub use self::wake::async_producer::AsyncProducer;
#[cfg(feature = "async")]
pub use self::wake::connect::AlreadyConnected;
#[cfg(feature = "async")]
pub use self::wake::signal::AsyncSignal;

#[cfg(feature = "macros")]
pub use ringlog_macros::{event, fields, labels};
/// Numbers that are little-endian on every target, for fields of events that run on a big-endian one.
#[cfg(feature = "macros")]
pub use zerocopy::little_endian;

/// What generated code needs. It is not part of the API: any version may change it.
#[cfg(feature = "macros")]
#[doc(hidden)]
pub mod typed {
    pub use crate::payload::description::{Description, Field, Kind, Tail};
    pub use crate::payload::event_types::check_events;
    pub use crate::payload::field_type::{FieldType, InLog, WithoutHoles, bytes_of_holes};
    pub use crate::payload::payload::{HasTail, Payload, header_of};
    pub use crate::payload::section::{section_len, section_of};
    pub use ringlog_macros::{event_std, fields_std, labels_std};
    pub use zerocopy;
}

/// What `ringlog-std` and the tests of this workspace need besides. It is not part of the API: any version may change
/// it.
#[doc(hidden)]
pub mod internal {
    pub use crate::format::checksum::record_checksum;
    pub use crate::format::file_fields::check_position;
    pub use crate::format::record::check_event;
    pub use crate::gate::{Fence, Gate, Inside, Seat};
    pub use crate::handle::foreign::SuspendedBatch;
    pub use crate::ring::ring::{RingStamp, SchemasRefused};

    /// How a log file's writer and readers share the words of its header.
    #[cfg(target_has_atomic = "64")]
    pub mod publication {
        pub use crate::format::publication::*;
    }
}
