//! CRC-32C over records: by the processor's instruction where there is one, by tables elsewhere.
//!
//! `crc32c` chooses once and has the only calls of the instruction; `linear` combines the checksums of parts, and
//! `record_slice` is records in memory whose checksums are verified together. Writers and readers of segments call this
//! folder: a record gets its checksum in `storage/segment/copy.rs`. It knows nothing of files.

pub(crate) mod crc32c;
pub(crate) mod linear;
pub(crate) mod record_slice;
