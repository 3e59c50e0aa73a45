//! The events of `stress`, for the measured run and for the limits beside it.

use ringlog_nostd::Payload as _;
use ringlog_nostd::format::{encode, record_len};

use crate::terminal::words::unix_now;
use ringlog::event::EventHeader;
use ringlog::ring::{Producer, WriteError};
use ringlog::storage::SchemaList;

/// Bytes of the number of an event.
const NUMBER_BYTES: usize = size_of::<Stress>();

/// An event with its number, from 0, and bytes that fill it up.
#[ringlog::event(type = 1, tail = "bytes")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stress {
    pub(crate) number: u64,
}

/// An event that has no room for a number.
#[ringlog::event(type = 1, name = "stress", tail = "bytes")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Small {}

ringlog::events!(StressTypes: Stress);
ringlog::events!(SmallTypes: Small);

/// A stream of numbered events with payloads of one length.
#[derive(Clone, Debug)]
pub(crate) struct StressEvents {
    /// What follows the number.
    tail: Vec<u8>,
    /// Whether the payload has room for a number.
    is_numbered: bool,
    next_number: u64,
}

impl StressEvents {
    /// Makes events with payloads of this many bytes.
    pub(crate) fn new(payload_len: u16) -> Self {
        let bytes = usize::from(payload_len);
        let is_numbered = bytes >= NUMBER_BYTES;
        let tail_bytes = if is_numbered { bytes - NUMBER_BYTES } else { bytes };
        Self { tail: vec![0xA5; tail_bytes], is_numbered, next_number: 0 }
    }

    /// Returns the bytes of each record.
    pub(crate) fn record_len(&self) -> usize {
        record_len(self.payload_len())
    }

    fn payload_len(&self) -> usize {
        self.tail.len() + if self.is_numbered { NUMBER_BYTES } else { 0 }
    }

    /// Returns the descriptions of the events.
    pub(crate) fn schemas(&self) -> SchemaList {
        if self.is_numbered { SchemaList::of::<StressTypes>() } else { SchemaList::of::<SmallTypes>() }
    }

    /// Writes up to `most` events and publishes them `batch` at a time. Returns their number; it is less if the ring
    /// is full.
    pub(crate) fn write(
        &mut self,
        producer: &mut Producer,
        most: u64,
        batch: u64,
    ) -> Result<u64, WriteError> {
        let mut written = 0;
        while written < most {
            let wanted = batch.min(most - written);
            let now =
                if wanted == 1 { self.write_one(producer) } else { self.write_batch(producer, wanted) }?;
            written += now;
            if now < wanted {
                break;
            }
        }
        Ok(written)
    }

    #[inline]
    fn write_one(&mut self, producer: &mut Producer) -> Result<u64, WriteError> {
        let written = if self.is_numbered {
            producer.write_with_tail(unix_now(), &Stress { number: self.next_number }, &self.tail)
        } else {
            producer.write_with_tail(unix_now(), &Small {}, &self.tail)
        };
        match written {
            Ok(()) => {
                self.next_number += 1;
                Ok(1)
            }
            Err(WriteError::Full) => Ok(0),
            Err(error) => Err(error),
        }
    }

    fn write_batch(&mut self, producer: &mut Producer, most: u64) -> Result<u64, WriteError> {
        let mut batch = producer.batch();
        for _ in 0..most {
            let written = if self.is_numbered {
                batch.write_with_tail(unix_now(), &Stress { number: self.next_number }, &self.tail)
            } else {
                batch.write_with_tail(unix_now(), &Small {}, &self.tail)
            };
            match written {
                Ok(()) => self.next_number += 1,
                Err(WriteError::Full) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(batch.publish() as u64)
    }

    /// Returns this many events as they are in a ring.
    pub(crate) fn encoded(&mut self, events: usize) -> Vec<u8> {
        let mut records = vec![0; events * self.record_len()];
        for record in records.chunks_exact_mut(self.record_len()) {
            let number = self.next_number.to_le_bytes();
            let payload = [if self.is_numbered { &number[..] } else { &[] }, &self.tail].concat();
            let header = EventHeader::new(unix_now(), Stress::TYPE, payload.len() as u16);
            let written = encode(record, &header, &payload);
            debug_assert_eq!(written, Some(record.len()));
            self.next_number += 1;
        }
        records
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringlog::ring::SpscRingBuffer;
    use ringlog::schema::Schema;

    #[test]
    fn events_come_in_order_in_batches_of_any_size_and_stop_at_a_full_ring() {
        for (batch, payload_len) in [(1, 8), (3, 13), (1000, 13), (3, 5)] {
            let (mut producer, mut consumer) = SpscRingBuffer::new(4096).split();
            let mut events = StressEvents::new(payload_len);
            let schema = Schema::parse(events.schemas().of_type(1).unwrap()).unwrap();
            assert_eq!(events.write(&mut producer, 10, batch), Ok(10));
            let room = (4096 / events.record_len() - 10) as u64;
            assert_eq!(events.write(&mut producer, 1_000_000, batch), Ok(room), "batches of {batch}");
            assert_eq!(events.write(&mut producer, 1, batch), Ok(0));
            let mut numbers = Vec::new();
            let take = |header: &EventHeader, payload: &[u8]| {
                let fields = schema.decode(payload).unwrap();
                assert_eq!((header.event_type, payload.len()), (1, usize::from(payload_len)));
                numbers.push(fields.get("number").map(|number| number.to_string()));
            };
            consumer.drain(usize::MAX, take).unwrap();
            let number = |number: u64| (payload_len >= 8).then(|| number.to_string());
            assert_eq!(numbers, (0..10 + room).map(number).collect::<Vec<_>>());
        }
    }

    #[test]
    fn encoded_events_are_whole_records() {
        use ringlog_nostd::format::{Checksums, Records};
        for payload_len in [0, 1, 64, 65_535] {
            let records = StressEvents::new(payload_len).encoded(3);
            let found: Vec<_> =
                Records::new(&records, Checksums::Ignore).map(|it| it.unwrap().payload.len()).collect();
            assert_eq!(found, [usize::from(payload_len); 3]);
        }
    }
}
