//! [rtrb](https://crates.io/crates/rtrb): a ring of bytes used in chunks, and a ring of slots.

use super::{Channel, End, Kind, Read, Slot, Write};
use crate::work::{Source, get};
use ringlog_nostd::EventHeader;
use ringlog_nostd::format::HEADER_LEN;
use rtrb::chunks::{ReadChunk, WriteChunkUninit};
use rtrb::{Consumer, CopyToUninit, Producer, RingBuffer};

/// `rtrb::RingBuffer<u8>`: records copied in and out as chunks of bytes, framed by the length in their headers.
#[derive(Debug)]
pub struct Chunks(End<Producer<u8>>, End<ChunkReader>);

impl Channel for Chunks {
    const NAME: &'static str = "rtrb, chunks of bytes";
    const KIND: Kind = Kind::Variable;

    fn make(bytes: usize, payload_len: usize) -> Self {
        let (producer, consumer) = RingBuffer::new(bytes);
        let joined = vec![0; HEADER_LEN + payload_len];
        Self(End(producer), End(ChunkReader { consumer, joined }))
    }

    fn split(&mut self) -> (impl Write + Send, impl Read + Send) {
        (&mut self.0.0, &mut self.1.0)
    }
}

impl Write for &mut Producer<u8> {
    #[inline]
    fn write(&mut self, header: &EventHeader, payload: &[u8]) -> bool {
        let Ok(chunk) = self.write_chunk_uninit(HEADER_LEN + payload.len()) else { return false };
        commit(chunk, |chunk, at| fill(chunk, at, header, payload), 1);
        true
    }

    #[inline]
    fn write_batch(&mut self, source: &mut Source, limit: usize) -> usize {
        let record_len = HEADER_LEN + source.record().1.len();
        let mut room = self.cached_slots() / record_len;
        if room < limit {
            room = self.slots() / record_len;
        }
        let events = limit.min(room);
        let Ok(chunk) = self.write_chunk_uninit(events * record_len) else { return 0 };
        let fill_next = |chunk: &mut WriteChunkUninit<'_, u8>, at: usize| {
            let (header, payload) = source.record();
            let end = fill(chunk, at, &header, payload);
            source.taken();
            end
        };
        commit(chunk, fill_next, events);
        events
    }
}

