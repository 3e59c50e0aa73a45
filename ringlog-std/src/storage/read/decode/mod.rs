//! Records in memory: decodes many at a time, and finds them again by a sparse index.
//!
//! This folder gets the bytes of a segment, and does not know where they come from.

pub(crate) mod bulk;
pub(crate) mod record_search;
pub(crate) mod segment_index;
