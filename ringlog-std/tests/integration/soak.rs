//! A log with retention at full speed: memory and files do not grow, pages are prefaulted, nothing is lost.
//!
//! `RINGLOG_SOAK_BYTES` says how much is written: half a gigabyte by default, 20 GB in the long run of CI. Only
//! the long run compares page faults with their limit: in a short one, on a busy machine, the workers may be
//! late by a whole segment.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::alone::is_alone;
use ringlog::event::EventHeader;
use ringlog::storage::{LogReader, LogWriter, Retention, SyncPolicy};

const PAYLOAD: usize = 240;
const RECORD_BYTES: u64 = 16 + PAYLOAD as u64;
const PAGE_BYTES: u64 = 4096;
/// A run in which the state is steady for long enough.
const LONG_BYTES: u64 = 16_000_000_000;

/// Measurements that must not grow.
#[derive(Clone, Copy, Debug)]
struct Look {
    anonymous_kib: u64,
    files: usize,
    /// Of this thread.
    page_faults: u64,
}

impl Look {
    fn at(folder: &Path) -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let anonymous = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        let anonymous_kib = anonymous.trim().trim_end_matches(" kB").parse().unwrap();
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        // The fields come after the name, which may hold any character: minor faults are the 8th field, major
        // ones the 10th.
        let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
        let faults = |at: usize| fields[at].parse::<u64>().unwrap();
        let files = std::fs::read_dir(folder).unwrap().count();
        Self { anonymous_kib, files, page_faults: faults(7) + faults(9) }
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn memory_files_and_pages_stay_as_they_are_and_nothing_is_lost() {
    if !is_alone("soak::memory_files_and_pages_stay_as_they_are_and_nothing_is_lost") {
        return;
    }
    let total_bytes = number("RINGLOG_SOAK_BYTES", 512 << 20);
    let keep_bytes = (total_bytes / 4).clamp(32 << 20, 1 << 30);
    let segment_bytes = (keep_bytes / 8).min(64 << 20);
    // In the build's folder, which is on a disk, not in memory.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let retention = Retention { max_bytes: Some(keep_bytes), ..Retention::default() };
    let options =
        LogWriter::options().segment_bytes(segment_bytes).retention(retention).sync(SyncPolicy::Never);
    let mut writer = options.open(folder.path()).unwrap();
    let records = total_bytes / RECORD_BYTES;
    let steady = records / 2;
    let mut begun: Option<(Look, Instant)> = None;
    let mut most_files = 0;
    for number in 0..records {
        let payload = [number as u8; PAYLOAD];
        writer.write_event(&EventHeader::new(number, 1, PAYLOAD as u16), &payload).unwrap();
        if number == steady {
            begun = Some((Look::at(folder.path()), Instant::now()));
        }
        if number > steady && number % 65_536 == 0 {
            most_files = most_files.max(Look::at(folder.path()).files);
        }
    }
    let (before, started) = begun.unwrap();
    let (after, took) = (Look::at(folder.path()), started.elapsed());
    let stalls = writer.summary().stalls;
    let summary = writer.close().unwrap();
    report(before, after, records - steady, took, stalls);

    assert_eq!((summary.events, summary.gaps, summary.lost), (records, 0, 0));
    assert!(after.anonymous_kib <= before.anonymous_kib + 2048, "{before:?} {after:?}");
    assert!(most_files.abs_diff(before.files) <= 2, "{most_files} files, {before:?}");
    let pages = (records - steady) * RECORD_BYTES / PAGE_BYTES;
    let faults = after.page_faults - before.page_faults;
    let is_long = total_bytes >= LONG_BYTES;
    assert!(!is_long || faults * 100 <= pages, "{faults} page faults of the writer for {pages} pages");
    check_contents(folder.path(), records);
}

fn report(before: Look, after: Look, records: u64, took: Duration, stalls: u64) {
    let bytes = records * RECORD_BYTES;
    let pages = bytes / PAGE_BYTES;
    println!(
        "steady state: {} MB in {:.1} s, {:.0} MB/s; anonymous memory {} to {} KiB; {} to {} files; \
         {} page faults of the writer's thread for {pages} pages; {stalls} rolls had to wait",
        bytes / 1_000_000,
        took.as_secs_f64(),
        bytes as f64 / 1e6 / took.as_secs_f64(),
        before.anonymous_kib,
        after.anonymous_kib,
        before.files,
        after.files,
        after.page_faults - before.page_faults,
    );
}

fn check_contents(folder: &Path, records: u64) {
    let log = LogReader::open(folder).unwrap();
    let mut next = log.first_sequence();
    assert!(next > 0 && log.next_sequence() == records);
    log.replay(|event| {
        assert_eq!((event.sequence, event.header.timestamp), (next, next));
        assert!(event.payload.iter().all(|&byte| byte == next as u8) && event.payload.len() == PAYLOAD);
        next += 1;
    })
    .unwrap();
    assert_eq!(next, records);
}
