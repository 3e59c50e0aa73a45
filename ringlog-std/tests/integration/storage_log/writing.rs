//! Tests writing over many runs and many segments.

use ringlog::consumer::Run;
use ringlog::event::{EventHeader, Gap, GapReason};
use ringlog::storage::{AppendError, LogReader, LogScan, LogWriter};
use ringlog_nostd::EventConsumer;
use ringlog_nostd::format::{HEADER_LEN, encode, record_len};

use super::support::{assert_holds, assert_is, event, read, segments, wait_until, write};

fn records(numbers: std::ops::Range<u64>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in numbers {
        let (header, payload) = event(number);
        let start = bytes.len();
        bytes.resize(start + header.stride(), 0);
        encode(&mut bytes[start..], &header, &payload).unwrap();
    }
    bytes
}

#[test]
fn many_runs_give_gap_free_sequences_and_positions() {
    let folder = tempfile::tempdir().unwrap();
    let (mut next, mut position) = (0, 0);
    for run in 0..40 {
        let mut writer = LogWriter::options().segment_bytes(8192).open(folder.path()).unwrap();
        assert_eq!(
            (writer.first_sequence(), writer.next_sequence(), writer.position()),
            (next, next, position)
        );
        let count = run * 7 % 90;
        write(&mut writer, next..next + count);
        next += count;
        position += writer.bytes_written();
        assert_eq!((writer.next_sequence(), writer.position()), (next, position));
        let summary = writer.close().unwrap();
        assert_eq!((summary.events, summary.gaps, summary.next_sequence), (count, 0, next));
        assert_eq!(summary.segments == 0, count == 0);
    }
    assert_holds(folder.path(), 0..next);
    assert_positions_continue(folder.path(), position);
}

/// Checks that each segment's base position is the end of the one before.
fn assert_positions_continue(folder: &std::path::Path, end: u64) {
    let mut expected = 0;
    for segment in LogReader::open(folder).unwrap().segments() {
        assert_eq!(segment.header.base_position, expected, "{}", segment.path.display());
        let mut scan = LogScan::open(&segment.path).unwrap();
        while scan.next_event().unwrap().is_some() {}
        expected = scan.position();
    }
    assert_eq!(expected, end);
}

#[test]
fn rolling_keeps_every_byte_with_and_without_checksums() {
    for (segment_bytes, checksums) in
        [(4096, true), (4097, false), (12_288, true), (65_536, false), (1 << 20, true)]
    {
        let folder = tempfile::tempdir().unwrap();
        let options = LogWriter::options().segment_bytes(segment_bytes).checksums(checksums);
        let mut writer = options.open(folder.path()).unwrap();
        write(&mut writer, 0..2000);
        let position = writer.position();
        let summary = writer.close().unwrap();
        assert_eq!(summary.segments, segments(folder.path()).len() as u64);
        assert!(summary.segments > 1 || segment_bytes == 1 << 20);
        assert_holds(folder.path(), 0..2000);
        assert_positions_continue(folder.path(), position);
    }
}

#[test]
fn a_run_goes_over_as_many_segments_as_it_takes() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = records(0..3000);
    let mut writer = LogWriter::options().segment_bytes(4096).open(folder.path()).unwrap();
    let mut run = Run::new(&bytes).unwrap();
    writer.append_run(&mut run).unwrap();
    assert!(run.is_done());
    assert_eq!((run.accepted_events(), writer.bytes_written()), (3000, bytes.len() as u64));
    assert_eq!(writer.summary(), writer.close().unwrap());
    assert!(segments(folder.path()).len() > 100);
    assert_holds(folder.path(), 0..3000);
}

#[test]
fn records_that_fill_a_segment_to_the_last_byte_and_one_more() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = LogWriter::options().segment_bytes(4096).open(folder.path()).unwrap();
    let payload = vec![7; 4096 - 64 - HEADER_LEN];
    let header = EventHeader::new(1, 2, payload.len() as u16);
    for _ in 0..3 {
        writer.write_event(&header, &payload).unwrap();
    }
    let longer = vec![7; payload.len() + 1];
    let error = writer.write_event(&EventHeader::new(1, 2, longer.len() as u16), &longer).unwrap_err();
    assert!(
        matches!(error, AppendError::TooLarge { needed_bytes: 4040, capacity_bytes: 4032, .. }),
        "{error}"
    );
    assert_eq!(writer.close().unwrap().segments, 3);
    assert!(read(folder.path()).iter().all(|stored| stored.payload == payload));
}

#[test]
fn the_largest_record_goes_through() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = LogWriter::options().segment_bytes(1 << 17).open(folder.path()).unwrap();
    let payload: Vec<u8> = (0..65_535_u32).map(|at| (at * 7) as u8).collect();
    for number in 0..9 {
        writer.write_event(&EventHeader::new(number, 0, u16::MAX), &payload).unwrap();
    }
    writer.close().unwrap();
    let found = read(folder.path());
    assert_eq!(found.len(), 9);
    assert!(found.iter().all(|stored| stored.payload == payload));
}

#[test]
fn the_limit_stops_single_events_and_runs_and_takes_what_fits() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = records(0..100);
    let fits = records(0..60).len() as u64;
    let mut writer = LogWriter::options().max_bytes(Some(fits + 8)).open(folder.path()).unwrap();
    let mut run = Run::new(&bytes).unwrap();
    let error = writer.append_run(&mut run).unwrap_err();
    assert!(
        matches!(error, AppendError::LimitReached { written_bytes, .. } if written_bytes == fits),
        "{error}"
    );
    assert_eq!(run.accepted_events(), 60);
    let error = writer.write_event(&EventHeader::new(1, 1, 0), b"").unwrap_err();
    assert!(matches!(error, AppendError::LimitReached { .. }));
    assert!(!writer.consume_run(&mut run));
    assert!(matches!(writer.take_error(), Some(AppendError::LimitReached { .. })));
    assert!(writer.take_error().is_none());
    assert_eq!(writer.close().unwrap().events, 60);
    assert_holds(folder.path(), 0..60);
}

