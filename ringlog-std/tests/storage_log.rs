//! Logs as folders of segments: writing, rolling, recovery, and both ways of reading.

#[path = "storage_log/damage.rs"]
mod damage;
#[path = "storage_log/files.rs"]
mod files;
#[path = "storage_log/recovery.rs"]
mod recovery;
#[path = "storage_log/refusals.rs"]
mod refusals;
#[path = "storage_log/support.rs"]
mod support;
#[path = "storage_log/upkeep.rs"]
mod upkeep;
#[path = "storage_log/writing.rs"]
mod writing;
