//! What a log's segments say of its events: the lists that a writer stores, and what is in force where an event was read.
//!
//! `segment` stores lists and `read` collects them. Nothing here knows files or positions.

pub(crate) mod in_force;
pub(crate) mod list;
#[cfg(all(feature = "macros", feature = "schema"))]
pub(crate) mod read_event;
