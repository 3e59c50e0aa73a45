//! The events of `stress`, for the measured run and for the limits beside it.

use ringlog_nostd::format::{encode, record_len};

use crate::cli::terminal::words::unix_now;
use crate::event::EventHeader;
use crate::ring::{Producer, WriteError};

/// A stream of events with payloads of one length, numbered by their types.
#[derive(Clone, Debug)]
pub(crate) struct StressEvents {
    payload: Vec<u8>,
    payload_len: u16,
    next_number: u64,
}

impl StressEvents {
    /// Makes events with payloads of this many bytes.
    pub(crate) fn new(payload_len: u16) -> Self {
        Self { payload: vec![0xA5; usize::from(payload_len)], payload_len, next_number: 0 }
    }

    /// Returns the bytes of each record.
    pub(crate) fn record_len(&self) -> usize {
        record_len(self.payload.len())
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
        match producer.write_event(&self.next_header(), &self.payload) {
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
            match batch.write_event(&self.next_header(), &self.payload) {
                Ok(()) => self.next_number += 1,
                Err(WriteError::Full) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(batch.publish() as u64)
    }

    /// Returns the header of the next event, with the time of the call.
    #[inline]
    fn next_header(&self) -> EventHeader {
        EventHeader::new(unix_now(), (self.next_number % 251) as u8, self.payload_len)
    }

    /// Returns this many events as they are in a ring.
    pub(crate) fn encoded(&mut self, events: usize) -> Vec<u8> {
        let mut records = vec![0; events * self.record_len()];
        for record in records.chunks_exact_mut(self.record_len()) {
            let written = encode(record, &self.next_header(), &self.payload);
            debug_assert_eq!(written, Some(record.len()));
            self.next_number += 1;
        }
        records
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::SpscRingBuffer;

    #[test]
    fn events_come_in_order_in_batches_of_any_size_and_stop_at_a_full_ring() {
        for batch in [1, 3, 1000] {
            let (mut producer, mut consumer) = SpscRingBuffer::new(4096).split();
            let mut events = StressEvents::new(5);
            assert_eq!(events.write(&mut producer, 10, batch), Ok(10));
            let room = (4096 / events.record_len() - 10) as u64;
            assert_eq!(events.write(&mut producer, 1_000_000, batch), Ok(room), "batches of {batch}");
            assert_eq!(events.write(&mut producer, 1, batch), Ok(0));
            let mut types = Vec::new();
            consumer.drain(usize::MAX, |header, _| types.push(u64::from(header.event_type))).unwrap();
            assert_eq!(types, (0..10 + room).map(|number| number % 251).collect::<Vec<_>>());
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