#[test]
fn as_a_consumer_it_takes_events_and_gaps_as_they_come_from_a_ring() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = LogWriter::open(folder.path()).unwrap();
    assert_eq!(writer.name(), "log");
    let (header, payload) = event(0);
    assert!(writer.consume(&header.with_flags(0xC0 | header.flags), &payload));
    let gap = Gap::new(GapReason::RingFull, 5);
    assert!(writer.consume(&Gap::header(9), &gap.to_payload()));
    assert!(writer.consume_run(&mut Run::new(&records(2..4)).unwrap()));
    assert!(!writer.consume(&EventHeader::new(0, 0, 9), b"eight by"), "a wrong length");
    assert!(matches!(writer.take_error(), Some(AppendError::Event(_))));
    let summary = writer.close().unwrap();
    assert_eq!((summary.events, summary.gaps, summary.lost, summary.next_sequence), (3, 1, 5, 4));
    let found = read(folder.path());
    assert_is(&found[0], 0);
    assert_eq!((found[1].gap(), found[1].header.timestamp), (Some(gap), 9));
    assert_is(&found[3], 3);
}

#[test]
fn gaps_of_the_log_side_start_a_segment_and_take_no_position() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = LogWriter::open(folder.path()).unwrap();
    let gap = Gap { log_side: true, ..Gap::new(GapReason::DiskFull, 2) };
    for _ in 0..2 {
        writer.append_gap(1, gap).unwrap();
        writer.append_gap(1, gap).unwrap();
        let position = writer.position();
        write(&mut writer, 0..1);
        assert_eq!(writer.position(), position + record_len(0) as u64);
    }
    assert_eq!(writer.position(), 2 * record_len(0) as u64);
    assert_eq!(writer.close().unwrap().segments, 2);
    assert_eq!(read(folder.path()).iter().filter_map(|stored| stored.gap()).count(), 4);
    let mut writer = LogWriter::open(folder.path()).unwrap();
    assert_eq!((writer.position(), writer.next_sequence()), (2 * record_len(0) as u64, 6));
    write(&mut writer, 6..8);
    writer.close().unwrap();
    assert_eq!(read(folder.path()).len(), 8);
    let reader = LogReader::open(folder.path()).unwrap();
    for sequence in 0..8 {
        assert_eq!(reader.events_from(sequence).count() as u64, 8 - sequence);
    }
}

#[test]
fn reading_from_a_sequence_finds_it_in_every_segment() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = LogWriter::options().segment_bytes(4096).open(folder.path()).unwrap();
    write(&mut writer, 0..300);
    writer.close().unwrap();
    let reader = LogReader::open_unverified(folder.path()).unwrap();
    let mut scan = LogScan::open(folder.path()).unwrap();
    for sequence in 0..300 {
        let first = reader.events_from(sequence).next().unwrap().unwrap();
        assert_eq!((first.sequence, first.header.timestamp), (sequence, sequence));
        scan.seek(sequence).unwrap();
        assert!(scan.next_sequence() <= sequence);
        assert!(scan.next_sequence() + scan.header().event_count > sequence);
    }
    assert!(reader.events_from(300).next().is_none());
    // Old segments may be deleted: the log then starts later.
    let first = segments(folder.path());
    std::fs::remove_file(&first[0]).unwrap();
    let reader = LogReader::open(folder.path()).unwrap();
    assert!(reader.first_sequence() > 0);
    assert_eq!(reader.events().next().unwrap().unwrap().sequence, reader.first_sequence());
    assert_eq!(reader.len(), 300 - reader.first_sequence());
}

#[test]
fn a_log_can_be_read_while_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = LogWriter::options().segment_bytes(4096).open(folder.path()).unwrap();
    assert!(LogReader::open(folder.path()).unwrap().is_empty());
    for number in 0..60 {
        write(&mut writer, number..number + 1);
        // A new segment gets its name on another thread.
        wait_until(|| LogReader::open(folder.path()).unwrap().next_sequence() == number + 1);
        assert_holds(folder.path(), 0..number + 1);
    }
    drop(writer);
    assert_holds(folder.path(), 0..60);
}

#[test]
fn writers_move_between_threads_and_readers_are_shared() {
    fn assert_send<T: Send>() {}
    fn assert_sync<T: Sync>() {}
    assert_send::<LogWriter>();
    assert_send::<LogScan>();
    assert_send::<LogReader>();
    assert_sync::<LogReader>();
}

#[test]
fn bytes_that_are_no_record_are_refused_at_a_full_segment_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = LogWriter::options().segment_bytes(4096).open(folder.path()).unwrap();
    // Exactly full.
    for time in 0..168 {
        writer.write_event(&EventHeader::new(time, 1, 8), &[7; 8]).unwrap();
    }
    let mut bytes = [0; 48];
    for at in [0, 24] {
        ringlog_nostd::format::encode(&mut bytes[at..], &EventHeader::new(1, 1, 8), &[0; 8]).unwrap();
    }
    let mut run = ringlog::consumer::Run::new(&bytes).unwrap();
    run.accept_bytes(16, 0);
    assert!(matches!(writer.append_run(&mut run), Err(AppendError::Run(_))));
    assert!(!run.is_done());
}
