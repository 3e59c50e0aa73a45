//! This project's ring, as an application has it: on the heap.

use super::{Channel, End, Kind, Read, Write};
use crate::work::Source;
use ringlog::ring::{Consumer, Producer, SpscRingBuffer};
use ringlog_nostd::{EventHeader, WriteError};

/// `ringlog::ring::SpscRingBuffer`.
#[derive(Debug)]
pub struct Ringlog(End<Producer>, End<Consumer>);

impl Channel for Ringlog {
    const NAME: &'static str = "ringlog";
    const KIND: Kind = Kind::Own;

    fn make(bytes: usize, _: usize) -> Self {
        let (producer, consumer) = SpscRingBuffer::new(bytes).split();
        Self(End(producer), End(consumer))
    }

    fn split(&mut self) -> (impl Write + Send, impl Read + Send) {
        (&mut self.0.0, &mut self.1.0)
    }
}

impl Write for &mut Producer {
    #[inline]
    fn write(&mut self, header: &EventHeader, payload: &[u8]) -> bool {
        is_taken(self.write_event(header, payload))
    }

    #[inline]
    fn write_batch(&mut self, source: &mut Source, limit: usize) -> usize {
        let mut batch = self.batch();
        for _ in 0..limit {
            if !source.offer(|header, payload| is_taken(batch.write_event(header, payload))) {
                break;
            }
        }
        batch.publish()
    }
}

impl Read for &mut Consumer {
    #[inline]
    fn read(&mut self, take: impl FnOnce(&EventHeader, &[u8])) -> bool {
        let Some((header, payload)) = self.read_event() else { return false };
        take(&header, payload);
        true
    }

    #[inline]
    fn read_batch(&mut self, limit: usize, take: impl FnMut(&EventHeader, &[u8])) -> usize {
        self.drain(limit, take).expect("a whole ring")
    }
}

#[inline]
fn is_taken(written: Result<(), WriteError>) -> bool {
    match written {
        Ok(()) => true,
        Err(WriteError::Full) => false,
        Err(other) => panic!("{other}"),
    }
}
