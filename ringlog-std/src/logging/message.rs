//! The payload of a message.
#![forbid(unsafe_code)]

#[cfg(feature = "tracing")]
use tracing_core::Event;

#[cfg(feature = "tracing")]
use super::call::Call;
#[cfg(feature = "tracing")]
use super::fields::KnownFields;
use super::message_types::RECORD_LEN;
use super::record::{CUT, Record};
use super::scratch::Scratch;
use super::tail::Tail;

/// Makes the payload of a `log_record`.
pub(super) fn log_record(record: Record, max_payload: usize, fill: impl FnOnce(&mut Tail<'_>)) -> Scratch {
    let mut scratch = Scratch::take(max_payload);
    let thread = scratch.thread();
    let out = scratch.buffer();
    record.put(out, thread);
    let mut tail = Tail::begin(out, RECORD_LEN, max_payload);
    fill(&mut tail);
    let (len, is_cut) = tail.end();
    out[CUT] = is_cut.into();
    scratch.set_len(len);
    scratch
}

/// Makes the payload of an event. Returns `false` if that takes more than what is known of its call.
#[cfg(feature = "tracing")]
#[inline]
pub(super) fn known_record(
    scratch: &mut Scratch,
    call: &Call,
    span: u64,
    max_payload: usize,
    event: &Event<'_>,
) -> bool {
    if !call.is_plain() {
        return false;
    }
    let thread = scratch.thread();
    let out = scratch.buffer();
    let Some(mut tail) = call.begin(out, max_payload, span, thread) else { return false };
    event.record(&mut KnownFields::new(&mut tail, call));
    tail.end_fields();
    if let Some(file) = call.file {
        tail.text("file", file);
    }
    let (len, is_cut) = tail.end();
    out[CUT] = is_cut.into();
    scratch.set_len(len);
    true
}
