//! Runs operations one after the other, without interrupts. Their instructions are counted in the emulator's trace.
//!
//! `.ci/firmware.py` finds the operations by their names, which begin with `op_`.
#![no_std]
#![no_main]

use ringlog_firmware::{LONGEST, fail, firmware, panicked, pass};
use ringlog_nostd::{Consumer, Delivery, EventHeader, LossyProducer, Producer, StaticRing};

firmware!(main: main, timer: on_timer, panic: panicked);

/// Bytes of a payload: as many as a header has.
const PAYLOAD: usize = 16;

static RING: StaticRing<1024, LONGEST> = StaticRing::new();
static SMALL: StaticRing<128, LONGEST> = StaticRing::new();

fn on_timer() {}

// SAFETY: no other symbol has this name, here and below.
#[unsafe(no_mangle)]
#[inline(never)]
fn op_write(producer: &mut Producer<'static>, header: &EventHeader, payload: &[u8]) -> bool {
    producer.write_event(header, payload).is_ok()
}

// SAFETY: as above.
#[unsafe(no_mangle)]
#[inline(never)]
fn op_fixed(producer: &mut Producer<'static>, timestamp: u64, payload: &[u8; PAYLOAD]) -> bool {
    producer.write_fixed(timestamp, 1, payload).is_ok()
}

// SAFETY: as above.
#[unsafe(no_mangle)]
#[inline(never)]
fn op_claim(producer: &mut Producer<'static>, header: &EventHeader, byte: u8) -> bool {
    let Ok(mut claim) = producer.claim(PAYLOAD) else { return false };
    // As a device does: a store to each end.
    if let [first, .., last] = claim.payload_mut() {
        (*first, *last) = (byte, byte);
    }
    claim.commit(header).is_ok()
}

// SAFETY: as above.
#[unsafe(no_mangle)]
#[inline(never)]
fn op_read(consumer: &mut Consumer<'static>) -> u64 {
    consumer.read_event().map_or(0, |(header, payload)| header.timestamp + payload.len() as u64)
}

// SAFETY: as above.
#[unsafe(no_mangle)]
#[inline(never)]
fn op_drain(consumer: &mut Consumer<'static>, sum: &mut u64) -> usize {
    consumer.drain(usize::MAX, |header, payload| *sum += header.timestamp + payload.len() as u64).unwrap_or(0)
}

/// What an interrupt calls.
// SAFETY: as above.
#[unsafe(no_mangle)]
#[inline(never)]
fn op_interrupt(producer: &mut LossyProducer<'static>, header: &EventHeader, payload: &[u8]) -> bool {
    producer.write_event(header, payload) == Ok(Delivery::Written)
}

fn expect(done: bool, what: &str) {
    if !done {
        fail(format_args!("{what}"));
    }
}

fn header(time: u64) -> EventHeader {
    EventHeader::new(time, 1, PAYLOAD as u16)
}

fn main() -> ! {
    let payload = core::hint::black_box([0xA5; PAYLOAD]);
    let (mut producer, mut consumer) = RING.split().expect("split once");
    for time in 0..100 {
        expect(op_write(&mut producer, &header(time), &payload), "write");
        expect(op_read(&mut consumer) == time + PAYLOAD as u64, "read");
    }
    for time in 0..100 {
        expect(op_fixed(&mut producer, time, &payload), "write_fixed");
        expect(op_read(&mut consumer) == time + PAYLOAD as u64, "read");
    }
    for time in 0..100 {
        expect(op_claim(&mut producer, &header(time), 0x5A), "claim");
        expect(op_read(&mut consumer) == time + PAYLOAD as u64, "read");
    }
    consumer.release();
    for _ in 0..10 {
        (0..10).for_each(|time| expect(op_write(&mut producer, &header(time), &payload), "write"));
        let mut sum = 0;
        expect(op_drain(&mut consumer, &mut sum) == 10 && sum == 45 + 160, "drain");
    }
    interrupts(&payload);
    pass(format_args!("instructions are counted from the trace"))
}

/// Runs every state in which an interrupt can find the ring: room is known, the tail must be read first, the ring is
/// full, a loss must be reported first, a loss must be reported and finds no room.
fn interrupts(payload: &[u8; PAYLOAD]) {
    let (producer, mut consumer) = SMALL.split().expect("split once");
    let mut producer = producer.lossy();
    let (mut written, mut lost) = (0, 0);
    for time in 0..400 {
        match op_interrupt(&mut producer, &header(time), payload) {
            true => written += 1,
            false => lost += 1,
        }
        // After bursts of all lengths up to 7, one, two, three or all events are read.
        if time % (1 + time / 8 % 7) == 0 {
            expect(consumer.drain(1 + time as usize % 4, |_, _| ()).is_ok(), "drain");
        }
    }
    expect(written > 100 && lost > 50, "both kinds");
}
