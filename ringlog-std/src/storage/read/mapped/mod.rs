//! Reads segments through a mapping: events are lent, not copied.
//!
//! A segment here is closed or held against its writer, as a mapping must not shrink under its reader.

pub(crate) mod log_events;
pub(crate) mod log_reader;
pub(crate) mod segment_reader;
