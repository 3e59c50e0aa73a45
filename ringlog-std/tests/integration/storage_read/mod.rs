//! Reads logs: follows, seeks in and merges them, and keeps how far a reader has come.

mod cursor;
mod follow;
mod merge;
mod positions;
mod recycling;
mod retention;
mod seek;
pub(crate) mod support;
