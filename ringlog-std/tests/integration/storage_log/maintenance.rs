//! Tests spare segments, syncs by workers, retention, and a full disk.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ringlog::event::{FileHeader, GapReason, file_flags};
use ringlog::storage::{
    AppendError, CreateError, FullDisk, LogReader, LogWriter, LogWriterOptions, Retention, SyncError,
    SyncPolicy,
};

use super::support::{assert_holds, assert_is, event, read, segments, unseal, wait_until, write};

fn small() -> LogWriterOptions {
    LogWriter::options().segment_bytes(1 << 16)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn keep(max_segments: u64) -> Retention {
    Retention { max_segments: Some(max_segments), ..Retention::default() }
}

#[test]
fn retired_segments_are_recycled_and_what_they_held_never_shows() {
    let folder = tempfile::tempdir().unwrap();
    let options = small().retention(keep(4)).sync(SyncPolicy::EveryBytes(1)).max_unsynced_bytes(15 << 16);
    let mut writer = options.open(folder.path()).unwrap();
    let mut seen = HashSet::new();
    let mut rolled = 0;
    for number in 0..20_000 {
        write(&mut writer, number..number + 1);
        let full = writer.summary().segments;
        if full > rolled {
            rolled = full;
            let here = files(folder.path());
            // Those kept, up to 16 that wait for their sync, the next one, and `writer`.
            assert!(here.len() <= 24, "{here:?}");
            let inode = |path: &PathBuf| std::fs::metadata(path).map(|metadata| metadata.ino());
            seen.extend(here.iter().filter_map(|path| inode(path).ok()));
        }
    }
    assert!(rolled > 30, "{rolled}");
    assert!((seen.len() as u64) < rolled / 2, "{} files for {rolled} segments", seen.len());
    writer.close().unwrap();
    let first = LogReader::open(folder.path()).unwrap().first_sequence();
    assert!(first > 10_000, "{first}");
    assert_holds(folder.path(), first..20_000);
}

#[test]
fn a_reader_keeps_what_it_has_mapped() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = small().retention(keep(2)).open(folder.path()).unwrap();
    write(&mut writer, 0..500);
    let path = folder.path().join(format!("{:020}.evtl", 0));
    writer.sync().unwrap();
    let reader = ringlog::storage::MmapReader::open(&path).unwrap();
    let count = reader.replay(|_| ()).unwrap();
    write(&mut writer, 500..6000);
    wait_until(|| !path.exists());
    write(&mut writer, 6000..9000);
    assert_eq!(reader.replay(|event| assert_eq!(event.sequence, event.header.timestamp)).unwrap(), count);
    writer.close().unwrap();
}

#[test]
fn segments_that_are_too_old_go_while_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let brief = Retention { max_age: Some(Duration::from_millis(1)), ..Retention::default() };
    let mut writer = small().retention(brief).open(folder.path()).unwrap();
    write(&mut writer, 0..3000);
    writer.sync().unwrap();
    wait_until(|| LogReader::open(folder.path()).is_ok_and(|log| log.segments().len() == 1));
    writer.close().unwrap();
}

#[test]
fn the_log_takes_no_more_than_it_may() {
    let folder = tempfile::tempdir().unwrap();
    let most = Retention { max_bytes: Some(6 << 16), ..Retention::default() };
    let mut writer = small().retention(most).sync(SyncPolicy::EveryEvent).open(folder.path()).unwrap();
    for number in 0..3000 {
        write(&mut writer, number..number + 1);
        let blocks = |path: PathBuf| std::fs::metadata(path).map_or(0, |metadata| metadata.blocks() * 512);
        let bytes: u64 = files(folder.path()).into_iter().map(blocks).sum();
        // The file `writer` takes a block.
        assert!(bytes <= (6 << 16) + 8192, "{bytes}");
    }
    writer.close().unwrap();
}

