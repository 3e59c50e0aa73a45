//! RTIC 2: a timer's task writes, and a task of lower priority awaits the events. In between the processor sleeps.
//!
//! The ring is small and the task is slow at times, so events are lost. The counts must add up.
#![no_std]
#![no_main]

use portable_atomic::{AtomicU32, Ordering};
use ringlog_nostd::{AsyncSignal, EventHeader, Gap, StaticRing};
use semihosting::println;

const TARGET: &str = env!("FIRMWARE_TARGET");
const EVENTS: u32 = 2000;

static RING: StaticRing<256, 8> = StaticRing::new();
static SIGNAL: AsyncSignal = AsyncSignal::new();
/// How often the processor has slept.
static SLEEPS: AtomicU32 = AtomicU32::new(0);

#[rtic::app(device = lm3s6965, peripherals = false, dispatchers = [GPIOA])]
mod app {
    use super::{Arrived, EVENTS, Ordering, RING, SIGNAL, SLEEPS};
    use cortex_m::peripheral::syst::SystClkSource;
    use ringlog_nostd::{AsyncConsumer, AsyncProducer, AsyncSignal, Consumer, EventHeader, LossyProducer};

    #[shared]
    struct Shared {}

    #[local]
    struct Local {
        producer: AsyncProducer<LossyProducer<'static>>,
        offered: u32,
    }

    #[init]
    fn init(context: init::Context) -> (Shared, Local) {
        let ends = RING.split().expect("split once");
        let (producer, consumer) = AsyncSignal::connect(&SIGNAL, ends).expect("connected once");
        let Ok(()) = receive::spawn(consumer) else { panic!("a task was spawned twice") };
        let mut timer = context.core.SYST;
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(8_000);
        timer.clear_current();
        timer.enable_interrupt();
        timer.enable_counter();
        (Shared {}, Local { producer: producer.lossy(), offered: 0 })
    }

    #[idle]
    fn idle(_: idle::Context) -> ! {
        loop {
            cortex_m::asm::wfi();
            // ORDERING: Relaxed. One core, and only this task writes it.
            SLEEPS.store(SLEEPS.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        }
    }

    /// A burst of one to four events. It never waits.
    // The device crate is for 3 bits of priority, and a Cortex-M0 has the upper 2 of them: there 2 would be the same as 1.
    #[task(binds = SysTick, priority = 3, local = [producer, offered])]
    fn on_timer(context: on_timer::Context) {
        let on_timer::LocalResources { producer, offered, .. } = context.local;
        for _ in 0..=*offered % 4 {
            if *offered == EVENTS {
                // A loss is reported once there is room again.
                let _ = producer.flush();
                return;
            }
            let header = EventHeader::new(u64::from(*offered), 7, 4);
            producer.write_event(&header, &offered.to_le_bytes()).expect("lost, not refused");
            *offered += 1;
        }
    }

    #[task(priority = 1)]
    async fn receive(_: receive::Context, mut events: AsyncConsumer<Consumer<'static>>) {
        let mut arrived = Arrived::default();
        while let Some((header, payload)) = events.read_event().await {
            arrived.take(&header, payload);
            // From time to time it does not read for longer than the ring can hold events.
            if arrived.events % 50 == 0 {
                cortex_m::asm::delay(40_000);
            }
            if arrived.next == EVENTS {
                arrived.end();
            }
        }
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
        assert_eq!(header.timestamp, u64::from(self.next), "the wrong event");
        let taken = match Gap::from_event(header, payload) {
            Some(gap) => {
                self.lost += gap.count as u32;
                gap.count as u32
            }
            None => {
                assert_eq!(payload, self.next.to_le_bytes(), "not what was written");
                self.events += 1;
                1
            }
        };
        self.next += taken;
    }

    fn end(&self) -> ! {
        let Self { events, lost, .. } = self;
        // ORDERING: Relaxed. As in `idle`.
        let sleeps = SLEEPS.load(Ordering::Relaxed);
        assert!(events + lost == EVENTS && *lost > 0 && *events > EVENTS / 2, "{events} events, {lost} lost");
        assert!(sleeps > 100, "the processor has slept {sleeps} times");
        println!("PASS {TARGET} rtic=2 events={events} lost={lost} sleeps={sleeps}");
        semihosting::process::exit(0)
    }
}

// SAFETY: it only reports and ends. Without it a fault hangs for ever.
#[cortex_m_rt::exception]
unsafe fn HardFault(frame: &cortex_m_rt::ExceptionFrame) -> ! {
    println!("FAIL {TARGET} fault at {:#x}", frame.pc());
    semihosting::process::exit(5)
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    println!("FAIL {TARGET} {info}");
    semihosting::process::exit(101)
}
