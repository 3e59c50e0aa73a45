//! Tests of the core's promises by its public interface, one module for each question.
//!
//! They are one program, because each program is linked with the whole library. This runs one module:
//! `cargo test --test integration oracle::`.

mod awaited;
mod consumer;
mod consumer_list;
mod event_consumer;
mod fixed;
mod flight_recorder;
mod framed_sink;
mod lossy;
mod oracle;
mod pitfalls;
mod properties;
mod publication;
mod queue;
mod record;
mod recover;
mod stream_sink;
mod take_over;
mod threads;
mod torture;
// Native numbers are refused on a big-endian target.
#[cfg(target_endian = "little")]
mod typed;
mod typed_portable;
mod write_back;
