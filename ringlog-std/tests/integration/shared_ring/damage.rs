//! Ring files that are damaged or forged: an error or a fault, and never anything worse.

use super::roles::options;
use super::support::scratch;
use crate::dice::Dice;
use ringlog::event::EventHeader;
use ringlog::recorder::Recorder;
use ringlog::ring::{SharedRing, SharedRingError};
use ringlog::storage::LogWriter;
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::Path;

const CAPACITY: usize = 4096;
/// Size of what comes before the data, on the hosts that have logs.
const CONTROL_BYTES: u64 = 384;

/// Makes a ring with some events in it. Returns its bytes.
fn ring_file(path: &Path) -> Vec<u8> {
    let ring = SharedRing::create(path, &options(CAPACITY)).unwrap();
    let mut producer = ring.claim_producer().unwrap();
    for time in 0..50 {
        producer.write_event(&EventHeader::new(time, 1, 20), &[7; 20]).unwrap();
    }
    ring.claim_consumer().unwrap().drain(10, |_, _| ()).unwrap();
    drop(producer);
    std::fs::read(path).unwrap()
}

/// Uses the file's ring in every way, with any content. Returns how many events it gave.
fn use_it(path: &Path) -> Result<usize, SharedRingError> {
    let ring = SharedRing::open(path)?;
    let mut consumer = ring.claim_consumer()?;
    let mut events = 0;
    while let Ok(Some(run)) = consumer.peek_run(0) {
        let bytes = run.remaining().len();
        events += 1;
        consumer.release_bytes(bytes);
    }
    let _ = consumer.skip_to(4096);
    let mut producer = ring.claim_producer()?;
    while producer.write_event(&EventHeader::new(1, 1, 9), &[1; 9]).is_ok() {}
    let _ = consumer.drain(usize::MAX, |_, payload| assert!(payload.len() <= CAPACITY));
    let mut lossy = producer.lossy();
    let _ = lossy.write_event(&EventHeader::new(1, 1, 9), &[1; 9]);
    let _ = lossy.flush();
    Ok(events)
}

/// Starts a recorder on the ring: it records, or says why not.
fn record_it(path: &Path, log: &Path) {
    let small = LogWriter::options().segment_bytes(64 << 10);
    let started = Recorder::builder().log(small).start_shared(path, log);
    if let Ok(recorder) = started {
        let _ = recorder.stop();
    }
    let _ = std::fs::remove_dir_all(log);
}

#[test]
fn every_byte_of_the_control_words_damaged_is_refused_or_usable() {
    let folder = scratch();
    let (path, log) = (folder.path().join("ring"), folder.path().join("log"));
    let good = ring_file(&path);
    let mut refused = 0;
    for at in 0..CONTROL_BYTES {
        for bits in [0x01, 0x80, 0xFF] {
            // In place: a new file would only cost a new mapping.
            let damage = |byte: u8| {
                let file = OpenOptions::new().write(true).open(&path).unwrap();
                file.write_all_at(&good, 0).unwrap();
                file.write_all_at(&[good[at as usize] ^ byte], at).unwrap();
            };
            damage(bits);
            refused += u32::from(use_it(&path).is_err());
            if bits == 0xFF {
                damage(bits);
                record_it(&path, &log);
                std::fs::write(&path, &good).unwrap();
            }
        }
    }
    // Magic, layout, capacity, boot, and positions that do not fit: 8 bytes each, and most of the overrun.
    assert!(refused > 3 * 8 * 4, "{refused}");
    std::fs::write(&path, &good).unwrap();
    assert!(use_it(&path).unwrap() > 0, "undamaged it is as before");
}

#[test]
fn a_ring_that_was_cut_short_or_grew_is_refused() {
    let folder = scratch();
    let path = folder.path().join("ring");
    let good = ring_file(&path);
    for len in [1, 383, 384, 4096, 8191, good.len() - 1, good.len() - 4096, good.len() + 1, 2 * good.len()] {
        let mut bytes = good.clone();
        bytes.resize(len, 0);
        std::fs::write(&path, bytes).unwrap();
        let refused = use_it(&path).unwrap_err();
        assert!(
            matches!(refused, SharedRingError::Contents { .. } | SharedRingError::Length { .. }),
            "{len} bytes: {refused}"
        );
    }
}

#[test]
fn random_bytes_are_no_ring_and_random_records_no_events() {
    let folder = scratch();
    let path = folder.path().join("ring");
    let good = ring_file(&path);
    let mut random = Dice(1);
    for round in 0..300 {
        let mut bytes: Vec<u8> = (0..good.len()).map(|_| random.next() as u8).collect();
        std::fs::write(&path, &bytes).unwrap();
        assert!(matches!(use_it(&path), Err(SharedRingError::Contents { .. })));
        // Good control words, then anything.
        let keep = [CONTROL_BYTES as usize, 500, 900][round % 3];
        bytes[..keep].copy_from_slice(&good[..keep]);
        std::fs::write(&path, &bytes).unwrap();
        let _ = use_it(&path);
        record_it(&path, &folder.path().join("log"));
    }
}
