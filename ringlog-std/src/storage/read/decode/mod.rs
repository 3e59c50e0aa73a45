//! Records as a reader sees them in memory: decoded many at a time, and found again by a sparse index.
//!
//! Knows the bytes of a segment that are in memory, not where they come from.

pub(crate) mod bulk;
pub(crate) mod segment_index;
