//! Keeps how far a consumer of a log has come, over restarts.
//!
//! A cursor is two slots of a small file beside the log: one is written while the other stays valid. `tail`,
//! retention and programs use this folder. It reads the log with `read`, and never writes to it.

pub(crate) mod cursor;
pub(crate) mod error;
pub(crate) mod follow;
pub(crate) mod list;
pub(crate) mod slot;
