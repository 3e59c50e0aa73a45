//! [disruptor](https://crates.io/crates/disruptor): LMAX's ring of slots, with one producer and one consumer.
//!
//! As its documentation recommends: slots are filled in place, many are published by `batch_publish`, and the consumer
//! releases together what one poll has found. A consumer that has caught up looks again at once, as `BusySpin` does,
//! or waits as all others do.

use super::{Channel, End, Kind, Read, Slot, Write};
use crate::work::Source;
use disruptor::{
    BusySpin, EventPoller, MissingFreeSlots, Producer as _, SingleConsumerBarrier, SingleProducer,
    SingleProducerBarrier, build_single_producer,
};
use ringlog_nostd::EventHeader;

type Producer<const PAYLOAD: usize> = SingleProducer<Slot<PAYLOAD>, SingleConsumerBarrier>;
type Poller<const PAYLOAD: usize> = EventPoller<Slot<PAYLOAD>, SingleProducerBarrier>;

/// `disruptor::build_single_producer` and its event poller.
pub struct Slots<const PAYLOAD: usize>(End<Producer<PAYLOAD>>, End<Poller<PAYLOAD>>);

impl<const PAYLOAD: usize> Channel for Slots<PAYLOAD> {
    const NAME: &'static str = "disruptor, slots";
    const KIND: Kind = Kind::Fixed;

    fn make(bytes: usize, payload_len: usize) -> Self {
        let empty = || Slot::new(&EventHeader::new(0, 1, payload_len as u16), &[0; PAYLOAD]);
        let builder = build_single_producer(Slot::<PAYLOAD>::count(bytes), empty, BusySpin);
        let (poller, builder) = builder.new_event_poller();
        Self(End(builder.build()), End(poller))
    }

    fn split(&mut self) -> (impl Write + Send, impl Read + Send) {
        (&mut self.0.0, &mut self.1.0)
    }
}

impl<const PAYLOAD: usize> Write for &mut Producer<PAYLOAD> {
    #[inline]
    fn write(&mut self, header: &EventHeader, payload: &[u8]) -> bool {
        self.try_publish(|slot| *slot = Slot::new(header, payload)).is_ok()
    }

    #[inline]
    fn write_batch(&mut self, source: &mut Source, limit: usize) -> usize {
        let mut fill = |events: usize| {
            self.try_batch_publish(events, |slots| {
                for slot in slots {
                    let (header, payload) = source.record();
                    *slot = Slot::new(&header, payload);
                    source.taken();
                }
            })
        };
        // All or nothing; the error says for how many there is no room.
        match fill(limit) {
            Ok(_) => limit,
            Err(MissingFreeSlots(missing)) => {
                let room = limit.saturating_sub(missing as usize);
                if room > 0 && fill(room).is_ok() { room } else { 0 }
            }
        }
    }
}

impl<const PAYLOAD: usize> Read for &mut Poller<PAYLOAD> {
    #[inline]
    fn read(&mut self, take: impl FnOnce(&EventHeader, &[u8])) -> bool {
        let Ok(mut found) = self.take(1) else { return false };
        let Some(slot) = (&mut found).next() else { return false };
        take(&slot.header, &slot.payload);
        true
    }

    #[inline]
    fn read_batch(&mut self, limit: usize, take: impl FnMut(&EventHeader, &[u8])) -> usize {
        pass_on(self, limit as u64, take)
    }

    #[inline]
    fn poll(&mut self, take: impl FnMut(&EventHeader, &[u8])) -> usize {
        pass_on(self, u64::MAX, take)
    }
}

/// Passes on what is there, up to `limit` records, then releases their slots.
#[inline]
fn pass_on<const PAYLOAD: usize>(
    poller: &mut Poller<PAYLOAD>,
    limit: u64,
    mut take: impl FnMut(&EventHeader, &[u8]),
) -> usize {
    let Ok(mut found) = poller.take(limit) else { return 0 };
    let mut events = 0;
    for slot in &mut found {
        take(&slot.header, &slot.payload);
        events += 1;
    }
    events
}