#[test]
fn segments_roll_by_age() {
    let folder = tempfile::tempdir().unwrap();
    let age = Some(Duration::from_millis(20));
    let mut writer = small().roll_after(age).open(folder.path()).unwrap();
    for number in 0..3 {
        write(&mut writer, number..number + 1);
        // An empty segment does not roll.
        wait_until(|| writer.roll_if_due().is_ok() && writer.summary().segments == number + 1);
        std::thread::sleep(Duration::from_millis(60));
        writer.roll_if_due().unwrap();
    }
    writer.close().unwrap();
    assert_eq!(segments(folder.path()).len(), 3);
    assert_holds(folder.path(), 0..3);
}

#[test]
fn a_segment_below_its_age_stays() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = small().roll_after(Some(Duration::from_secs(3600))).open(folder.path()).unwrap();
    write(&mut writer, 0..1);
    std::thread::sleep(Duration::from_millis(300));
    write(&mut writer, 1..2);
    writer.close().unwrap();
    assert_eq!(segments(folder.path()).len(), 1);
}

#[test]
fn each_policy_makes_durable_what_it_says() {
    let durable = |policy| {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = small().sync(policy).open(folder.path()).unwrap();
        write(&mut writer, 0..600);
        let (at_once, written) = (writer.durable_position(), writer.position());
        let is_reached = policy != SyncPolicy::Never;
        if is_reached {
            wait_until(|| writer.durable_position() == written);
        }
        std::thread::sleep(Duration::from_millis(30));
        let reached = writer.durable_position();
        writer.sync().unwrap();
        assert_eq!(writer.durable_position(), written);
        write(&mut writer, 600..900);
        writer.close().unwrap();
        let log = LogReader::open(folder.path()).unwrap();
        assert!(log.segments().iter().all(|segment| segment.header.has(file_flags::CLEAN)), "{policy:?}");
        (at_once == written, reached == written)
    };
    assert_eq!(durable(SyncPolicy::EveryEvent), (true, true));
    assert_eq!(durable(SyncPolicy::Never), (false, false));
    assert!(durable(SyncPolicy::EveryInterval(Duration::from_millis(5))).1);
    assert!(durable(SyncPolicy::EveryBytes(1)).1);
}

#[test]
fn a_sync_beside_rolls_leaves_nothing_unsynced() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer =
        LogWriter::options().segment_bytes(8192).sync(SyncPolicy::Never).open(folder.path()).unwrap();
    for number in 0..3000 {
        write(&mut writer, number..number + 1);
        if number % 37 == 0 {
            writer.sync().unwrap();
            assert_eq!(writer.durable_position(), writer.position());
        }
    }
    writer.close().unwrap();
    let log = LogReader::open(folder.path()).unwrap();
    let is_whole =
        |header: &FileHeader| header.has(file_flags::CLEAN) && header.synced_offset == header.write_offset;
    assert!(log.segments().iter().all(|segment| is_whole(&segment.header)));
    assert_holds(folder.path(), 0..3000);
}

#[test]
fn a_log_whose_segments_were_all_retired_continues_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let brief = Retention { max_age: Some(Duration::from_millis(1)), ..Retention::default() };
    let options = small().retention(brief);
    let mut writer = options.open(folder.path()).unwrap();
    write(&mut writer, 0..1000);
    let position = writer.position();
    writer.close().unwrap();
    for _ in 0..3 {
        let writer = options.open(folder.path()).unwrap();
        assert_eq!((writer.next_sequence(), writer.position()), (1000, position));
        // Longer than the worker waits before it looks at ages.
        std::thread::sleep(Duration::from_millis(1200));
        writer.close().unwrap();
    }
    let mut writer = options.open(folder.path()).unwrap();
    write(&mut writer, 1000..1001);
    writer.close().unwrap();
    assert_holds(folder.path(), LogReader::open(folder.path()).unwrap().first_sequence()..1001);
}