/// Fills the chunk with `events` records and publishes it.
#[inline]
fn commit(
    mut chunk: WriteChunkUninit<'_, u8>,
    mut fill_next: impl FnMut(&mut WriteChunkUninit<'_, u8>, usize) -> usize,
    events: usize,
) {
    let mut at = 0;
    for _ in 0..events {
        at = fill_next(&mut chunk, at);
    }
    assert!(at == chunk.len());
    // SAFETY: the records fill the chunk to its end, as was just checked; `fill` writes all bytes up to what it returns.
    unsafe { chunk.commit_all() };
}

/// Copies a record into the chunk from its byte `at` on. Returns where it ends.
#[inline]
fn fill(chunk: &mut WriteChunkUninit<'_, u8>, at: usize, header: &EventHeader, payload: &[u8]) -> usize {
    let at = fill_bytes(chunk, at, &header.to_bytes());
    fill_bytes(chunk, at, payload)
}

#[inline]
fn fill_bytes(chunk: &mut WriteChunkUninit<'_, u8>, at: usize, bytes: &[u8]) -> usize {
    let (first, second) = chunk.as_mut_slices();
    if at + bytes.len() <= first.len() {
        bytes.copy_to_uninit(&mut first[at..at + bytes.len()]);
    } else {
        let in_first = first.len().saturating_sub(at);
        let (head, tail) = bytes.split_at(in_first);
        if !head.is_empty() {
            head.copy_to_uninit(&mut first[at..]);
        }
        let start = at.saturating_sub(first.len());
        tail.copy_to_uninit(&mut second[start..start + tail.len()]);
    }
    at + bytes.len()
}

#[derive(Debug)]
struct ChunkReader {
    consumer: Consumer<u8>,
    /// For a record that the end of the ring splits.
    joined: Vec<u8>,
}

impl Read for &mut ChunkReader {
    #[inline]
    fn read(&mut self, take: impl FnOnce(&EventHeader, &[u8])) -> bool {
        let Ok(head) = self.consumer.read_chunk(HEADER_LEN) else { return false };
        let record_len = HEADER_LEN + payload_len(&head, 0);
        let Ok(chunk) = self.consumer.read_chunk(record_len) else { return false };
        pass(&chunk, 0, record_len, &mut self.joined, take);
        chunk.commit_all();
        true
    }

    #[inline]
    fn read_batch(&mut self, limit: usize, mut take: impl FnMut(&EventHeader, &[u8])) -> usize {
        let len = self.consumer.slots();
        let Ok(chunk) = self.consumer.read_chunk(len) else { return 0 };
        let (mut at, mut events) = (0, 0);
        while at < len && events < limit {
            let record_len = HEADER_LEN + payload_len(&chunk, at);
            pass(&chunk, at, record_len, &mut self.joined, &mut take);
            at += record_len;
            events += 1;
        }
        chunk.commit(at);
        events
    }
}

/// Returns the payload length of the record at byte `at` of the chunk.
#[inline]
fn payload_len(chunk: &ReadChunk<'_, u8>, at: usize) -> usize {
    const LEN_AT: usize = 10;
    let (first, second) = chunk.as_slices();
    let byte = |at: usize| if at < first.len() { first[at] } else { second[at - first.len()] };
    usize::from(match first.get(at + LEN_AT..).and_then(<[u8]>::first_chunk) {
        Some(bytes) => u16::from_le_bytes(*bytes),
        None => u16::from_le_bytes([byte(at + LEN_AT), byte(at + LEN_AT + 1)]),
    })
}

#[inline]
fn pass(
    chunk: &ReadChunk<'_, u8>,
    at: usize,
    len: usize,
    joined: &mut [u8],
    take: impl FnOnce(&EventHeader, &[u8]),
) {
    let (first, second) = chunk.as_slices();
    let record = if at + len <= first.len() {
        &first[at..at + len]
    } else if at >= first.len() {
        &second[at - first.len()..at - first.len() + len]
    } else {
        let (head, tail) = joined[..len].split_at_mut(first.len() - at);
        head.copy_from_slice(&first[at..]);
        tail.copy_from_slice(&second[..tail.len()]);
        &joined[..len]
    };
    let (header, payload) = get(record).expect("longer than a header");
    take(&header, payload);
}

/// `rtrb::RingBuffer<Slot>`.
#[derive(Debug)]
pub struct Slots<const PAYLOAD: usize>(End<Producer<Slot<PAYLOAD>>>, End<Consumer<Slot<PAYLOAD>>>);

impl<const PAYLOAD: usize> Channel for Slots<PAYLOAD> {
    const NAME: &'static str = "rtrb, slots";
    const KIND: Kind = Kind::Fixed;

    fn make(bytes: usize, _: usize) -> Self {
        let (producer, consumer) = RingBuffer::new(Slot::<PAYLOAD>::count(bytes));
        Self(End(producer), End(consumer))
    }

    fn split(&mut self) -> (impl Write + Send, impl Read + Send) {
        (&mut self.0.0, &mut self.1.0)
    }
}

impl<const PAYLOAD: usize> Write for &mut Producer<Slot<PAYLOAD>> {
    #[inline]
    fn write(&mut self, header: &EventHeader, payload: &[u8]) -> bool {
        self.push(Slot::new(header, payload)).is_ok()
    }

    #[inline]
    fn write_batch(&mut self, source: &mut Source, limit: usize) -> usize {
        let mut room = self.cached_slots();
        if room < limit {
            room = self.slots();
        }
        let Ok(chunk) = self.write_chunk_uninit(limit.min(room)) else { return 0 };
        let records = std::iter::repeat_with(|| {
            let (header, payload) = source.record();
            let slot = Slot::new(&header, payload);
            source.taken();
            slot
        });
        // `fill_from_iter` takes no more than there is room for.
        chunk.fill_from_iter(records)
    }
}

impl<const PAYLOAD: usize> Read for &mut Consumer<Slot<PAYLOAD>> {
    #[inline]
    fn read(&mut self, take: impl FnOnce(&EventHeader, &[u8])) -> bool {
        // Without a copy of the record.
        let Ok(chunk) = self.read_chunk(1) else { return false };
        if let ([slot, ..], _) = chunk.as_slices() {
            take(&slot.header, &slot.payload);
        }
        chunk.commit_all();
        true
    }

    #[inline]
    fn read_batch(&mut self, limit: usize, mut take: impl FnMut(&EventHeader, &[u8])) -> usize {
        let events = limit.min(self.slots());
        let Ok(chunk) = self.read_chunk(events) else { return 0 };
        let (first, second) = chunk.as_slices();
        first.iter().chain(second).for_each(|slot| take(&slot.header, &slot.payload));
        chunk.commit_all();
        events
    }
}
