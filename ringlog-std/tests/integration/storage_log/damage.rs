//! Single files that were damaged, cut short, or came from something that cannot seek.

use std::fs::OpenOptions;
use std::path::Path;

use ringlog::event::{ClockKind, FileHeader, file_flags};
use ringlog::storage::{LogReader, LogScan, LogWriter, OpenError, ReadError};
use ringlog_nostd::format::{add_checksum, crc32c_append, encode, place_word};

use super::support::{assert_is, event, patch, read, segments, write};

fn one_segment(folder: &Path, count: u64) -> std::path::PathBuf {
    let mut writer = LogWriter::options().segment_bytes(4 << 20).open(folder).unwrap();
    write(&mut writer, 0..count);
    writer.close().unwrap();
    segments(folder).pop().unwrap()
}

fn cut(path: &Path, len_bytes: u64) {
    OpenOptions::new().write(true).open(path).unwrap().set_len(len_bytes).unwrap();
}

#[test]
fn a_file_that_shrinks_while_it_is_scanned_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = one_segment(folder.path(), 10_000);
    let mut scan = LogScan::open(folder.path()).unwrap();
    for _ in 0..10 {
        scan.next_event().unwrap().unwrap();
    }
    cut(&path, 500_000);
    let mut count = 10;
    let error = loop {
        match scan.next_event() {
            Ok(event) => count += event.map(|event| assert_eq!(event.sequence, count)).map_or(0, |()| 1),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, ReadError::Shrunk { offset: 500_000, .. }), "{error}");
    assert!(count > 1000);
    assert!(matches!(scan.next_event(), Err(ReadError::Shrunk { .. })), "and stays one");
}

#[test]
fn a_write_offset_beyond_the_file_names_both() {
    let folder = tempfile::tempdir().unwrap();
    let path = one_segment(folder.path(), 100);
    let write_offset = LogScan::open(&path).unwrap().header().write_offset;
    cut(&path, write_offset - 8);
    let error = LogScan::open(&path).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, OpenError::WriteOffset { .. }));
    assert!(
        text.contains(&write_offset.to_string()) && text.contains(&(write_offset - 8).to_string()),
        "{text}"
    );
    assert!(LogScan::open(folder.path()).is_err() && LogWriter::open(folder.path()).is_err());
}

#[test]
fn every_damaged_byte_of_the_records_is_found_at_its_record() {
    let folder = tempfile::tempdir().unwrap();
    let path = one_segment(folder.path(), 8);
    let end = LogScan::open(&path).unwrap().header().write_offset;
    let bytes = std::fs::read(&path).unwrap();
    for at in 64..end {
        patch(&path, at, &[!bytes[at as usize]]);
        let mut scan = LogScan::open(&path).unwrap();
        let error = loop {
            match scan.next_event() {
                Ok(event) => assert!(event.is_some(), "byte {at}"),
                Err(error) => break error,
            }
        };
        assert!(
            matches!(error, ReadError::Record { source, .. } if source.offset <= at),
            "byte {at}: {error}"
        );
        patch(&path, at, &bytes[at as usize..at as usize + 1]);
    }
    assert_eq!(read(&path).len(), 8);
}

#[test]
fn a_sealed_file_with_another_count_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = one_segment(folder.path(), 8);
    patch(&path, 16, &9_u64.to_le_bytes());
    let mut scan = LogScan::open(&path).unwrap();
    for _ in 0..8 {
        scan.next_event().unwrap().unwrap();
    }
    assert!(matches!(scan.next_event(), Err(ReadError::EventCount { stored: 9, found: 8, .. })));
}

/// Returns what firmware sends through a serial line: header, records, and then other bytes.
fn stream(count: u64, tail: &[u8]) -> Vec<u8> {
    let mut header = FileHeader::new(1, ClockKind::Ticks, true);
    header.flags |= file_flags::STREAM;
    let mut bytes = header.to_bytes().to_vec();
    for number in 0..count {
        let (event_header, payload) = event(number);
        let start = bytes.len();
        bytes.resize(start + event_header.stride(), 0);
        encode(&mut bytes[start..], &event_header, &payload).unwrap();
        add_checksum(&mut bytes[start..], place_word(header.salt(), start as u64), crc32c_append).unwrap();
    }
    bytes.extend_from_slice(tail);
    bytes
}

#[test]
fn a_stream_ends_at_unwritten_memory_or_with_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stream.evtl");
    for tail in
        [&[][..], &[0; 16], &[0xFF; 16], &[0xFF; 5], &[0; 1], &[0; 5000], &[[0xFF; 16], [7; 16]].concat()]
    {
        std::fs::write(&path, stream(30, tail)).unwrap();
        let found = read(&path);
        assert_eq!(found.len(), 30, "tail of {} bytes", tail.len());
        found.iter().zip(0..).for_each(|(stored, number)| assert_is(stored, number));
    }
}

#[test]
fn a_stream_that_ends_in_something_else_is_an_error_after_its_last_record() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stream.evtl");
    let whole = stream(30, &[]);
    for bytes in [stream(30, &[1, 2, 3]), stream(31, &[])[..whole.len() + 20].to_vec(), stream(30, &[7; 64])]
    {
        std::fs::write(&path, bytes).unwrap();
        let mut scan = LogScan::open(&path).unwrap();
        for number in 0..30 {
            assert_eq!(scan.next_event().unwrap().unwrap().sequence, number);
        }
        let error = scan.next_event().unwrap_err();
        assert!(
            matches!(error, ReadError::Record { source, .. } if source.offset == whole.len() as u64),
            "{error}"
        );
    }
}

