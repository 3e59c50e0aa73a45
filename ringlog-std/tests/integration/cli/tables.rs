//! Tables in many dialects: each is read exactly, refused with the option that decides, or read with a GAP for each
//! missing row.

use std::path::{Path, PathBuf};
use std::process::Output;

use ringlog::event::{Gap, GapReason};

use super::support::{HexRecord, assert_code, records_of, ringlog, stderr_of, word};

const MOMENT: u64 = 1_378_054_800_083_000_000;

struct Import {
    folder: tempfile::TempDir,
    output: Output,
}

impl Import {
    fn of(name: &str, table: &[u8], options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(name);
        std::fs::write(&file, table).unwrap();
        let log = folder.path().join("log");
        let output = ringlog(&[&["import", word(&file), "--log", word(&log)], options].concat());
        Self { folder, output }
    }

    fn csv(table: &str, options: &[&str]) -> Self {
        Self::of("table.csv", table.as_bytes(), options)
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn said(&self) -> String {
        stderr_of(&self.output)
    }

    /// Times of the events, and content of the GAP records.
    fn records(&self) -> (Vec<u64>, Vec<Gap>) {
        let (gaps, events): (Vec<_>, Vec<_>) =
            records_of(&self.log()).into_iter().partition(HexRecord::is_gap);
        let gap = |record: HexRecord| Gap::from_payload(&record.payload).unwrap();
        (events.iter().map(|event| event.timestamp).collect(), gaps.into_iter().map(gap).collect())
    }

    #[track_caller]
    fn assert_exact(&self, times: &[u64]) {
        assert_code(&self.output, 0);
        assert_eq!(self.records(), (times.to_vec(), vec![]));
    }

    #[track_caller]
    fn assert_refused(&self, code: i32, words: &[&str]) {
        assert_code(&self.output, code);
        let said = self.said();
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
        assert!(!self.log().exists(), "a log was begun");
    }
}

#[test]
fn dialects_are_read_as_the_options_say() {
    for (table, options) in [
        ("Gmt time,Ask\n01.09.2013 17:00:00.083,1.2\n", &["--time-format", "%d.%m.%Y %H:%M:%S%.f"][..]),
        ("20130901 170000083,1.236130,1.236170,0\n", &["--time-format", "%Y%m%d %H%M%S%3f"]),
        ("time;price\n1378054800,083;1640,25\n", &["--decimal-comma", "--time-unit", "s"]),
        ("1378054800,083;1640,25\n", &["--delimiter", ";", "--decimal-comma", "--time-column", "1"]),
        ("a\ttime\n1\t1378054800083\n", &["--delimiter", "tab", "--header", "yes"]),
        ("https://example.org\nunix,date,open\n1378054800083,2013-09-01 17:00:00,5\n", &["--skip-rows", "1"]),
        ("\"sep=;\"\n\"Time (UTC+00:00)\";\"Temp 1-2\"\n2013-09-01 17:00:00.083;5\n", &[]),
        ("time_s,px\n1378054800083,5\n", &["--time-unit", "ms"]),
        ("title, x\nfrom y\ntime,price\n1378054800083,5\n", &["--skip-rows", "2"]),
        ("5,1378054800083\n", &["--header", "no", "--time-column", "2", "--time-unit", "ms"]),
        ("day,n,at\n2013-09-01,5,17:00:00.083\n", &["--date-column", "day", "--time-column", "at"]),
        (
            "d;t\n1/9/13;5.00.00,083 PM\n",
            &["--date-column", "1", "--time-column", "2", "--time-format", "%d/%m/%y %I.%M.%S,%f %p"],
        ),
    ] {
        Import::csv(table, options).assert_exact(&[MOMENT]);
    }
}

#[test]
fn the_choice_is_printed() {
    let import = Import::csv("Date,Time,Price\n2013-09-01,17:00:00.083,5\n", &[]);
    import.assert_exact(&[MOMENT]);
    let said = import.said();
    for word in
        ["column 1 \"Date\" and column 2 \"Time\"", "YYYY-MM-DD HH:MM:SS", "zone: UTC", "delimiter: ','"]
    {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert!(said.contains("header: the first row") && said.contains("2013-09-01T17:00:00.083"), "{said}");
}

#[test]
fn an_option_for_the_times_is_not_overruled_by_rows_that_do_not_fit_it() {
    let time = |row: u32| format!("2026-01-01T00:{:02}:{:02}Z", row / 60, row % 60);
    let times = || (0..400).map(time).chain((0..600).map(|_| "xx".to_owned()));
    let table: String = times().map(|time| format!("{time},5,{time}\n")).collect();
    let table = format!("ts,a,note\n{table}");
    let lines: String = times().map(|time| format!("{{\"ts\":\"{time}\",\"a\":5}}\n")).collect();
    let unit = ["--time-unit", "rfc3339"];
    for import in [
        Import::csv(&table, &unit),
        Import::csv(&table, &[&unit[..], &["--time-column", "ts", "--typed"]].concat()),
        Import::csv(&table, &["--time-format", "%Y-%m-%dT%H:%M:%SZ"]),
        Import::of("lines.json", lines.as_bytes(), &unit),
        Import::of("lines.json", lines.as_bytes(), &[&unit[..], &["--time-field", "ts", "--typed"]].concat()),
    ] {
        assert_code(&import.output, 3);
        let (events, gaps) = import.records();
        assert_eq!((events.len(), gaps.iter().map(|gap| gap.count).sum::<u64>()), (400, 600));
    }
    // Without the option, the message names the cell that is no time.
    Import::csv(&table, &["--time-column", "ts"])
        .assert_refused(1, &["column 1 \"ts\" holds \"xx\", which is not a time in a known format"]);
}

#[test]
fn times_of_rfc_3339_may_lack_the_offset() {
    let zones = ["Z", "", "+00:00", ""];
    let table: String = zones.map(|zone| format!("2013-09-01T17:00:00.083{zone},5\n")).concat();
    let import = Import::csv(&format!("ts,a\n{table}"), &["--time-unit", "rfc3339"]);
    import.assert_exact(&[MOMENT; 4]);
    assert!(import.said().contains("zone: as each time says, UTC if it names none"), "{}", import.said());
}

#[test]
fn ambiguous_tables_are_refused_with_what_decides() {
    let ids = "1715206948,29223.0,1682899200101\n1715206949,29223.2,1682899200129\n";
    Import::csv(ids, &[])
        .assert_refused(1, &["--time-column", "column 1", "column 3", "2024-05-08", "2023-05-01"]);
    Import::csv("time,x\n05/06/2013 17:00,5\n", &[])
        .assert_refused(1, &["--time-format", "DD/MM/YYYY", "MM/DD/YYYY"]);
    Import::csv("1,2\n", &["--time-column", "3"]).assert_refused(1, &["no column 3"]);
    Import::csv("a,b\n1,2\n", &["--time-column", "b"]).assert_refused(1, &["--time-unit"]);
    Import::csv("time,x\n1378054800083,5\n", &["--time-unit", "ms", "--time-format", "%s"])
        .assert_refused(2, &[]);
    Import::csv("time,x\n1,5\n", &["--delimiter", "::"]).assert_refused(2, &["one ASCII character"]);
    Import::csv("time,x\n1,5\n", &["--header", "no", "--time-column", "time"])
        .assert_refused(2, &["--header no"]);
    Import::csv("time,x\n1,5\n", &["--time-field", "time"]).assert_refused(2, &["--format json"]);
    Import::csv("", &[]).assert_refused(1, &["empty (0 bytes)"]);
    let rows = "unix,date,open\n1684108800000,2023-05-15 00:00:00,5\n1684105200000,2023-05-14 23:00:00,5\n";
    Import::csv(&format!("See https://example.org\n{rows}"), &[])
        .assert_refused(1, &["title: See https://example.org", "--skip-rows 1 "]);
    Import::csv("\"Date Time, GMT-05:00\",n\n2013-09-01 12:00:00,5\n", &[])
        .assert_refused(1, &["GMT-05:00", "names a zone", "--time-column"]);
    Import::csv("time_s,px\n1378054800083,5\n", &[]).assert_refused(1, &["time_s", "--time-unit ms"]);
    Import::csv("time,px\n1.68411E+12,5\n", &[]).assert_refused(1, &["rounded", "--time-unit ms"]);
}

#[test]
fn an_address_and_a_named_delimiter_are_left_out_and_printed() {
    let table = "https://example.org\n\"sep=;\"\nunix;px\n1378054800083;5\n";
    let import = Import::csv(table, &[]);
    import.assert_exact(&[MOMENT]);
    let said = import.said();
    for word in ["line 1 \"https://example.org\" (an address)", "line 2 \"sep=;\" (names the delimiter)"] {
        assert!(said.contains(word), "{word}: {said}");
    }
}

#[test]
fn what_the_user_takes_as_it_is_is_printed() {
    let import = Import::csv("time,px\n1.68411E+12,5\n", &["--time-unit", "ms"]);
    import.assert_exact(&[1_684_110_000_000_000_000]);
    assert!(import.said().contains("milliseconds since 1970, rounded in the file"), "{}", import.said());
    let table = "\"Date Time, GMT-05:00\",n\n2013-09-01 17:00:00.083,5\n";
    let import = Import::csv(table, &["--time-column", "1"]);
    import.assert_exact(&[MOMENT]);
    assert!(import.said().contains("zone: UTC, although column 1 \"Date Time, GMT-05:00\" names one"));
}

#[test]
fn rows_that_do_not_fit_are_skipped_and_counted_by_a_gap() {
    let rows: String = (0..30).map(|at| format!("13780548{at:02}083,5\n")).collect();
    let table = format!(
        "time,price\n{rows}1378054830083000,6\n1378054831083,7\n\"1378054832083,8\n1378054833083,9\n"
    );
    let import = Import::csv(&table, &[]);
    assert_code(&import.output, 3);
    let (times, gaps) = import.records();
    let last = times.last().map(|time| time / 1_000_000);
    assert_eq!((times.len(), last), (32, Some(1_378_054_833_083)));
    assert_eq!(gaps, [Gap::new(GapReason::NotReadable, 1), Gap::new(GapReason::NotReadable, 1)]);
    let said = import.said();
    assert!(
        said.contains("line 32: row whose time is \"1378054830083000\"") && said.contains("line 34: a quote"),
        "{said}"
    );
}

#[test]
fn an_import_that_skips_every_row_leaves_no_log() {
    let given = ["--time-column", "1", "--time-format", "%Y-%m-%d"];
    Import::csv("time,price\nsoon,5\nlater,6\n", &given)
        .assert_refused(1, &["does not fit the option", "soon", "table.csv"]);
    let many = ["--format", "json", "--time-field", "t"];
    let lines = format!("{{\"t\":\"2013-09-01T17:00:00Z\"{}\n", " ".repeat(70_000) + "}");
    Import::of("x.json", lines.as_bytes(), &many)
        .assert_refused(1, &["nothing was imported, and ", "none of its lines (1)", "70028 bytes", "log"]);
    // An existing log stays unchanged.
    let first = Import::csv("time,price\n1378054800083,5\n", &[]);
    let file = first.folder.path().join("bad.json");
    std::fs::write(&file, &lines).unwrap();
    let log = first.log();
    let words = [&["import", word(&file), "--log", word(&log)][..], &many].concat();
    assert_code(&ringlog(&words), 1);
    first.assert_exact(&[MOMENT]);
}

#[test]
fn lines_of_json_are_imported_by_their_time_field() {
    let text = "{\"id\":1715206948,\"data\":{\"T\":1378054800083}}\n{\"id\":1715206949}\n";
    let import = Import::of("x.jsonl", text.as_bytes(), &["--format", "json", "--time-field", "data.T"]);
    assert_code(&import.output, 3);
    assert_eq!(import.records(), (vec![MOMENT], vec![Gap::new(GapReason::NotReadable, 1)]));
    assert!(
        import.said().contains("field \"data.T\"") && import.said().contains("line 2"),
        "{}",
        import.said()
    );
    let import = Import::of("x.jsonl", text.as_bytes(), &[]);
    import.assert_refused(1, &["--time-field"]);
    let import = Import::of("x.jsonl", text.as_bytes(), &["--format", "json", "--delimiter", ";"]);
    import.assert_refused(2, &["--format csv"]);
}

#[test]
fn utf_16_is_recorded_as_utf_8() {
    let table: Vec<u8> = "\u{FEFF}time,note\r\n2013-09-01T17:00:00.083Z,\u{E9}\r\n"
        .encode_utf16()
        .flat_map(u16::to_be_bytes)
        .collect();
    let import = Import::of("table.csv", &table, &[]);
    import.assert_exact(&[MOMENT]);
    assert!(records_of(&import.log())[0].payload.ends_with("\u{E9}".as_bytes()));
}

#[test]
fn a_file_in_any_state_is_read_or_refused() {
    // Every prefix of a table, and a table with noise in it.
    let table = "time,note\n1378054800083,\"a \"\"b\"\"\"\n1378054800090,\"c\nd\"\n";
    let known: [&[u8]; 2] = [b"1378054800083,\"a \"\"b\"\"\"", b"1378054800090,\"c\nd\""];
    for end in 0..table.len() {
        let import = Import::csv(table.get(..end).unwrap(), &[]);
        let is_whole = import.output.status.code() == Some(0);
        assert!(matches!(import.output.status.code(), Some(0 | 1 | 3)), "{end}: {}", import.said());
        let records = if Path::new(&import.log()).exists() { records_of(&import.log()) } else { Vec::new() };
        let events = records.iter().filter(|record| !record.is_gap());
        for (event, known) in events.zip(known) {
            assert!(!is_whole || known.starts_with(&event.payload) || event.payload == known, "{end}");
        }
    }
}
