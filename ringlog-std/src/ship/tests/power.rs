//! Logs that are shipped before and after a loss of power.

use super::*;
use crate::event::{FileHeader, file_flags};
use crate::os::platform::Linux;
use crate::storage::folder::writer_lock::WriterLock;

/// Copies what a loss of power may leave of a log at work: all that is durable, and any blocks of the rest.
fn power_cut(from: &Path, to: &Path, dice: &mut Dice) {
    let files = fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let mut files: Vec<_> = files.map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    files.retain(|(path, _)| !path.file_name().unwrap().to_string_lossy().starts_with('.'));
    files.sort();
    let is_segment = |path: &Path| path.extension().is_some_and(|end| end == "evtl");
    let header_of = |bytes: &[u8]| FileHeader::from_bytes(bytes.first_chunk().unwrap()).unwrap();
    let is_clean = |bytes: &[u8]| header_of(bytes).has(file_flags::CLEAN);
    // All before a clean one is durable.
    let clean = files.iter().rposition(|(path, bytes)| is_segment(path) && is_clean(bytes));
    for (at, (path, mut bytes)) in files.into_iter().enumerate() {
        if is_segment(&path) && clean.is_none_or(|clean| at > clean) {
            let durable = header_of(&bytes).synced_offset as usize;
            for block in bytes[durable..].chunks_mut(512) {
                if dice.one_in(2) {
                    block.fill(0);
                }
            }
        }
        fs::write(to.join(path.file_name().unwrap()), bytes).unwrap();
    }
    let (mut lock, mut record) = WriterLock::acquire(to).unwrap();
    record.boot_id = Some("before".into());
    lock.store(&Linux, &record).unwrap();
}

#[test]
fn a_log_that_lost_its_end_with_the_power_continues_in_the_stream() {
    for seed in 0..30 {
        let mut dice = Dice(seed);
        let server = FakeServer::new(seed, Faults::default());
        let mut folder = tempfile::tempdir().unwrap();
        for _ in 0..3 {
            let image = tempfile::tempdir().unwrap();
            let mut log = writer(folder.path());
            for _ in 0..4 {
                let events = dice.below(300);
                write(&mut log, &mut dice, events);
                if dice.one_in(2) {
                    log.sync().unwrap();
                }
                if dice.one_in(2) {
                    ship_all(&mut shipper(folder.path(), &server, PACE).unwrap());
                }
            }
            power_cut(folder.path(), image.path(), &mut dice);
            folder = image;
            if dice.one_in(2) {
                // Before the next writer has recovered the log.
                ship_all(&mut shipper(folder.path(), &server, PACE).unwrap());
            }
        }
        let mut log = writer(folder.path());
        write(&mut log, &mut dice, 100);
        log.close().unwrap();
        ship_all(&mut shipper(folder.path(), &server, PACE).unwrap());
        check(folder.path(), &server);
    }
}
