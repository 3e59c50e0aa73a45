//! A serial line that is pulled out and comes back, and a device that is reset.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use ringlog::event::{ClockKind, GapReason};
use ringlog::storage::{LogReader, SegmentSchemas};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use super::support::{RINGLOG, wait_until, word};
use crate::messages::receives::{life, records};

/// Opens a terminal's other end, and lets `line` lead to it.
fn line(line: &Path) -> File {
    let end = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&end).unwrap();
    unlockpt(&end).unwrap();
    let name = ptsname(&end, Vec::new()).unwrap();
    let _ = fs::remove_file(line);
    symlink(name.to_str().unwrap(), line).unwrap();
    File::from(end)
}

/// A terminal changes what comes before it is set up.
fn wait_until_set_up(device: &File) {
    wait_until("the line is set up", || !tcgetattr(device).unwrap().local_modes.contains(LocalModes::ICANON));
}

#[test]
fn a_line_that_goes_and_comes_back_is_followed_and_a_reset_begins_a_segment() {
    let folder = tempfile::tempdir().unwrap();
    let (path, log) = (folder.path().join("line"), folder.path().join("log"));
    let mut device = line(&path);
    let words = ["receive", word(&path), "--log", word(&log), "--print", "--ticks-per-second", "32768"];
    let mut child = Command::new(RINGLOG)
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut printed = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut printed = |lines: usize| (0..lines).map(|_| printed.next().unwrap().unwrap()).collect::<Vec<_>>();
    let mut first = String::new();
    wait_until_set_up(&device);
    device.write_all(b"\0boot loader\n\0").unwrap();
    said.read_line(&mut first).unwrap();
    assert_eq!(first, "device: boot loader\n");

    device.write_all(&life(1, ClockKind::Ticks, 0..10)).unwrap();
    assert!(printed(10)[9].contains("hello"));
    drop(device);
    let mut device = line(&path);
    wait_until_set_up(&device);
    // Two were sent while nobody listened, and then there was a reset.
    device.write_all(&records(1, ClockKind::Ticks, 12..15)).unwrap();
    device.write_all(&life(2, ClockKind::Ticks, [0, 1, 4])).unwrap();
    assert!(printed(1 + 3 + 1 + 2 + 1 + 1)[0].contains("lost on the wire"));

    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let status = child.wait().unwrap();
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert_eq!(status.code(), Some(3), "{rest}");
    for line in ["is gone; waiting for it to come back", "is there", "note: the device started anew 1 time"] {
        assert!(rest.contains(line), "{line}: {rest}");
    }

    let reader = LogReader::open(&log).unwrap();
    let events: Vec<_> = reader.events().map(Result::unwrap).filter(|it| !it.is_meta()).collect();
    let shown: Vec<_> = events
        .iter()
        .map(|event| match event.gap() {
            Some(gap) => (gap.reason.code(), gap.count),
            None => (0, event.header.timestamp),
        })
        .collect();
    let [wire, reset] = [GapReason::LostOnWire.code(), GapReason::DeviceReset.code()];
    let mut expected: Vec<_> = (0..10).map(|time| (0, time)).collect();
    expected.extend([(wire, 2), (0, 12), (0, 13), (0, 14), (reset, 0), (0, 0), (0, 1), (wire, 2), (0, 4)]);
    assert_eq!(shown, expected);
    let words = |at: usize, name: &str| {
        let about =
            SegmentSchemas::of(&events[at]).unwrap().set().log().unwrap().user(name).unwrap().to_owned();
        about.parse::<u64>().unwrap()
    };
    assert_eq!((words(0, "device_life"), words(0, "device_created_at")), (1, 1));
    assert_eq!((words(17, "device_life"), words(17, "device_created_at")), (2, 2));
    assert!(words(0, "arrival_unix_nanos") < words(17, "arrival_unix_nanos"));
    assert_eq!(SegmentSchemas::of(&events[0]).unwrap().set().log().unwrap().ticks_per_second(), Some(32768));
    assert_eq!(reader.segments().len(), 2);
}
