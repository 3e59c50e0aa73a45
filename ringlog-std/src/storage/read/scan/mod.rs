//! Reads a segment by `pread`, whatever state it is in.
//!
//! `segment_scan` goes record by record, `live` reads one that is being written, `hole` finds what follows damage,
//! `salt` finds which run a record belongs to. Verifying, salvage and `cat` read by this folder.

pub(crate) mod hole;
pub(crate) mod live;
pub(crate) mod log_scan;
pub(crate) mod salt;
pub(crate) mod segment_scan;
pub(crate) mod watermarks;
