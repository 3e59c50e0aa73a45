//! `ringlog ring`: what it shows of a ring, and that it changes nothing.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Output;

use ringlog::event::{EventHeader, Gap, GapReason};
use ringlog::ring::{Producer, RingOptions, SharedRing};
use serde_json::Value;

use crate::typed::{TICK, list};

use super::support::{assert_code, json_of, ringlog, stderr_of, word};

const CAPACITY: usize = 4096;
const DATA: u64 = 384;
const HEAD: u64 = 128;
const TAIL: u64 = 256;

fn ring_in(folder: &Path) -> (PathBuf, SharedRing) {
    let path = folder.join("ring");
    let options = RingOptions { capacity: Some(CAPACITY), max_payload: Some(64), ..RingOptions::default() };
    let ring = SharedRing::create(&path, &options).unwrap();
    (path, ring)
}

/// Writes events of 24 bytes with their headers.
fn write(producer: &mut Producer, numbers: std::ops::Range<u64>) {
    for number in numbers {
        producer.write_event(&EventHeader::new(number, 1, 8), &number.to_le_bytes()).unwrap();
    }
}

fn open(path: &Path) -> File {
    OpenOptions::new().read(true).write(true).open(path).unwrap()
}

#[expect(clippy::host_endian_bytes, reason = "a ring's control words are the machine's")]
fn store(path: &Path, offset: u64, value: u64) {
    open(path).write_all_at(&value.to_ne_bytes(), offset).unwrap();
}

/// Stores into the header of the record at a position.
fn store_header(path: &Path, position: u64, at: u64, bytes: &[u8]) {
    open(path).write_all_at(bytes, DATA + position % CAPACITY as u64 + at).unwrap();
}

fn look(path: &Path) -> (Output, Vec<u8>) {
    let before = std::fs::read(path).unwrap();
    let output = ringlog(&["ring", word(path)]);
    (output, before)
}

/// Returns what the command says as JSON; the ring's file and the files beside it are as before.
#[track_caller]
fn state(path: &Path, code: i32) -> Value {
    let names = || {
        let entries = path.parent().unwrap().read_dir().unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let files = names();
    let (output, before) = look(path);
    assert_code(&output, code);
    let json = ringlog(&["ring", word(path), "--json"]);
    assert_code(&json, code);
    assert_eq!(std::fs::read(path).unwrap(), before, "the ring has changed");
    assert_eq!(names(), files, "files have come or gone");
    serde_json::from_slice(&json.stdout).unwrap()
}

#[test]
fn the_state_of_a_ring_is_shown_and_nothing_changes() {
    let folder = tempfile::tempdir().unwrap();
    let (path, ring) = ring_in(folder.path());
    let shown = state(&path, 0);
    assert_eq!((&shown["producer"]["state"], &shown["unread_bytes"]), (&"never claimed".into(), &0.into()));

    let ring = ring.schemas(list(&[TICK]));
    let mut producer = ring.claim_producer().unwrap();
    write(&mut producer, 0..10);
    producer.write_gap(5, Gap::new(GapReason::RingFull, 3)).unwrap();
    let consumer = ring.claim_consumer().unwrap();
    let shown = state(&path, 0);
    assert_eq!(shown["capacity_bytes"], CAPACITY);
    assert_eq!((&shown["head"], &shown["tail"]), (&(272.into()), &0.into()));
    assert_eq!((&shown["unread_bytes"], &shown["fill_percent"]), (&272.into(), &6.6.into()));
    let unread = &shown["unread"];
    assert_eq!(
        (&unread["events"], &unread["gap_records"], &unread["lost"]),
        (&10.into(), &1.into(), &3.into())
    );
    assert_eq!(shown["is_of_this_boot"], true);
    assert_eq!(shown["schemas"]["types"][0], "1 tick");
    assert_eq!(shown["corrupt"], Value::Null);
    for end in ["producer", "consumer"] {
        let end = &shown[end];
        assert_eq!((&end["state"], &end["pid"]), (&"taken".into(), &std::process::id().into()));
        assert_eq!((&end["alive"], &end["closed"]), (&true.into(), &false.into()));
        assert!(end["program"].as_str().is_some_and(|name| !name.is_empty()), "{end}");
    }
    let text = String::from_utf8(ringlog(&["ring", word(&path)]).stdout).unwrap();
    for line in [
        "capacity 4.0 KiB, 4,096 bytes; longest payload 64 bytes",
        "fill     272 of 4,096 bytes, 6.6 %",
        "unread   10 events, 1 GAP record (3 lost)",
        "pending  none",
        "corrupt  nothing found",
        "types    1 tick",
    ] {
        assert!(text.contains(line), "{line} is not in:\n{text}");
    }
    drop((producer, consumer));
    let shown = state(&path, 0);
    for end in ["producer", "consumer"] {
        assert_eq!((&shown[end]["state"], &shown[end]["closed"]), (&"free".into(), &true.into()));
    }
}

#[test]
fn losses_that_no_gap_reports_are_shown_with_the_time_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let (path, ring) = ring_in(folder.path());
    let mut producer = ring.claim_producer().unwrap().lossy();
    for number in 0..300 {
        producer.write_event(&EventHeader::new(number, 1, 8), &[7; 8]).unwrap();
    }
    let fit = (CAPACITY / 24) as u64;
    let shown = state(&path, 0);
    assert_eq!((&shown["pending_loss"], &shown["first_loss_timestamp"]), (&(300 - fit).into(), &fit.into()));
    assert_eq!(shown["unread"]["events"], fit);
}

