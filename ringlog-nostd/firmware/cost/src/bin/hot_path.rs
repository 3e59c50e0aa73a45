//! The polling hot path, one function for each operation. `.ci/hot_path.py` checks their instructions.
#![no_std]
#![no_main]

use ringlog_nostd::{Consumer, EventHeader, Producer};

ringlog_cost::no_panic!();

type Take = fn(&EventHeader, &[u8]);

// SAFETY: no other symbol has this name.
#[unsafe(no_mangle)]
#[inline(never)]
fn hot_write_event(producer: &mut Producer<'static>, header: &EventHeader, payload: &[u8]) -> bool {
    producer.write_event(header, payload).is_ok()
}

// SAFETY: no other symbol has this name.
#[unsafe(no_mangle)]
#[inline(never)]
fn hot_claim_commit(producer: &mut Producer<'static>, header: &EventHeader, fill: fn(&mut [u8])) -> bool {
    let Ok(mut claim) = producer.claim(header.payload_len.into()) else { return false };
    fill(claim.payload_mut());
    claim.commit(header).is_ok()
}

// SAFETY: no other symbol has this name.
#[unsafe(no_mangle)]
#[inline(never)]
fn hot_read_event(consumer: &mut Consumer<'static>, take: Take) -> bool {
    let Some((header, payload)) = consumer.read_event() else { return false };
    take(&header, payload);
    true
}

// SAFETY: no other symbol has this name.
#[unsafe(no_mangle)]
#[inline(never)]
fn hot_drain(consumer: &mut Consumer<'static>, take: Take) -> bool {
    consumer.drain(usize::MAX, take).is_ok()
}

// SAFETY: no other symbol has this name.
#[unsafe(no_mangle)]
#[inline(never)]
fn hot_release(consumer: &mut Consumer<'static>) {
    consumer.release();
}

// SAFETY: no other symbol has this name.
#[unsafe(no_mangle)]
fn operation(
    producer: &mut Producer<'static>,
    consumer: &mut Consumer<'static>,
    header: &EventHeader,
    payload: &[u8],
    fill: fn(&mut [u8]),
    take: Take,
) -> bool {
    let written = hot_write_event(producer, header, payload) | hot_claim_commit(producer, header, fill);
    let read = hot_read_event(consumer, take) | hot_drain(consumer, take);
    hot_release(consumer);
    written & read
}
