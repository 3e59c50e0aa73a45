//! Exports that are imported again, and outputs that are whole or not there.

use std::path::Path;

use ringlog::event::{EventHeader, Gap, GapReason, MetaTopic};
use ringlog::storage::{LogWriter, SchemaList};

use super::support::{assert_code, ringlog, stderr_of, stdout_of, word};

const TICK: &[u8] = br#"{"type":1,"name":"tick","size":9,"fields":[{"name":"price","offset":0,"kind":"i64","scale":-2},{"name":"up","offset":8,"kind":"bool"}],"tail":"text"}"#;

/// Writes two types, one of them described, a payload that does not fit, flags, and GAP records.
fn write_log(log: &Path) {
    let mut list = SchemaList::new();
    list.insert(MetaTopic::EventType(1), TICK).unwrap();
    let mut writer = LogWriter::options().schemas(list).open(log).unwrap();
    let mut put = |time: u64, event_type, payload: &[u8]| {
        let header = EventHeader::new(1_700_000_000_000_000_000 + time, event_type, payload.len() as u16);
        writer.write_event(&header.with_flags(5), payload).unwrap();
    };
    put(0, 1, b"\x10\0\0\0\0\0\0\0\x01a \"b\",\n");
    put(2, 7, b"\xFF\\");
    put(1, 1, b"short");
    for count in [3, 4, 0] {
        writer.append_gap(1_700_000_000_000_000_003, Gap::new(GapReason::RingFull, count)).unwrap();
    }
    writer.close().unwrap();
}

fn printed(log: &Path) -> [Vec<u8>; 3] {
    let of = |words: &[&str]| stdout_of(&ringlog(words)).to_vec();
    [
        of(&["cat", word(log), "--format", "hex"]),
        of(&["cat", word(log), "--format", "json"]),
        of(&["schema", "emit", word(log), "--json"]),
    ]
}

#[test]
fn an_export_is_imported_as_an_equal_log() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    write_log(&log);
    // After an update of the program, a price has four decimals.
    let mut list = SchemaList::new();
    let finer = String::from_utf8_lossy(TICK).replace("-2", "-4");
    list.insert(MetaTopic::EventType(1), finer.as_bytes()).unwrap();
    let mut writer = LogWriter::options().schemas(list).open(&log).unwrap();
    writer
        .write_event(&EventHeader::new(1_700_000_000_000_000_009, 1, 9), b"\x10\0\0\0\0\0\0\0\x01")
        .unwrap();
    writer.close().unwrap();
    for (to, out) in [("json", "a.json"), ("csv", "tables")] {
        let (out, back) = (folder.path().join(out), folder.path().join(format!("{to}-log")));
        stdout_of(&ringlog(&["export", word(&log), word(&out), "--to", to]));
        // The log has losses, and says so.
        assert_code(&ringlog(&["import", word(&out), "--log", word(&back)]), 3);
        assert_eq!(printed(&back), printed(&log), "{to}");
    }
}

#[test]
fn what_a_format_cannot_hold_is_counted_and_no_output_is_replaced_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let (log, out) = (folder.path().join("log"), folder.path().join("out"));
    write_log(&log);
    let export = |more: &[&str]| ringlog(&[&["export", word(&log), word(&out)], more].concat());
    let output = export(&["--to", "pcapng"]);
    assert_code(&output, 3);
    assert!(stderr_of(&output).contains("left out: 3 events"), "{}", stderr_of(&output));
    assert_code(&export(&["--to", "chrome-trace"]), 2);
    assert_code(&export(&["--to", "chrome-trace", "--force"]), 0);
    let trace: serde_json::Value = serde_json::from_slice(&std::fs::read(&out).unwrap()).unwrap();
    let entries = trace["traceEvents"].as_array().unwrap();
    assert_eq!(entries.iter().filter(|entry| entry["ph"] == "i").count(), 6);
    let times: Vec<_> =
        entries.iter().filter(|it| it["ph"] == "C").map(|it| it["ts"].as_f64().unwrap()).collect();
    assert_eq!(
        (times, &trace["otherData"]["start"]),
        (vec![166_400_000_000.0], &"1699833600000000000".into())
    );
    let output = export(&["--to", "parquet", "--force"]);
    assert_code(&output, 2);
    assert!(stderr_of(&output).contains("cargo build --release -p ringlog-cli --features parquet"));
    // A damaged log leaves what was there.
    let before = std::fs::read(&out).unwrap();
    let segment = log.join("00000000000000000000.evtl");
    let mut bytes = std::fs::read(&segment).unwrap();
    let at = bytes.windows(5).position(|it| it == b"short").unwrap();
    bytes[at] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    assert_code(&export(&["--to", "json", "--force"]), 1);
    assert_eq!(std::fs::read(&out).unwrap(), before);
    assert_eq!(folder.path().read_dir().unwrap().count(), 2, "a half output is left");
}
