//! The file of a cursor.
//!
//! A file `cursors/NAME` holds two slots of 64 bytes. They are 4096 bytes apart, so that no sector holds both:
//!
//! ```text
//!   0  | magic "EVTC"                  | version, u32 = 1              |
//!   8  | generation, u64                                               |
//!  16  | next_sequence, u64                                            |
//!  24  | updated_at, i64: unix nanoseconds                             |
//!  32  | pid, u32                      | zero                          |
//!  40  | log_identity, u128: 0 if it is not known                      |
//!  56  | zero                          | checksum, u32                 |
//! ```
//!
//! All little-endian; `checksum` is the CRC-32C of the 60 bytes before it. The valid slot with the higher
//! generation counts, and the other one is written next. So a write that is cut short anywhere leaves the old
//! one.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use ringlog_nostd::internal::check_position;

use crate::checksum::crc32c::crc32c_hardware;

const MAGIC: &[u8; 4] = b"EVTC";
const VERSION: u32 = 1;
pub(crate) const SLOT_LEN: usize = 64;
pub(crate) const SLOT_DISTANCE: u64 = 4096;
pub(crate) const FILE_BYTES: u64 = 2 * SLOT_DISTANCE;

/// One of the two places where the position is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Slot {
    /// Number of writes.
    pub(crate) generation: u64,
    pub(crate) next_sequence: u64,
    pub(crate) updated_at: i64,
    /// The process that wrote it.
    pub(crate) pid: u32,
    /// The identity of the log that the sequence is of, if known.
    pub(crate) log_identity: Option<u128>,
}

impl Slot {
    pub(crate) fn to_bytes(self) -> [u8; SLOT_LEN] {
        let mut bytes = [0; SLOT_LEN];
        bytes[..4].copy_from_slice(MAGIC);
        bytes[4..8].copy_from_slice(&VERSION.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.generation.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.next_sequence.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.updated_at.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.pid.to_le_bytes());
        bytes[40..56].copy_from_slice(&self.log_identity.unwrap_or_default().to_le_bytes());
        let checksum = crc32c_hardware(0, &bytes[..60]);
        bytes[60..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8; SLOT_LEN]) -> Option<Self> {
        let word = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        let long = |at: usize| Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        let is_ours = bytes.starts_with(MAGIC) && word(4)? == VERSION;
        if !is_ours || word(60)? != crc32c_hardware(0, &bytes[..60]) {
            return None;
        }
        // A larger number cannot be right: no cursor was written that often, and no log reaches that far.
        Some(Self {
            generation: check_position(long(8)?)?,
            next_sequence: check_position(long(16)?)?,
            updated_at: long(24)?.cast_signed(),
            pid: word(32)?,
            // Cursors from before this field existed have zeros here.
            log_identity: Some(u128::from_le_bytes(*bytes.get(40..)?.first_chunk()?)).filter(|&it| it != 0),
        })
    }
}

/// Returns the slot that counts, with its index; `None` if neither is valid.
pub(crate) fn read_newest(file: &File) -> io::Result<Option<(usize, Slot)>> {
    let mut newest: Option<(usize, Slot)> = None;
    for at in 0..2 {
        let slot = read_slot(file, at as u64 * SLOT_DISTANCE)?;
        if let Some(slot) =
            slot.filter(|slot| newest.is_none_or(|(_, other)| slot.generation > other.generation))
        {
            newest = Some((at, slot));
        }
    }
    Ok(newest)
}

fn read_slot(file: &File, offset: u64) -> io::Result<Option<Slot>> {
    let mut bytes = [0; SLOT_LEN];
    match file.read_exact_at(&mut bytes, offset) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        other => other.map(|()| Slot::from_bytes(&bytes)),
    }
}
