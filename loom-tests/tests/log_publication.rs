//! Does a reader of a mapped log file see whole records, and header words that agree with each other?
//!
//! Races: the writer's stores of bytes, `event_count`, `write_offset` and SEALED, and its worker thread's of
//! `synced_offset` and CLEAN, with a reader's loads of the header and its reads of bytes.
//!
//! The stores and loads are those of `format/publication.rs`, which `ringlog-std/src/os/mmap.rs` calls for mapped
//! memory. The order of the calls is that of the functions that each test names.
//!
//! Readers are the spawned threads. So in the first execution all stores precede their loads, and every load tries the
//! older values. The other way round the model checker would not find all of them.
#![cfg(ringlog_loom)]
#![expect(clippy::arc_with_non_send_sync, reason = "the model's threads are one real thread")]

use loom::thread;
use loom_tests::log::{LogFile, events_below, header, is_sealed, offset_after};
use loom_tests::{Seen, check};
use ringlog_nostd::format::file_flags;
use ringlog_nostd::internal::publication;
use std::sync::Arc;

/// `MmapWriter::write_event`: bytes, then `WriteMap::publish`; `MmapReader::refresh`: the header, then records.
#[test]
fn records_below_the_offset_are_whole() {
    static SEEN: [Seen; 3] = [const { Seen::new() }; 3];
    check("log, publish", None, || {
        let file = Arc::new(LogFile::with_header(2, &header(0)));
        let writing = Arc::clone(&file);
        let writer = thread::spawn(move || {
            for index in 0..2 {
                writing.store_event(index, index as u64);
                writing.publish(index + 1);
            }
        });
        for _ in 0..2 {
            let events = events_below(file.look().unwrap().write_offset);
            SEEN[events].note();
            assert!(file.ids(events).into_iter().eq(0..events as u64));
            thread::yield_now();
        }
        writer.join().unwrap();
    });
    SEEN[0].expect("an empty file");
    SEEN[1].expect("one event");
    SEEN[2].expect("two events");
}

/// The same with one publication for both: a batch.
#[test]
fn a_batch_is_published_at_once() {
    check("log, batch", None, || {
        let file = Arc::new(LogFile::with_header(2, &header(0)));
        let writing = Arc::clone(&file);
        let writer = thread::spawn(move || {
            writing.store_event(0, 0);
            writing.store_event(1, 1);
            writing.publish(2);
        });
        let events = events_below(file.look().unwrap().write_offset);
        assert!(events == 0 || events == 2, "{events} of 2");
        assert_eq!(file.ids(events).len(), events);
        writer.join().unwrap();
    });
}

/// `LogWriter::begin` and `LogWriter::end`: the last publication, then `SegmentFlusher::seal`.
#[test]
fn sealed_means_that_offset_and_count_are_final() {
    static OPEN: Seen = Seen::new();
    static SEALED: Seen = Seen::new();
    check("log, seal", None, || {
        let file = Arc::new(LogFile::with_header(2, &header(0)));
        let reading = Arc::clone(&file);
        let reader = thread::spawn(move || {
            let seen = reading.look().unwrap();
            if is_sealed(&seen) {
                SEALED.note();
                assert_eq!((seen.write_offset, seen.event_count), (offset_after(2), 2), "not the last ones");
            } else {
                OPEN.note();
            }
            let events = events_below(seen.write_offset);
            assert!(reading.ids(events).into_iter().eq(0..events as u64));
        });
        file.store_event(0, 0);
        file.publish(1);
        file.store_event(1, 1);
        file.publish(2);
        publication::set_flags(&*file, file_flags::SEALED);
        reader.join().unwrap();
    });
    OPEN.expect("a file without SEALED");
    SEALED.expect("a file with SEALED");
}

/// `SegmentFlusher::sync`: `MapHandle::write_offset`, a sync of the bytes below it, `store_synced_offset`.
#[test]
fn the_watermark_is_never_above_what_is_published() {
    static SYNCED: Seen = Seen::new();
    check("log, sync", None, || {
        let file = Arc::new(LogFile::with_header(2, &header(0)));
        let syncing = Arc::clone(&file);
        let helper = thread::spawn(move || {
            let to = publication::write_offset(&*syncing);
            let events = events_below(to);
            assert!(syncing.ids(events).into_iter().eq(0..events as u64), "synced before it was written");
            publication::raise_synced_offset(&*syncing, to);
        });
        let reading = Arc::clone(&file);
        let reader = thread::spawn(move || {
            let seen = reading.look().unwrap();
            SYNCED.note_if(seen.synced_offset > offset_after(0));
        });
        file.store_event(0, 0);
        file.publish(1);
        helper.join().unwrap();
        reader.join().unwrap();
    });
    SYNCED.expect("a watermark that was raised");
}

/// `SegmentFlusher::finish`, after the writer's end: sync, SEALED, CLEAN.
#[test]
fn clean_means_that_all_is_synced() {
    static CLEAN: Seen = Seen::new();
    check("log, finish", None, || {
        let file = Arc::new(LogFile::with_header(1, &header(0)));
        let reading = Arc::clone(&file);
        let reader = thread::spawn(move || {
            let seen = reading.look().unwrap();
            if seen.has(file_flags::CLEAN) {
                CLEAN.note();
                assert!(is_sealed(&seen));
                assert_eq!((seen.write_offset, seen.synced_offset), (offset_after(1), offset_after(1)));
            }
        });
        file.store_event(0, 0);
        file.publish(1);
        publication::raise_synced_offset(&*file, publication::write_offset(&*file));
        publication::set_flags(&*file, file_flags::SEALED);
        publication::set_flags(&*file, file_flags::CLEAN);
        reader.join().unwrap();
    });
    CLEAN.expect("a file with CLEAN");
}