#[test]
fn replaying_has_one_segment_open_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = LogWriter::options().segment_bytes(4096).open(folder.path()).unwrap();
    write(&mut writer, 0..2000);
    writer.close().unwrap();
    let log = LogReader::open(folder.path()).unwrap();
    assert!(log.segments().len() > 60);
    let mapped = || {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        maps.lines().filter(|line| line.contains(folder.path().to_str().unwrap())).count()
    };
    let mut most = 0;
    log.replay(|event| {
        if event.sequence % 50 == 0 {
            most = most.max(mapped())
        }
    })
    .unwrap();
    assert!((1..=2).contains(&most), "{most}");
}

#[test]
fn an_empty_segment_whose_name_was_given_free_is_not_retired_in_place_of_its_successor() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = small().open(folder.path()).unwrap();
    write(&mut writer, 0..3);
    let position = writer.position();
    writer.close().unwrap();
    let [before, path] = [0, 3].map(|number| folder.path().join(format!("{number:020}.evtl")));
    drop(ringlog::storage::MmapWriter::options().base(3, position).create_new(&path, 4096).unwrap());
    unseal(&path, 64);
    let mut writer = small().retention(keep(1)).sync(SyncPolicy::EveryEvent).open(folder.path()).unwrap();
    write(&mut writer, 3..60);
    wait_until(|| !before.exists());
    std::thread::sleep(Duration::from_millis(50));
    assert_holds(folder.path(), 3..60);
    writer.close().unwrap();
}

#[test]
fn a_log_that_is_dropped_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = small().open(folder.path()).unwrap();
    write(&mut writer, 0..1000);
    drop(writer);
    assert!(files(folder.path()).iter().all(|path| !path.to_string_lossy().contains("ringlog-new")));
    let writer = LogWriter::open(folder.path()).unwrap();
    assert!(!writer.recovery().is_notable(), "{}", writer.recovery());
    drop(writer);
    assert_holds(folder.path(), 0..1000);
}

/// A small file system; `None` where mounting is not allowed.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(bytes: u64) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let flags = rustix::mount::MountFlags::empty();
        let options = std::ffi::CString::new(format!("size={bytes}")).unwrap();
        match rustix::mount::mount("tmpfs", folder.path(), "tmpfs", flags, Some(options.as_c_str())) {
            Ok(()) => Some(Self(folder)),
            Err(error) => {
                crate::skips::note_skip(format_args!("cannot mount a small file system: {error}"));
                None
            }
        }
    }

    fn log(&self) -> PathBuf {
        self.0.path().join("log")
    }

    /// Makes a file that takes all room except this many bytes.
    fn fill_but(&self, bytes: u64) -> PathBuf {
        let path = self.0.path().join("somebody else's");
        let room = rustix::fs::statvfs(self.0.path()).unwrap();
        let file = std::fs::File::create(&path).unwrap();
        let len = (room.f_bavail * room.f_frsize).saturating_sub(bytes);
        rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, len).unwrap();
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = rustix::mount::unmount(self.0.path(), rustix::mount::UnmountFlags::DETACH);
    }
}

/// Writes until the disk is full. Returns the number of the event that found no room.
fn write_until_full(writer: &mut LogWriter) -> u64 {
    for number in writer.next_sequence().. {
        let (header, payload) = event(number);
        match writer.write_event(&header, &payload) {
            Ok(()) => {}
            Err(AppendError::Create(CreateError::DiskFull { .. })) => return number,
            Err(error) => panic!("{error}"),
        }
    }
    unreachable!()
}

#[test]
fn on_a_full_disk_an_append_fails_until_there_is_room() {
    let Some(disk) = SmallDisk::mount(1 << 20) else { return };
    let mut writer = small().open(disk.log()).unwrap();
    let others = disk.fill_but(4 << 16);
    // Room that a worker had taken for its own attempt may come back once.
    wait_until(|| write_until_full(&mut writer) == write_until_full(&mut writer));
    let failed = writer.next_sequence();
    std::fs::remove_file(others).unwrap();
    write(&mut writer, failed..failed + 500);
    writer.close().unwrap();
    assert_holds(&disk.log(), 0..failed + 500);
}

