//! [gil](https://crates.io/crates/gil): a ring of slots after folly's `ProducerConsumerQueue`, lent as slices for
//! batches.

use super::{Channel, End, Kind, Read, Slot, Write};
use crate::work::Source;
use gil::spsc::{Receiver, Sender, channel};
use ringlog_nostd::EventHeader;
use std::num::NonZeroUsize;

/// `gil::spsc::channel`.
pub struct Slots<const PAYLOAD: usize>(End<Sender<Slot<PAYLOAD>>>, End<Receiver<Slot<PAYLOAD>>>);

impl<const PAYLOAD: usize> Channel for Slots<PAYLOAD> {
    const NAME: &'static str = "gil, slots";
    const KIND: Kind = Kind::Fixed;

    fn make(bytes: usize, _: usize) -> Self {
        let slots = NonZeroUsize::new(Slot::<PAYLOAD>::count(bytes)).expect("room for records");
        let (sender, receiver) = channel(slots);
        Self(End(sender), End(receiver))
    }

    fn split(&mut self) -> (impl Write + Send, impl Read + Send) {
        (&mut self.0.0, &mut self.1.0)
    }
}

impl<const PAYLOAD: usize> Write for &mut Sender<Slot<PAYLOAD>> {
    #[inline]
    fn write(&mut self, header: &EventHeader, payload: &[u8]) -> bool {
        self.try_send(Slot::new(header, payload)).is_ok()
    }

    #[inline]
    fn write_batch(&mut self, source: &mut Source, limit: usize) -> usize {
        let mut events = 0;
        for slot in self.write_buffer().iter_mut().take(limit) {
            let (header, payload) = source.record();
            slot.write(Slot::new(&header, payload));
            source.taken();
            events += 1;
        }
        // SAFETY: the first `events` slots of the buffer that was just lent are initialised.
        unsafe { self.commit(events) };
        events
    }
}

impl<const PAYLOAD: usize> Read for &mut Receiver<Slot<PAYLOAD>> {
    #[inline]
    fn read(&mut self, take: impl FnOnce(&EventHeader, &[u8])) -> bool {
        // Without a copy of the record.
        let mut lent = self.read_guard();
        let [slot, ..] = lent.as_slice() else { return false };
        take(&slot.header, &slot.payload);
        lent.advance(1);
        true
    }

    #[inline]
    fn read_batch(&mut self, limit: usize, mut take: impl FnMut(&EventHeader, &[u8])) -> usize {
        let mut lent = self.read_guard();
        let events = limit.min(lent.len());
        lent.as_slice()[..events].iter().for_each(|slot| take(&slot.header, &slot.payload));
        lent.advance(events);
        events
    }
}
