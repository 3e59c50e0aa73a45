//! Measures what the machine can do with the same bytes without a log: each part of the way from an event to the disk
//! alone, in short rounds in turn, before a run and after it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use rustix::fs::{FallocateFlags, fallocate};

use super::bound::Bound;
use super::events::StressEvents;
use super::pinning::{Pins, pin_here};
use crate::terminal::print::eprint;
use crate::terminal::signals::Stop;
use ringlog::programs::Waiter;
use ringlog::programs::{RunBuffer, RunForm, RunPlacement};
use ringlog::ring::{Consumer, Idle, Producer, SpscRingBuffer};

/// Bytes of a piece that is copied or written: as many as the recorder writes by one call.
const PIECE_BYTES: usize = 256 << 10;
/// Most bytes of a round, and of a file: one segment of the log. The disk gets several.
const ROUND_BYTES: u64 = 64 << 20;
/// Most bytes of the ring: a larger one would not be filled more than once.
const RING_BYTES: usize = 8 << 20;
/// Most rounds of each limit, before and after.
const ROUNDS: usize = 3;
/// Files in a round of the disk.
const DISK_FILES: usize = 4;
/// Pieces between two syncs, and syncs that may be outstanding.
const PIECES_PER_SYNC: usize = 64;
const SYNCS_AHEAD: usize = 4;
/// A round of the disk writes no more after this time, then waits for the last sync.
const DISK_PATIENCE: Duration = Duration::from_millis(400);
/// A reader that finds less than this lets more come together, as the recorder does.
const GATHERED_BYTES: usize = 16 << 10;

/// What is measured with.
#[derive(Clone, Debug)]
pub(crate) struct LimitOptions {
    /// An existing folder of the log's file system.
    pub(crate) folder: PathBuf,
    pub(crate) payload_len: u16,
    pub(crate) ring_bytes: usize,
    pub(crate) batch: u64,
    pub(crate) pins: Pins,
    /// Most bytes of a round.
    pub(crate) most_bytes: u64,
    /// No round starts after this time, before the run or after it.
    pub(crate) patience: Duration,
}

/// The limits of a run, as far as they were measured.
#[derive(Debug)]
pub(crate) struct Limits {
    options: LimitOptions,
    events: StressEvents,
    round_bytes: usize,
    piece_bytes: usize,
    /// The events of a ring, in whole pieces.
    records: Vec<u8>,
    found: [Rounds; Bound::ALL.len()],
}

/// Bytes per second of each round of one limit.
#[derive(Clone, Debug, Default)]
struct Rounds {
    before: Vec<f64>,
    after: Vec<f64>,
    has_failed: bool,
}

/// When limits are measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum When {
    BeforeRun,
    AfterRun,
}

/// A limit in bytes per second: medians.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Limit {
    pub(crate) all: f64,
    pub(crate) before: f64,
    /// The same as before the run if it was not measured again.
    pub(crate) after: f64,
}

impl Limits {
    pub(crate) fn new(options: LimitOptions) -> Self {
        let mut events = StressEvents::new(options.payload_len);
        let record_len = events.record_len();
        let piece_bytes = whole_records(PIECE_BYTES, record_len);
        let records = events.encoded(whole_records(RING_BYTES, piece_bytes) / record_len);
        // At most 64 MiB, so it is a `usize`.
        let round_bytes = whole_records(options.most_bytes.min(ROUND_BYTES) as usize, record_len);
        Self { options, events, round_bytes, piece_bytes, records, found: Default::default() }
    }

    /// Measures all limits in turn. One that cannot be measured is reported once, and left out.
    pub(crate) fn measure(&mut self, when: When, stop: &Stop) {
        let started = Instant::now();
        for _ in 0..ROUNDS {
            for bound in Bound::ALL {
                if stop.is_set() {
                    return;
                }
                self.measure_one(bound, when);
            }
            if started.elapsed() >= self.options.patience {
                return;
            }
        }
    }

    fn measure_one(&mut self, bound: Bound, when: When) {
        if self.found[bound as usize].has_failed {
            return;
        }
        let rate = match bound {
            Bound::Ring => self.hand_over(),
            Bound::Recorder => self.as_recorder(Self::copy),
            Bound::PageCache => self.as_recorder(Self::write),
            Bound::Disk => self.as_recorder(Self::write_and_sync),
        };
        let rounds = &mut self.found[bound as usize];
        match (rate, when) {
            (Ok(rate), When::BeforeRun) => rounds.before.push(rate),
            (Ok(rate), When::AfterRun) => rounds.after.push(rate),
            (Err(error), _) => {
                rounds.has_failed = true;
                eprint(&format!("stress: the limit `{}` was not measured: {error}", bound.limit()));
            }
        }
    }

