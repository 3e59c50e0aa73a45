//! A recorder beside a program that writes more than the kernel lets wait for the disk: then it makes every writer wait.
//!
//! `RINGLOG_NEIGHBOUR_BYTES` says how much the neighbour writes: 128 MiB by default, more than the kernel's limit in the long
//! run of CI.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ringlog::event::EventHeader;
use ringlog::recorder::Recorder;
use ringlog::ring::{Producer, WriteError};
use ringlog::storage::{LogReader, LogWatch, LogWriter, SyncPolicy};

use crate::alone::is_alone;

const PAYLOAD: usize = 240;
const RECORD_BYTES: u64 = 16 + PAYLOAD as u64;
/// At 26 MB/s this ring holds what comes in five seconds.
const RING_BYTES: usize = 128 << 20;
const EVENTS_PER_STEP: u64 = 100;
const STEP: Duration = Duration::from_millis(1);

/// What the producer saw.
#[derive(Debug, Default)]
struct Seen {
    events: u64,
    /// Events for which the ring had no room.
    full: u64,
    /// The longest write of an event.
    longest: Duration,
    /// The most bytes that were in the ring and not yet in the log.
    most_waiting: u64,
}

impl Seen {
    /// Writes events at a steady pace until the neighbour has ended, for two seconds at least.
    fn produce(producer: &mut Producer, watch: &LogWatch, has_ended: &AtomicBool) -> Self {
        let (mut seen, started) = (Self::default(), Instant::now());
        let mut due = started;
        while !has_ended.load(Ordering::Relaxed) || started.elapsed() < Duration::from_secs(2) {
            for _ in 0..EVENTS_PER_STEP {
                seen.write_one(producer);
            }
            let waiting = seen.events * RECORD_BYTES - watch.published_position();
            seen.most_waiting = seen.most_waiting.max(waiting);
            due += STEP;
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        seen
    }

    fn write_one(&mut self, producer: &mut Producer) {
        let payload = [self.events as u8; PAYLOAD];
        let begun = Instant::now();
        match producer.write_event(&EventHeader::new(self.events, 1, PAYLOAD as u16), &payload) {
            Ok(()) => self.events += 1,
            Err(WriteError::Full) => self.full += 1,
            Err(error) => panic!("{error}"),
        }
        self.longest = self.longest.max(begun.elapsed());
    }
}

/// Writes a file without a sync, as fast as the kernel takes it. Returns the longest call.
fn fill_the_cache(path: &Path, bytes: u64) -> Duration {
    let (mut file, block) = (File::create(path).unwrap(), vec![7; 1 << 20]);
    let mut longest = Duration::ZERO;
    for _ in 0..bytes.div_ceil(block.len() as u64) {
        let begun = Instant::now();
        file.write_all(&block).unwrap();
        longest = longest.max(begun.elapsed());
    }
    longest
}

#[test]
fn a_neighbour_that_fills_the_kernels_cache_costs_no_event() {
    if !is_alone("neighbour::a_neighbour_that_fills_the_kernels_cache_costs_no_event") {
        return;
    }
    let bytes = std::env::var("RINGLOG_NEIGHBOUR_BYTES").ok();
    let bytes = bytes.map_or(128 << 20, |text| text.parse().expect("a number of bytes"));
    // In the build's folder, which is on a disk, not in memory.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let log = folder.path().join("log");
    let options = LogWriter::options().sync(SyncPolicy::EveryInterval(Duration::from_millis(100)));
    let (mut producer, recorder) =
        Recorder::builder().ring_bytes(RING_BYTES).log(options).start(&log).unwrap();
    let has_ended = AtomicBool::new(false);
    let (seen, longest_call) = thread::scope(|scope| {
        let neighbour = scope.spawn(|| {
            let longest = fill_the_cache(&folder.path().join("neighbour"), bytes);
            has_ended.store(true, Ordering::Relaxed);
            longest
        });
        let seen = Seen::produce(&mut producer, recorder.watch(), &has_ended);
        (seen, neighbour.join().unwrap())
    });
    println!("beside {bytes} bytes of a neighbour, whose longest call took {longest_call:?}: {seen:?}");
    let summary = recorder.shutdown(producer).unwrap();
    assert_eq!((summary.events, summary.lost, seen.full), (seen.events, 0, 0), "{seen:?}");
    let mut next = 0;
    LogReader::open(&log)
        .unwrap()
        .replay(|event| {
            assert_eq!(
                (event.sequence, event.header.timestamp, event.payload),
                (next, next, &[next as u8; PAYLOAD][..])
            );
            next += 1;
        })
        .unwrap();
    assert_eq!(next, seen.events);
}
