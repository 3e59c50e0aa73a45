//! Reads segments through a mapping: events are lent, not copied.
//!
//! A segment here is held, or has its writer: it must not be recycled or shrink while it is mapped.

pub(crate) mod log_events;
pub(crate) mod log_reader;
pub(crate) mod segment_events;
pub(crate) mod segment_reader;
