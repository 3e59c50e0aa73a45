//! Reads a log while it is written, and waits for more.
//!
//! `follower` hands out events and notices what retention took; `successor` finds the segment that comes next.

pub(crate) mod follower;
pub(crate) mod next_listing;
pub(crate) mod successor;
