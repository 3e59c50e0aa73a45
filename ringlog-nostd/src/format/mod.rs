//! The bytes of records and of log files: for programs that read or write them without a ring.
//!
//! | task | use |
//! |---|---|
//! | read the records of a byte slice | [`Records`] for all, [`decode`] for one |
//! | write a record | [`encode`], then [`add_checksum`] with its [`place_word`] |
//! | know the length of a record | [`record_len`] |
//! | read or write the header of a log file | [`FileHeader`]; [`field`] and [`file_flags`] for single fields |
//!
//! All numbers are little-endian.
//!
//! ```
//! use ringlog_nostd::format::{Checksums, FILE_HEADER_LEN, FileHeader, Records, crc32c_append, file_flags};
//! # use ringlog_nostd::format::{add_checksum, encode, place_word};
//! # use ringlog_nostd::{ClockKind, EventHeader};
//! # let header = FileHeader { write_offset: 88, ..FileHeader::new(0, ClockKind::UnixNanos, true) };
//! # let mut file = header.to_bytes().to_vec();
//! # file.resize(88, 0);
//! # encode(&mut file[64..], &EventHeader::new(1, 7, 3), b"abc").unwrap();
//! # add_checksum(&mut file[64..], place_word(header.salt(), 64), crc32c_append).unwrap();
//!
//! let header = FileHeader::from_bytes(file.first_chunk().unwrap()).unwrap();
//! let checksums = if header.has(file_flags::CHECKSUMS) {
//!     Checksums::Verify { salt: header.salt(), crc: crc32c_append }
//! } else {
//!     Checksums::Absent
//! };
//! let records = &file[FILE_HEADER_LEN..header.write_offset as usize];
//! for event in Records::starting_at(records, checksums, FILE_HEADER_LEN as u64, header.base_sequence) {
//!     assert_eq!(event.unwrap().payload, b"abc");
//! }
//! ```

// Everything here reads or writes plain slices. It owns no memory and knows no ring; only `publication` uses atomics,
// for the words of a file's header. It calls only `sync` and `error`.

pub(crate) mod checksum;
pub(crate) mod file_fields;
pub(crate) mod file_header;
pub(crate) mod file_header_error;
pub(crate) mod gap;
pub(crate) mod header;
pub(crate) mod meta;
pub(crate) mod owned;
#[cfg(target_has_atomic = "64")]
pub(crate) mod publication;
pub(crate) mod record;
pub(crate) mod record_error;
pub(crate) mod records;
pub(crate) mod run;

pub use checksum::{crc32c_append, place_word};
pub use file_fields::{FILE_HEADER_LEN, FILE_MAGIC, FILE_VERSION, MAX_POSITION, field, file_flags};
pub use file_header::FileHeader;
pub use file_header_error::FileHeaderError;
pub use gap::GAP_PAYLOAD_LEN;
pub use header::{HEADER_LEN, RECORD_ALIGN, record_len};
pub use meta::MetaTopic;
pub use record::{Checksums, add_checksum, decode, encode};
pub use record_error::{RecordError, RecordErrorKind};
pub use records::{Event, Layouts, Records};
