//! Reads a log while it is written, and waits for more.
//!
//! `follower` hands out events and notices what retention took; `successor` finds the segment that comes next. `log_stream`
//! is a follower that tasks of tokio await.

pub(crate) mod follower;
#[cfg(feature = "tokio")]
pub(crate) mod log_stream;
pub(crate) mod next_listing;
#[cfg(feature = "tokio")]
pub(crate) mod owned_event;
pub(crate) mod successor;
