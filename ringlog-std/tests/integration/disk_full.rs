//! Disks that are full and file systems that cannot allocate: an error, never a signal, and nothing is lost.
//!
//! Each test mounts a small file system in its own namespace. Where that is not allowed, the test says so, and
//! uses the limit on the size of a file instead.

use std::path::Path;
use std::process::{Command, Output};

use crate::skips::note_skip;
use ringlog::event::{EventHeader, Gap, GapReason};
use ringlog::recorder::{Recorder, RecorderError};
use ringlog::ring::WriteError;
use ringlog::storage::{CreateError, LogReader, LogWriter, MmapReader, MmapWriter, OpenError};

/// Set in the environment of a child: the folder that it works in.
const FOLDER: &str = "RINGLOG_TEST_DISK";
const MIB: u64 = 1 << 20;

/// Runs the test `child` of this program, named with its module, in a new process. `setup` is a line of shell
/// that runs first and may use `$FOLDER`.
fn run_child(wrapper: &[&str], setup: &str, child: &str, folder: &Path) -> Output {
    let script = format!("{setup} && exec \"$0\" --exact {child} --nocapture");
    let mut words = wrapper.to_vec();
    let program = std::env::current_exe().unwrap();
    words.extend(["sh", "-c", &script, program.to_str().unwrap()]);
    let (first, rest) = words.split_first().unwrap();
    Command::new(first).args(rest).env(FOLDER, folder).env("FOLDER", folder).output().unwrap()
}

#[track_caller]
fn assert_child_passed(output: &Output) {
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{:?}\n{said}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(said.contains("1 passed"), "the child ran no test: {said}");
}

const NAMESPACE: [&str; 4] = ["unshare", "--map-root-user", "--mount", "--"];

/// Runs a child on a new file system, or says why that is not possible.
pub(crate) fn on_mounted(kind: &str, limits: &str, child: &str) {
    let mount = format!("mount -t {kind} none \"$FOLDER\"");
    in_namespace(&NAMESPACE, "mount", &mount, limits, child);
}

/// Runs a child on a network that `setup` makes, or says why that is not possible.
#[cfg(feature = "cli")]
pub(crate) fn on_own_network(setup: &str, child: &str) {
    let network = ["unshare", "--map-root-user", "--net", "--"];
    in_namespace(&network, "make a network", setup, "true", child);
}

/// Runs a child in a namespace after `setup`, or says what is not possible.
fn in_namespace(namespace: &[&str], what: &str, setup: &str, limits: &str, child: &str) {
    let folder = tempfile::tempdir().unwrap();
    let script = [namespace, &["sh", "-c", setup]].concat();
    let probe = Command::new(script[0]).args(&script[1..]).env("FOLDER", folder.path()).output();
    match probe {
        Ok(probe) if probe.status.success() => {
            let output = run_child(namespace, &format!("{setup} && {limits}"), child, folder.path());
            assert_child_passed(&output);
        }
        Ok(probe) => note_skip(format_args!("cannot {what}: {}", String::from_utf8_lossy(&probe.stderr))),
        Err(error) => note_skip(format_args!("cannot {what}: {error}")),
    }
}

/// Returns the folder for a child to work in; `None` if this process is no child.
pub(crate) fn child_folder() -> Option<std::path::PathBuf> {
    std::env::var_os(FOLDER).map(Into::into)
}

fn header(number: u64) -> EventHeader {
    EventHeader::new(number, 1, 1000)
}

fn payload(number: u64) -> [u8; 1000] {
    [number as u8; 1000]
}

/// Checks that the log holds the events 0 to `count`, each in its place.
fn assert_holds(log: &Path, count: u64) {
    let mut next = 0;
    LogReader::open(log)
        .unwrap()
        .replay(|event| {
            assert_eq!((event.header.timestamp, event.payload), (next, &payload(next)[..]));
            next += 1;
        })
        .unwrap();
    assert_eq!(next, count);
}

/// Records until the recorder fails. Returns how many events the ring took.
fn record_until_full(log: &Path) -> (u64, RecorderError) {
    let options = LogWriter::options().segment_bytes(MIB);
    let (mut producer, recorder) = Recorder::builder().ring_bytes(1 << 17).log(options).start(log).unwrap();
    for number in 0.. {
        loop {
            match producer.write_event(&header(number), &payload(number)) {
                Ok(()) => break,
                Err(WriteError::Full) if !recorder.has_stopped() => std::thread::yield_now(),
                Err(error) => {
                    assert_eq!(error, WriteError::Full);
                    return (number, recorder.shutdown(producer).unwrap_err());
                }
            }
        }
    }
    unreachable!("a disk of some MiB takes no endless stream")
}

