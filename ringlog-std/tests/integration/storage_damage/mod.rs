//! Damaged logs: every flipped bit is reported, nothing false is taken for a record, and all that is whole is
//! found again.

mod flips;
mod headers;
mod oracle;
mod random;
mod salvage;
pub(crate) mod support;
mod verdicts;
