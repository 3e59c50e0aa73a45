//! Positions, sequences, offsets and counts up to 2^64 - 1. Overflow checks are on in these tests' build.

use std::fs;
use std::path::Path;

use ringlog::event::FileHeader;
use ringlog::storage::{
    AppendError, CreateError, Cursor, CursorError, LogFollower, LogReader, LogScan, LogWatermarks, LogWriter,
    MmapReader, MmapWriter, OpenError, salvage_log, verify_log,
};
use ringlog_nostd::format::MAX_POSITION;

use super::support::{file_of, log_of, plain_header, put_writer_file, sealed_file};
use crate::dice::Dice;
use ringlog_nostd::format::crc32c_append;

/// Numbers around everything that a field is compared with.
const EDGES: [u64; 16] = [
    0,
    1,
    63,
    64,
    72,
    136,
    4096,
    1 << 40,
    MAX_POSITION - 8,
    MAX_POSITION,
    MAX_POSITION + 8,
    i64::MAX as u64 - 7,
    1 << 63,
    u64::MAX - 63,
    u64::MAX - 7,
    u64::MAX,
];

/// Opens and reads a log in every way. Returns the errors of those that refuse it.
fn read_everywhere(log: &Path, file: &Path) -> Vec<String> {
    let mut refusals = Vec::new();
    let mut keep = |refusal: Option<String>| refusals.extend(refusal);
    keep(LogReader::open(log).map(|reader| use_reader(&reader)).err().map(|error| error.to_string()));
    keep(MmapReader::open(file).map(|reader| use_file(&reader)).err().map(|error| error.to_string()));
    keep(LogScan::open(log).map(use_scan).err().map(|error| error.to_string()));
    keep(LogScan::open(file).map(use_file_scan).err().map(|error| error.to_string()));
    keep(LogScan::open(log).map(|scan| use_index(&scan)).err().map(|error| error.to_string()));
    keep(LogWatermarks::of(log).err().map(|error| error.to_string()));
    keep(LogFollower::open(log).unwrap().next_event().err().map(|error| error.to_string()));
    verify_log(log).unwrap();
    refusals
}

fn use_reader(reader: &LogReader) {
    let _ = (reader.len(), reader.next_sequence(), reader.positions().is_ok());
    let _ = (reader.events().count(), reader.replay(|_| ()).is_ok());
    let _ = (reader.events_from(u64::MAX).count(), reader.events_since(u64::MAX).count());
}

fn use_file(reader: &MmapReader) {
    let _ = (reader.len(), reader.events().count(), reader.replay(|_| ()).is_ok());
    let _ = (reader.events_from(u64::MAX).count(), reader.events_since(1).count());
}

fn use_scan(mut scan: LogScan) {
    while let Ok(Some(_)) = scan.next_event() {}
    let _ = scan.seek(u64::MAX);
}

fn use_file_scan(mut scan: LogScan) {
    while let Ok(Some(_)) = scan.next_event() {}
    let _ = (scan.position(), scan.next_sequence());
}

fn use_index(scan: &LogScan) {
    let _ = (scan.end_sequence().is_ok(), scan.sequence_since(u64::MAX, 1).is_ok());
    let _ = scan.sequence_since(0, 1).is_ok();
}

/// Opens the log for writing and rolls once.
fn write_to(log: &Path) -> Result<(), String> {
    let mut writer = LogWriter::options().segment_bytes(4096).open(log).map_err(|error| error.to_string())?;
    for number in 0..2 {
        let header = ringlog::event::EventHeader::new(number, 0, 3000);
        writer.write_event(&header, &[7; 3000]).map_err(|error| error.to_string())?;
    }
    writer.close().map(drop).map_err(|error| error.to_string())
}

