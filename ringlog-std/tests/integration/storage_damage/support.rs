//! Logs of events that follow from their number, and ways to damage them.

use std::fs;
use std::path::{Path, PathBuf};

use ringlog::event::{EventHeader, FileHeader, Gap};
use ringlog::storage::{LogScan, LogWriter};
use tempfile::TempDir;

/// Header and payload of the event with this number: its timestamp.
pub(crate) fn event(number: u64) -> (EventHeader, Vec<u8>) {
    let len = number.wrapping_mul(37) % 120;
    let payload: Vec<u8> = (0..len).map(|at| ((at * 3) ^ number) as u8).collect();
    let header = EventHeader::new(number, number as u8, len as u16).with_flags((number % 16) as u8);
    (header, payload)
}

/// A log with the events 0 to `count` in segments of `segment_bytes`, closed.
pub(crate) struct Log {
    pub(crate) folder: TempDir,
    /// Its segments in order.
    pub(crate) segments: Vec<PathBuf>,
}

impl Log {
    pub(crate) fn of(count: u64, segment_bytes: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut writer =
            LogWriter::options().segment_bytes(segment_bytes).open(folder.path().join("log")).unwrap();
        for number in 0..count {
            let (header, payload) = event(number);
            writer.write_event(&header, &payload).unwrap();
        }
        writer.close().unwrap();
        let log = folder.path().join("log");
        let is_segment = |path: &PathBuf| path.extension().is_some_and(|it| it == "evtl");
        let names = fs::read_dir(log).unwrap().map(|entry| entry.unwrap().path());
        let mut segments: Vec<_> = names.filter(is_segment).collect();
        segments.sort();
        Self { folder, segments }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// Returns a path for another log, which does not exist yet.
    pub(crate) fn out(&self) -> PathBuf {
        let out = self.folder.path().join("out");
        if out.exists() {
            fs::remove_dir_all(&out).unwrap();
        }
        out
    }

    pub(crate) fn header(&self, segment: usize) -> FileHeader {
        *LogScan::open(&self.segments[segment]).unwrap().header()
    }

    /// Changes the bytes of a segment.
    pub(crate) fn change(&self, segment: usize, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = fs::read(&self.segments[segment]).unwrap();
        change(&mut bytes);
        fs::write(&self.segments[segment], bytes).unwrap();
    }

    /// Takes SEALED and CLEAN off a segment, as if its writer had died.
    pub(crate) fn unseal(&self, segment: usize, synced_offset: u64) {
        self.change(segment, |bytes| {
            bytes[32..40].copy_from_slice(&synced_offset.to_le_bytes());
            bytes[56] &= !0b1001;
        });
    }

    /// Makes the log look as if its last writer had run before the machine's last start.
    pub(crate) fn pretend_other_boot(&self) {
        let boot_id = "00000000-0000-4000-8000-000000000000";
        let lines = format!("pid: 1\nboot_id: {boot_id}\nring_identity: 0\nstate: open\n");
        crate::writer_file::store(&self.path(), &lines);
    }

    /// Returns all files of the log, byte for byte.
    pub(crate) fn image(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut image: Vec<_> = fs::read_dir(self.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.clone(), fs::read(path).unwrap()))
            .collect();
        image.sort();
        image
    }
}

/// Returns the offsets of the records of an undamaged segment, and after them the offset of its end.
pub(crate) fn offsets(segment: &Path) -> Vec<u64> {
    let mut scan = LogScan::open(segment).unwrap();
    let mut offsets = Vec::new();
    while let Some(event) = scan.next_event().unwrap() {
        offsets.push(event.offset);
    }
    offsets.push(scan.offset());
    offsets
}

/// What a log holds: the numbers of its events, each checked byte for byte, and its gaps.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Contents {
    pub(crate) numbers: Vec<u64>,
    pub(crate) gaps: Vec<Gap>,
}

pub(crate) fn contents(log: &Path) -> Contents {
    let mut found = Contents::default();
    let mut scan = LogScan::open(log).unwrap();
    while let Some(stored) = scan.next_event().unwrap() {
        match stored.gap() {
            Some(gap) => found.gaps.push(gap),
            None => {
                let number = stored.header.timestamp;
                let (header, payload) = event(number);
                assert_eq!((stored.header.as_user(), stored.payload), (header, &payload[..]), "invented");
                found.numbers.push(number);
            }
        }
    }
    found
}
