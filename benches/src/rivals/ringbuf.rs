//! [ringbuf](https://crates.io/crates/ringbuf): a ring of slots whose ends cache each other's position.

use super::{Channel, End, Kind, Read, Slot, Write};
use crate::work::Source;
use ringbuf::traits::{Consumer as _, Observer as _, Producer as _, Split as _};
use ringbuf::{CachingCons, CachingProd, HeapRb};
use ringlog_nostd::EventHeader;
use std::sync::Arc;

type Shared<const PAYLOAD: usize> = Arc<HeapRb<Slot<PAYLOAD>>>;

/// `ringbuf::HeapRb<Slot>`.
pub struct Slots<const PAYLOAD: usize>(End<CachingProd<Shared<PAYLOAD>>>, End<CachingCons<Shared<PAYLOAD>>>);

impl<const PAYLOAD: usize> Channel for Slots<PAYLOAD> {
    const NAME: &'static str = "ringbuf, slots";
    const KIND: Kind = Kind::Fixed;

    fn make(bytes: usize, _: usize) -> Self {
        let (producer, consumer) = HeapRb::new(Slot::<PAYLOAD>::count(bytes)).split();
        Self(End(producer), End(consumer))
    }

    fn split(&mut self) -> (impl Write + Send, impl Read + Send) {
        (&mut self.0.0, &mut self.1.0)
    }
}

impl<const PAYLOAD: usize> Write for &mut CachingProd<Shared<PAYLOAD>> {
    #[inline]
    fn write(&mut self, header: &EventHeader, payload: &[u8]) -> bool {
        self.try_push(Slot::new(header, payload)).is_ok()
    }

    #[inline]
    fn write_batch(&mut self, source: &mut Source, limit: usize) -> usize {
        // `push_iter` takes a record before it looks whether there is room, so no more is offered than there is.
        let room = self.vacant_len();
        let mut left = limit.min(room);
        let pushed = self.push_iter(std::iter::from_fn(|| {
            left = left.checked_sub(1)?;
            let (header, payload) = source.record();
            let slot = Slot::new(&header, payload);
            source.taken();
            Some(slot)
        }));
        assert!(left == 0);
        pushed
    }
}

impl<const PAYLOAD: usize> Read for &mut CachingCons<Shared<PAYLOAD>> {
    #[inline]
    fn read(&mut self, take: impl FnOnce(&EventHeader, &[u8])) -> bool {
        // Without a copy of the record.
        let Some(slot) = self.try_peek() else { return false };
        take(&slot.header, &slot.payload);
        self.skip(1) == 1
    }

    #[inline]
    fn read_batch(&mut self, limit: usize, mut take: impl FnMut(&EventHeader, &[u8])) -> usize {
        let (first, second) = self.as_slices();
        let mut events = 0;
        for slot in first.iter().chain(second).take(limit) {
            take(&slot.header, &slot.payload);
            events += 1;
        }
        self.skip(events)
    }
}
