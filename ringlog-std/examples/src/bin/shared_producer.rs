//! A program that writes events into a ring in a file, for another program to record.
//!
//! First start `ringlog serve --ring /dev/shm/events.ring`, which makes the ring. Then start this program with the path of the
//! ring: `cargo run -p ringlog-examples --bin shared_producer -- /dev/shm/events.ring`. Kill either of them and start it
//! again: nothing that was written is lost or recorded twice.
//!
//! Without an argument it makes a ring and drains it, to show the other side.

use ringlog::event::EventHeader;
use ringlog::recorder::Recorder;
use ringlog::ring::SharedRing;
use std::error::Error;
use std::path::Path;

fn produce(ring: &Path) -> Result<(), Box<dyn Error>> {
    let clock = ringlog::clock::Clock::new();
    let mut producer = SharedRing::open(ring)?.claim_producer()?;
    producer.write_event(&EventHeader::new(clock.now(), 1, 5), b"hello")?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    if let Some(ring) = std::env::args_os().nth(1) {
        return produce(Path::new(&ring));
    }
    let folder = std::env::temp_dir().join(format!("shared-producer-{}", std::process::id()));
    std::fs::create_dir(&folder)?;
    let recorder = Recorder::builder().start_shared(folder.join("events.ring"), folder.join("log"))?;
    produce(&folder.join("events.ring"))?;
    produce(&folder.join("events.ring"))?;
    println!("{} events recorded in {}", recorder.stop()?.events, folder.join("log").display());
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}
