//! Reads a segment by `pread`, in any state.
//!
//! `segment_scan` goes record by record, `live` reads one that is being written, `hole` finds what follows damage,
//! `lost_description` which damaged bytes described events, `salt` the salt under which records were written. Verification,
//! salvage and `cat` use this folder.

pub(crate) mod hole;
pub(crate) mod live;
pub(crate) mod log_scan;
pub(crate) mod lost_description;
pub(crate) mod overtaken;
pub(crate) mod salt;
pub(crate) mod search;
pub(crate) mod search_progress;
pub(crate) mod segment_scan;
pub(crate) mod watermarks;