#[test]
fn a_file_that_begins_beyond_2_to_the_62_is_refused_by_name_offset_and_value() {
    let folder = tempfile::tempdir().unwrap();
    for (name, offset) in [("base_sequence", 40), ("base_position", 48)] {
        for value in [MAX_POSITION + 1, 1 << 63, u64::MAX] {
            let mut header = plain_header();
            *(if offset == 40 { &mut header.base_sequence } else { &mut header.base_position }) = value;
            let bytes = sealed_file(header, 3);
            let log = log_of(folder.path(), header.base_sequence, &bytes);
            let file = log.join(format!("{:020}.evtl", header.base_sequence));
            let refusals = read_everywhere(&log, &file);
            assert_eq!(refusals.len(), 7, "{refusals:?}");
            for text in refusals.into_iter().chain([write_to(&log).unwrap_err()]) {
                let expected = format!("at offset {offset} {name} is {value}, more than 2^62");
                assert!(text.contains(&file.display().to_string()) && text.contains(&expected), "{text}");
            }
            assert_eq!(fs::read(&file).unwrap(), bytes, "it stays as it is");
            // The records are whole.
            let report = salvage_log(&log, folder.path().join("salvaged")).unwrap();
            assert_eq!(report.records, 3);
            fs::remove_dir_all(folder.path().join("salvaged")).unwrap();
        }
    }
}

#[test]
fn a_log_at_the_limit_is_read_and_not_written_any_more() {
    let folder = tempfile::tempdir().unwrap();
    for (base_sequence, base_position) in [(0, MAX_POSITION), (MAX_POSITION, 0), (MAX_POSITION, MAX_POSITION)]
    {
        let header = FileHeader { base_sequence, base_position, ..plain_header() };
        let log = log_of(folder.path(), base_sequence, &sealed_file(header, 3));
        let file = log.join(format!("{base_sequence:020}.evtl"));
        assert_eq!(read_everywhere(&log, &file), [""; 0]);
        assert_eq!(LogReader::open(&log).unwrap().len(), 3);
        let error = LogWriter::open(&log).unwrap_err();
        assert!(matches!(error, OpenError::AtLimit { .. }), "{error}");
        let end = (base_sequence + 3, base_position + 72);
        let expected = format!("sequence {} and position {}, but none has more than 2^62", end.0, end.1);
        assert!(error.to_string().contains(&expected), "{error}");
    }
}

#[test]
fn a_writer_that_comes_to_the_limit_begins_no_other_segment() {
    let folder = tempfile::tempdir().unwrap();
    let header = FileHeader { base_position: MAX_POSITION - 72, ..plain_header() };
    let log = log_of(folder.path(), 0, &sealed_file(header, 3));
    let mut writer = LogWriter::options().segment_bytes(4096).open(&log).unwrap();
    assert_eq!(writer.position(), MAX_POSITION);
    let event = ringlog::event::EventHeader::new(1, 0, 3000);
    writer.write_event(&event, &[7; 3000]).unwrap();
    let error = writer.write_event(&event, &[7; 3000]).unwrap_err();
    assert!(matches!(error, AppendError::AtLimit { position, .. } if position > MAX_POSITION), "{error}");
    writer.close().unwrap();
    // Three, a GAP record because nothing says where the log was closed, and one.
    assert_eq!(LogReader::open(&log).unwrap().len(), 5);
    assert!(matches!(LogWriter::open(&log).unwrap_err(), OpenError::AtLimit { .. }));
}

#[test]
fn no_file_is_made_that_readers_refuse() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.evtl");
    let bases = [(MAX_POSITION + 1, 0), (0, MAX_POSITION + 8), (u64::MAX, u64::MAX), (0, 1), (3, 804)];
    for (sequence, position) in bases {
        let error = MmapWriter::options().base(sequence, position).create_new(&path, 4096).unwrap_err();
        assert!(matches!(error, CreateError::Base { .. }), "{error}");
        assert!(error.to_string().contains(&format!("not at {sequence} and {position}")), "{error}");
        assert!(!path.exists());
    }
    MmapWriter::options().base(MAX_POSITION, MAX_POSITION).create_new(&path, 4096).unwrap().close().unwrap();
    MmapReader::open(&path).unwrap();
}

#[test]
fn a_loss_in_the_writer_file_that_passes_the_limit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    LogWriter::open(&log).unwrap().close().unwrap();
    let text = fs::read_to_string(log.join("writer")).unwrap();
    let (lines, _) = text.split_once("checksum").unwrap();
    for bytes in [MAX_POSITION + 8, u64::MAX - 7] {
        put_writer_file(&log, &format!("{lines}untold_loss: 0 1 {bytes} 5\n"));
        let error = LogWriter::open(&log).unwrap_err();
        assert!(matches!(error, OpenError::UnreportedLoss { .. }), "{error}");
        let named = log.join("writer").display().to_string();
        assert!(
            error.to_string().contains(&named) && error.to_string().contains(&bytes.to_string()),
            "{error}"
        );
    }
    put_writer_file(&log, &format!("{lines}untold_loss: 0 1 {} 5\n", 1_u64 << 61));
    assert_eq!(LogWriter::open(&log).unwrap().position(), 1 << 61);
}

