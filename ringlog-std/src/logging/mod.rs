//! Log messages of a program as events: for the facade `log` (feature `log`) and for `tracing` (feature `tracing`).
//!
//! A message is formatted on the calling thread, into memory that the thread keeps, and written into that thread's ring: no
//! lock, no system call, and no allocation once the thread has logged. It never waits. A thread that gets no ring shares one
//! with others. What finds no room is counted by a GAP record in the log.
//!
//! - [`Sink`]: a log that takes messages, made by [`Sink::open`] or [`Sink::builder`].
//! - [`Guard`]: ends that log. Keep it in `main`.
//! - `Logger`: a `log::Log` (feature `log`).
//! - `Layer`: a layer of `tracing-subscriber` (feature `tracing`).
//! - [`Sink::install_panic_hook`]: panics get into the log too.
//!
//! `ringlog cat LOG` prints the messages with names. `docs/logging.md` is the guide, and has the bytes.
#![forbid(unsafe_code)]

#[cfg(feature = "tracing")]
mod bridged;
mod builder;
#[cfg(feature = "tracing")]
mod call;
mod error;
#[cfg(feature = "tracing")]
mod fields;
mod guard;
mod items;
#[cfg(feature = "tracing")]
mod key;
#[cfg(feature = "tracing")]
mod layer;
#[cfg(feature = "log")]
mod logger;
mod message;
mod message_types;
mod panics;
mod record;
mod scratch;
mod sink;
#[cfg(feature = "tracing")]
mod span;
mod spare;
mod tail;

pub use builder::SinkBuilder;
pub use error::SinkError;
pub use guard::{Guard, SinkSummary};
#[cfg(feature = "tracing")]
pub use layer::Layer;
#[cfg(feature = "log")]
pub use logger::Logger;
pub use message_types::MessageTypes;
pub use sink::Sink;
