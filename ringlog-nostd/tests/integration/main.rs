//! What the core promises, asked of its public interface: one module for each question.
//!
//! One program, because each program is linked with link-time optimisation: `cargo test --test integration oracle::`
//! runs one module.

mod consumer;
mod consumer_list;
mod event_consumer;
mod flight_recorder;
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
mod write_back;