#[test]
fn child_that_records_until_the_disk_is_full() {
    let Some(folder) = child_folder() else { return };
    let log = folder.join("log");
    let (produced, error) = record_until_full(&log);
    assert!(matches!(error, RecorderError::Append { .. }), "{error}");
    assert!(error.to_string().contains("no room"), "{error}");
    let written = error.written().unwrap();
    assert!(written.events > 2000 && written.events <= produced, "{written:?} of {produced}");
    assert_holds(&log, written.events);
    // When there is room again, the log continues, after a GAP record for what the ring still held.
    std::fs::remove_file(folder.join("ballast")).unwrap();
    let mut writer = LogWriter::options().segment_bytes(MIB).open(&log).unwrap();
    assert_eq!(writer.next_sequence(), written.events + 1);
    writer.write_event(&header(written.events), &payload(written.events)).unwrap();
    writer.close().unwrap();
    let mut gaps = Vec::new();
    LogReader::open(&log).unwrap().replay(|event| gaps.extend(event.gap())).unwrap();
    assert!(matches!(gaps[..], [Gap { count: 0, reason: GapReason::RecorderEnded, .. }]), "{gaps:?}");
}

#[test]
fn a_recorder_whose_disk_fills_ends_with_an_error_and_a_whole_log() {
    let ballast = "head -c 2097152 /dev/zero >\"$FOLDER/ballast\"";
    on_mounted("tmpfs -o size=6m", ballast, "disk_full::child_that_records_until_the_disk_is_full");
}

#[test]
fn child_on_a_file_system_that_cannot_allocate() {
    let Some(folder) = child_folder() else { return };
    let path = folder.join("events.evtl");
    let probe = std::fs::File::create(folder.join("probe")).unwrap();
    let refused = rustix::fs::fallocate(&probe, rustix::fs::FallocateFlags::empty(), 0, 4096);
    assert_eq!(refused, Err(rustix::io::Errno::OPNOTSUPP), "this file system is no use for the test");
    // Not a multiple of the blocks of zeros, which are of 1 MiB.
    let mut writer = MmapWriter::create(&path, 2 * MIB + 12_288).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 2 * MIB + 12_288);
    for number in 0..2000 {
        writer.write_event(&header(number), &payload(number)).unwrap();
    }
    writer.close().unwrap();
    assert_eq!(MmapReader::open(&path).unwrap().replay(|_| {}).unwrap(), 2000);
    // The limit on a file's size is 4 MiB.
    let too_large = folder.join("large.evtl");
    let error = MmapWriter::create(&too_large, 5 * MIB).unwrap_err();
    assert!(matches!(error, CreateError::DiskFull { .. }), "{error}");
    let mut names: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["events.evtl", "probe"], "what could not be made is gone");
}

#[test]
fn without_allocation_zeros_are_written_and_a_full_disk_is_an_error() {
    on_mounted(
        "ramfs",
        "trap '' XFSZ && ulimit -f 8192",
        "disk_full::child_on_a_file_system_that_cannot_allocate",
    );
}

#[test]
fn child_with_a_limit_on_the_size_of_files() {
    let Some(folder) = child_folder() else { return };
    let log = folder.join("log");
    let mut writer = LogWriter::options().segment_bytes(MIB).open(&log).unwrap();
    for number in 0..1500 {
        writer.write_event(&header(number), &payload(number)).unwrap();
    }
    writer.close().unwrap();
    let error = LogWriter::options().segment_bytes(64 * MIB).open(&log).unwrap_err();
    assert!(matches!(error, OpenError::Create(CreateError::DiskFull { .. })), "{error}");
    let text = error.to_string();
    assert!(text.contains("no room for a file of 67108864 bytes"), "{text}");
    assert_holds(&log, 1500);
    let is_temporary = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with('.');
    let left = std::fs::read_dir(&log).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(left.filter(|name| is_temporary(name)).count(), 0);
    // With segments of this size the log continues.
    let writer = LogWriter::options().segment_bytes(MIB).open(&log).unwrap();
    assert_eq!(writer.next_sequence(), 1500);
}

#[test]
fn a_segment_that_finds_no_room_is_an_error_and_leaves_the_log_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let limits = "trap '' XFSZ && ulimit -f 8192";
    let output =
        run_child(&["env"], limits, "disk_full::child_with_a_limit_on_the_size_of_files", folder.path());
    assert_child_passed(&output);
}

#[test]
fn child_that_begins_a_log_where_it_cannot() {
    let Some(folder) = child_folder() else { return };
    let log = folder.join("logs/first");
    let error = LogWriter::options().segment_bytes(64 * MIB).open(&log).unwrap_err();
    let is_full = matches!(error, OpenError::Create(CreateError::DiskFull { .. }));
    assert!(is_full || error.to_string().contains("ead-only"), "{error}");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "what was made for it is gone");
}

#[test]
fn a_log_that_does_not_begin_leaves_no_folder_and_no_file() {
    let child = "disk_full::child_that_begins_a_log_where_it_cannot";
    on_mounted("tmpfs -o size=6m", "true", child);
    on_mounted("tmpfs -o ro", "true", child);
}
