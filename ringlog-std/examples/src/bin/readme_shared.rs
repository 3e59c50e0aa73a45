//! Writes an event into a ring in a file, which `ringlog serve --ring` records.

use ringlog::{clock::Clock, event::EventHeader, ring::SharedRing};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let clock = Clock::new();
    let ring = SharedRing::open("/dev/shm/events.ring")?;
    // One producer at a time; if its process dies, the kernel frees the role.
    let mut producer = ring.claim_producer()?.lossy();
    producer.write_event(&EventHeader::new(clock.now(), 1, 5), b"hello")?;
    Ok(())
}
