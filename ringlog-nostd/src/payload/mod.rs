//! Typed events: structs as payloads, and what the log says of their fields (feature `macros`).
//!
//! The attributes of `ringlog-nostd/macros` implement [`Payload`](payload::Payload) by a description of the struct,
//! which `description` turns into JSON while the program is compiled.

pub(crate) mod description;
pub(crate) mod event_types;
pub(crate) mod field_type;
pub(crate) mod payload;
pub(crate) mod section;
