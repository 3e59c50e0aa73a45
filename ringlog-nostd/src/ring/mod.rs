//! Where a ring's memory comes from, and how it becomes a ring.
//!
//! A `static`, bytes of the caller, memory shared with another process or kept over a reset. Formatting, attaching
//! and recovering end in the same pair of handles. The application, the standard library's side and the models call
//! this folder.

pub(crate) mod flight_recorder;
#[cfg(not(ringlog_loom))]
pub(crate) mod memory;
#[cfg(ringlog_loom)]
pub(crate) mod model;
pub(crate) mod once;
pub(crate) mod ring;
#[cfg(not(ringlog_loom))]
pub(crate) mod static_ring;
