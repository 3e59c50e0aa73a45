//! The folder of a log: who writes there, and what the last writer left.
//!
//! The lock of the one writer, the `writer` file with the recorded end of the log, and what both show about the run
//! before. `log`, `recovery`, `read` and `repair` call this folder. It knows names and headers of segments, not their
//! records.

pub(crate) mod ending;
pub(crate) mod last_run;
pub(crate) mod listing;
pub(crate) mod writer_lock;
pub(crate) mod writer_record;
