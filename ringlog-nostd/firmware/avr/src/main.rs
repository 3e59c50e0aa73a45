//! Tests the ring with 16-bit words: many laps, the wrap of positions, losses, recovery.
//!
//! Sends `PASS` or `FAIL` by the UART and stops.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

use core::fmt::{self, Write};
use core::ptr::NonNull;
use ringlog_nostd::{
    AlignedBytes, Consumer, Delivery, EventHeader, Gap, LossyProducer, Recovery, Ring, RingError,
    RingOptions, StaticRing,
};

const LONGEST: usize = 32;
const EVENTS: u32 = 5000;

static RING: StaticRing<512, LONGEST> = StaticRing::new();

fn payload_of(number: u32) -> ([u8; LONGEST], usize) {
    let mut bytes = [0; LONGEST];
    for (byte, place) in bytes.iter_mut().zip(0_u8..) {
        *byte = number.to_le_bytes()[0].wrapping_mul(37) ^ place.wrapping_mul(11);
    }
    (bytes, (number % 33) as usize)
}

/// Every offered event arrives or is reported as lost, in order.
#[derive(Default)]
struct Arrived {
    next: u32,
    lost: u32,
}

impl Arrived {
    fn take(&mut self, header: &EventHeader, payload: &[u8]) {
        check(header.timestamp == u64::from(self.next), "order");
        if let Some(gap) = Gap::from_event(header, payload) {
            self.lost += gap.count as u32;
            self.next += gap.count as u32;
            return;
        }
        let (bytes, len) = payload_of(self.next);
        check(*payload == bytes[..len], "payload");
        self.next += 1;
    }
}

fn write(producer: &mut LossyProducer<'_>, number: u32) -> Delivery {
    let (bytes, len) = payload_of(number);
    let written = producer.write_event(&EventHeader::new(u64::from(number), 1, len as u16), &bytes[..len]);
    written.unwrap_or_else(|_| fail("write"))
}

/// Writes bursts that the ring cannot always hold, and drains in between.
fn exchange(mut producer: LossyProducer<'_>, mut consumer: Consumer<'_>) -> Arrived {
    let mut arrived = Arrived::default();
    let mut lost = 0;
    for number in 0..EVENTS {
        lost += u32::from(write(&mut producer, number) == Delivery::Lost);
        if number % (1 + number / 16 % 16) == 0 {
            let drained = consumer.drain(usize::MAX, |header, payload| arrived.take(header, payload));
            check(drained.is_ok(), "drain");
        }
    }
    let _ = consumer.drain(usize::MAX, |header, payload| arrived.take(header, payload));
    check(producer.flush() == Ok(true), "flush");
    let _ = consumer.drain(usize::MAX, |header, payload| arrived.take(header, payload));
    check(arrived.next == EVENTS && arrived.lost == lost && lost > 0, "counts");
    arrived
}

/// Recovers a ring that starts 64 bytes below the wrap of positions: after a reset, and after damage.
fn recover() {
    let mut memory = AlignedBytes::<1024>::new();
    let options = RingOptions {
        capacity: Some(512),
        max_payload: Some(LONGEST),
        identity: 0x0102_0304_0506_0708,
        start: usize::MAX - 63,
        retained: true,
        ..RingOptions::default()
    };
    let start = NonNull::from(memory.as_mut()).cast::<u8>();
    // SAFETY: the memory lives to the end, and each ring is gone before the next is made; here and below.
    let again = || unsafe { Ring::recover(start, 1024, &options) }.unwrap_or_else(|_| fail("recover"));
    let (ring, found) = again();
    check(found == Recovery::NoRing, "fresh");
    let mut producer = ring.into_ends().0.lossy();
    (0..8).for_each(|number| check(write(&mut producer, number) == Delivery::Written, "room"));
    check(producer.into_inner().position() < 512, "the positions have wrapped");
    check(again().1 == Recovery::Recovered { events: 8, cut: false }, "recovered");
    // The payload of the last event; the control words take 48 bytes, the first event starts 64 below a lap's end.
    let before: usize = (0..7).map(|number| (16 + payload_of(number).1).next_multiple_of(8)).sum();
    let at = 48 + (448 + before) % 512 + 16;
    // SAFETY: inside the memory; no end of the ring is in use.
    let byte = unsafe { start.add(at) };
    // SAFETY: as above.
    let value = unsafe { byte.read_volatile() };
    // SAFETY: as above.
    unsafe { byte.write_volatile(value ^ 1) };
    check(again().1 == Recovery::Recovered { events: 7, cut: true }, "cut");
}

