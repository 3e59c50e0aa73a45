//! `import --typed` makes events with fields; what does not fit is a GAP.

use std::path::Path;

use ringlog::event::GapReason;
use ringlog::storage::{DecodeEvent as _, LogReader};

use super::support::{assert_code, ringlog, stderr_of, stdout_of, test_data, word};

/// The fields of each event of a log, or what is missing.
fn fields_of(log: &Path) -> Vec<String> {
    let reader = LogReader::open(log).unwrap();
    let mut all = Vec::new();
    for event in reader.events() {
        let event = event.unwrap();
        all.push(match event.gap() {
            Some(gap) => format!("gap {} {}", gap.count, gap.reason),
            None => event.decode().unwrap().unwrap().to_string(),
        });
    }
    all
}

#[test]
fn a_row_that_does_not_fit_what_was_inferred_is_a_gap_and_exit_code_3() {
    let folder = tempfile::tempdir().unwrap();
    let (file, log) = (folder.path().join("trades-2023.csv"), folder.path().join("log"));
    let mut table = String::from("time,price,side\n");
    for row in 0..1000 {
        table += &format!(
            "{},{}.25,{}\n",
            1_700_000_000 + row,
            1640 + row,
            if row % 2 == 0 { "buy" } else { "sell" }
        );
    }
    table += "1700001000,1.255,buy\n1700001001,1.5,sell\n";
    std::fs::write(&file, table).unwrap();
    let output = ringlog(&["import", word(&file), "--log", word(&log), "--typed", "--event-type", "5"]);
    assert_code(&output, 3);
    let said = stderr_of(&output);
    for part in [
        "type 5 trades_2023, 16 bytes, inferred from 1,000 rows:",
        "  column 2 \"price\": price i64 with scale -2\n",
        "  column 3 \"side\": side u8 with 2 labels\n",
        "line 1002: row whose column 2 \"price\" holds \"1.255\", which is no multiple of 1e-2; give --schema FILE",
    ] {
        assert!(said.contains(part), "{part:?} in {said}");
    }
    let fields = fields_of(&log);
    assert_eq!(
        (fields.len(), &*fields[0], &*fields[1]),
        (1002, "price=1640.25 side=buy", "price=1641.25 side=sell")
    );
    assert_eq!(fields[1000..], [format!("gap 1 {}", GapReason::NotReadable), "price=1.5 side=sell".into()]);
}

#[test]
fn a_schema_in_a_file_decides_the_kinds() {
    let folder = tempfile::tempdir().unwrap();
    let (file, log) = (folder.path().join("a.jsonl"), folder.path().join("log"));
    let schema = folder.path().join("s.json");
    std::fs::write(&file, "{\"ts\":1700000000,\"px\":1.255,\"x\":[1]}\n{\"ts\":1700000001,\"px\":2}\n")
        .unwrap();
    let fields = r#"[{"name":"px","offset":0,"kind":"i32","scale":-3,"unit":"USD"}]"#;
    let other = r#"{"type":8,"name":"other","size":0,"fields":[]}"#;
    let types = format!(r#"[{other},{{"type":9,"name":"tick","size":8,"fields":{fields},"tail":"text"}}]"#);
    std::fs::write(&schema, types).unwrap();
    let import = ["import", word(&file), "--log", word(&log), "--schema", word(&schema)];
    assert_code(&ringlog(&import), 2);
    assert_code(&ringlog(&[&import[..], &["--name", "tick"]].concat()), 0);
    assert_eq!(fields_of(&log), ["px=1.255 tail=\"[1]\"", "px=2 tail=\"\""]);
}

#[test]
fn each_type_of_a_log_has_a_number_and_keeps_it() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let import = |name: &str, more: &[&str]| {
        let file = folder.path().join(format!("{name}.csv"));
        std::fs::write(&file, format!("time,{name}\n1700000000,1\n1700000001,2\n")).unwrap();
        ringlog(&[&["import", word(&file), "--typed", "--log", word(&log)], more].concat())
    };
    for (name, number) in [("a", 0), ("b", 1), ("c", 2), ("d", 3), ("b", 1), ("e", 4)] {
        let output = import(name, &[]);
        assert_code(&output, 0);
        let said = stderr_of(&output);
        assert!(said.contains(&format!("type {number} {name}, 4 bytes")), "{said}");
    }
    let refused = import("f", &["--event-type", "2"]);
    assert_code(&refused, 2);
    assert!(stderr_of(&refused).contains("describes type 2 as c"), "{}", stderr_of(&refused));
    assert_code(&import("f", &["--event-type", "2", "--name", "c"]), 0);
    let schema = folder.path().join("s.json");
    std::fs::write(&schema, r#"[{"type":0,"name":"g","size":0,"fields":[],"tail":"text"}]"#).unwrap();
    let file = folder.path().join("a.csv");
    let given = ringlog(&["import", word(&file), "--schema", word(&schema), "--log", word(&log)]);
    assert_code(&given, 2);
    assert!(stderr_of(&given).contains("describes type 0 as a"), "{}", stderr_of(&given));
    assert_code(&ringlog(&["import", word(&test_data("capture.pcapng")), "--log", word(&log)]), 0);
    let shown = ringlog(&["schema", "show", word(&log)]);
    let shown = String::from_utf8_lossy(stdout_of(&shown));
    assert!(shown.contains("type 5 packet"), "{shown}");
}

#[test]
fn the_log_of_a_capture_names_its_interfaces() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    assert_code(&ringlog(&["import", word(&test_data("capture.pcapng")), "--log", word(&log)]), 0);
    let reader = LogReader::open(&log).unwrap();
    let schemas = reader.schemas().unwrap();
    let info = ringlog::schema::LogInfo::parse(schemas.of_log().unwrap()).unwrap();
    let schema = ringlog::schema::Schema::parse(schemas.of_type(0).unwrap()).unwrap();
    let [interface] = info.interfaces() else { panic!("{info:?}") };
    assert_eq!((interface.link_type(), interface.name(), schema.name()), (1, Some("eth1"), "packet"));
}
