//! Damaged logs: every flipped bit is reported, nothing false is taken for a record, and all that is whole is
//! found again.

#[path = "storage_damage/flips.rs"]
mod flips;
#[path = "storage_damage/headers.rs"]
mod headers;
#[path = "storage_damage/oracle.rs"]
mod oracle;
#[path = "storage_damage/random.rs"]
mod random;
#[path = "storage_damage/salvage.rs"]
mod salvage;
#[path = "storage_damage/support.rs"]
mod support;
#[path = "storage_damage/verdicts.rs"]
mod verdicts;
