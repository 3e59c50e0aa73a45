//! Measures a plain hand-over between two threads: one fills blocks with records, the other copies them into a file.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

use ringlog_nostd::format::{encode, record_len};

use crate::cli::terminal::words::unix_now;
use crate::event::EventHeader;
use crate::ring::{Idle, Waiter};
use crate::storage::{CreateError, PlainFile};

/// Bytes of a block; a longer record is a block alone.
const BLOCK_BYTES: usize = 64 * 1024;
/// Blocks that the two threads share.
const BLOCKS: usize = 8;
/// Most bytes of a round: one segment of the log.
const ROUND_BYTES: u64 = 64 << 20;
/// Most rounds. Other programs slow some of them down, so the fastest counts.
const ROUNDS: usize = 5;
/// No round starts after this time.
const PATIENCE: Duration = Duration::from_millis(250);

/// The events of `stress`, for the measured run and for the plain copy.
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

    /// Returns the next event, with the time of the call.
    #[inline]
    pub(crate) fn next_event(&mut self) -> (EventHeader, &[u8]) {
        let event_type = (self.next_number % 251) as u8;
        self.next_number += 1;
        (EventHeader::new(unix_now(), event_type, self.payload_len), &self.payload)
    }
}

/// Returns the events per second of a plain hand-over between two threads, from the fastest of some short rounds.
///
/// One thread fills blocks of 64 KiB with records without checksums. The other copies the blocks into a file in
/// `folder`, which is prepared as the spare segment of a log is. There is no ring and no log, and nothing is published
/// or synced. A round takes `log_bytes`, at most 64 MiB.
pub(crate) fn plain_copy(folder: &Path, payload_len: u16, log_bytes: u64) -> Result<f64, CreateError> {
    let events = StressEvents::new(payload_len);
    let block_bytes = whole_records(BLOCK_BYTES, events.record_len());
    // At most 64 MiB, so it is a `usize`.
    let round_bytes = whole_records(log_bytes.min(ROUND_BYTES) as usize, block_bytes);
    let mut file = PlainFile::create_in(folder, round_bytes)?;
    let started = Instant::now();
    let mut fastest = Duration::MAX;
    for _ in 0..ROUNDS {
        let to = &mut file.bytes_mut()[..round_bytes];
        fastest = fastest.min(hand_over(events.clone(), block_bytes, to));
        if started.elapsed() > PATIENCE {
            break;
        }
    }
    let round_events = round_bytes / events.record_len();
    Ok(round_events as f64 / fastest.max(Duration::from_nanos(1)).as_secs_f64())
}

/// Returns the largest multiple of `record_len` up to `bytes`, but at least one record.
const fn whole_records(bytes: usize, record_len: usize) -> usize {
    let records = bytes / record_len;
    if records == 0 { record_len } else { records * record_len }
}

/// Fills all of `to`, a multiple of `block_bytes`; returns the time from making the first record to copying the last.
fn hand_over(events: StressEvents, block_bytes: usize, to: &mut [u8]) -> Duration {
    let (full, to_copy) = sync_channel(BLOCKS);
    let (empty, to_fill) = sync_channel(BLOCKS);
    for _ in 0..BLOCKS {
        // Not zero, so that the kernel provides the pages now.
        let _ = empty.try_send(vec![1; block_bytes]);
    }
    let blocks = to.len() / block_bytes;
    std::thread::scope(|scope| {
        let filling = scope.spawn(move || fill(events, blocks, &to_fill, &full));
        for place in to.chunks_exact_mut(block_bytes) {
            let Some(block) = next(&to_copy) else { break };
            place.copy_from_slice(&block);
            // Cannot fail: the channel has room for all blocks.
            let _ = empty.try_send(block);
        }
        let end = Instant::now();
        let begin = filling.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        end - begin
    })
}

/// Fills this many blocks; returns the time before the first.
fn fill(
    mut events: StressEvents,
    blocks: usize,
    to_fill: &Receiver<Vec<u8>>,
    full: &SyncSender<Vec<u8>>,
) -> Instant {
    let begin = Instant::now();
    let record_len = events.record_len();
    for _ in 0..blocks {
        let Some(mut block) = next(to_fill) else { break };
        for record in block.chunks_exact_mut(record_len) {
            let (header, payload) = events.next_event();
            let written = encode(record, &header, payload);
            debug_assert_eq!(written, Some(record_len));
        }
        let _ = full.try_send(block);
    }
    begin
}

/// Waits for the next block without sleeping; `None` if there will be none.
fn next(blocks: &Receiver<Vec<u8>>) -> Option<Vec<u8>> {
    let mut waiter = Waiter::new(Idle::Yield);
    loop {
        match blocks.try_recv() {
            Ok(block) => return Some(block),
            Err(TryRecvError::Empty) => waiter.wait(),
            Err(TryRecvError::Disconnected) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringlog_nostd::format::{Checksums, Records};

    #[test]
    fn the_same_records_arrive_in_order() {
        for payload_len in [0, 1, 64, 65_535] {
            let mut events = StressEvents::new(payload_len);
            let block_bytes = whole_records(BLOCK_BYTES, events.record_len());
            // More blocks than the threads share.
            let mut bytes = vec![0; 3 * BLOCKS * block_bytes];
            assert!(hand_over(events.clone(), block_bytes, &mut bytes) > Duration::ZERO);
            let mut found = 0;
            for record in Records::new(&bytes, Checksums::Ignore) {
                let record = record.unwrap();
                let (header, payload) = events.next_event();
                assert!(record.header.timestamp <= header.timestamp);
                assert_eq!((record.header.event_type, record.payload), (header.event_type, payload));
                found += 1;
            }
            assert_eq!(found, bytes.len() / events.record_len());
        }
    }

    #[test]
    fn blocks_and_rounds_hold_whole_records() {
        assert_eq!(whole_records(BLOCK_BYTES, 80), 65_520);
        assert_eq!(whole_records(BLOCK_BYTES, 65_552), 65_552);
        assert_eq!(whole_records(0, 80), 80);
    }

    #[test]
    fn a_small_log_has_a_limit_too_and_nothing_stays() {
        let folder = tempfile::tempdir().unwrap();
        assert!(plain_copy(folder.path(), 64, 0).unwrap() > 0.0);
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }
}
