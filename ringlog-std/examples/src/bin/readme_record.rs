//! Records an event, and reads it back.

use ringlog::{clock::Clock, event::EventHeader, recorder::Recorder, storage::LogReader};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let clock = Clock::new();
    let (producer, recorder) = Recorder::start("log")?;
    // A full ring loses the event, and a GAP record counts it.
    let mut producer = producer.lossy();
    // On the hot path:
    producer.write_event(&EventHeader::new(clock.now(), 1, 5), b"hello")?;
    recorder.shutdown(producer.into_inner())?;
    LogReader::open("log")?.replay(|event| println!("{:?}", event.payload))?;
    Ok(())
}
