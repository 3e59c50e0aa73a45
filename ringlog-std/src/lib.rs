//! An event log for code that cannot wait: a lock-free ring, memory-mapped log files, and what connects them.
//!
//! - [`ring`]: a producer on a hot path writes events, a 16-byte header and a payload, without lock, system call or
//!   allocation; another thread reads them in place.
//! - [`consumer`]: a dispatcher drains rings and logs into any number of consumers.
//! - [`storage`]: log files that survive the death of their writer, are followed while they grow, searched by
//!   sequence and time, and replayed without copying.
//! - [`recorder`]: ring, dispatcher and log together, on a separate thread or in another process than the producer.
//! - [`image`]: finds rings in a dump of memory.
//! - `logging` (with the features `log` and `tracing`): the messages of a program as events.
//! - `schema` (with the feature of that name): gives the fields of an event their names and values, and chooses events
//!   by them.
//!
//! # Recording
//!
//! ```
//! use ringlog::{event::EventHeader, recorder::Recorder};
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("log");
//!
//! let (producer, recorder) = Recorder::start(&path)?;
//! let mut producer = producer.lossy(); // a full ring loses the event, and a GAP record counts it
//! producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
//! recorder.shutdown(producer.into_inner())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Recording another process
//!
//! One program records, with [`RecorderBuilder::start_shared`](recorder::RecorderBuilder::start_shared) or
//! `ringlog serve --ring FILE`; the other writes. Either may be killed at any moment and started again.
//!
//! ```
//! use ringlog::{event::EventHeader, ring::SharedRing};
//! # let folder = tempfile::tempdir()?;
//! # let (path, log) = (folder.path().join("events.ring"), folder.path().join("log"));
//! # let recorder = ringlog::recorder::Recorder::builder().start_shared(&path, &log)?;
//!
//! let ring = SharedRing::open(&path)?;
//! let mut producer = ring.claim_producer()?;
//! producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
//! # assert_eq!(recorder.stop()?.events, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Writing a file and replaying it
//!
//! ```
//! use ringlog::event::EventHeader;
//! use ringlog::storage::{MmapReader, MmapWriter};
//! # let folder = tempfile::tempdir()?;
//! # std::env::set_current_dir(&folder)?;
//! # let (timestamp, event_type, payload) = (1, 2, *b"payload");
//! # let header = EventHeader::new(timestamp, event_type, payload.len() as u16);
//!
//! let mut writer = MmapWriter::create("events.log", 1024 * 1024 * 1024)?;
//! writer.write_event(&header, &payload);  writer.sync()?;
//! let reader = MmapReader::open("events.log")?;
//! reader.replay(|event| { /* event.header, event.payload */ });
//! # assert_eq!(reader.len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Events with names
//!
//! With the feature `macros`, a struct is the payload of an event, and the log knows the names of its fields:
//!
#![cfg_attr(feature = "macros", doc = "```")]
#![cfg_attr(not(feature = "macros"), doc = "```ignore")]
//! use ringlog::{event::Payload, ring::RingBuffer};
//!
//! #[ringlog::event(type = 1)]
//! struct OrderAdd {
//!     id: u64,
//!     #[event(scale = -2, unit = "USD")]
//!     price: i64,
//! }
//!
//! let mut ring = RingBuffer::new(1024);
//! ring.write(1_000, &OrderAdd { id: 7, price: 10_125 })?;
//! let (header, payload) = ring.read_event().unwrap();
//! assert_eq!(OrderAdd::view(&header, payload)?.id, 7);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it does not do
//!
//! Many producers on one ring, network transport, encryption, compression.
//!
//! # Features
//!
//! - `macros` (default): adds typed events.
//! - `schema` (default): adds the module `schema`.
//! - `nats`: adds the module `ship`, which ships a log to a stream of NATS JetStream.
//! - `log`: a logger for the facade `log`, in the module `logging`.
//! - `tracing`: a layer for `tracing-subscriber`, in the module `logging`.
//! - `async`: adds ends of a ring that a task of any executor awaits (`SpscRingBuffer::split_async`).
//! - `prometheus`: makes [`RecorderMonitor`](recorder::RecorderMonitor) a collector for a registry of `prometheus-client`.
//! - `tokio`: adds a log's events as a stream for tasks of tokio (`LogStream`).

#[cfg(not(target_os = "linux"))]
compile_error!(
    "ringlog-std needs Linux (fallocate, renameat2, madvise). On other systems use ringlog-nostd, whose formats are the same."
);
#[cfg(not(target_has_atomic = "64"))]
compile_error!(
    "ringlog-std needs 64-bit atomics for the words of mapped files. Use ringlog-nostd on this target."
);

// The attributes write paths for users of the library.
extern crate self as ringlog;

pub(crate) mod checksum;
pub mod clock;
pub mod consumer;
#[cfg(test)]
#[path = "../tests/integration/dice.rs"]
mod dice;
pub mod event;
pub mod image;
#[cfg(doctest)]
mod misuse;
#[cfg(all(doctest, feature = "macros"))]
#[doc = include_str!("../../README.md")]
mod readme {}
#[cfg(doctest)]
#[doc = include_str!("../../docs/operating.md")]
mod operating {}
#[cfg(any(feature = "log", feature = "tracing"))]
pub mod logging;
#[cfg(test)]
#[path = "../tests/integration/many_segments.rs"]
mod many_segments;
pub(crate) mod os;
pub(crate) mod parallel;
#[doc(hidden)]
pub mod programs;
pub mod recorder;
pub mod ring;
#[cfg(feature = "schema")]
pub mod schema;
#[cfg(feature = "nats")]
pub mod ship;
pub mod storage;
pub(crate) mod wait;
pub(crate) mod words;

#[cfg(feature = "macros")]
#[doc(hidden)]
pub use ringlog_nostd::typed;
#[cfg(feature = "macros")]
pub use ringlog_nostd::{
    events, typed::event_std as event, typed::fields_std as fields, typed::labels_std as labels,
};
