//! Does a reader see a consistent log if it follows the log from one segment to the next, or meets a segment that is
//! used again?
//!
//! Races: the stores of a new segment's header, magic last, and of SEALED in the old one, with a reader's loads of both
//! headers; the erasing and reuse of a retired segment with readers that hold it, or come too late.
//!
//! The stores and loads are those of `format/publication.rs`; the kernel's lock and names are a mutex.
#![cfg(ringlog_loom)]
#![expect(clippy::arc_with_non_send_sync, reason = "the model's threads are one real thread")]

use loom::thread;
use loom_tests::log::{LogFile, ShareLock, events_below, header, is_sealed, offset_after};
use loom_tests::{Seen, check};
use ringlog_nostd::format::{FileHeader, file_flags};
use ringlog_nostd::internal::publication;
use std::sync::Arc;

/// `MmapWriter::start`, on a file whose first 64 bytes are zero.
#[test]
fn a_header_is_seen_whole_or_not_at_all() {
    static NOT_YET: Seen = Seen::new();
    static EMPTY: Seen = Seen::new();
    static EVENT: Seen = Seen::new();
    check("log, birth", 3, || {
        let file = Arc::new(LogFile::zeros(1));
        let reading = Arc::clone(&file);
        let reader = thread::spawn(move || {
            let Some(seen) = reading.look() else {
                NOT_YET.note();
                return;
            };
            let events = events_below(seen.write_offset);
            EMPTY.note_if(events == 0);
            EVENT.note_if(events == 1);
            assert!(reading.ids(events).into_iter().eq(0..events as u64));
        });
        publication::store_header(&*file, &header(1));
        file.store_event(0, 0);
        file.publish(1);
        reader.join().unwrap();
    });
    NOT_YET.expect("a file without a header");
    EMPTY.expect("a file without an event");
    EVENT.expect("a file with an event");
}

/// `LogWriter::begin`: the next segment's header, then SEALED in the active one, then the next event.
#[test]
fn after_a_sealed_segment_the_next_one_is_there() {
    static SEALED: Seen = Seen::new();
    static OPEN: Seen = Seen::new();
    check("log, hand-over", None, || {
        let old = Arc::new(LogFile::with_header(1, &header(1)));
        let next = Arc::new(LogFile::zeros(1));
        let (reading_old, reading_next) = (Arc::clone(&old), Arc::clone(&next));
        let reader = thread::spawn(move || {
            let seen = reading_old.look().unwrap();
            let mut ids = reading_old.ids(events_below(seen.write_offset));
            if is_sealed(&seen) {
                SEALED.note();
                let next_header =
                    reading_next.look().expect("the next segment's header, stored before SEALED");
                assert_eq!(next_header.base_sequence, ids.len() as u64, "an event is missing");
                ids.extend(reading_next.ids(events_below(next_header.write_offset)));
            } else {
                OPEN.note();
            }
            assert!(ids.iter().copied().eq(0..ids.len() as u64), "{ids:?}");
        });
        old.store_event(0, 0);
        old.publish(1);
        publication::store_header(&*next, &FileHeader { base_sequence: 1, ..header(2) });
        publication::set_flags(&*old, file_flags::SEALED);
        next.store_event(0, 1);
        next.publish(1);
        reader.join().unwrap();
    });
    SEALED.expect("a sealed segment");
    OPEN.expect("a segment that is not sealed");
}

/// `SpareSegment::recycled`, then `MmapWriter::start`, against `SegmentFile` readers. A reader that holds the lock and
/// finds the file under its name keeps what it sees. A later reader releases the lock.
#[test]
fn a_segment_that_is_used_again_is_not_the_one_that_a_reader_holds() {
    static HELD: Seen = Seen::new();
    static TOO_LATE: Seen = Seen::new();
    static RECYCLED: Seen = Seen::new();
    static IN_USE: Seen = Seen::new();
    check("log, recycle", None, || {
        let file = Arc::new(LogFile::with_header(1, &header(1)));
        file.store_event(0, 0);
        file.publish(1);
        publication::set_flags(&*file, file_flags::SEALED);
        let held = Arc::new(ShareLock::new());
        let (used_again, asked) = (Arc::clone(&file), Arc::clone(&held));
        let retention = thread::spawn(move || {
            if !asked.try_set_aside() {
                IN_USE.note();
                return;
            }
            RECYCLED.note();
            publication::erase_header(&*used_again);
            publication::store_header(&*used_again, &header(2));
            used_again.store_event(0, 7);
            used_again.publish(1);
        });
        if held.try_hold() {
            HELD.note();
            let seen = file.look().expect("the header of the life that is held");
            assert_eq!((seen.salt(), seen.write_offset), (header(1).salt(), offset_after(1)));
            assert_eq!(file.ids(1), [0], "another life's event");
            held.let_go();
        } else {
            TOO_LATE.note();
        }
        retention.join().unwrap();
    });
    HELD.expect("a reader that held it");
    TOO_LATE.expect("a reader that came too late");
    RECYCLED.expect("a segment that was used again");
    IN_USE.expect("a segment that was left alone");
}

/// The lock is needed: the model finds the race of a reader without it.
#[test]
#[should_panic(expected = "Causality violation")]
fn without_the_lock_a_reader_would_see_bytes_change() {
    check("log, recycle without the lock", 3, || {
        let file = Arc::new(LogFile::with_header(1, &header(1)));
        file.store_event(0, 0);
        file.publish(1);
        let used_again = Arc::clone(&file);
        let retention = thread::spawn(move || used_again.store_event(0, 7));
        let _ = file.ids(1);
        retention.join().unwrap();
    });
}
