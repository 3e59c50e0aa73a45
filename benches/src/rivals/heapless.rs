//! [heapless](https://crates.io/crates/heapless): a ring of slots in a value of fixed size.

use super::{Channel, Kind, Read, Slot, Write};
use heapless::spsc::{Consumer, Producer, Queue};
use ringlog_nostd::EventHeader;

/// `heapless::spsc::Queue<Slot, SLOTS>`. It cannot publish many records at once.
pub struct Slots<const PAYLOAD: usize, const SLOTS: usize>(Box<Queue<Slot<PAYLOAD>, SLOTS>>);

impl<const PAYLOAD: usize, const SLOTS: usize> Channel for Slots<PAYLOAD, SLOTS> {
    const NAME: &'static str = "heapless, slots";
    const KIND: Kind = Kind::Fixed;

    fn make(bytes: usize, _: usize) -> Self {
        assert!(SLOTS == Slot::<PAYLOAD>::count(bytes), "as many slots as the others have");
        Self(Box::new(Queue::new()))
    }

    fn split(&mut self) -> (impl Write + Send, impl Read + Send) {
        self.0.split()
    }
}

impl<const PAYLOAD: usize> Write for Producer<'_, Slot<PAYLOAD>> {
    #[inline]
    fn write(&mut self, header: &EventHeader, payload: &[u8]) -> bool {
        self.enqueue(Slot::new(header, payload)).is_ok()
    }
}

impl<const PAYLOAD: usize> Read for Consumer<'_, Slot<PAYLOAD>> {
    #[inline]
    fn read(&mut self, take: impl FnOnce(&EventHeader, &[u8])) -> bool {
        // The only way to give a slot back copies it.
        let Some(slot) = self.dequeue() else { return false };
        take(&slot.header, &slot.payload);
        true
    }
}
