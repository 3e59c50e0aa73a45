//! Records events in a few lines, and reads them back in three.

use ringlog::event::EventHeader;
use ringlog::recorder::Recorder;
use ringlog::ring::WriteError;
use ringlog::storage::LogReader;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("ringlog-example-{}", std::process::id()));

    let clock = ringlog::clock::Clock::new();
    let (mut producer, recorder) = Recorder::start(&folder)?;
    for price in [10_125_u32, 10_126, 10_124] {
        let header = EventHeader::new(clock.now(), 1, 4);
        // This producer waits for room. `producer.lossy()` never does: it counts what did not fit.
        while let Err(error) = producer.write_event(&header, &price.to_le_bytes()) {
            if error != WriteError::Full || recorder.has_stopped() {
                return Err(error.into());
            }
            std::thread::yield_now();
        }
    }
    let summary = recorder.shutdown(producer)?;
    println!("recorded {} events", summary.events);

    let reader = LogReader::open(&folder)?;
    reader.replay(|event| println!("{} {:?}", event.sequence, event.payload))?;
    assert_eq!(reader.len(), 3);
    drop(reader);
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}
