//! CRC-32C over records: by the processor's instruction where there is one, by tables elsewhere.
//!
//! `crc32c` chooses once and has the only calls of the instruction; `linear` combines the checksums of parts. Writers
//! and readers of segments call this folder. It knows bytes, not records or files.

pub(crate) mod crc32c;
pub(crate) mod linear;
pub(crate) mod stretch;
