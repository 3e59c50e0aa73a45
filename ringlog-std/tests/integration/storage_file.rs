//! Log files: what is read is what was written, no matter what happens to the writer or to the file.
#![forbid(unsafe_code)]

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ringlog::consumer::Run;
use ringlog::event::{
    ClockKind, EventHeader, FileHeader, FileHeaderError, Gap, GapReason, RecordErrorKind, file_flags,
};
use ringlog::storage::{AppendError, CreateError, MmapReader, MmapWriter, OpenError, ReadError};
use ringlog_nostd::format::{add_checksum, encode};
use tempfile::TempDir;

use crate::dice::Dice;

/// An event as a test remembers it: timestamp, type, user flags, payload.
type Seen = (u64, u8, u8, Vec<u8>);

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.evtl");
    (folder, path)
}

fn payload(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7 + len) as u8).collect()
}

fn header(timestamp: u64, len: usize) -> EventHeader {
    EventHeader::new(timestamp, timestamp as u8, u16::try_from(len).unwrap())
        .with_flags(timestamp as u8 & 0xF)
}

/// Opens a file with or without verifying checksums.
fn open(path: &Path, verify: bool) -> Result<MmapReader, OpenError> {
    if verify { MmapReader::open(path) } else { MmapReader::open_unverified(path) }
}

fn write(writer: &mut MmapWriter, timestamp: u64, len: usize) -> Result<(), AppendError> {
    writer.write_event(&header(timestamp, len), &payload(len))
}

fn expected(timestamp: u64, len: usize) -> Seen {
    (timestamp, timestamp as u8, timestamp as u8 & 0xF, payload(len))
}

