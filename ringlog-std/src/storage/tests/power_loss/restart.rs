//! Tests a process that continues under the same kernel after another one died or its sync failed, before the
//! power fails.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::storage::log::options::LogWriterOptions;
use crate::storage::log::writer::LogWriter;
use crate::storage::maintenance::policies::SyncPolicy;
use crate::storage::read::scan::watermarks::LogWatermarks;
use crate::storage::tests::power_loss::check::event;
use crate::storage::tests::power_loss::disk::Disk;
use crate::storage::tests::power_loss::run::{Random, Setting, lose_power, promise, scratch};
use crate::storage::tests::power_loss::trace::{Op, Recorder};
use crate::storage::tests::single_step::kill;

/// Number of disks that are generated from one run.
const DISKS: u64 = 50;
const EVENTS: u64 = 60;

fn options(checksums: bool) -> LogWriterOptions {
    LogWriter::options().segment_bytes(16384).sync(SyncPolicy::Never).checksums(checksums)
}

fn open(folder: &Path, checksums: bool, recorder: &Arc<Recorder>) -> LogWriter {
    let opened = LogWriter::open_at(folder, options(checksums), Arc::clone(recorder) as _, false);
    let writer = opened.unwrap();
    promise(&writer, recorder);
    writer
}

fn put(writer: &mut LogWriter, recorder: &Recorder, numbers: std::ops::Range<u64>) {
    for number in numbers {
        recorder.trace.add(Op::Producing(number));
        let (header, payload) = event(number);
        writer.write_event(&header, &payload).unwrap();
        recorder.trace.add(Op::Written(number + 1));
    }
}

/// Simulates a power loss after what was done so far: recovery must find all that was promised. The run
/// continues.
fn lose_power_here(recorder: &Recorder, checksums: bool) {
    let trace = recorder.trace.take();
    let mut disk = Disk::default();
    trace.iter().for_each(|op| disk.play(op));
    let setting = Setting { checksums, ..Setting::plain() };
    for seed in 1..=DISKS {
        lose_power(&disk, &options(checksums), setting, &mut Random::new(seed));
    }
    trace.into_iter().for_each(|op| recorder.trace.add(op));
}

#[test]
fn what_a_killed_process_has_not_synced_is_not_promised_before_its_successor_has() {
    for checksums in [true, false] {
        let (folder, recorder) = (scratch(), Arc::new(Recorder::new("boot")));
        let mut writer = open(folder.path(), checksums, &recorder);
        put(&mut writer, &recorder, 0..EVENTS / 2);
        writer.sync().unwrap();
        let synced = writer.durable_position();
        put(&mut writer, &recorder, EVENTS / 2..EVENTS);
        kill(writer);

        let mut writer = open(folder.path(), checksums, &recorder);
        let begins_at = if checksums { synced } else { 0 };
        assert_eq!(writer.durable_position(), begins_at, "{}", writer.recovery());
        lose_power_here(&recorder, checksums);
        put(&mut writer, &recorder, EVENTS..EVENTS + 3);
        writer.sync().unwrap();
        assert_eq!(writer.durable_position(), writer.position());
        assert_eq!(LogWatermarks::of(folder.path()).unwrap().durable, writer.position());
        promise(&writer, &recorder);
        kill(writer);
        lose_power_here(&recorder, checksums);
    }
}

/// After a failed sync the kernel takes pages for clean that no disk has: a second sync of them writes nothing.
#[test]
fn after_a_sync_that_failed_the_next_process_stores_again_what_it_promises() {
    for checksums in [true, false] {
        // The records' sync fails, or the sync of the watermark after it.
        for sync in 1..=2 {
            let (folder, recorder) = (scratch(), Arc::new(Recorder::new("boot")));
            let mut writer = open(folder.path(), checksums, &recorder);
            put(&mut writer, &recorder, 0..EVENTS);
            recorder.sync_fails_in.store(sync, Ordering::Relaxed);
            writer.sync().unwrap_err();
            assert_eq!(writer.durable_position(), 0);
            assert!(writer.close().is_err());

            let mut writer = open(folder.path(), checksums, &recorder);
            lose_power_here(&recorder, checksums);
            put(&mut writer, &recorder, EVENTS..EVENTS + 3);
            writer.close().unwrap();
            recorder.trace.add(Op::Promised(EVENTS + 3));
            lose_power_here(&recorder, checksums);
        }
    }
}

/// The header must be on the disk first: without it no file has its name.
#[test]
fn after_an_opening_whose_sync_failed_the_next_one_leaves_no_file_without_a_header() {
    let mut failed = 0;
    for sync in 1..12 {
        let (folder, recorder) = (scratch(), Arc::new(Recorder::new("boot")));
        recorder.sync_fails_in.store(sync, Ordering::Relaxed);
        let opened = LogWriter::open_at(folder.path(), options(true), Arc::clone(&recorder) as _, false);
        let Err(error) = opened else { break };
        assert!(error.to_string().contains("injected"), "{error}");
        failed += 1;
        let mut writer = open(folder.path(), true, &recorder);
        put(&mut writer, &recorder, 0..2);
        kill(writer);
        let mut disk = Disk::default();
        for op in recorder.trace.take() {
            disk.play(&op);
            for seed in 1..=4 {
                lose_power(&disk, &options(true), Setting::plain(), &mut Random::new(seed));
            }
        }
    }
    assert!(failed > 3, "{failed}");
}
