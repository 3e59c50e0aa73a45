//! Tests the library and its programs as a user uses them: one module for each question.
//!
//! One program, because each program is linked with the whole library: `cargo test --test integration
//! storage_log::` runs one module. A test that must be alone in its process starts this program again: see
//! `alone`.

mod allocations;
mod alone;
#[cfg(feature = "cli")]
mod cli;
mod dice;
mod disk_full;
mod follow;
mod foreign_locks;
mod fork;
mod hot_path;
mod kill_loop;
mod links;
mod locks;
mod many;
mod messages;
mod neighbour;
mod notify;
mod readme;
mod recorder;
mod ring_refusals;
mod shared_ring;
mod skips;
mod soak;
mod storage_allocation;
mod storage_bounds;
mod storage_damage;
mod storage_file;
mod storage_log;
mod storage_read;
mod typed;
mod writer_file;
