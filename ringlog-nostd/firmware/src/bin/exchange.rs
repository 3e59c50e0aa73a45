//! A timer interrupt produces and the main loop consumes, by one `static`. Every event is checked.
//!
//! The ring is small and the loop is slow at times, so events are lost. The counts must add up.
#![no_std]
#![no_main]

use core::cell::RefCell;
use critical_section::Mutex;
use portable_atomic::{AtomicU32, Ordering};
use ringlog_firmware::{LONGEST, board, fail, firmware, panicked, pass, payload_of};
use ringlog_nostd::{EventHeader, Gap, LossyProducer, StaticRing};

firmware!(main: main, timer: on_timer, panic: panicked);

const EVENTS: u32 = 2000;

static RING: StaticRing<256, LONGEST> = StaticRing::new();
static PRODUCER: Mutex<RefCell<Option<LossyProducer<'static>>>> = Mutex::new(RefCell::new(None));
static OFFERED: AtomicU32 = AtomicU32::new(0);
static TICKS: AtomicU32 = AtomicU32::new(0);

/// A burst of one to four events.
fn on_timer() {
    // ORDERING: Relaxed, all of them. One core; the main loop reads them when the interrupt is done.
    let tick = TICKS.load(Ordering::Relaxed);
    TICKS.store(tick + 1, Ordering::Relaxed);
    critical_section::with(|section| {
        if let Some(producer) = PRODUCER.borrow(section).borrow_mut().as_mut() {
            (0..=tick % 4).for_each(|_| offer_next(producer));
        }
    });
}

fn offer_next(producer: &mut LossyProducer<'static>) {
    // ORDERING: Relaxed. As in `on_timer`.
    let number = OFFERED.load(Ordering::Relaxed);
    if number == EVENTS {
        // A loss is reported once there is room again.
        let _ = producer.flush();
        return;
    }
    OFFERED.store(number + 1, Ordering::Relaxed);
    let (bytes, len) = payload_of(number);
    let header = EventHeader::new(u64::from(number) << 32, number.to_le_bytes()[0], len as u16);
    if let Err(error) = producer.write_event(&header, &bytes[..len]) {
        fail(format_args!("event {number}: {error}"));
    }
}

/// The events that have arrived so far.
#[derive(Default)]
struct Arrived {
    next: u32,
    events: u32,
    lost: u32,
}

impl Arrived {
    fn take(&mut self, header: &EventHeader, payload: &[u8]) {
        if u64::from(self.next) << 32 != header.timestamp {
            fail(format_args!("number {} instead of {}", header.timestamp >> 32, self.next));
        }
        match Gap::from_event(header, payload) {
            Some(gap) => {
                self.lost += gap.count as u32;
                self.next += gap.count as u32;
            }
            None => self.take_event(header, payload),
        }
    }

    fn take_event(&mut self, header: &EventHeader, payload: &[u8]) {
        let (bytes, len) = payload_of(self.next);
        if header.event_type != self.next.to_le_bytes()[0] || *payload != bytes[..len] {
            fail(format_args!("event {} is not what was written", self.next));
        }
        self.events += 1;
        self.next += 1;
    }
}

fn pause() {
    for round in 0..20_000 {
        core::hint::spin_loop();
        if !board::HAS_INTERRUPTS && round % 2000 == 0 {
            on_timer();
        }
    }
}

fn main() -> ! {
    let (producer, mut consumer) = RING.split().expect("split once");
    if RING.split().is_ok() {
        fail(format_args!("a ring was split twice"));
    }
    critical_section::with(|section| PRODUCER.borrow(section).replace(Some(producer.lossy())));
    board::start_timer(8000);
    let mut arrived = Arrived::default();
    let mut pause_at = 50;
    while arrived.next < EVENTS {
        if !board::HAS_INTERRUPTS {
            on_timer();
        }
        // From time to time the loop does not read for longer than the ring can hold events.
        if arrived.events >= pause_at {
            pause_at += 50;
            pause();
        }
        if let Err(fault) = consumer.drain(3, |header, payload| arrived.take(header, payload)) {
            fail(format_args!("{fault}"));
        }
    }
    // ORDERING: Relaxed. As in `on_timer`.
    let ticks = TICKS.load(Ordering::Relaxed);
    let Arrived { events, lost, .. } = arrived;
    if events + lost != EVENTS || lost == 0 || events < EVENTS / 2 || ticks < EVENTS / 5 {
        fail(format_args!("{events} events, {lost} lost, {ticks} ticks"));
    }
    pass(format_args!(
        "usize={} big_endian={} compare_and_swap={} events={events} lost={lost} ticks={ticks}",
        usize::BITS,
        cfg!(target_endian = "big"),
        cfg!(target_has_atomic = "ptr"),
    ))
}
