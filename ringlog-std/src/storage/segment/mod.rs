//! One segment: its name, its file, its header, and the bytes that are appended to it.
//!
//! `create` and `spare` create files, `staged` stores what describes their events, `writer` appends, `copy` adds the checksums
//! of what was copied, `flusher` syncs and closes, `share` keeps a reader's segment from being recycled. `log`, `maintenance`,
//! `recovery` and `read` call this folder. A segment does not know of the others.

#[cfg(feature = "compressed")]
pub(crate) mod compressed;
pub(crate) mod copy;
pub(crate) mod counts;
pub(crate) mod create;
pub(crate) mod file;
pub(crate) mod flusher;
pub(crate) mod header_count;
pub(crate) mod options;
pub(crate) mod poison;
pub(crate) mod position;
pub(crate) mod run_buffer;
pub(crate) mod share;
pub(crate) mod single;
pub(crate) mod spare;
pub(crate) mod staged;
#[cfg(feature = "macros")]
pub(crate) mod typed;
pub(crate) mod writer;
