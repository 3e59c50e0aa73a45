//! Writes records into a ring and reads them back on one thread, for counting instructions.

use crate::duel::{BATCH_EVENTS, Way};
use crate::rivals::{Channel, RING_BYTES, Read, Write};
use crate::work::Source;
use ringlog_nostd::EventHeader;
use std::hint::black_box;

/// Writes and reads `events` records, one by one or 64 at a time.
///
/// A record's payload is read, but not summed up: only the ring counts.
///
/// # Panics
/// If a record is missing.
#[inline(never)]
pub fn run<C: Channel>(payload_len: usize, way: Way, events: usize) {
    let mut channel = C::make(RING_BYTES, payload_len);
    let (mut writer, mut reader) = channel.split();
    let mut source = Source::new(payload_len);
    let mut tally = Seen::default();
    while tally.events < events as u64 {
        // Each read makes room for the next write, so no ring is ever full.
        match way {
            Way::Single => {
                assert!(source.offer(|header, payload| writer.write(header, payload)));
                assert!(reader.read(|header, payload| tally.take(header, payload)));
            }
            Way::Batch => {
                // A ring that wraps may take fewer.
                let written = writer.write_batch(&mut source, BATCH_EVENTS);
                let read = reader.read_batch(BATCH_EVENTS, |header, payload| tally.take(header, payload));
                assert!(written > 0 && written == read);
            }
        }
    }
    assert!(tally.in_order == tally.events);
}

#[derive(Default)]
struct Seen {
    events: u64,
    in_order: u64,
}

impl Seen {
    #[inline]
    fn take(&mut self, header: &EventHeader, payload: &[u8]) {
        self.in_order += u64::from(header.timestamp == self.events);
        self.events += 1;
        black_box(payload);
    }
}
