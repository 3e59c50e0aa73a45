//! What worker threads do for the writer of a log: prepare the next segment, sync, retire old ones.
//!
//! [`Maintenance`](maintenance::Maintenance) is what the writer and the workers share. It has the `segments` and their two
//! owners: that of `spare` prepares the next segment (`retention` decides which old ones go, `retire` deletes or recycles
//! them), that of `flush` syncs full ones. `log` calls this folder; the threads of `workers` run its steps. It sees
//! segments and their files, never records.

pub(crate) mod flush;
pub(crate) mod maintenance;
pub(crate) mod metrics;
pub(crate) mod policies;
pub(crate) mod retention;
pub(crate) mod retire;
pub(crate) mod rules;
pub(crate) mod segments;
pub(crate) mod spare;
pub(crate) mod sync_times;
pub(crate) mod tally;
pub(crate) mod watch;
pub(crate) mod workers;