    /// Returns a limit; `None` if it was not measured.
    pub(crate) fn get(&self, bound: Bound) -> Option<Limit> {
        let Rounds { before, after, .. } = &self.found[bound as usize];
        let all = median([before.as_slice(), after.as_slice()].concat())?;
        let before = median(before.clone()).unwrap_or(all);
        Some(Limit { all, before, after: median(after.clone()).unwrap_or(before) })
    }

    /// Two threads and a ring: the producer makes events and hands them over, the consumer reads each cache line and
    /// throws it away. Not counted is the first lap, for which the kernel has yet to provide the pages.
    fn hand_over(&self) -> io::Result<f64> {
        let ring_bytes = self.options.ring_bytes.min(RING_BYTES);
        let (producer, consumer) = SpscRingBuffer::try_new(ring_bytes).map_err(io::Error::other)?.split();
        let record_len = self.events.record_len();
        let most_read = whole_records(PIECE_BYTES.min(ring_bytes / 4), record_len);
        let (first_lap, events) = (ring_bytes / record_len, self.round_bytes / record_len);
        let Pins { producer: producers, recorder: readers } = self.options.pins;
        thread::scope(|scope| {
            let writing = scope.spawn(move || {
                pin_here(producers)?;
                self.produce(producer, first_lap as u64, events as u64)
            });
            let reading = scope.spawn(move || {
                pin_here(readers)?;
                read_all(consumer, most_read)?;
                Ok(Instant::now())
            });
            let (begin, end) = (joined(writing), joined(reading));
            Ok(rate(events * record_len, end? - begin?))
        })
    }

    /// Returns the time after the first lap.
    fn produce(&self, mut producer: Producer, first_lap: u64, events: u64) -> io::Result<Instant> {
        let mut stream = self.events.clone();
        let mut waiter = Waiter::new(Idle::Yield);
        let mut begin = Instant::now();
        for mut left in [first_lap, events] {
            begin = Instant::now();
            while left > 0 {
                let written =
                    stream.write(&mut producer, left, self.options.batch).map_err(io::Error::other)?;
                left -= written;
                if written > 0 { waiter.reset() } else { waiter.wait() }
            }
        }
        Ok(begin)
    }

    /// Measures on a thread that runs where the recorder does.
    fn as_recorder(&self, measure: fn(&Self) -> io::Result<f64>) -> io::Result<f64> {
        thread::scope(|scope| {
            joined(scope.spawn(|| {
                pin_here(self.options.pins.recorder)?;
                measure(self)
            }))
        })
    }

    /// The pieces of a round, from a ring's worth of records, again and again.
    fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let mut left = self.round_bytes;
        self.records.chunks(self.piece_bytes).cycle().map_while(move |piece| {
            let piece = &piece[..piece.len().min(left)];
            left -= piece.len();
            (!piece.is_empty()).then_some(piece)
        })
    }

    /// Copies the records and adds their checksums, in memory, by the recorder's code.
    fn copy(&self) -> io::Result<f64> {
        let mut buffer = RunBuffer::default();
        let mut offset = 64;
        let begin = Instant::now();
        for piece in self.pieces() {
            let form = RunForm { place: RunPlacement { salt: 1, offset }, checksums: true };
            offset += buffer.fill(&[], piece, form, |_| false).bytes as u64;
        }
        Ok(rate(offset as usize - 64, begin.elapsed()))
    }

    /// Writes the records into a fresh file by plain calls.
    fn write(&self) -> io::Result<f64> {
        let file = fresh_file(&self.options.folder, self.round_bytes as u64)?;
        let (mut offset, begin) = (0, Instant::now());
        for piece in self.pieces() {
            file.write_all_at(piece, offset)?;
            offset += piece.len() as u64;
        }
        Ok(rate(offset as usize, begin.elapsed()))
    }

    /// Writes into fresh files, while a second thread syncs what is written.
    fn write_and_sync(&self) -> io::Result<f64> {
        let fresh = |_| fresh_file(&self.options.folder, self.round_bytes as u64);
        let files: Vec<File> = (0..DISK_FILES).map(fresh).collect::<io::Result<_>>()?;
        let begin = Instant::now();
        thread::scope(|scope| {
            let (written, to_sync) = sync_channel::<&File>(SYNCS_AHEAD);
            let syncing = scope.spawn(move || to_sync.into_iter().try_for_each(File::sync_data));
            let mut bytes = 0;
            for file in &files {
                let mut offset = 0;
                for (number, piece) in self.pieces().enumerate() {
                    file.write_all_at(piece, offset)?;
                    offset += piece.len() as u64;
                    // Fails only after an error of the other thread, which is returned below.
                    if number % PIECES_PER_SYNC == PIECES_PER_SYNC - 1 && written.send(file).is_err() {
                        break;
                    }
                }
                bytes += offset as usize;
                if written.send(file).is_err() || begin.elapsed() >= DISK_PATIENCE {
                    break;
                }
            }
            drop(written);
            joined(syncing)?;
            Ok(rate(bytes, begin.elapsed()))
        })
    }
}

