//! The library and its programs, used as a user uses them: one module for each question.
//!
//! One program, because each program is linked with link-time optimisation: `cargo test --test integration storage_log::`
//! runs one module. What counts allocations, measures its process or kills others is a program of its own.

#[cfg(feature = "cli")]
mod cli;
mod disk_full;
mod links;
mod locks;
mod notify;
mod recorder;
mod ring_refusals;
mod shared_ring;
mod skips;
mod storage_bounds;
mod storage_damage;
mod storage_file;
mod storage_log;
mod storage_read;
mod writer_file;