#[test]
fn a_log_continues_after_a_stream_file_that_was_put_into_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(format!("{:020}.evtl", 0));
    let put_there = stream(30, &[0; 100]);
    std::fs::write(&path, &put_there).unwrap();
    let mut writer = LogWriter::open(folder.path()).unwrap();
    // No `writer` file says where the log ended.
    assert_eq!((writer.first_sequence(), writer.next_sequence(), writer.recovery().has_loss), (30, 31, true));
    write(&mut writer, 30..33);
    writer.close().unwrap();
    assert!(
        std::fs::read(&path).unwrap() == put_there,
        "what its sender wrote is not changed, its header neither"
    );
    let mut found = read(folder.path());
    assert_eq!(found.len(), 34);
    assert_eq!(found.remove(30).gap().map(|gap| (gap.count, gap.log_side)), Some((0, true)));
    found.iter().zip(0..).for_each(|(stored, number)| assert_is(stored, number));
}

#[test]
fn cutting_a_log_anywhere_never_panics_and_never_invents() {
    let folder = tempfile::tempdir().unwrap();
    let path = one_segment(folder.path(), 20);
    let bytes = std::fs::read(&path).unwrap();
    let end = LogScan::open(&path).unwrap().header().write_offset as usize;
    let cut_path = folder.path().join("cut.evtl");
    for len_bytes in 0..end {
        std::fs::write(&cut_path, &bytes[..len_bytes]).unwrap();
        assert!(LogScan::open(&cut_path).is_err(), "{len_bytes} bytes");
    }
    std::fs::write(&cut_path, &bytes[..end]).unwrap();
    assert_eq!(read(&cut_path).len(), 20);
}

/// Returns headers with a right checksum and with numbers that no writer stores.
fn hostile_headers(base_sequence: u64) -> Vec<FileHeader> {
    let mut headers = Vec::new();
    for write_offset in [64, 200, u64::MAX - 7] {
        for synced_offset in [64, u64::MAX - 7] {
            for flags in [0b0010, 0b0000, 0b1010, 0b1011, 0b0110] {
                let mut header = FileHeader::new(i64::MIN, ClockKind::UnixNanos, false);
                header.flags |= flags;
                header.event_count = if base_sequence == 0 { u64::MAX } else { 3 };
                header.base_position = u64::MAX;
                headers.push(FileHeader { write_offset, synced_offset, base_sequence, ..header });
            }
        }
    }
    headers
}

#[test]
fn hostile_numbers_in_a_header_never_panic_and_never_lose_records() {
    for base_sequence in [0, u64::MAX] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(format!("{base_sequence:020}.evtl"));
        for header in hostile_headers(base_sequence) {
            let mut bytes = stream(3, &[0; 2048]);
            bytes[..64].copy_from_slice(&header.to_bytes());
            for entry in std::fs::read_dir(folder.path()).unwrap() {
                std::fs::remove_file(entry.unwrap().path()).unwrap();
            }
            std::fs::write(&path, &bytes).unwrap();
            if let Ok(mut scan) = LogScan::open(folder.path()) {
                while let Ok(Some(_)) = scan.next_event() {}
            }
            if let Ok(reader) = LogReader::open(folder.path()) {
                assert!(reader.events().count() <= 4, "{header:?}");
            }
            if let Ok(mut writer) = LogWriter::options().segment_bytes(4096).open(folder.path()) {
                let _ = writer.write_event(&event(1).0, &event(1).1);
                let _ = writer.close();
            }
            let kept = std::fs::read_dir(folder.path())
                .unwrap()
                .any(|entry| std::fs::read(entry.unwrap().path()).unwrap().get(64..) == Some(&bytes[64..]));
            let is_empty = header.has(file_flags::SEALED) && header.write_offset == 64;
            assert!(kept || is_empty, "{header:?}");
        }
    }
}

/// Positions are multiples of 8, and the files of other writers may have any length.
#[test]
fn a_log_continues_at_a_multiple_of_8_after_a_file_of_any_length() {
    for len_bytes in 2040..=2048 {
        let folder = tempfile::tempdir().unwrap();
        let path = one_segment(folder.path(), 1);
        patch(&path, 32, &64_u64.to_le_bytes());
        super::support::unseal(&path, 64);
        cut(&path, len_bytes);
        std::fs::remove_file(folder.path().join("writer")).unwrap();
        let writer = LogWriter::open(folder.path()).unwrap();
        assert!(writer.position() >= len_bytes - 64 && writer.position().is_multiple_of(8), "{len_bytes}");
        writer.close().unwrap();
    }
}

#[test]
fn a_file_at_a_position_that_is_no_multiple_of_8_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(format!("{:020}.evtl", 0));
    for off in 1..8 {
        let header =
            FileHeader { base_position: 800 + off, ..FileHeader::new(1, ClockKind::UnixNanos, true) };
        std::fs::write(&path, header.to_bytes()).unwrap();
        let refused = [LogScan::open(&path).map(drop), LogReader::open(folder.path()).map(drop)];
        for error in refused.map(Result::unwrap_err).into_iter().chain(LogWriter::open(folder.path()).err()) {
            let text = format!("base_position is {}", 800 + off);
            assert!(
                matches!(error, OpenError::Header { .. }) && error.to_string().contains(&text),
                "{error}"
            );
        }
        let _ = std::fs::remove_file(folder.path().join("writer"));
    }
}
