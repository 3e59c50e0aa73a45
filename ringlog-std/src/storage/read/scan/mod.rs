//! Reads a segment by `pread`, whatever state it is in.
//!
//! `segment_scan` goes record by record, `live` reads one that is being written, `hole` finds what follows damage,
//! `salt` finds which run a record belongs to. Verifying, salvage and `cat` read by this folder.

#[cfg(test)]
pub(crate) mod cost;
pub(crate) mod hole;
pub(crate) mod live;
pub(crate) mod salt;
pub(crate) mod segment_scan;
