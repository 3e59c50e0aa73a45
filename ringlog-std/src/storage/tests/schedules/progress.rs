//! Tests that every thread that waits continues.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use shuttle::thread;

use crate::os::sync::lock;
use crate::storage::maintenance::maintenance::Maintenance;
use crate::storage::maintenance::policies::{FullDisk, SyncPolicy};
use crate::storage::maintenance::retention::Retention;
use crate::storage::maintenance::spare::SpareState;
use crate::storage::maintenance::workers::Workers;
use crate::storage::tests::schedules::world::{
    World, below, close_or_drop, events_of_a_segment, options, schedules, stride, sync_policy, write,
};

/// Does closing or dropping a log always end, at any step of its workers?
///
/// A lost wake-up is a deadlock here, as a pause need not end by itself.
#[test]
fn closing_and_dropping_end_no_matter_what_the_workers_are_doing() {
    schedules(|| {
        let world = World::new();
        let full_disk = [FullDisk::Stop, FullDisk::DropWithGap, FullDisk::RecycleOldest][below(3) as usize];
        let max_segments = (below(2) == 0).then_some(2);
        let retention = Retention { max_segments, ..Retention::default() };
        let mut writer = world.open(options(sync_policy()).full_disk(full_disk).retention(retention));
        match below(4) {
            0 => world.fail_a_sync(16),
            1 => world.disk.disk_full.store(1, Ordering::Relaxed),
            _ => {}
        }
        for event in 0..below(8) {
            // Refused or not: the log ends all the same.
            let _ = write(&mut writer, event);
        }
        let _ = close_or_drop(writer);
    });
}

/// Does a writer that waits for the sixteenth segment to be synced always continue, and are there never more?
#[test]
fn a_writer_that_waits_for_syncs_continues() {
    schedules(|| {
        let world = World::new();
        let sync = [SyncPolicy::EveryBytes(1), SyncPolicy::EveryBytes(u64::MAX)][below(2) as usize];
        let mut writer = world.open(options(sync));
        let maintenance = Arc::clone(&writer.maintenance);
        let slow = maintenance.syncs.hold();
        let writing = thread::spawn(move || {
            for event in 0..19 * events_of_a_segment() {
                write(&mut writer, event).unwrap();
                assert!(writer.maintenance.open_segments() <= 16);
            }
            assert!(writer.summary().stalls > 0, "it has waited");
            writer.close().unwrap();
        });
        while maintenance.open_segments() < 16 {
            thread::yield_now();
        }
        for _ in 0..below(100) {
            thread::yield_now();
        }
        drop(slow);
        writing.join().unwrap();
    });
}

/// Do the workers do all that there is to do when the writer pauses, if only the one that checks it wakes by itself?
#[test]
fn what_a_writer_leaves_is_done_while_it_pauses() {
    schedules(|| {
        let world = World::new();
        let sync = sync_policy();
        let mut writer = world.open(options(sync));
        let events = below(3 * events_of_a_segment());
        for event in 0..events {
            write(&mut writer, event).unwrap();
        }
        // An empty segment has no successor.
        if events > 0 && below(4) == 0 {
            writer.roll().unwrap();
        }
        while !is_all_done(&writer.maintenance, sync) {
            writer.workers.iter().for_each(Workers::end_pause_of_checks);
            thread::yield_now();
        }
        writer.close().unwrap();
    });
}

/// Returns whether full segments are finished, the policy asks for no sync, and the next segment is there if the active
/// one has a record.
fn is_all_done(maintenance: &Maintenance, sync: SyncPolicy) -> bool {
    let Maintenance { segments, spares, syncs, .. } = maintenance;
    let unsynced = maintenance.published_position() - syncs.durable_position();
    let is_synced = match sync {
        SyncPolicy::EveryBytes(most) => unsynced < most,
        _ => true,
    };
    let active = segments.newest().unwrap().flusher;
    let has_record = active.map().write_offset() > stride();
    is_synced
        && segments.count_open() == 1
        && active.is_named()
        && (!has_record || matches!(*lock(&spares.next), SpareState::Ready(_)))
}
