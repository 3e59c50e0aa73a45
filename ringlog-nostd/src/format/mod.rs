//! The bytes of records and of a log file's header.
//!
//! Everything here reads or writes plain slices. It owns no memory and knows no ring; only `publication` uses atomics,
//! for the words of a file's header. Rings, log files, dumps and streams all hold these bytes, so the rest of the
//! library and the tools call this folder. It calls only `sync` and `error`.

pub(crate) mod checksum;
pub(crate) mod file_header;
pub(crate) mod gap;
pub(crate) mod header;
pub(crate) mod owned;
#[cfg(target_has_atomic = "64")]
pub mod publication;
pub(crate) mod record;
pub(crate) mod run;
