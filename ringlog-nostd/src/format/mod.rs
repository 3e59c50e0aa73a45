//! The bytes of records and of a log file's header.
//!
//! Everything here reads or writes plain slices: no atomics but the two words of a file's header (`publication`), no
//! ring, no memory of its own. Rings, log files, dumps and streams all hold these bytes, so the rest of the library
//! and the tools call this folder; it calls only `sync` and `error`.

pub(crate) mod checksum;
pub(crate) mod file_header;
pub(crate) mod gap;
pub(crate) mod header;
pub(crate) mod owned;
#[cfg(target_has_atomic = "64")]
pub mod publication;
pub(crate) mod record;
pub(crate) mod run;
