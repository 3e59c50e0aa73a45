//! Where a ring's memory comes from, and how it becomes a ring.
//!
//! The memory is a `static`, a buffer of the caller, or is shared with another process or kept over a reset.
//! Formatting, attaching and recovering all return a ring, which gives out the two handles. The application,
//! `ringlog-std` and the models call this folder.

pub(crate) mod flight_recorder;
#[cfg(not(ringlog_loom))]
pub(crate) mod memory;
#[cfg(ringlog_loom)]
pub(crate) mod model;
pub(crate) mod once;
pub(crate) mod ring;
#[cfg(not(ringlog_loom))]
pub(crate) mod static_ring;
