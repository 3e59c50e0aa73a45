//! Awaits events in a task of embassy. On a microcontroller the producer is in an interrupt; here it is in a thread.
//!
//! Of this program, only `main` and the thread differ from firmware: there `#[embassy_executor::main]` starts the tasks.

use embassy_executor::{Executor, Spawner};
use ringlog_nostd::{
    AsyncConsumer, AsyncProducer, AsyncSignal, Consumer, EventHeader, Gap, LossyProducer, StaticRing,
};
use std::sync::atomic::{AtomicBool, Ordering};

const EVENTS: u64 = 1_000;

/// All zero, and in RAM: nothing is allocated.
static RING: StaticRing<1024, 32> = StaticRing::new();
static SIGNAL: AsyncSignal = AsyncSignal::new();

/// Never waits: a full ring loses the event, and a GAP record counts it.
fn on_timer_interrupt(producer: &mut AsyncProducer<LossyProducer<'static>>, now: u64) {
    let _ = producer.write_event(&EventHeader::new(now, 1, 4), &[0xAB; 4]);
}

static DONE: AtomicBool = AtomicBool::new(false);

#[embassy_executor::task]
async fn send(mut events: AsyncConsumer<Consumer<'static>>) {
    let (mut sent, mut lost) = (0, 0);
    // The processor sleeps here until the interrupt has written something.
    while let Some((header, payload)) = events.read_event().await {
        match Gap::from_event(&header, payload) {
            Some(gap) => lost += gap.count,
            None => sent += 1, // by UART, say
        }
    }
    println!("{sent} events sent, {lost} lost");
    assert_eq!(sent + lost, EVENTS);
    // ORDERING: Relaxed. The executor that looks is on the same thread.
    DONE.store(true, Ordering::Relaxed);
}

fn main() {
    let (producer, consumer) =
        AsyncSignal::connect(&SIGNAL, RING.split().expect("split once")).expect("connected once");
    let interrupt = std::thread::spawn(move || {
        let mut producer = producer.lossy();
        for now in 0..EVENTS {
            on_timer_interrupt(&mut producer, now);
            if now % 20 == 0 {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        }
        // A loss at the end is reported once there is room.
        while producer.flush() == Ok(false) {
            std::thread::yield_now();
        }
    });

    let executor = Box::leak(Box::new(Executor::new()));
    let start = |spawner: Spawner| spawner.spawn(send(consumer).expect("the task starts once"));
    // ORDERING: Relaxed. As in `send`.
    executor.run_until(start, || DONE.load(Ordering::Relaxed));
    interrupt.join().expect("the thread does not panic");
}