#[test]
fn on_a_full_disk_events_are_dropped_counted_and_reported() {
    let Some(disk) = SmallDisk::mount(1 << 20) else { return };
    let mut writer = small().full_disk(FullDisk::DropWithGap).open(disk.log()).unwrap();
    let others = disk.fill_but(2 << 16);
    write(&mut writer, 0..3000);
    let position = writer.position();
    std::fs::remove_file(others).unwrap();
    let mut next = 3000;
    while writer.summary().gaps == 0 {
        write(&mut writer, next..next + 1);
        next += 1;
        std::thread::sleep(Duration::from_millis(1));
    }
    let whole: u64 = (0..next).map(|number| event(number).0.stride() as u64).sum();
    assert_eq!(writer.position(), whole, "dropped events take their positions");
    assert!(position < whole);
    write(&mut writer, next..next + 100);
    let summary = writer.close().unwrap();
    assert_eq!(summary.events + summary.lost, next + 100);
    let found = read(&disk.log());
    let at = found.iter().position(|record| record.gap().is_some()).unwrap();
    let gap = found[at].gap().unwrap();
    assert_eq!((gap.reason, gap.log_side, gap.count), (GapReason::DiskFull, true, summary.lost));
    assert_eq!(found[at].header.timestamp, at as u64, "that of the first loss");
    for (at, number) in (0..at).zip(0..).chain((at + 1..found.len()).zip(at as u64 + gap.count..)) {
        assert_is(&found[at], number);
    }
}

#[test]
fn rolls_and_gaps_of_the_log_side_wait_until_dropped_events_are_reported() {
    for asks_to_roll in [true, false] {
        let Some(disk) = SmallDisk::mount(1 << 20) else { return };
        let options = small().full_disk(FullDisk::DropWithGap).roll_after(Some(Duration::from_millis(1)));
        let mut writer = options.open(disk.log()).unwrap();
        let others = disk.fill_but(2 << 16);
        write(&mut writer, 0..3000);
        let position = writer.position();
        std::fs::remove_file(others).unwrap();
        std::thread::sleep(Duration::from_millis(300));
        let gap = ringlog::event::Gap { log_side: true, ..ringlog::event::Gap::new(GapReason::RingFull, 7) };
        if asks_to_roll {
            wait_until(|| writer.roll_if_due().is_ok() && writer.summary().gaps == 1);
        } else {
            wait_until(|| writer.append_gap(5, gap).is_ok() && writer.summary().gaps > 1);
        }
        assert_eq!(writer.position(), position, "each dropped event took its place once");
        write(&mut writer, 3000..3100);
        let summary = writer.close().unwrap();
        assert_eq!(read(&disk.log()).len() as u64, summary.events + summary.gaps);
    }
}

#[test]
fn an_old_segment_with_room_takes_events_also_on_a_full_disk() {
    let Some(disk) = SmallDisk::mount(1 << 20) else { return };
    let mut writer = small().roll_after(Some(Duration::from_millis(1))).open(disk.log()).unwrap();
    write(&mut writer, 0..1);
    disk.fill_but(0);
    std::thread::sleep(Duration::from_millis(100));
    write(&mut writer, 1..100);
    writer.close().unwrap();
    assert_holds(&disk.log(), 0..100);
}

#[test]
fn segments_without_their_tails_make_room_too() {
    let Some(disk) = SmallDisk::mount(2 << 20) else { return };
    let options = small().full_disk(FullDisk::RecycleOldest);
    let mut next = 0;
    for _ in 0..12 {
        let mut writer = options.open(disk.log()).unwrap();
        write(&mut writer, next..next + 200);
        next += 200;
        writer.close().unwrap();
    }
    let mut writer = options.open(disk.log()).unwrap();
    disk.fill_but(1 << 15);
    for number in next..next + 2000 {
        write(&mut writer, number..number + 1);
        if number % 50 == 0 {
            writer.sync().unwrap();
        }
    }
    writer.close().unwrap();
    let first = LogReader::open(disk.log()).unwrap().first_sequence();
    assert!(first > 0 && first < next + 2000, "{first}");
    assert_holds(&disk.log(), first..next + 2000);
    assert!(files(&disk.log()).iter().all(|path| !path.to_string_lossy().contains("ringlog-new")));
}

