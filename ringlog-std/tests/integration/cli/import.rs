//! `cat` prints what `import` recorded, byte for byte.

use std::path::Path;

use ringlog::event::{Gap, GapReason};
use ringlog::schema::Value as Field;
use ringlog::storage::{DecodeEvent as _, LogReader};
use serde_json::Value;

use super::support::{
    HexRecord, assert_code, json_of, number, records_of, ringlog, stderr_of, stdout_of, test_data, word,
};

fn import(file: &Path, log: &Path, more: &[&str]) -> Value {
    let words = [&["import", word(file), "--log", word(log), "--json"], more].concat();
    json_of(&ringlog(&words))
}

fn raw(log: &Path) -> Vec<u8> {
    stdout_of(&ringlog(&["cat", word(log), "--format", "raw", "--separator", r"\n"])).to_vec()
}

/// Reads the packets of a little-endian pcapng file without a library: timestamp in units, and the payload of its
/// event: interface, link type and original length before the captured bytes.
fn packets_of_pcapng(file: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    let (mut at, mut link_types, mut packets) = (0, Vec::new(), Vec::new());
    while at < file.len() {
        if word(at) == 1 {
            link_types.push(file[at + 8..at + 10].to_vec());
        }
        if word(at) == 6 {
            let interface = word(at + 8) as u16;
            let head = [&interface.to_le_bytes()[..], &link_types[usize::from(interface)]].concat();
            let units = u64::from(word(at + 12)) << 32 | u64::from(word(at + 16));
            let captured = word(at + 20) as usize;
            let bytes = &file[at + 28..at + 28 + captured];
            packets.push((units, [&head[..], &file[at + 24..at + 28], bytes].concat()));
        }
        at += word(at + 4) as usize;
    }
    packets
}

#[test]
fn every_packet_of_a_recorded_capture_comes_back() {
    let capture = test_data("capture.pcapng");
    let packets = packets_of_pcapng(&std::fs::read(&capture).unwrap());
    assert_eq!(packets.len(), 5898);
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let summary = import(&capture, &log, &["--event-type", "4"]);
    assert_eq!((number(&summary, "events"), number(&summary, "lost")), (5898, 0));

    let records = records_of(&log);
    assert_eq!(records.len(), packets.len());
    // The descriptions of the log and of the type come first.
    for ((record, (units, data)), sequence) in records.iter().zip(&packets).zip(2..) {
        assert_eq!((record.sequence, record.event_type), (sequence, 4));
        assert_eq!(&record.payload, data, "packet {sequence}");
        // This capture counts nanoseconds.
        assert_eq!(record.timestamp, *units, "packet {sequence}");
    }
    let info = json_of(&ringlog(&["info", word(&log), "--json"]));
    assert_eq!(number(&info, "first_timestamp"), packets[0].0);
    assert_eq!(number(&info, "last_timestamp"), packets.last().unwrap().0);
    let reader = LogReader::open(&log).unwrap();
    let first = reader.events().next().unwrap().unwrap();
    let first = first.decode().unwrap().unwrap();
    assert_eq!(first.get("original_length"), Some(Field::Unsigned(packets[0].1.len() as u64 - 8)));

    let alone = folder.path().join("alone");
    import(&capture, &alone, &["--payload-only"]);
    for (record, (_, data)) in records_of(&alone).iter().zip(&packets) {
        assert_eq!(record.payload, data[8..], "packet {}", record.sequence);
    }
}

/// Makes ticks with the bursts of recorded futures trades: most rows repeat the time of the row before.
fn generated_ticks(rows: u64) -> String {
    let mut table = String::from("DateTime,Price,Volume\n");
    let mut millis = 61_200_083_u64;
    for row in 0..rows {
        if row * 7919 % 100 >= 83 {
            millis += row % 997;
        }
        let (seconds, milli) = (millis / 1000 % 86_400, millis % 1000);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        let price = 164_025 + row % 50 * 25;
        table += &format!("2013-09-01 {hour:02}:{minute:02}:{second:02}.{milli:03},");
        table += &format!("{}.{:02},{}\n", price / 100, price % 100, row % 9 + 1);
    }
    table
}

#[test]
fn every_row_of_a_table_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let table = generated_ticks(30_000);
    let file = folder.path().join("ticks.csv");
    std::fs::write(&file, &table).unwrap();
    let log = folder.path().join("log");
    let summary = import(&file, &log, &[]);
    assert_eq!(number(&summary, "events"), 30_000);
    let (_, rows) = table.split_once('\n').unwrap();
    assert!(raw(&log) == rows.as_bytes(), "cat gives back other bytes");
    let info = json_of(&ringlog(&["info", word(&log), "--json"]));
    assert_eq!(info["first_time"], "2013-09-01T17:00:00.083000000Z");
}

