//! Leaves three rings in memory for a dump. `.ci/run firmware` must find what they hold.
//!
//! In user mode no emulator can be asked for its memory, so the program sends the bytes of the rings itself.
#![no_std]
#![no_main]

use embedded_io::Write;
use ringlog_firmware::{
    LONGEST, Uart, board, fail, firmware, panicked, payload_of, println, retained_memory,
};
use ringlog_nostd::{Delivery, EventHeader, Ring, RingOptions, StaticRing};

firmware!(main: main, timer: on_timer, panic: panicked);

static PLAIN: StaticRing<256, LONGEST> = StaticRing::new();

fn on_timer() {}

fn header(number: u32) -> EventHeader {
    EventHeader::new(u64::from(number), 1, payload_of(number).1 as u16)
}

/// Events from 3 on are unread, and some events after them are lost.
fn plain_ring() {
    let (producer, mut consumer) = PLAIN.split().expect("split once");
    let mut producer = producer.lossy();
    let (mut number, mut lost) = (0, 0);
    while lost < 4 {
        let (bytes, len) = payload_of(number);
        match producer.write_event(&header(number), &bytes[..len]) {
            Ok(Delivery::Written) => {}
            Ok(Delivery::Lost) => lost += 1,
            Err(error) => fail(format_args!("{error}")),
        }
        if number == 3 {
            let _ = consumer.drain(3, |_, _| ());
        }
        number += 1;
    }
    println!("plain: 3..{} lost {lost}", number - lost);
    // A drop would close the ring, but a dump is taken from a machine that stopped.
    core::mem::forget((producer, consumer));
}

/// A flight recorder in memory that survives a reset.
fn retained_ring() {
    let options = RingOptions {
        capacity: Some(1024),
        max_payload: Some(LONGEST),
        identity: 0x5249_4E47_0000_0006,
        start: 0_usize.wrapping_sub(512),
        retained: true,
        ..RingOptions::default()
    };
    let (start, len) = retained_memory();
    // SAFETY: the linker script keeps this memory out of every section, and nothing else here uses it.
    let (ring, _) = unsafe { Ring::recover(start, len, &options) }.expect("the memory is large enough");
    let mut recorder = ring.overwrite_oldest();
    for number in 0..100 {
        let (bytes, len) = payload_of(number);
        if let Err(error) = recorder.write_event(&header(number), &bytes[..len]) {
            fail(format_args!("{error}"));
        }
    }
    let overwritten = recorder.overwritten().map_or(0, |loss| loss.count);
    println!("retained: {overwritten}..100 lost {overwritten}");
    core::mem::forget(recorder);
}

fn send(uart: &mut Uart, start: *const u8, len: usize) {
    for at in 0..len {
        // SAFETY: both callers pass existing memory, and no end of a ring is used any more.
        let byte = unsafe { start.wrapping_add(at).read_volatile() };
        let _ = uart.write(&[byte]);
    }
}

fn main() -> ! {
    plain_ring();
    retained_ring();
    if !board::HAS_INTERRUPTS {
        let mut uart = Uart::start();
        let (start, len) = retained_memory();
        send(&mut uart, start.as_ptr(), len);
        send(&mut uart, (&raw const PLAIN).cast(), size_of_val(&PLAIN));
        ringlog_firmware::pass(format_args!("memory sent"));
    }
    println!("READY");
    loop {
        core::hint::spin_loop();
    }
}
