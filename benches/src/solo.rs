//! One thread that writes records into a ring and reads them back, for counting instructions.

use crate::duel::{BATCH_EVENTS, Way};
use crate::rivals::{Channel, RING_BYTES, Read, Write};
use crate::work::Source;
use ringlog_nostd::EventHeader;
use std::hint::black_box;

/// Writes and reads `events` records, one after the other or 64 and 64.
///
/// A record's payload is looked at, not summed up: what is counted is the ring.
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
        // As one read sees to it that there is room for the next write, no ring is ever full.
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