fn read_all(reader: &MmapReader) -> (Vec<Seen>, Option<ReadError>) {
    let mut seen = Vec::new();
    for event in reader.events() {
        match event {
            Ok(event) => {
                let header = event.header;
                seen.push((header.timestamp, header.event_type, header.user_flags(), event.payload.to_vec()));
            }
            Err(error) => return (seen, Some(error)),
        }
    }
    (seen, None)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn every_payload_length_comes_back_with_and_without_checksums() {
    for checksums in [true, false] {
        let (_folder, path) = folder();
        let lengths: Vec<usize> = (0..=300).chain([65_535]).collect();
        let mut writer = MmapWriter::options().checksums(checksums).create(&path, 1 << 20).unwrap();
        for (number, &len) in lengths.iter().enumerate() {
            write(&mut writer, number as u64, len).unwrap();
        }
        let closed = writer.close().unwrap();
        assert_eq!(closed.event_count, 302);

        for verify in [true, false] {
            let reader = open(&path, verify).unwrap();
            let (seen, error) = read_all(&reader);
            assert!(error.is_none(), "{error:?}");
            let all: Vec<Seen> =
                lengths.iter().enumerate().map(|(n, &len)| expected(n as u64, len)).collect();
            assert_eq!(seen, all);
            assert!(reader.is_sealed() && reader.is_clean());
            assert_eq!((reader.len(), reader.header().write_offset), (302, closed.write_offset));
            assert_eq!(reader.header().synced_offset, closed.write_offset);
            assert_eq!(*reader.header(), closed);
        }
    }
}

#[test]
fn sequences_start_at_the_base_and_offsets_are_those_in_the_file() {
    let (_folder, path) = folder();
    let options = MmapWriter::options().base(1000, 77_000).clock(ClockKind::MonotonicNanos);
    let mut writer = options.create(&path, 1 << 20).unwrap();
    for number in 0..5000 {
        write(&mut writer, number, number as usize % 40).unwrap();
    }
    let mut reader = MmapReader::open(&path).unwrap();
    assert_eq!((reader.header().base_sequence, reader.header().base_position), (1000, 77_000));
    assert_eq!(reader.header().clock(), ClockKind::MonotonicNanos);

    let bytes = fs::read(&path).unwrap();
    for event in reader.events() {
        let event = event.unwrap();
        let at = usize::try_from(event.offset).unwrap();
        assert_eq!(bytes[at..at + 8], event.header.timestamp.to_le_bytes());
        assert_eq!(event.sequence, 1000 + event.header.timestamp);
    }
    for start in [0, 999, 1000, 1001, 2023, 2024, 2025, 5999] {
        let first = reader.events_from(start).next().unwrap().unwrap();
        assert_eq!((first.sequence, first.header.timestamp), (start.max(1000), start.max(1000) - 1000));
    }
    assert!(reader.events_from(6000).next().is_none() && reader.events_from(u64::MAX).next().is_none());

    write(&mut writer, 5000, 3).unwrap();
    assert!(reader.events_from(6000).next().is_none(), "a reader sees nothing new before it refreshes");
    assert!(reader.refresh().unwrap());
    assert!(!reader.refresh().unwrap());
    assert_eq!(reader.events_from(6000).next().unwrap().unwrap().header.timestamp, 5000);
    assert_eq!(reader.len(), 5001);
}

#[test]
fn a_full_file_refuses_the_event_and_keeps_the_others() {
    let (_folder, path) = folder();
    let mut writer = MmapWriter::create(&path, 4096).unwrap();
    assert_eq!((writer.capacity_bytes(), writer.remaining_bytes()), (4096, 4096 - 64));
    let mut written = 0;
    let error = loop {
        match write(&mut writer, written, 100) {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(written, (4096 - 64) / 120);
    let AppendError::Full { offset, needed_bytes, remaining_bytes, .. } = error else { panic!("{error}") };
    assert_eq!((offset, needed_bytes, remaining_bytes), (64 + 33 * 120, 120, 72));
    write(&mut writer, written, 72 - 16).unwrap();
    assert_eq!((writer.remaining_bytes(), writer.len()), (0, 34));
    writer.close().unwrap();
    let (seen, error) = read_all(&MmapReader::open(&path).unwrap());
    assert!(error.is_none() && seen.len() == 34);
}

#[test]
fn headers_that_do_not_fit_are_refused_and_nothing_is_written() {
    let (_folder, path) = folder();
    let mut writer = MmapWriter::create(&path, 4096).unwrap();
    assert!(matches!(writer.write_event(&header(1, 3), b"ab"), Err(AppendError::Event(_))));
    assert!(matches!(writer.write_event(&header(1, 3).with_flags(0x20), b"abc"), Err(AppendError::Event(_))));
    assert!(matches!(writer.write_event(&header(1, 3), &vec![0; 1 << 20]), Err(AppendError::Event(_))));
    assert!(writer.is_empty() && writer.write_offset() == 64);
}

#[test]
fn gaps_are_records() {
    let (_folder, path) = folder();
    let mut writer = MmapWriter::create(&path, 4096).unwrap();
    writer.append_gap(9, Gap::new(GapReason::RingFull, 12)).unwrap();
    let reader = MmapReader::open(&path).unwrap();
    let event = reader.events().next().unwrap().unwrap();
    assert_eq!((event.gap(), event.header.timestamp), (Some(Gap::new(GapReason::RingFull, 12)), 9));
}

#[test]
fn capacity_is_rounded_up_and_bounded() {
    let (folder, path) = folder();
    for bad in [0, 4095, (1 << 46) + 1, u64::MAX] {
        assert!(matches!(MmapWriter::create(&path, bad), Err(CreateError::Capacity { .. })), "{bad}");
    }
    assert!(names(folder.path()).is_empty());
    drop(MmapWriter::create(&path, 4097).unwrap());
    assert_eq!(fs::metadata(&path).unwrap().len(), 8192);
}

#[test]
fn a_disk_without_room_is_an_error_that_leaves_nothing() {
    let (folder, path) = folder();
    let error = MmapWriter::create(&path, 1 << 46).unwrap_err();
    assert!(matches!(&error, CreateError::DiskFull { path: named, .. } if *named == path), "{error}");
    assert!(names(folder.path()).is_empty());
}

#[test]
fn a_second_writer_is_refused_while_the_first_lives() {
    let (folder, path) = folder();
    let mut first = MmapWriter::create(&path, 4096).unwrap();
    let error = MmapWriter::create(&path, 4096).unwrap_err();
    // Where the kernel names files differently from `stat`, nobody can find out whose lock it is.
    let own = Some(std::process::id());
    assert!(matches!(error, CreateError::Busy { pid, .. } if pid == own || pid.is_none()), "{error}");
    let text = error.to_string();
    assert!(text.contains(&format!("process {})", std::process::id())) || text.contains("unknown"), "{text}");
    write(&mut first, 1, 1).unwrap();
    assert_eq!(names(folder.path()), ["events.evtl"]);
    assert_eq!(MmapReader::open(&path).unwrap().len(), 1);
}

#[test]
fn a_finished_log_is_moved_aside_and_stays_readable_even_while_it_is_read() {
    let (folder, path) = folder();
    for number in 0..4 {
        let mut writer = MmapWriter::create(&path, 4096).unwrap();
        write(&mut writer, number, 5).unwrap();
    }
    let _reader = MmapReader::open(&path).unwrap();
    drop(MmapWriter::create(&path, 4096).unwrap());
    assert_eq!(
        names(folder.path()),
        ["events.evtl", "events.evtl.1", "events.evtl.2", "events.evtl.3", "events.evtl.4"]
    );
    for number in 0..4 {
        let aside = folder.path().join(format!("events.evtl.{}", number + 1));
        assert_eq!(read_all(&MmapReader::open(aside).unwrap()).0, [expected(number, 5)]);
    }
}

#[test]
fn create_new_refuses_anything_that_exists() {
    let (_folder, path) = folder();
    drop(MmapWriter::create_new(&path, 4096).unwrap());
    assert!(matches!(MmapWriter::create_new(&path, 4096), Err(CreateError::Exists { .. })));
    assert!(MmapReader::open(&path).unwrap().is_clean());
}

#[test]
fn what_is_no_log_is_never_replaced() {
    let (folder, path) = folder();
    for content in [&b""[..], b"x", b"precious notes", &[0; 100]] {
        fs::write(&path, content).unwrap();
        assert!(matches!(MmapWriter::create(&path, 4096), Err(CreateError::NotALog { .. })));
        assert_eq!(fs::read(&path).unwrap(), content);
    }
    assert!(matches!(MmapWriter::create(folder.path(), 4096), Err(CreateError::NotALog { .. })));
    assert_eq!(names(folder.path()), ["events.evtl"]);
}

#[test]
fn an_abandoned_temporary_file_is_cleared_and_one_with_content_is_not() {
    let (folder, path) = folder();
    let temporary = folder.path().join(".events.evtl.ringlog-new");
    // One file of a creator that was killed before it stored a header, and one of a creator killed before the
    // word with the magic.
    let mut half_a_header = [1; 4096];
    half_a_header[..8].fill(0);
    for abandoned in [[0; 4096], half_a_header] {
        fs::write(&temporary, abandoned).unwrap();
        drop(MmapWriter::create(&path, 4096).unwrap());
        assert_eq!(names(folder.path()), ["events.evtl"]);
        fs::remove_file(&path).unwrap();
    }

    fs::write(&temporary, [1; 4096]).unwrap();
    drop(MmapWriter::create(&path, 4096).unwrap());
    assert_eq!(fs::read(&temporary).unwrap(), [1; 4096]);
}

#[test]
fn files_that_are_no_logs_are_refused_by_readers() {
    let (folder, path) = folder();
    assert!(matches!(MmapReader::open(&path), Err(OpenError::Io { .. })));
    assert!(matches!(MmapReader::open(folder.path()), Err(OpenError::NotAFile { .. })));
    for len in [0, 1, 63] {
        fs::write(&path, vec![b'E'; len]).unwrap();
        let error = MmapReader::open(&path).unwrap_err();
        assert!(matches!(error, OpenError::TooShort { len_bytes, .. } if len_bytes == len as u64));
    }
    fs::write(&path, [0; 64]).unwrap();
    let error = MmapReader::open(&path).unwrap_err();
    assert!(matches!(error, OpenError::Header { source: FileHeaderError::Magic { .. }, .. }), "{error}");

    let mut bytes = FileHeader::new(1, ClockKind::Ticks, true).to_bytes();
    bytes[4] = 2;
    fs::write(&path, bytes).unwrap();
    let error = MmapReader::open(&path).unwrap_err();
    assert!(matches!(error, OpenError::Header { source: FileHeaderError::Version { found: 2 }, .. }));
}

#[test]
fn a_truncated_log_names_what_is_missing() {
    let (_folder, path) = folder();
    let mut writer = MmapWriter::create(&path, 8192).unwrap();
    write(&mut writer, 1, 5000).unwrap();
    let closed = writer.close().unwrap();
    File::options().write(true).open(&path).unwrap().set_len(4096).unwrap();
    let error = MmapReader::open(&path).unwrap_err();
    let OpenError::WriteOffset { write_offset, len_bytes, .. } = error else { panic!("{error}") };
    assert_eq!((write_offset, len_bytes), (closed.write_offset, 4096));
}

#[test]
fn random_bytes_after_any_header_never_panic() {
    let (_folder, path) = folder();
    let mut dice = Dice(7);
    for round in 0..200_u64 {
        let mut header = FileHeader::new(round as i64, ClockKind::Ticks, round % 2 == 0);
        header.flags |= if round % 3 == 0 { file_flags::STREAM } else { file_flags::SEALED };
        header.write_offset = 64 + 8 * (round % 20);
        let mut bytes = header.to_bytes().to_vec();
        bytes.extend((0..8 * (round % 30)).map(|_| dice.next() as u8));
        fs::write(&path, &bytes).unwrap();
        for verify in [true, false] {
            let Ok(reader) = open(&path, verify) else {
                continue;
            };
            let _ = (reader.events().count(), reader.len(), reader.is_empty());
            let _ = reader.events_from(round % 5).count();
        }
    }
}

#[test]
fn no_flipped_bit_of_a_sealed_file_delivers_a_changed_event() {
    let (_folder, path) = folder();
    let mut writer = MmapWriter::create(&path, 4096).unwrap();
    for number in 0..5 {
        write(&mut writer, number, number as usize * 5).unwrap();
    }
    let end = usize::try_from(writer.close().unwrap().write_offset).unwrap();
    let all = read_all(&MmapReader::open(&path).unwrap()).0;
    let good = fs::read(&path).unwrap();
    let mut silent = Vec::new();
    for bit in 0..end * 8 {
        let mut bytes = good.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &bytes).unwrap();
        let Ok(reader) = MmapReader::open(&path) else { continue };
        let (seen, error) = read_all(&reader);
        assert_eq!(seen, all[..seen.len()], "bit {bit}");
        for event in reader.events_from(3).map_while(Result::ok) {
            let number = usize::try_from(event.sequence).unwrap();
            assert_eq!(
                (event.header.timestamp, event.payload),
                (all[number].0, &all[number].3[..]),
                "bit {bit}"
            );
        }
        if error.is_none() {
            assert_eq!(seen.len(), all.len(), "bit {bit}: events are missing and nothing says so");
            silent.push(bit);
        }
    }
    // What may change unnoticed: the watermark, CLEAN, and SEALED.
    assert!(silent.iter().all(|&bit| (32 * 8..40 * 8).contains(&bit) || [56 * 8, 56 * 8 + 3].contains(&bit)));
}

#[test]
fn damage_is_named_by_record_and_offset_and_what_is_before_it_is_read() {
    let (_folder, path) = folder();
    let mut writer = MmapWriter::create(&path, 4096).unwrap();
    for number in 0..3 {
        write(&mut writer, number, 8).unwrap();
    }
    drop(writer);
    let mut bytes = fs::read(&path).unwrap();
    bytes[64 + 24 + 20] ^= 4;
    fs::write(&path, bytes).unwrap();
    let (seen, error) = read_all(&MmapReader::open(&path).unwrap());
    assert_eq!(seen, [expected(0, 8)]);
    let Some(ReadError::Record { source, .. }) = error else { panic!("{error:?}") };
    assert_eq!((source.sequence, source.offset), (1, 88));
    assert!(matches!(source.kind, RecordErrorKind::Checksum { .. }));
}

/// Returns records of a ring: some with a checksum for another place, some without.
fn ring_records(count: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in 0..count {
        let len = number as usize % 90;
        let start = bytes.len();
        bytes.resize(start + header(number, len).stride(), 0xAA);
        let _ = encode(&mut bytes[start..], &header(number, len), &payload(len)).unwrap();
        if number % 2 == 0 {
            let _ = add_checksum(&mut bytes[start..], 12_345, ringlog_nostd::format::crc32c_append).unwrap();
        }
    }
    bytes
}

#[test]
fn a_run_is_stored_as_the_same_bytes_as_its_events_one_by_one() {
    for checksums in [true, false] {
        let (folder, path) = folder();
        let other = folder.path().join("run.evtl");
        let options = MmapWriter::options().checksums(checksums);
        let mut single = options.create(&path, 1 << 16).unwrap();
        let mut batch = options.create(&other, 1 << 16).unwrap();
        let bytes = ring_records(300);
        let mut run = Run::new(&bytes).unwrap();
        batch.append_run(&mut run).unwrap();
        assert!(run.is_done() && run.accepted_events() == 300);
        for number in 0..300 {
            write(&mut single, number, number as usize % 90).unwrap();
        }
        assert_eq!(single.write_offset(), batch.write_offset());
        let (one, two) = (MmapReader::open(&path).unwrap(), MmapReader::open(&other).unwrap());
        assert_eq!(read_all(&one).0, read_all(&two).0);
        assert!(read_all(&two).1.is_none());
        drop((single, batch));
        let (mut one, mut two) = (fs::read(&path).unwrap(), fs::read(&other).unwrap());
        // Files made at different moments differ in `created_at`, and so in every checksum.
        for file in [&mut one, &mut two] {
            clear_places(file);
        }
        assert!(one == two);
    }
}

/// Zeroes `created_at`, the header's checksum and the records' checksums, after counting the records with one.
fn clear_places(file: &mut [u8]) {
    file[8..16].fill(0);
    file[60..64].fill(0);
    let end = usize::try_from(u64::from_le_bytes(file[24..32].try_into().unwrap())).unwrap();
    let mut at = 64;
    while at < end {
        let stride = EventHeader::from_bytes(file[at..at + 16].try_into().unwrap()).stride();
        file[at + 12..at + 16].fill(0);
        at += stride;
    }
}

#[test]
fn a_run_that_does_not_fit_is_taken_up_to_the_last_whole_record() {
    let (folder, path) = folder();
    let bytes = ring_records(300);
    let mut run = Run::new(&bytes).unwrap();
    let mut files = 0;
    loop {
        files += 1;
        let mut writer = MmapWriter::create(&path, 4096).unwrap();
        match writer.append_run(&mut run) {
            Ok(()) => break,
            Err(AppendError::Full { needed_bytes, remaining_bytes, .. }) => {
                assert!(needed_bytes > remaining_bytes && !writer.is_empty());
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(files > 2);
    let mut next = 0;
    let parts = (1..files).map(|n| folder.path().join(format!("events.evtl.{n}"))).chain([path]);
    for part in parts {
        let (seen, error) = read_all(&MmapReader::open(part).unwrap());
        assert!(error.is_none());
        for event in seen {
            assert_eq!(event, expected(next, next as usize % 90));
            next += 1;
        }
    }
    assert_eq!(next, 300);
}

#[test]
fn the_watermark_moves_only_with_a_sync() {
    let (_folder, path) = folder();
    let mut writer = MmapWriter::create(&path, 1 << 16).unwrap();
    write(&mut writer, 1, 9000).unwrap();
    assert_eq!((writer.synced_offset(), writer.header().synced_offset), (64, 64));
    writer.sync().unwrap();
    assert_eq!(writer.synced_offset(), writer.write_offset());
    let reader = MmapReader::open(&path).unwrap();
    assert_eq!(reader.header().synced_offset, writer.write_offset());
    assert!(!reader.is_sealed() && !reader.is_clean());
}

#[test]
fn closing_keeps_the_size_and_frees_the_unused_blocks() {
    use std::os::unix::fs::MetadataExt;
    let (_folder, path) = folder();
    let mut writer = MmapWriter::create(&path, 1 << 20).unwrap();
    write(&mut writer, 1, 100).unwrap();
    let before = fs::metadata(&path).unwrap().blocks();
    writer.close().unwrap();
    let after = fs::metadata(&path).unwrap();
    assert_eq!(after.len(), 1 << 20);
    assert!(after.blocks() < before / 4, "{} of {before} blocks", after.blocks());
}

#[test]
fn streams_end_at_erased_bytes_or_at_the_end_of_the_file() {
    let (_folder, path) = folder();
    let mut header = FileHeader::new(3, ClockKind::Ticks, false);
    header.flags |= file_flags::STREAM;
    let records = {
        let mut bytes = vec![0; 24 + 16];
        let n = encode(&mut bytes, &EventHeader::new(1, 2, 3), b"abc").unwrap();
        let _ = encode(&mut bytes[n..], &EventHeader::new(2, 2, 0), b"").unwrap();
        bytes
    };
    let tails: [&[u8]; 8] =
        [b"", &[0; 3], &[0xFF; 3], &[0; 16], &[0xFF; 16], &[0; 500], &[0xFF; 500], &[0xFF; 17]];
    for tail in tails {
        fs::write(&path, [&header.to_bytes()[..], &records, tail].concat()).unwrap();
        let reader = MmapReader::open(&path).unwrap();
        let (seen, error) = read_all(&reader);
        assert!(error.is_none() && seen.len() == 2, "{} bytes: {error:?}", tail.len());
        assert_eq!((reader.len(), reader.is_empty()), (2, false));
        assert_eq!(reader.events_from(1).count(), 1);

        fs::write(&path, [&header.to_bytes()[..], tail].concat()).unwrap();
        let empty = MmapReader::open(&path).unwrap();
        assert!(empty.is_empty() && empty.events().next().is_none());
    }
    fs::write(&path, [&header.to_bytes()[..], &records[..30]].concat()).unwrap();
    let (seen, error) = read_all(&MmapReader::open(&path).unwrap());
    assert!(seen.len() == 1 && matches!(error, Some(ReadError::Record { .. })));
}

#[test]
fn a_reader_beside_a_writer_sees_whole_events_only_and_in_the_end_all() {
    const COUNT: u64 = 100_000;
    let (_folder, path) = folder();
    let mut writer = MmapWriter::create(&path, 16 << 20).unwrap();
    let mut reader = MmapReader::open(&path).unwrap();
    let writing = std::thread::spawn(move || {
        for number in 0..COUNT {
            write(&mut writer, number, number as usize % 100).unwrap();
        }
    });
    let (mut next, mut sealed) = (0, false);
    while !sealed {
        reader.refresh().unwrap();
        sealed = reader.is_sealed();
        for event in reader.events_from(next) {
            let event = event.unwrap();
            assert_eq!((event.sequence, event.header.timestamp), (next, next));
            assert_eq!(event.payload, payload(next as usize % 100));
            next += 1;
        }
        assert_eq!(reader.len(), next);
    }
    writing.join().unwrap();
    assert_eq!(next, COUNT);
}

#[test]
fn of_many_creators_at_once_none_takes_a_living_log_away() {
    let (folder, path) = folder();
    let creators: Vec<_> = (0..8)
        .map(|creator| {
            let path = path.clone();
            std::thread::spawn(move || {
                let mut made = 0;
                for number in 0..20 {
                    match MmapWriter::create(&path, 4096) {
                        Ok(mut writer) => {
                            write(&mut writer, creator * 100 + number, 9).unwrap();
                            let seen = read_all(&MmapReader::open(&path).unwrap()).0;
                            assert_eq!(seen, [expected(creator * 100 + number, 9)]);
                            made += 1;
                        }
                        Err(CreateError::Busy { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
                made
            })
        })
        .collect();
    let made: usize = creators.into_iter().map(|creator| creator.join().unwrap()).sum();
    assert_eq!(names(folder.path()).len(), made);
}

const CHILD_PATH: &str = "RINGLOG_TEST_CHILD_PATH";

/// Not a test: the process that the next test kills.
#[test]
fn child_that_writes_until_it_is_killed() {
    let Some(path) = std::env::var_os(CHILD_PATH) else { return };
    let mut writer = MmapWriter::create(PathBuf::from(path), 64 << 20).unwrap();
    for number in 0.. {
        if write(&mut writer, number, number as usize % 200).is_err() {
            break;
        }
        if number % 500 == 0 {
            println!("written {number}");
        }
    }
    // Killed here at the latest: a writer that is dropped would seal the file.
    loop {
        std::thread::park();
    }
}

#[test]
fn what_a_killed_writer_had_published_is_all_there() {
    let (folder, path) = folder();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "storage_file::child_that_writes_until_it_is_killed", "--nocapture"])
        .env(CHILD_PATH, &path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut reported = None;
    // Open until the child is killed: one that cannot print panics, and drops its writer, which seals the file.
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for line in lines.by_ref() {
        let line = line.unwrap();
        reported = line.rsplit_once("written ").and_then(|(_, n)| n.parse::<u64>().ok()).or(reported);
        if reported >= Some(20_000) {
            break;
        }
    }
    assert!(matches!(MmapWriter::create(&path, 4096), Err(CreateError::Busy { .. })));
    child.kill().unwrap();
    child.wait().unwrap();

    let reader = MmapReader::open(&path).unwrap();
    assert!(!reader.is_sealed() && !reader.is_clean());
    let (seen, error) = read_all(&reader);
    assert!(error.is_none(), "{error:?}");
    assert!(seen.len() as u64 > reported.unwrap());
    for (number, event) in seen.iter().enumerate() {
        assert_eq!(*event, expected(number as u64, number % 200));
    }
    assert_eq!(reader.len(), seen.len() as u64);

    drop(MmapWriter::create(&path, 4096).unwrap());
    let moved = MmapReader::open(folder.path().join("events.evtl.1")).unwrap();
    assert_eq!(moved.len(), seen.len() as u64);
}

#[test]
fn a_record_that_fits_no_file_of_this_size_is_too_large_and_not_full() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = MmapWriter::create(folder.path().join("small.evtl"), 4096).unwrap();
    let error = writer.write_event(&EventHeader::new(1, 0, 5000), &[1; 5000]).unwrap_err();
    assert!(matches!(error, AppendError::TooLarge { capacity_bytes: 4032, .. }), "{error}");
    writer.write_event(&EventHeader::new(2, 0, 4016), &[1; 4016]).unwrap();
}