#[test]
fn a_ring_at_work_is_looked_at_without_harm() {
    let folder = tempfile::tempdir().unwrap();
    let (path, ring) = ring_in(folder.path());
    let (mut producer, mut consumer) = (ring.claim_producer().unwrap(), ring.claim_consumer().unwrap());
    let stop = std::sync::atomic::AtomicBool::new(false);
    let written = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut next = 0;
            while !consumer.is_finished() {
                while let Some((header, _)) = consumer.try_read_event().unwrap() {
                    assert_eq!(header.timestamp, next);
                    next += 1;
                }
            }
            next
        });
        let writer = scope.spawn(|| {
            let mut number = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let header = EventHeader::new(number, 1, 8);
                number += u64::from(producer.write_event(&header, &[7; 8]).is_ok());
            }
            producer.close();
            number
        });
        let outputs: Vec<_> = (0..20).map(|_| ringlog(&["ring", word(&path), "--json"])).collect();
        // Before any assertion, which would wait for the threads.
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        let written = writer.join().unwrap();
        for output in outputs {
            // Nothing is corrupt, also where the records change faster than they are read.
            let shown = json_of(&output);
            assert_eq!(shown["corrupt"], Value::Null);
            assert_eq!(shown["producer"]["state"], "taken");
        }
        assert_eq!(reader.join().unwrap(), written);
        written
    });
    assert!(written > 0);
}

#[test]
fn unread_events_are_counted_across_the_end_of_a_lap() {
    let folder = tempfile::tempdir().unwrap();
    let (path, ring) = ring_in(folder.path());
    let (mut producer, mut consumer) = (ring.claim_producer().unwrap(), ring.claim_consumer().unwrap());
    for round in 0..20 {
        write(&mut producer, 0..100 + round);
        let shown = state(&path, 0);
        assert_eq!(shown["unread"]["events"], 100 + round, "{shown}");
        consumer.drain(usize::MAX, |_, _| ()).unwrap();
    }
}

/// A name, what a program stores, and what is said of it.
type Corrupted = (&'static str, fn(&Path), &'static str);

