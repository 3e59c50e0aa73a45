//! What worker threads do for the writer of a log: prepare the next segment, sync, retire old ones.
//!
//! [`Maintenance`](maintenance::Maintenance) is what the writer and the workers share. `log` calls this folder; the
//! workers of `workers` run its steps. It sees segments and their files, never the records of the writer.

pub(crate) mod flush;
pub(crate) mod maintenance;
pub(crate) mod policies;
pub(crate) mod retention;
pub(crate) mod spare;
pub(crate) mod watch;
pub(crate) mod workers;
