//! Damaged logs: every flipped bit is reported, no other bytes are accepted as a record, and every whole record
//! is found.

mod flips;
mod headers;
mod oracle;
mod random;
mod salvage;
pub(crate) mod support;
mod verdicts;
