//! A ring that survives resets by the system, by a panic and by the watchdog, with damage in between.
//!
//! Each start recovers the ring, compares what it finds with what the previous start wrote, writes more and ends in the
//! next kind of reset. The number of resets so far is in memory beside the ring.
#![no_std]
#![no_main]

use core::fmt::Write;
use core::panic::PanicInfo;
use core::ptr::NonNull;
use ringlog_firmware::{LONGEST, Phase, board, fail, firmware, pass, payload_of, println, retained_memory};
use ringlog_nostd::{Consumer, EventHeader, Producer, Recovery, Ring, RingOptions};

firmware!(main: main, timer: on_timer, panic: panic_into_the_ring);

/// The type of the event that a panic leaves. Its payload is the message.
const PANIC: u8 = 0xFE;
const MESSAGE: &[u8] = b"the valve is stuck";
/// Bytes of control words in front of the data on a 32-bit core.
const CONTROL_BYTES: usize = 64;

fn options() -> RingOptions {
    RingOptions {
        capacity: Some(1024),
        max_payload: Some(LONGEST),
        identity: 0x5249_4E47_0000_0005,
        retained: true,
        ..RingOptions::default()
    }
}

fn on_timer() {}

fn recover() -> (Ring<'static>, Recovery) {
    let (start, len) = retained_memory();
    // SAFETY: (1) the linker script keeps this memory out of every section, and it is there for ever; (2) every
    // caller has dropped, or will never use again, the ends that it got before.
    let (ring, found) = unsafe { Ring::recover(start, len, &options()) }.expect("the memory is large enough");
    (ring.write_back(reach_memory), found)
}

/// None of these cores has a data cache or an ECC buffer, so a barrier is enough. A Cortex-M7 cleans the lines of
/// these bytes here (`SCB::clean_dcache_by_address`), a part with ECC memory stores its last words once more.
fn reach_memory(_start: *const u8, _len: usize) {
    core::sync::atomic::fence(core::sync::atomic::Ordering::SeqCst);
}

/// Leaves the panic's message as the last event and starts again.
fn panic_into_the_ring(info: &PanicInfo<'_>) -> ! {
    let mut text = Text { bytes: [0; LONGEST], len: 0 };
    let _ = write!(text, "{}", info.message());
    // The ends that were out when the panic began are not used any more.
    let (mut producer, _) = recover().0.into_ends();
    let header = EventHeader::new(u64::MAX, PANIC, text.len as u16);
    let _ = producer.write_event(&header, &text.bytes[..text.len]);
    board::reset()
}

/// The start of a message, as long as an event can be.
struct Text {
    bytes: [u8; LONGEST],
    len: usize,
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let room = &mut self.bytes[self.len..];
        let taken = text.len().min(room.len());
        room[..taken].copy_from_slice(&text.as_bytes()[..taken]);
        self.len += taken;
        Ok(())
    }
}

fn write(producer: &mut Producer<'static>, numbers: core::ops::Range<u32>) {
    for number in numbers {
        let (bytes, len) = payload_of(number);
        let header = EventHeader::new(u64::from(number), 1, len as u16);
        if let Err(error) = producer.write_event(&header, &bytes[..len]) {
            fail(format_args!("event {number}: {error}"));
        }
    }
}

/// Reads everything. The events must be those of the script, in order; a panic's message can only be the last.
fn check(consumer: &mut Consumer<'static>, numbers: core::ops::Range<u32>, panicked: bool) {
    let mut next = numbers.start;
    let mut message_seen = false;
    let drained = consumer.drain(usize::MAX, |header, payload| {
        if header.event_type == PANIC {
            message_seen = payload == MESSAGE;
            return;
        }
        let (bytes, len) = payload_of(next);
        if message_seen || header.timestamp != u64::from(next) || *payload != bytes[..len] {
            fail(format_args!("found {} instead of {next}", header.timestamp));
        }
        next += 1;
    });
    if drained.is_err() || next != numbers.end || message_seen != panicked {
        fail(format_args!("{drained:?}: up to {next} of {}, message {message_seen}", numbers.end));
    }
}

fn expect(found: Recovery, wanted: Recovery) {
    if found != wanted {
        fail(format_args!("{found:?} instead of {wanted:?}"));
    }
}

/// Flips one bit of the memory, as radiation does.
fn flip(start: NonNull<u8>, at: usize) {
    // SAFETY: `at` is below the length of the memory at every call here.
    let byte = unsafe { start.add(at) };
    // SAFETY: as above; no end of the ring is used while this runs.
    let value = unsafe { byte.read_volatile() };
    // SAFETY: as above.
    unsafe { byte.write_volatile(value ^ 0x10) };
}

