//! Writes frames to the UART, after text as of a boot loader: the interrupt writes events, the main loop frames them.
//!
//! `ringlog receive` makes a log of what arrives. `.ci/run firmware` compares it with `EVENTS` and the script, whole and with bytes
//! missing.
#![no_std]
#![no_main]

use core::cell::RefCell;
use critical_section::Mutex;
use embedded_io::Write;
use portable_atomic::{AtomicU32, Ordering};
use ringlog_firmware::{LONGEST, Uart, board, fail, firmware, panicked, pass, payload_of};
use ringlog_nostd::format::MetaTopic;
use ringlog_nostd::{ClockKind, EventClock, FramedSink, LossyProducer, StaticRing};

firmware!(main: main, timer: on_timer, panic: panicked);

const EVENTS: u32 = 1000;
/// What the log says as a whole: how fast its clock counts.
const ABOUT: &[(MetaTopic, &[u8])] = &[(MetaTopic::Log, br#"{"log":{"ticks_per_second":1000}}"#)];

static RING: StaticRing<1024, LONGEST> = StaticRing::new();
static PRODUCER: Mutex<RefCell<Option<LossyProducer<'static>>>> = Mutex::new(RefCell::new(None));
static WRITTEN: AtomicU32 = AtomicU32::new(0);

/// A clock that counts events, in place of the time of day.
struct EventCounter;

impl EventClock for EventCounter {
    fn now(&self) -> u64 {
        // ORDERING: Relaxed. One core; only the interrupt changes it.
        u64::from(WRITTEN.load(Ordering::Relaxed))
    }

    fn kind(&self) -> ClockKind {
        ClockKind::Ticks
    }
}

fn on_timer() {
    critical_section::with(|section| {
        let mut producer = PRODUCER.borrow(section).borrow_mut();
        let Some(producer) = producer.as_mut() else { return };
        // ORDERING: Relaxed. As in `EventCounter`.
        let number = WRITTEN.load(Ordering::Relaxed);
        if number == EVENTS {
            let _ = producer.flush();
            return;
        }
        let (bytes, len) = payload_of(number);
        let header = EventCounter.header(number.to_le_bytes()[0], len as u16);
        if let Err(error) = producer.write_event(&header, &bytes[..len]) {
            fail(format_args!("event {number}: {error}"));
        }
        WRITTEN.store(number + 1, Ordering::Relaxed);
    });
}

fn main() -> ! {
    let (producer, mut consumer) = RING.split().expect("split once");
    critical_section::with(|section| PRODUCER.borrow(section).replace(Some(producer.lossy())));
    let boots = 1;
    let mut uart = Uart::start();
    let _ = uart.write(b"boot loader 1.2\r\n");
    let mut sink = FramedSink::new(uart, boots, EventCounter.kind()).meta(ABOUT);
    board::start_timer(8000);
    let mut streamed = 0;
    // ORDERING: Relaxed, all of it. As in `EventCounter`.
    while WRITTEN.load(Ordering::Relaxed) < EVENTS
        || !consumer.is_empty()
        || consumer.pending_loss().is_some()
    {
        if !board::HAS_INTERRUPTS {
            on_timer();
        }
        match sink.drain(&mut consumer, usize::MAX) {
            Ok(events) => streamed += events,
            Err(error) => fail(format_args!("{error}")),
        }
    }
    if let Err(error) = sink.write_count() {
        fail(format_args!("{error}"));
    }
    pass(format_args!("framed={streamed} records={}", sink.records()))
}
