//! What precedes the tail of a message.
#![forbid(unsafe_code)]

use super::message_types::RECORD_LEN;

/// The fields of a message that have their places in its payload.
#[derive(Clone, Copy)]
pub(super) struct Record {
    /// 1 (error) to 5 (trace).
    pub(super) level: u8,
    /// The span that it is in or about, 0 if there is none.
    pub(super) span: u64,
    /// The line in the source, 0 if that is unknown.
    pub(super) line: u32,
}

/// The place of what says whether the tail was cut.
pub(super) const CUT: usize = 17;

impl Record {
    /// Puts it at the beginning of a payload.
    pub(super) fn put(self, payload: &mut [u8], thread: u32) {
        let mut fixed = [0; RECORD_LEN];
        fixed[..8].copy_from_slice(&self.span.to_le_bytes());
        fixed[8..12].copy_from_slice(&thread.to_le_bytes());
        fixed[12..16].copy_from_slice(&self.line.to_le_bytes());
        fixed[16] = self.level;
        payload[..RECORD_LEN].copy_from_slice(&fixed);
    }
}
