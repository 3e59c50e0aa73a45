//! A producer in an interrupt: it never waits, and it reports what it loses.
//!
//! Here a thread plays the interrupt. On a machine the producer is in a `critical_section::Mutex<RefCell<Option<..>>>`,
//! as in `firmware/src/bin/exchange.rs`, or in a `static` that only the interrupt uses.

use std::cell::Cell;
use std::time::{Duration, Instant};

use ringlog_nostd::{ClockKind, EventClock, EventHeader, Gap, LossyProducer, StaticRing, WideCounter};

static RING: StaticRing<4096, 16> = StaticRing::new();

/// A timer of the machine: 24 bits that count microseconds, extended to 64 bits.
struct Timer {
    since: Instant,
    wide: Cell<WideCounter<24>>,
}

impl EventClock for Timer {
    fn now(&self) -> u64 {
        // On a machine: the timer's register.
        let raw = self.since.elapsed().subsec_micros() & 0xFF_FFFF;
        let mut wide = self.wide.get();
        let now = wide.extend(raw);
        self.wide.set(wide);
        now
    }

    fn kind(&self) -> ClockKind {
        ClockKind::Ticks
    }
}

/// What the interrupt owns.
struct Interrupt {
    producer: LossyProducer<'static>,
    timer: Timer,
}

impl Interrupt {
    fn on_timer(&mut self, reading: u16) {
        // Only a payload that never fits is an error here; a full ring is counted.
        self.producer.write_event(&self.timer.header(1, 2), &reading.to_le_bytes()).expect("two bytes fit");
    }
}

fn main() {
    const READINGS: u16 = 10_000;
    let (producer, mut consumer) = RING.split().expect("split once");
    let timer = Timer { since: Instant::now(), wide: Cell::default() };
    let mut interrupt = Interrupt { producer: producer.lossy(), timer };
    let interrupts = std::thread::spawn(move || {
        for reading in 0..READINGS {
            interrupt.on_timer(reading);
            if reading % 100 == 0 {
                std::thread::sleep(Duration::from_micros(100));
            }
        }
        while interrupt.producer.flush() == Ok(false) {
            std::thread::yield_now();
        }
    });
    let (mut readings, mut lost) = (0, 0);
    while !consumer.is_finished() {
        let take = |header: &EventHeader, payload: &[u8]| match Gap::from_event(header, payload) {
            Some(gap) => lost += gap.count,
            None => readings += 1,
        };
        consumer.drain(usize::MAX, take).expect("the ring is whole");
        std::thread::sleep(Duration::from_micros(50));
    }
    interrupts.join().expect("the interrupts end");
    assert_eq!(readings + lost, u64::from(READINGS));
    println!("{readings} readings, {lost} lost and reported");
}
