//! What worker threads do for the writer of a log: prepare the next segment, sync, retire old ones.
//!
//! [`Maintenance`](maintenance::Maintenance) is what the writer and the workers share. `spare` prepares the next
//! segment, `flush` syncs full ones, `retention` decides which segments go, and `retire` deletes or recycles them. `log`
//! calls this folder; the threads of `workers` run its steps. It sees segments and their files, never records.

pub(crate) mod flush;
pub(crate) mod maintenance;
pub(crate) mod policies;
pub(crate) mod retention;
pub(crate) mod retire;
pub(crate) mod spare;
pub(crate) mod watch;
pub(crate) mod workers;