/// The longest records of the format do not fit into this address space. They are refused, and no arithmetic wraps.
fn hostile_lengths() {
    let mut memory = AlignedBytes::<1024>::new();
    for longest in [16_369, 65_520, 65_535] {
        let refused = Ring::format(memory.as_mut(), longest).err();
        check(refused == Some(RingError::MaxPayload { asked: longest }), "longest payload");
    }
    let (mut producer, mut consumer) =
        Ring::format(memory.as_mut(), 64).unwrap_or_else(|_| fail("format")).into_ends();
    for len in [65, 65_512, 65_519, 65_520, 65_528, 65_535] {
        check(producer.claim(len).is_err(), "longest claim");
    }
    check(
        producer.write_event(&EventHeader::new(1, 1, 3), b"abc").is_ok() && consumer.read_event().is_some(),
        "use",
    );
    drop((producer, consumer));
    // A stored length that ends beyond the address space.
    let bytes = memory.as_mut();
    let (mut producer, mut consumer) =
        Ring::format(&mut *bytes, 64).unwrap_or_else(|_| fail("format")).into_ends();
    check(producer.write_event(&EventHeader::new(1, 1, 3), b"abc").is_ok(), "use");
    producer.close();
    check(consumer.unread() == 24, "published");
    drop(consumer);
    bytes[48 + 10] = 0xFF;
    bytes[48 + 11] = 0xFF;
    let (start, len) = (NonNull::from(&mut *bytes).cast(), bytes.len());
    // SAFETY: as in `recover`.
    let ring = unsafe { Ring::attach(start, len) }.unwrap_or_else(|_| fail("attach"));
    check(ring.into_ends().1.try_read_event().is_err(), "stored length");
}

// SAFETY: the name that the C start-up code calls.
#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    Uart::start();
    let (producer, consumer) = RING.split().unwrap_or_else(|_| fail("split"));
    check(RING.split().is_err(), "split twice");
    let arrived = exchange(producer.lossy(), consumer);
    recover();
    hostile_lengths();
    let _ = writeln!(Uart, "PASS avr-none usize={} events={} lost={}", usize::BITS, EVENTS, arrived.lost);
    stop()
}

fn check(holds: bool, what: &str) {
    if !holds {
        fail(what);
    }
}

fn fail(what: &str) -> ! {
    let _ = writeln!(Uart, "FAIL avr-none {what}");
    stop()
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    fail("panic")
}

/// The emulator ends when the core sleeps with interrupts off.
fn stop() -> ! {
    loop {
        // SAFETY: it only stops the core.
        unsafe { core::arch::asm!("cli", "sleep") };
    }
}

/// The first UART of the ATmega1284P.
struct Uart;

const UCSR0A: *mut u8 = 0xC0 as *mut u8;
const UCSR0B: *mut u8 = 0xC1 as *mut u8;
const UDR0: *mut u8 = 0xC6 as *mut u8;

impl Uart {
    fn start() {
        // SAFETY: a device register. It turns the transmitter on.
        unsafe { UCSR0B.write_volatile(0x08) };
    }

    fn is_busy() -> bool {
        // SAFETY: a device register.
        unsafe { UCSR0A.read_volatile() & 0x20 == 0 }
    }
}

impl Write for Uart {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            while Self::is_busy() {}
            // SAFETY: a device register.
            unsafe { UDR0.write_volatile(byte) };
        }
        Ok(())
    }
}