fn rate(bytes: usize, elapsed: Duration) -> f64 {
    bytes as f64 / elapsed.max(Duration::from_nanos(1)).as_secs_f64()
}

fn joined<T>(thread: ScopedJoinHandle<'_, io::Result<T>>) -> io::Result<T> {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Returns the largest multiple of `record_len` up to `bytes`, but at least one record.
const fn whole_records(bytes: usize, record_len: usize) -> usize {
    let records = bytes / record_len;
    if records == 0 { record_len } else { records * record_len }
}

fn median(mut numbers: Vec<f64>) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    let upper = *numbers.get(middle)?;
    Some(if numbers.len() % 2 == 1 { upper } else { f64::midpoint(numbers[middle - 1], upper) })
}

/// Reads until the producer has closed. Releases at most `most` bytes, whole records, at once.
fn read_all(mut consumer: Consumer, most: usize) -> io::Result<()> {
    let mut waiter = Waiter::new(Idle::Yield);
    loop {
        // Read before the ring is, so that what was written before the close is found after it.
        let is_closed = consumer.is_closed();
        let bytes = consumer.peek_run(0).map_err(io::Error::other)?.map_or(0, |run| {
            let bytes = &run.remaining()[..run.remaining().len().min(most)];
            let sum = bytes.iter().step_by(64).fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
            std::hint::black_box(sum);
            bytes.len()
        });
        consumer.release_bytes(bytes);
        match bytes {
            0 if is_closed => return Ok(()),
            0 => waiter.wait(),
            1..GATHERED_BYTES => waiter.let_gather(),
            _ => waiter.reset(),
        }
    }
}

/// Creates a file like a new segment: its blocks are allocated and durable. It has no name, so nothing is left of it,
/// even if the program is killed.
fn fresh_file(folder: &Path, bytes: u64) -> io::Result<File> {
    let path = folder.join(format!(".ringlog-stress-{}", std::process::id()));
    let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
    std::fs::remove_file(&path)?;
    fallocate(&file, FallocateFlags::empty(), 0, bytes)?;
    file.sync_all()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(folder: &Path) -> LimitOptions {
        LimitOptions {
            folder: folder.into(),
            payload_len: 64,
            ring_bytes: 128 << 10,
            batch: 1,
            pins: Pins::default(),
            most_bytes: 1 << 20,
            patience: Duration::ZERO,
        }
    }

    #[test]
    fn each_limit_is_measured_before_and_after_and_nothing_stays() {
        let folder = tempfile::tempdir().unwrap();
        let shapes = [(0, 1), (64, 1), (64, 100), (65_535, 3)];
        for (payload_len, batch) in shapes {
            let mut limits = Limits::new(LimitOptions { payload_len, batch, ..options(folder.path()) });
            for when in [When::BeforeRun, When::AfterRun] {
                limits.measure(when, &Stop::default());
            }
            for bound in Bound::ALL {
                let limit = limits.get(bound).unwrap();
                assert!(limit.before > 0.0 && limit.after > 0.0, "{bound:?} {limit:?}");
                assert!(limit.all >= limit.before.min(limit.after), "{bound:?} {limit:?}");
                assert!(limit.all <= limit.before.max(limit.after), "{bound:?} {limit:?}");
            }
        }
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn limits_of_a_folder_that_is_missing_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let mut limits = Limits::new(options(&folder.path().join("none")));
        limits.measure(When::BeforeRun, &Stop::default());
        let measured = Bound::ALL.map(|bound| limits.get(bound).is_some());
        assert_eq!(measured, [true, true, false, false]);
    }

    #[test]
    fn nothing_is_measured_after_a_signal() {
        let folder = tempfile::tempdir().unwrap();
        let (mut limits, stop) = (Limits::new(options(folder.path())), Stop::default());
        stop.set();
        limits.measure(When::BeforeRun, &stop);
        assert!(Bound::ALL.iter().all(|&bound| limits.get(bound).is_none()));
    }

    #[test]
    fn rounds_have_whole_records_and_the_asked_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits::new(LimitOptions { most_bytes: 20 << 20, ..options(folder.path()) });
        let bytes: usize = limits.pieces().map(<[u8]>::len).sum();
        assert_eq!(bytes, limits.round_bytes);
        assert_eq!(bytes, whole_records(20 << 20, 80));
        assert_eq!((whole_records(65_552, 65_552), whole_records(0, 80)), (65_552, 80));
    }

    #[test]
    fn a_median_is_that_of_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(Vec::new()), None);
    }
}