/// What a faulty program stores into a ring of five events, and what is said of it.
fn corruptions() -> Vec<Corrupted> {
    vec![
        (
            "a head that ran backwards",
            |path| store(path, TAIL, 240),
            "the head 120 (offset 128) is before the tail 240",
        ),
        (
            "a head too far ahead",
            |path| store(path, HEAD, 1 << 40),
            "(offset 128) is 1099511627776 bytes after the tail 0",
        ),
        (
            "a head inside of 8 bytes",
            |path| store(path, HEAD, 100),
            "the head 100 (offset 128) is no multiple of 8",
        ),
        (
            "a tail inside of 8 bytes",
            |path| store(path, TAIL, 4),
            "the tail 4 (offset 256) is no multiple of 8",
        ),
        (
            "a payload past the head",
            |path| store_header(path, 96, 10, &60_u16.to_le_bytes()),
            "no valid record at position 96: with its payload of 60 bytes it ends at 176, after the head 120",
        ),
        (
            "a payload too long",
            |path| store_header(path, 48, 10, &70_u16.to_le_bytes()),
            "no valid record at position 48: its payload has 70 bytes, and the longest that this ring takes has 64",
        ),
        (
            "the reserved bit",
            |path| store_header(path, 48, 9, &[0x90]),
            "no valid record at position 48: its flags 0x90 have the reserved bit 0x10",
        ),
        (
            "a record that is not committed",
            |path| store_header(path, 48, 9, &[0]),
            "no valid record at position 48: its flags 0x00 lack the bit of committed records, 0x80",
        ),
        (
            "padding",
            |path| {
                store_header(path, 48, 10, &7_u16.to_le_bytes());
                store_header(path, 48, 23, &[1]);
            },
            "no valid record at position 48: the padding after its payload is not zero",
        ),
    ]
}

#[test]
fn each_corruption_is_shown_with_its_word_or_position() {
    for (name, damage, words) in corruptions() {
        let folder = tempfile::tempdir().unwrap();
        let (path, ring) = ring_in(folder.path());
        write(&mut ring.claim_producer().unwrap(), 0..5);
        assert_eq!(state(&path, 0)["corrupt"], Value::Null);
        damage(&path);
        let shown = state(&path, 3);
        assert!(shown["corrupt"].as_str().is_some_and(|said| said.contains(words)), "{name}: {shown}");
        let text = String::from_utf8(ringlog(&["ring", word(&path)]).stdout).unwrap();
        assert!(text.contains("\nnext     `ringlog serve --ring`"), "{name}: {text}");
        if words.contains("position 48") {
            assert_eq!(shown["unread"]["events"], 2, "{name}");
        }
    }
}

#[test]
fn a_file_that_is_no_ring_of_this_machine_is_an_error_that_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let (path, ring) = ring_in(folder.path());
    drop(ring);
    let good = std::fs::read(&path).unwrap();
    let other = folder.path().join("other");
    let with = |offset: usize, bytes: &[u8]| {
        let mut changed = good.clone();
        changed[offset..offset + bytes.len()].copy_from_slice(bytes);
        changed
    };
    let big_endian = with(0, b"RINGLOG1");
    let small = with(0, b"1GLR\x01\x12\0\0");
    for (bytes, words) in [
        (b"short".to_vec(), "only 5 bytes, and a ring has 416 or more"),
        (vec![b'x'; 8192], "no ring: it begins with other bytes; check the path"),
        (vec![0; 8192], "no ring: it begins with zeros"),
        (good[..4096].to_vec(), "only 4096 bytes, and a ring of these sizes has 4560: it was cut short"),
        (big_endian, "another word size or byte order; give it to `ringlog recover-image`"),
        (small, "another word size or byte order; give it to `ringlog recover-image`"),
        (
            with(8, &[3]),
            "layout version 3, and this program reads 1 and 2; use the ringlog that made this ring",
        ),
        (with(9, &[0x12]), "is that of no ring of this machine"),
        (with(16, &[1]), "the sizes contradict each other: capacity 4097 (offset 16)"),
    ] {
        std::fs::write(&other, bytes).unwrap();
        let output = ringlog(&["ring", word(&other)]);
        assert_code(&output, 1);
        let said = stderr_of(&output);
        assert!(said.contains(words) && said.contains("other: "), "{words} is not in {said}");
    }
    for missing in [folder.path().join("missing"), folder.path().to_path_buf()] {
        assert_code(&ringlog(&["ring", word(&missing)]), 1);
    }
}