/// Returns the offset in the ring's memory of the payload of this event of the first start.
fn place_of(number: u32) -> usize {
    let before: usize = (0..number).map(|number| (16 + payload_of(number).1).next_multiple_of(8)).sum();
    CONTROL_BYTES + before + 16
}

fn main() -> ! {
    let mut phase = Phase::here();
    let number = phase.get();
    let (ring, found) = recover();
    println!("start {number}: {found:?}");
    phase.set(number + 1);
    match number {
        0 => first_start(ring, found),
        1 => after_a_system_reset(ring, found),
        2 => after_a_panic(ring, found),
        3 => after_the_watchdog(ring, found),
        4 => after_damage(ring, found),
        _ => after_damaged_control_words(found),
    }
}

fn first_start(ring: Ring<'static>, found: Recovery) -> ! {
    expect(found, Recovery::NoRing);
    write(&mut ring.into_ends().0, 0..20);
    board::reset()
}

fn after_a_system_reset(ring: Ring<'static>, found: Recovery) -> ! {
    expect(found, Recovery::Recovered { events: 20, cut: false });
    let (mut producer, _) = ring.into_ends();
    write(&mut producer, 20..25);
    // A claim that a reset interrupts is no event.
    if let Ok(mut claim) = producer.claim(LONGEST) {
        claim.payload_mut().fill(0xEE);
    }
    panic!("the valve is stuck")
}

fn after_a_panic(ring: Ring<'static>, found: Recovery) -> ! {
    expect(found, Recovery::Recovered { events: 26, cut: false });
    let (mut producer, mut consumer) = ring.into_ends();
    check(&mut consumer, 0..25, true);
    write(&mut producer, 25..40);
    board::wait_for_watchdog();
    // A board without a watchdog does another system reset.
    board::reset()
}

fn after_the_watchdog(ring: Ring<'static>, found: Recovery) -> ! {
    expect(found, Recovery::Recovered { events: 15, cut: false });
    let (mut producer, mut consumer) = ring.into_ends();
    check(&mut consumer, 25..40, false);
    // The next start must find a ring at the start of its memory.
    drop((producer, consumer));
    let (start, len) = retained_memory();
    // SAFETY: as in `recover`.
    let ring = unsafe { Ring::format_raw(start, len, &options()) }.expect("it fitted before");
    (producer, consumer) = ring.into_ends();
    write(&mut producer, 0..20);
    let _ = consumer;
    flip(start, place_of(13));
    board::reset()
}

fn after_damage(ring: Ring<'static>, found: Recovery) -> ! {
    expect(found, Recovery::Recovered { events: 13, cut: true });
    check(&mut ring.into_ends().1, 0..13, false);
    write(&mut recover().0.into_ends().0, 13..20);
    every_control_byte();
    flip(retained_memory().0, 8); // the capacity
    board::reset()
}

fn after_damaged_control_words(found: Recovery) -> ! {
    expect(found, Recovery::Damaged);
    pass(format_args!("6 starts, {} resets", Phase::here().get() - 1))
}

/// Damages each control byte in eight ways. Recovery returns a fresh ring, or whole events in their order.
fn every_control_byte() {
    let (start, len) = retained_memory();
    let mut image = [0; 2048];
    copy_out(start, &mut image[..len.min(2048)]);
    for at in 0..CONTROL_BYTES {
        for bit in 0..8 {
            copy_in(start, &image[..len.min(2048)]);
            let mut damaged = image;
            damaged[at] ^= 1 << bit;
            copy_in(start, &damaged[..len.min(2048)]);
            let (mut producer, mut consumer) = recover().0.into_ends();
            check_some(&mut consumer);
            write(&mut producer, 0..1);
        }
    }
    copy_in(start, &image[..len.min(2048)]);
}

/// Checks that all events found are whole events of the script, one after the other.
fn check_some(consumer: &mut Consumer<'static>) {
    let mut last = None;
    let drained = consumer.drain(usize::MAX, |header, payload| {
        let number = header.timestamp as u32;
        let (bytes, len) = payload_of(number);
        if header.event_type != 1 || last.is_some_and(|last| number != last + 1) || *payload != bytes[..len] {
            fail(format_args!("{number} after {last:?}"));
        }
        last = Some(number);
    });
    if let Err(fault) = drained {
        fail(format_args!("{fault}"));
    }
}

fn copy_out(start: NonNull<u8>, to: &mut [u8]) {
    for (at, byte) in to.iter_mut().enumerate() {
        // SAFETY: the caller's slice is no longer than the memory; no end of the ring is in use.
        *byte = unsafe { start.as_ptr().wrapping_add(at).read_volatile() };
    }
}

fn copy_in(start: NonNull<u8>, from: &[u8]) {
    for (at, byte) in from.iter().enumerate() {
        // SAFETY: as in `copy_out`.
        unsafe { start.as_ptr().wrapping_add(at).write_volatile(*byte) };
    }
}
