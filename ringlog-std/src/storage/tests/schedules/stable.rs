//! Compares what was promised with what a disk has on stable storage at that moment.

use std::collections::BTreeSet;
use std::sync::Arc;

use ringlog_nostd::format::field;

use crate::event::file_flags;
use crate::storage::error::OpenError;
use crate::storage::log::writer::LogWriter;
use crate::storage::read::mapped::log_reader::LogReader;
use crate::storage::tests::power_loss::disk::{Disk, lay_out};
use crate::storage::tests::power_loss::run::scratch;
use crate::storage::tests::power_loss::trace::{FileId, Op, Recorder};
use crate::storage::tests::schedules::world::number;

/// Plays the trace, and checks every promise on the way:
///
/// - no header says that more is durable than is;
/// - no file says that it is clean before all of it is durable;
/// - the events below the log's watermark survive the worst loss of power;
/// - a file is begun once, and again only after it was erased.
pub(crate) fn check(trace: &[Op]) {
    let (mut disk, mut promised, mut begun) = (Disk::default(), 0, BTreeSet::new());
    for op in trace {
        match op {
            Op::Promised(events) if *events > promised => {
                promised = *events;
                let survived = survivors(&disk);
                assert!(survived >= promised, "{promised} events were promised, {survived} survive");
            }
            Op::Store { file, offset, bytes } => {
                disk.play(op);
                check_header(&disk, *file, *offset as usize, bytes);
                check_life(&mut begun, *file, *offset as usize, bytes);
                continue;
            }
            _ => {}
        }
        disk.play(op);
    }
}

fn check_header(disk: &Disk, file: FileId, at: usize, bytes: &[u8]) {
    match at {
        field::SYNCED_OFFSET => {
            let synced = u64::from_le_bytes(bytes.try_into().unwrap()) as usize;
            assert!(synced <= 64 || disk.is_stable(file, 64, synced), "the watermark of file {file}");
        }
        field::FLAGS if bytes.len() == 4 => {
            let flags = u32::from_le_bytes(bytes.try_into().unwrap());
            let end = disk.word(file, field::WRITE_OFFSET) as usize;
            let is_clean = flags & file_flags::CLEAN != 0;
            assert!(!is_clean || disk.is_stable(file, 64, end), "file {file} is not clean");
        }
        _ => {}
    }
}

/// Checks the word with the magic: it is stored last when a file is begun, and erased before the file is
/// reused.
fn check_life(begun: &mut BTreeSet<FileId>, file: FileId, at: usize, bytes: &[u8]) {
    if at != field::MAGIC || bytes.len() != 8 {
        return;
    }
    if bytes == [0; 8] {
        assert!(begun.remove(&file), "file {file} is erased, and was not in use");
    } else {
        assert!(begun.insert(file), "file {file} is begun twice");
    }
}

/// Returns how many events, from the first one on, recovery finds on the worst disk.
fn survivors(disk: &Disk) -> u64 {
    let folder = scratch();
    lay_out(folder.path(), &disk.oldest());
    let second = Arc::new(Recorder::new("second boot"));
    let writer = LogWriter::open_at(folder.path(), LogWriter::options().segment_bytes(4096), second, false);
    let _writer = writer.unwrap();
    let mut next = 0;
    match LogReader::open(folder.path()) {
        Err(OpenError::NoSegments { .. }) => {}
        other => other
            .unwrap()
            .replay(|event| {
                if event.gap().is_none() && number(&event) == next {
                    next += 1;
                }
            })
            .map(drop)
            .unwrap(),
    }
    next
}
