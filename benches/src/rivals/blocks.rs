//! The machine's limit for two threads: records in blocks of a quarter of a ring, and no ring.
//!
//! One thread copies records into a block, the other reads them. A block is handed over whole, so what is left is the
//! copy, and the way of the cache lines from one processor to the other.

use super::{Channel, End, Kind, Read, Write};
use crate::work::{get, put};
use ringlog_nostd::EventHeader;
use ringlog_nostd::format::HEADER_LEN;

/// Blocks that share a ring's bytes.
const BLOCKS: usize = 4;

/// Bytes, and how many of them hold records.
type Block = (Vec<u8>, usize);

/// Blocks that go there full and come back empty.
pub struct Blocks(End<Filling>, End<Emptying>);

/// The thread that fills blocks.
pub struct Filling {
    full: rtrb::Producer<Block>,
    empty: rtrb::Consumer<Vec<u8>>,
    block: Option<Vec<u8>>,
    filled: usize,
}

/// The thread that reads them.
pub struct Emptying {
    full: rtrb::Consumer<Block>,
    empty: rtrb::Producer<Vec<u8>>,
    block: Option<Block>,
    read: usize,
}

impl Channel for Blocks {
    const NAME: &'static str = "limit of the machine: blocks handed over, no ring";
    const KIND: Kind = Kind::Limit;

    fn make(bytes: usize, _: usize) -> Self {
        let (full, to_read) = rtrb::RingBuffer::new(BLOCKS);
        let (mut empty, to_fill) = rtrb::RingBuffer::new(BLOCKS);
        for _ in 0..BLOCKS {
            empty.push(vec![1; bytes / BLOCKS]).expect("room for all blocks");
        }
        Self(
            End(Filling { full, empty: to_fill, block: None, filled: 0 }),
            End(Emptying { full: to_read, empty, block: None, read: 0 }),
        )
    }

    fn split(&mut self) -> (impl Write + Send, impl Read + Send) {
        (&mut self.0.0, &mut self.1.0)
    }
}

impl Write for &mut Filling {
    #[inline]
    fn write(&mut self, header: &EventHeader, payload: &[u8]) -> bool {
        if self.block.is_none() {
            self.block = self.empty.pop().ok();
        }
        let Some(block) = &mut self.block else { return false };
        let end = self.filled + HEADER_LEN + payload.len();
        let Some(record) = block.get_mut(self.filled..end) else {
            self.flush();
            return false;
        };
        put(record, header, payload);
        self.filled = end;
        true
    }

    fn flush(&mut self) {
        if let Some(block) = self.block.take() {
            self.full.push((block, self.filled)).expect("room for all blocks");
            self.filled = 0;
        }
    }
}

impl Read for &mut Emptying {
    #[inline]
    fn read(&mut self, take: impl FnOnce(&EventHeader, &[u8])) -> bool {
        if self.block.is_none() {
            self.block = self.full.pop().ok();
        }
        let Some((block, filled)) = &self.block else { return false };
        // Records here have one length, which the header says.
        let record = block.get(self.read..*filled).and_then(get);
        let found =
            record.and_then(|(header, rest)| Some((header, rest.get(..usize::from(header.payload_len))?)));
        let Some((header, payload)) = found else {
            let (block, _) = self.block.take().expect("the block just read");
            self.empty.push(block).expect("room for all blocks");
            self.read = 0;
            return false;
        };
        take(&header, payload);
        self.read += HEADER_LEN + payload.len();
        true
    }
}
