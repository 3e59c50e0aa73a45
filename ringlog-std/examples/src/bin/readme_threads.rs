//! Four threads write into one log, sorted by timestamp.

use ringlog::recorder::{Order, Recorder};
use ringlog::{clock::Clock, event::EventHeader};
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let order = Order::Timestamp { window: Duration::from_millis(2) };
    let (producers, recorder) = Recorder::builder().order(order).start_many("threads")?;
    let clock = Clock::new();
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let (producers, clock) = (&producers, &clock);
            scope.spawn(move || {
                // A ring for this thread alone.
                let mut producer = producers.producer().expect("at most 64 at a time").lossy();
                for number in 0..1_000_u64 {
                    let payload = [thread.to_le_bytes(), number.to_le_bytes()].concat();
                    let header = EventHeader::new(clock.now(), 1, 16);
                    producer.write_event(&header, &payload).expect("the recorder runs");
                }
            });
        }
    });
    let summary = recorder.stop()?;
    println!("{} events, {} lost", summary.events, summary.lost);
    Ok(())
}
