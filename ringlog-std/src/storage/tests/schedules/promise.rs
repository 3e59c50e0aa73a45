//! Tests what is promised to be durable, also by a log that has failed.

use std::sync::Arc;

use shuttle::thread;

use crate::storage::error::AppendError;
use crate::storage::maintenance::watch::LogWatch;
use crate::storage::tests::power_loss::trace::Op;
use crate::storage::tests::schedules::stable::check;
use crate::storage::tests::schedules::world::{
    World, below, close_or_drop, events_of_a_segment, options, reports_why, schedules, stride, sync_policy,
    write,
};

/// Reads the watermark again and again, and notes each value as a promise at that moment.
fn observe(world: &World, watch: LogWatch) -> thread::JoinHandle<()> {
    let trace = Arc::clone(&world.disk.trace);
    thread::spawn(move || {
        let mut last = 0;
        for _ in 0..60 {
            let (durable, published) = (watch.durable_position(), watch.published_position());
            assert!(last <= durable && durable <= published, "{last} {durable} {published}");
            last = durable;
            note(&trace, &watch);
            thread::yield_now();
        }
    })
}

/// Notes the watermark. No other thread runs between the load and the entry.
fn note(trace: &crate::storage::tests::power_loss::trace::Trace, watch: &LogWatch) {
    trace.add(Op::Promised(watch.durable_position() / stride()));
}

/// Is the watermark ever above what was synced, also during a roll, and after a process was killed?
#[test]
fn the_watermark_is_never_above_what_was_synced() {
    schedules(|| {
        let world = World::new();
        let first = if below(2) == 0 { world.killed_life(options(sync_policy())) } else { 0 };
        let mut writer = world.open(options(sync_policy()));
        let watch = writer.watch();
        let observer = observe(&world, watch.clone());
        note(&world.disk.trace, &watch);
        let events = first + 1 + below(4 * events_of_a_segment().max(2));
        for event in first..events {
            write(&mut writer, event).unwrap();
            if below(4) == 0 {
                writer.sync().unwrap();
                assert_eq!(watch.durable_position(), (event + 1) * stride(), "a sync makes all durable");
            }
            note(&world.disk.trace, &watch);
        }
        close_or_drop(writer).unwrap();
        assert_eq!(watch.durable_position(), events * stride());
        note(&world.disk.trace, &watch);
        observer.join().unwrap();
        check(&world.disk.trace.take());
    });
}

/// Does a log whose sync has failed ever promise what is not safe, or accept an event, also when it ends at
/// that moment? Does it report why?
#[test]
fn a_log_that_is_poisoned_promises_nothing_and_takes_nothing() {
    schedules(|| {
        let world = World::new();
        let mut writer = world.open(options(sync_policy()));
        let (watch, maintenance) = (writer.watch(), Arc::clone(&writer.maintenance));
        let observer = observe(&world, watch.clone());
        world.fail_a_sync(16);
        let (mut has_said_why, mut written) = (false, 0);
        for _ in 0..1 + below(4 * events_of_a_segment().max(2)) {
            let was_poisoned = maintenance.is_poisoned();
            match write(&mut writer, written) {
                Ok(()) => {
                    assert!(!was_poisoned, "an event was taken");
                    written += 1;
                }
                // The next segment could not be made: no promise is broken.
                Err(AppendError::Create(_)) => {}
                Err(error) => {
                    has_said_why |= reports_why(&error);
                    assert!(maintenance.is_poisoned(), "{error}");
                }
            }
            if below(4) == 0 {
                let was_poisoned = maintenance.is_poisoned();
                match writer.sync() {
                    Ok(()) => assert!(!was_poisoned, "a sync has succeeded"),
                    Err(error) => has_said_why |= reports_why(&error),
                }
            }
        }
        let has_record = writer.active.has_record();
        if has_record && below(4) == 0 {
            // Then only a segment without a record is left to finish, and getting its name may fail.
            has_said_why |= writer.sync().is_err_and(|error| reports_why(&error));
            has_said_why |= writer.roll().is_err_and(|error| reports_why(&error));
        }
        let was_poisoned = maintenance.is_poisoned();
        if below(2) == 0 {
            drop(writer);
        } else {
            match writer.close() {
                Ok(_) => {
                    assert!(!was_poisoned && !maintenance.is_poisoned(), "closed as if nothing had been")
                }
                Err(error) => assert!(has_said_why || reports_why(&error), "{error:?}"),
            }
        }
        note(&world.disk.trace, &watch);
        observer.join().unwrap();
        check(&world.disk.trace.take());
    });
}
