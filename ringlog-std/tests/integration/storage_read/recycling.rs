//! Readers on several threads beside a writer that recycles its oldest segments as fast as it can.
//!
//! They read what was written into the segment that they opened, before it was recycled, or get an error that
//! it is gone.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ringlog::storage::{
    LogFollower, LogReader, LogScan, LogWriter, MmapReader, OpenError, ReadError, Retention, SyncPolicy,
};

use super::support::{assert_is, write};

const TIME: Duration = Duration::from_secs(1);

/// Runs the readers beside the writer. Each returns how many records it has read.
fn beside_recycling(sync: SyncPolicy) {
    // In memory if possible, so that no sync slows the writer.
    let memory = Path::new("/dev/shm");
    let builder = tempfile::Builder::new();
    let folder = if memory.is_dir() { builder.tempdir_in(memory) } else { builder.tempdir() }.unwrap();
    let retention = Retention { max_segments: Some(3), ..Retention::default() };
    let options = LogWriter::options().segment_bytes(4096).retention(retention).sync(sync);
    let mut writer = options.open(folder.path()).unwrap();
    let has_ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let kinds: [fn(&Path) -> u64; 3] = [read_segments, read_log, scan_log];
        let (path, has_ended) = (folder.path(), &has_ended);
        // ORDERING: Relaxed, here and below: a flag, with no data of other threads read after it.
        let is_running = || !has_ended.load(Ordering::Relaxed);
        let again = |read: fn(&Path) -> u64| {
            move || std::iter::repeat_with(|| read(path)).take_while(|_| is_running()).sum()
        };
        let mut readers: Vec<_> = kinds.into_iter().map(|read| scope.spawn(again(read))).collect();
        readers.push(scope.spawn(move || follow(path, is_running)));
        let (end, mut next) = (Instant::now() + TIME, 0);
        while Instant::now() < end {
            write(&mut writer, next..next + 40);
            next += 40;
            if next % 1000 == 0 {
                // Segments that were put down without a sync are finished now, others are retired meanwhile.
                writer.sync().unwrap();
            }
        }
        assert!(writer.take_retention_error().is_none());
        let summary = writer.close().unwrap();
        has_ended.store(true, Ordering::Relaxed);
        let read: Vec<u64> = readers.into_iter().map(|reader| reader.join().unwrap()).collect();
        println!("{} segments; records read: {read:?}", summary.segments);
        assert!(summary.segments > 20 && read.iter().all(|&count| count > 0), "{read:?}");
    });
    assert!(LogReader::open(folder.path()).unwrap().segments().len() <= 3);
}

#[test]
fn a_reader_of_segments_that_are_used_again_reads_one_life_or_hears_that_it_is_gone() {
    beside_recycling(SyncPolicy::EveryBytes(2000));
}

#[test]
fn the_same_where_segments_are_finished_later() {
    beside_recycling(SyncPolicy::Never);
}

/// Returns the reader; `None` if retention was faster.
fn unless_gone<T>(opened: Result<T, OpenError>) -> Option<T> {
    match opened {
        Ok(opened) => Some(opened),
        Err(OpenError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => None,
        Err(error) => panic!("{error:?}"),
    }
}

fn assert_overtaken(error: ReadError) {
    match error {
        ReadError::Overtaken { .. } => {}
        ReadError::Segment(error) => assert!(unless_gone::<()>(Err(*error)).is_none()),
        other => panic!("{other:?}"),
    }
}

fn names(folder: &Path) -> Vec<PathBuf> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    names
        .filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.ends_with(".evtl") && !name.starts_with('.')
        })
        .collect()
}

fn read_segments(folder: &Path) -> u64 {
    let mut count = 0;
    for path in names(folder) {
        let Some(mut reader) = unless_gone(MmapReader::open(&path)) else { continue };
        let salt = reader.header().salt();
        // Twice, with time in between for a writer that would recycle it.
        for _ in 0..2 {
            let mut next = reader.header().base_sequence;
            for event in reader.events() {
                assert_is(&event.unwrap(), next);
                next += 1;
            }
            std::thread::sleep(Duration::from_micros(200));
            reader.refresh().unwrap();
            assert_eq!(reader.header().salt(), salt);
            count += next - reader.header().base_sequence;
        }
    }
    count
}

fn read_log(folder: &Path) -> u64 {
    let Some(reader) = unless_gone(LogReader::open(folder)) else { return 0 };
    let mut next = None;
    match reader.replay(|event| {
        assert_is(&event, next.unwrap_or(event.sequence));
        next = Some(event.sequence + 1);
    }) {
        Ok(count) => return count,
        Err(error) => assert_overtaken(error),
    }
    0
}

fn scan_log(folder: &Path) -> u64 {
    let Some(mut scan) = unless_gone(LogScan::open(folder)) else { return 0 };
    let mut count = 0;
    loop {
        match scan.next_event() {
            Ok(Some(event)) => assert_is(&event, event.sequence),
            Ok(None) => return count,
            Err(error) => {
                assert_overtaken(error);
                return count;
            }
        }
        count += 1;
    }
}

fn follow(folder: &Path, is_running: impl Fn() -> bool) -> u64 {
    let mut follower = LogFollower::open(folder).unwrap();
    let mut next = None;
    let mut count = 0;
    while is_running() {
        match follower.next_within(Duration::from_millis(10)) {
            Ok(Some(event)) => {
                assert_is(&event, next.unwrap_or(event.sequence));
                next = Some(event.sequence + 1);
                count += 1;
            }
            Ok(None) => {}
            Err(error) => {
                assert_overtaken(error);
                next = follower.resume().or(next);
            }
        }
    }
    count
}