/// A header whose checksum is right, each of its numbers an edge, near one, or anything.
fn hostile_header(noise: &mut Dice) -> FileHeader {
    let mut number = |mask: u64| match noise.below(4) {
        0 => noise.next() & mask,
        1 => noise.pick(&EDGES).wrapping_add(noise.next() % 64) & mask,
        _ => noise.pick(&EDGES) & mask,
    };
    let (grid, any) = (!7, u64::MAX);
    FileHeader {
        created_at: number(any).cast_signed(),
        event_count: number(any),
        write_offset: number(grid),
        synced_offset: number(grid),
        base_sequence: number(any),
        base_position: number(any),
        flags: [0b0000, 0b0010, 0b0110, 0b1000, 0b1010, 0b1011, 0b0011][number(any) as usize % 7],
    }
}

/// Returns a header for a second file in which the log may continue.
fn successor(noise: &mut Dice, first: &FileHeader) -> FileHeader {
    let base_sequence = first.base_sequence.wrapping_add(noise.next() % 4);
    FileHeader { base_sequence, ..hostile_header(noise) }
}

#[test]
fn no_numbers_in_headers_make_anything_panic() {
    let folder = tempfile::tempdir().unwrap();
    let mut noise = Dice(11);
    for round in 0..300 {
        let header = hostile_header(&mut noise);
        let log = log_of(folder.path(), header.base_sequence, &file_of(&header, 3, 8));
        let file = log.join(format!("{:020}.evtl", header.base_sequence));
        if round % 2 == 1 {
            let next = successor(&mut noise, &header);
            let name = format!("{:020}.evtl", next.base_sequence);
            fs::write(log.join(name), file_of(&next, 2, 0)).unwrap();
        }
        if round % 3 == 0 {
            let boot_id = "00000000-0000-4000-8000-000000000000";
            put_writer_file(&log, &format!("pid: 1\nboot_id: {boot_id}\nring_identity: 0\nstate: open\n"));
        }
        read_everywhere(&log, &file);
        // These sync, which takes time.
        if round % 5 < 2 {
            let out = folder.path().join("out");
            let _ = salvage_log(&log, &out);
            let _ = fs::remove_dir_all(out);
            let _ = write_to(&log);
        }
    }
}

#[test]
fn no_base_at_an_edge_makes_anything_panic_or_lose_a_record() {
    let folder = tempfile::tempdir().unwrap();
    for base_sequence in EDGES {
        for base_position in EDGES {
            let header = FileHeader { base_sequence, base_position, ..plain_header() };
            let bytes = sealed_file(header, 3);
            let log = log_of(folder.path(), base_sequence, &bytes);
            let file = log.join(format!("{base_sequence:020}.evtl"));
            let is_refused =
                base_sequence.max(base_position) > MAX_POSITION || !base_position.is_multiple_of(8);
            let refusals = read_everywhere(&log, &file);
            assert_eq!(refusals.len(), if is_refused { 7 } else { 0 }, "{header:?}: {refusals:?}");
            assert_eq!(fs::read(&file).unwrap(), bytes);
        }
    }
}

