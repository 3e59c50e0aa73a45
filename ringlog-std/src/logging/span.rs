//! The payloads of spans.
#![forbid(unsafe_code)]

use super::message_types::{SPAN_CLOSED_LEN, SPAN_OPENED_LEN};
use super::record::Record;
use super::scratch::Scratch;
use super::tail::Tail;

/// Makes the payload of a `span_opened`.
pub(super) fn span_opened(
    record: Record,
    parent: u64,
    max_payload: usize,
    fill: impl FnOnce(&mut Tail<'_>),
) -> Scratch {
    let mut scratch = Scratch::take(max_payload);
    let mut fixed = [0; SPAN_OPENED_LEN];
    fixed[..8].copy_from_slice(&record.span.to_le_bytes());
    fixed[8..16].copy_from_slice(&parent.to_le_bytes());
    fixed[16..20].copy_from_slice(&scratch.thread().to_le_bytes());
    fixed[20..24].copy_from_slice(&record.line.to_le_bytes());
    fixed[24] = record.level;
    let out = scratch.buffer();
    out[..SPAN_OPENED_LEN].copy_from_slice(&fixed);
    let mut tail = Tail::begin(out, SPAN_OPENED_LEN, max_payload);
    fill(&mut tail);
    let (len, is_cut) = tail.end();
    out[25] = is_cut.into();
    scratch.set_len(len);
    scratch
}

/// Makes the payload of a `span_closed`.
pub(super) fn span_closed(span: u64, max_payload: usize) -> Scratch {
    let mut scratch = Scratch::take(max_payload);
    let mut fixed = [0; SPAN_CLOSED_LEN];
    fixed[..8].copy_from_slice(&span.to_le_bytes());
    fixed[8..12].copy_from_slice(&scratch.thread().to_le_bytes());
    scratch.buffer()[..SPAN_CLOSED_LEN].copy_from_slice(&fixed);
    scratch.set_len(SPAN_CLOSED_LEN);
    scratch
}
