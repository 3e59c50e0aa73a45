//! What the next writer does with the log that the last one left.
//!
//! It finds where each segment ends, cuts what a loss of power tore, completes headers, and reports all of it. It
//! runs once, when a log is opened for writing, before anything is appended. It stores only what it can store again.

pub(crate) mod closed;
pub(crate) mod recovery;
pub(crate) mod report;
pub(crate) mod resync;
pub(crate) mod segment_end;
pub(crate) mod strays;
