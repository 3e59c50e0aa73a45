//! [bbqueue](https://crates.io/crates/bbqueue): frames in a BipBuffer; many frames at once as one grant of a stream.

use super::{Channel, Kind, Read, Write};
use crate::work::{Source, get, put};
use bbqueue::ArcBBQueue;
use bbqueue::prod_cons::framed::{FramedConsumer, FramedProducer};
use bbqueue::prod_cons::stream::{StreamConsumer, StreamProducer};
use bbqueue::traits::coordination::cas::AtomicCoord;
use bbqueue::traits::notifier::polling::Polling;
use bbqueue::traits::storage::BoxedSlice;
use ringlog_nostd::EventHeader;
use ringlog_nostd::format::HEADER_LEN;
use std::sync::Arc;

type Queue = ArcBBQueue<BoxedSlice, AtomicCoord, Polling>;
type Shared = Arc<bbqueue::BBQueue<BoxedSlice, AtomicCoord, Polling>>;

/// `bbqueue` with frames, on the heap, by compare-and-swap, without notification.
pub struct Framed(Queue);

/// Frames one by one, a stream for batches. A ring is used in only one way.
struct Writer {
    frames: FramedProducer<Shared>,
    stream: StreamProducer<Shared>,
}

struct Reader {
    frames: FramedConsumer<Shared>,
    stream: StreamConsumer<Shared>,
}

impl Channel for Framed {
    const NAME: &'static str = "bbqueue, framed";
    const KIND: Kind = Kind::Variable;

    fn make(bytes: usize, _: usize) -> Self {
        Self(Queue::new_with_storage(BoxedSlice::new(bytes)))
    }

    fn split(&mut self) -> (impl Write + Send, impl Read + Send) {
        (
            Writer { frames: self.0.framed_producer(), stream: self.0.stream_producer() },
            Reader { frames: self.0.framed_consumer(), stream: self.0.stream_consumer() },
        )
    }
}

impl Write for Writer {
    #[inline]
    fn write(&mut self, header: &EventHeader, payload: &[u8]) -> bool {
        // Frames here are at most 1040 bytes.
        let len = (HEADER_LEN + payload.len()) as u16;
        let Ok(mut grant) = self.frames.grant(len) else { return false };
        put(&mut grant, header, payload);
        grant.commit(len);
        true
    }

    #[inline]
    fn write_batch(&mut self, source: &mut Source, limit: usize) -> usize {
        let record_len = HEADER_LEN + source.record().1.len();
        // All or nothing, as the room before the ring's end may be too short for a record.
        let Ok(mut grant) = self.stream.grant_exact(limit * record_len) else { return 0 };
        let mut events = 0;
        for record in grant.chunks_exact_mut(record_len) {
            let (header, payload) = source.record();
            put(record, &header, payload);
            source.taken();
            events += 1;
        }
        grant.commit(events * record_len);
        events
    }
}

impl Read for Reader {
    #[inline]
    fn read(&mut self, take: impl FnOnce(&EventHeader, &[u8])) -> bool {
        let Ok(grant) = self.frames.read() else { return false };
        let (header, payload) = get(&grant).expect("longer than a header");
        take(&header, payload);
        grant.release();
        true
    }

    #[inline]
    fn read_batch(&mut self, limit: usize, mut take: impl FnMut(&EventHeader, &[u8])) -> usize {
        let Ok(grant) = self.stream.read() else { return 0 };
        let (mut at, mut events) = (0, 0);
        while events < limit
            && let Some((header, rest)) = grant.get(at..).and_then(get)
            && let Some(payload) = rest.get(..usize::from(header.payload_len))
        {
            take(&header, payload);
            at += HEADER_LEN + payload.len();
            events += 1;
        }
        grant.release(at);
        events
    }
}