#[test]
fn time_column_and_unit_can_be_given() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("table.txt");
    std::fs::write(&file, "id,when\n1,5\n2,7.25\n").unwrap();
    let log = folder.path().join("log");
    import(&file, &log, &["--format", "csv", "--time-column", "when", "--time-unit", "us"]);
    let times: Vec<u64> = records_of(&log).iter().map(|record| record.timestamp).collect();
    assert_eq!(times, [5_000, 7_250]);
}

#[test]
fn every_line_of_any_bytes_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lines.log");
    let mut text = Vec::new();
    for line in 0..5_000_u32 {
        text.extend((0..line % 300).map(|at| (at * 7 + line) as u8).filter(|&byte| byte != b'\n'));
        // Before the newline, it would be part of the line end.
        text.pop_if(|last| *last == b'\r');
        text.push(b'\n');
    }
    std::fs::write(&file, &text).unwrap();
    let log = folder.path().join("log");
    assert_eq!(number(&import(&file, &log, &[]), "events"), 5_000);
    assert!(raw(&log) == text, "cat gives back other bytes");
}

#[test]
fn a_second_import_adds_to_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lines.txt");
    std::fs::write(&file, "one\ntwo\n").unwrap();
    let log = folder.path().join("log");
    import(&file, &log, &[]);
    let summary = import(&file, &log, &[]);
    assert_eq!(number(&summary, "events"), 2);
    assert_eq!(raw(&log), b"one\ntwo\none\ntwo\n");
    let sequences: Vec<u64> = records_of(&log).iter().map(|record: &HexRecord| record.sequence).collect();
    assert_eq!(sequences, [0, 1, 2, 3]);
}

#[test]
fn several_files_are_imported_in_their_order_up_to_one_that_cannot_be() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("one.txt"), folder.path().join("two.txt"));
    std::fs::write(&one, "a\nb\n").unwrap();
    std::fs::write(&two, "c\n").unwrap();
    let log = folder.path().join("log");
    assert_code(&ringlog(&["import", word(&two), word(&one), "--log", word(&log)]), 0);
    assert_eq!(raw(&log), b"c\na\nb\n");
    let none = folder.path().join("none.txt");
    let output = ringlog(&["import", word(&one), word(&none), word(&two), "--log", word(&log)]);
    assert_code(&output, 1);
    assert!(stderr_of(&output).contains("ringlog: 1 of 3 files are in the log; give the others again"));
    assert_eq!(raw(&log), b"c\na\nb\na\nb\n");
}

#[test]
fn a_capture_that_is_cut_short_gives_its_packets_and_an_error_with_the_offset() {
    let capture = test_data("capture.pcapng");
    let whole = std::fs::read(capture).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cut.pcapng");
    std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    let log = folder.path().join("log");
    let output = ringlog(&["import", word(&file), "--log", word(&log)]);
    assert_code(&output, 1);
    let said = stderr_of(&output);
    assert!(said.contains("cut.pcapng") && said.contains("at byte") && said.contains("cut short"), "{said}");
    let packets = packets_of_pcapng(&whole);
    let records = records_of(&log);
    assert!(records.len() > 1000, "{}", records.len());
    let (gap, records) = records.split_last().unwrap();
    assert!(records.iter().zip(&packets).all(|(record, packet)| record.payload == packet.1));
    // The number of packets in the rest of the file is not known.
    let gap = Gap::from_payload(&gap.payload).unwrap();
    assert_eq!((gap.reason, gap.count), (GapReason::NotReadable, 0));
}

#[test]
fn what_cannot_be_an_event_is_reported_by_a_line_and_the_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lines.txt");
    std::fs::write(&file, format!("short\n{}\nlast\n", "x".repeat(70_000))).unwrap();
    let log = folder.path().join("log");
    let output = ringlog(&["import", word(&file), "--log", word(&log), "--json"]);
    assert_code(&output, 3);
    assert!(stderr_of(&output).contains("skipped at byte 6: line of 70000 bytes"), "{}", stderr_of(&output));
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((number(&summary, "events"), number(&summary, "skipped")), (2, 1));
    assert_eq!(raw(&log), b"short\nlast\n");
}

#[test]
fn zeros_after_the_last_packet_are_reported_and_a_gap_is_in_the_log() {
    let mut capture = std::fs::read(test_data("capture.pcapng")).unwrap();
    let end = capture.len();
    capture.resize(end + 5000, 0);
    let folder = tempfile::tempdir().unwrap();
    let (file, log) = (folder.path().join("zeros.pcapng"), folder.path().join("log"));
    std::fs::write(&file, capture).unwrap();
    let output = ringlog(&["import", word(&file), "--log", word(&log)]);
    assert_code(&output, 3);
    let expected = format!("skipped at byte {end}: 5000 zero bytes up to the end of the capture");
    assert!(stderr_of(&output).contains(&expected), "{}", stderr_of(&output));
    let records = records_of(&log);
    assert_eq!(records.len(), 5898 + 1);
    let gap = Gap::from_payload(&records[5898].payload).unwrap();
    assert_eq!((gap.reason, gap.count), (GapReason::NotReadable, 0));
}
