//! Checks a log, and copies what is whole of a damaged one.
//!
//! `verify` gives each segment a verdict; `salvage` copies every valid record into a new log, with GAP records
//! for the rest. The programs and users call this folder. Neither function changes the log that it reads.

pub(crate) mod damaged_header;
pub(crate) mod salvage;
pub(crate) mod salvage_copy;
pub(crate) mod salvage_report;
pub(crate) mod salvage_source;
pub(crate) mod verdict;
pub(crate) mod verify;
