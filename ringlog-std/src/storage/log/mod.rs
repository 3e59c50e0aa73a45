//! The writer of a log: one segment after another, without a system call while it appends.
//!
//! `opening` begins it, `writer` appends, `state` answers, `roll` goes to the next segment, `dropped` counts what a full disk took,
//! and `late` what a ring still held. Programs and the recorder call this folder. Slow work is done by `maintenance`.

pub(crate) mod active;
pub(crate) mod closing;
pub(crate) mod dropped;
pub(crate) mod late;
pub(crate) mod long_runs;
pub(crate) mod opening;
pub(crate) mod options;
pub(crate) mod roll;
pub(crate) mod schemas;
pub(crate) mod state;
pub(crate) mod summary;
pub(crate) mod supply;
#[cfg(feature = "macros")]
pub(crate) mod typed;
pub(crate) mod writer;
