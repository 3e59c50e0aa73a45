//! Reads a log: by mapping or by `pread`, from any sequence or time on, once or while it is written.
//!
//! `bulk` decodes many records at once, `scan` reads files that may be cut or damaged, `seek` finds a place, `mapped`
//! lends events without copying, `follow` waits for more. The tools, cursors and programs call this folder. It never
//! writes, except for its own cache of an index.

#[cfg(feature = "schema")]
pub(crate) mod choice;
pub(crate) mod decode;
pub(crate) mod filter;
pub(crate) mod follow;
pub(crate) mod mapped;
pub(crate) mod merge;
pub(crate) mod needle;
pub(crate) mod scan;
pub(crate) mod seek;
mod type_set;