#[test]
fn a_loss_that_finds_no_room_is_reported_by_the_next_run() {
    let Some(disk) = SmallDisk::mount(1 << 20) else { return };
    let options = small().full_disk(FullDisk::DropWithGap);
    let mut writer = options.open(disk.log()).unwrap();
    let others = disk.fill_but(1 << 16);
    write(&mut writer, 0..2000);
    let (events, position) = (writer.next_sequence(), writer.position());
    let count = match writer.close() {
        Err(SyncError::UnreportedLoss { count, .. }) => count,
        other => panic!("{other:?}"),
    };
    assert_eq!(events + count, 2000);
    std::fs::remove_file(others).unwrap();
    let mut writer = options.open(disk.log()).unwrap();
    assert_eq!((writer.position(), writer.recovery().has_loss), (position, true));
    write(&mut writer, 2000..2001);
    writer.close().unwrap();
    let found = read(&disk.log());
    assert_eq!(found[events as usize].gap().map(|gap| gap.count), Some(count));
    assert_is(found.last().unwrap(), 2000);
    // It is reported once.
    drop(options.open(disk.log()).unwrap());
    assert_eq!(read(&disk.log()).len(), found.len());
}

#[test]
fn a_recorder_that_was_killed_while_it_dropped_events_continues_where_its_ring_is() {
    use ringlog::{event::EventHeader, recorder::Recorder, ring::SharedRing};
    let Some(disk) = SmallDisk::mount(1 << 20) else { return };
    let folder = tempfile::tempdir().unwrap();
    let ring = folder.path().join("ring");
    let recorder = || Recorder::builder().log(small().full_disk(FullDisk::DropWithGap)).ring_bytes(1 << 16);
    let start = |count: u64, first: u64| {
        let recorder = recorder().start_shared(&ring, disk.log()).unwrap();
        let mut producer = SharedRing::open(&ring).unwrap().claim_producer().unwrap();
        for number in first..first + count {
            let header = EventHeader::new(number, 0, 200);
            while producer.write_event(&header, &[7; 200]).is_err() {
                std::thread::yield_now();
            }
        }
        recorder
    };
    start(10, 0).stop().unwrap();
    let others = disk.fill_but(1 << 16);
    let unreported = start(2000, 10).stop();
    assert!(unreported.is_err(), "{unreported:?}");
    // As a kill leaves it: the count was never stored.
    crate::writer_file::set_open(&disk.log());
    crate::writer_file::edit(&disk.log(), |lines| {
        let (before, line) = lines.split_once("untold_loss: ").unwrap();
        let position = line.split(' ').next().unwrap();
        format!("{before}untold_loss: {position} 0 0 10\n")
    });
    std::fs::remove_file(others).unwrap();
    start(5, 9000).stop().unwrap();
    let found = read(&disk.log());
    assert!(found.iter().any(|record| record.gap().is_some_and(|gap| gap.count == 0)));
    assert_eq!(found.iter().filter(|record| record.header.timestamp >= 9000).count(), 5);
}

#[test]
fn on_a_full_disk_the_oldest_segment_makes_room() {
    let Some(disk) = SmallDisk::mount(1 << 20) else { return };
    let mut writer = small().full_disk(FullDisk::RecycleOldest).open(disk.log()).unwrap();
    disk.fill_but(4 << 16);
    for number in 0..5000 {
        write(&mut writer, number..number + 1);
        if number % 100 == 0 {
            // A segment that is not finished cannot be retired.
            writer.sync().unwrap();
        }
    }
    writer.close().unwrap();
    let first = LogReader::open(disk.log()).unwrap().first_sequence();
    assert!(first > 1000, "{first}");
    assert_holds(&disk.log(), first..5000);
}
