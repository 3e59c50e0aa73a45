//! The payload of a message.
#![forbid(unsafe_code)]

use super::message_types::RECORD_LEN;
use super::scratch::Scratch;
use super::tail::Tail;

/// What precedes the tail of a message.
#[derive(Clone, Copy)]
pub(super) struct Record {
    /// 1 (error) to 5 (trace).
    pub(super) level: u8,
    /// The span that it is in or about, 0 if there is none.
    pub(super) span: u64,
    /// The line in the source, 0 if that is unknown.
    pub(super) line: u32,
}

/// Makes the payload of a `log_record`.
pub(super) fn log_record(record: Record, max_payload: usize, fill: impl FnOnce(&mut Tail<'_>)) -> Scratch {
    let (mut scratch, thread) = Scratch::take();
    let out = scratch.bytes();
    let mut fixed = [0; RECORD_LEN];
    fixed[..8].copy_from_slice(&record.span.to_le_bytes());
    fixed[8..12].copy_from_slice(&thread.to_le_bytes());
    fixed[12..16].copy_from_slice(&record.line.to_le_bytes());
    fixed[16] = record.level;
    out.extend_from_slice(&fixed);
    let mut tail = Tail::begin(out, max_payload);
    fill(&mut tail);
    out[17] = tail.end().into();
    scratch
}