#[test]
fn a_cursor_file_holds_no_number_that_no_log_reaches() {
    let folder = tempfile::tempdir().unwrap();
    let path = Cursor::open(folder.path(), "a").unwrap().path().to_owned();
    for (at, value) in [8, 16].into_iter().flat_map(|at| EDGES.map(|value| (at, value))) {
        let mut slot = fs::read(&path).unwrap()[..64].to_vec();
        slot[8..24].copy_from_slice([1_u64.to_le_bytes(), 1_u64.to_le_bytes()].as_flattened());
        slot[at..at + 8].copy_from_slice(&value.to_le_bytes());
        let checksum = crc32c_append(0, &slot[..60]);
        slot[60..64].copy_from_slice(&checksum.to_le_bytes());
        slot.resize(8192, 0);
        fs::write(&path, &slot).unwrap();
        let opened = Cursor::open(folder.path(), "a").map(|cursor| cursor.next_sequence());
        // The next write would increment it.
        let is_refused = value > MAX_POSITION || at == 8 && value == MAX_POSITION;
        match opened {
            Ok(position) => assert!(!is_refused && position == if at == 16 { value } else { 1 }, "{value}"),
            Err(error) => assert!(is_refused && matches!(error, CursorError::Damaged { .. }), "{error}"),
        }
        assert_eq!(Cursor::list(folder.path()).unwrap()[0].is_damaged, value > MAX_POSITION);
    }
    let mut cursor = Cursor::open(folder.path(), "b").unwrap();
    cursor.advance(u64::MAX).unwrap();
    assert!(matches!(cursor.commit(), Err(CursorError::Limit { asked: u64::MAX, .. })));
}

#[test]
fn an_index_file_with_more_records_than_there_is_room_for_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let header = FileHeader { base_sequence: MAX_POSITION, ..plain_header() };
    let log = log_of(folder.path(), MAX_POSITION, &sealed_file(header, 3));
    assert_eq!(LogScan::open(&log).unwrap().sequence_since(0, 2).unwrap(), Some(MAX_POSITION + 2));
    let index = log.join(format!("index/{MAX_POSITION:020}.idx"));
    let good = fs::read(&index).unwrap();
    for count in EDGES {
        let mut bytes = good.clone();
        bytes[24..32].copy_from_slice(&count.to_le_bytes());
        let checksum = crc32c_append(0, &bytes[..60]);
        bytes[60..64].copy_from_slice(&checksum.to_le_bytes());
        fs::write(&index, &bytes).unwrap();
        let reader = LogReader::open(&log).unwrap();
        let found: Vec<u64> =
            reader.events_since(2).map_while(Result::ok).map(|event| event.sequence).collect();
        assert!(found == [MAX_POSITION + 2] || count < 3, "{count}: {found:?}");
        use_reader(&reader);
        let mut scan = LogScan::open(&log).unwrap();
        let _ = scan.seek_record(u64::MAX);
        fs::write(&index, &good).unwrap();
    }
}

#[cfg(feature = "cli")]
#[test]
fn the_tools_refuse_such_files_or_read_them() {
    use crate::cli::support::{ringlog, stderr_of, word};
    let folder = tempfile::tempdir().unwrap();
    for base_position in EDGES {
        let header = FileHeader { base_position, ..plain_header() };
        let log = log_of(folder.path(), 0, &sealed_file(header, 3));
        let is_refused = base_position > MAX_POSITION || !base_position.is_multiple_of(8);
        for words in [["info"].as_slice(), &["cat"], &["tail", "-n", "2"], &["tail", "--cursor", "a"]] {
            let output = ringlog(&[&[words[0], word(&log)], &words[1..]].concat());
            assert_eq!(
                output.status.code(),
                Some(i32::from(is_refused)),
                "{words:?}: {}",
                stderr_of(&output)
            );
            let expected = format!("at offset 48 base_position is {base_position}");
            assert!(!is_refused || stderr_of(&output).contains(&expected), "{}", stderr_of(&output));
        }
    }
}

#[cfg(feature = "cli")]
#[test]
fn counts_of_gaps_that_pass_2_to_the_64_stay_at_the_largest_number() {
    use crate::cli::support::{json_of, number, ringlog, word};
    use ringlog::event::{Gap, GapReason};
    let folder = tempfile::tempdir().unwrap();
    let mut writer = LogWriter::open(folder.path()).unwrap();
    for _ in 0..3 {
        writer.append_gap(1, Gap::new(GapReason::RingFull, u64::MAX)).unwrap();
    }
    writer.close().unwrap();
    let report = json_of(&ringlog(&["info", word(folder.path()), "--json"]));
    assert_eq!(
        (number(&report, "lost"), number(&report["lost_by_reason"], "ring full")),
        (u64::MAX, u64::MAX)
    );
    assert_eq!(verify_log(folder.path()).unwrap().counts().lost(), u64::MAX);
}
