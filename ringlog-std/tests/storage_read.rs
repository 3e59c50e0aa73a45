//! Reading logs: following them, seeking in them, merging them, and remembering how far one has come.

#[path = "storage_read/cursor.rs"]
mod cursor;
#[path = "storage_read/follow.rs"]
mod follow;
#[path = "storage_read/merge.rs"]
mod merge;
#[path = "storage_read/positions.rs"]
mod positions;
#[path = "storage_read/recycling.rs"]
mod recycling;
#[path = "storage_read/retention.rs"]
mod retention;
#[path = "storage_read/seek.rs"]
mod seek;
#[path = "storage_read/support.rs"]
mod support;
