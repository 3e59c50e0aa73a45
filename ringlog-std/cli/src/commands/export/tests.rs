//! Names of outputs, and logs whose descriptions change: an export of them is read back as the same records with the same meaning.

use std::path::Path;

use super::*;
use crate::feed::{Feed, Next};
use crate::import::ExportedFeed;
use clap::{Parser, ValueEnum};
use ringlog::event::{EventHeader, MetaTopic};
use ringlog::schema::SchemaSet;
use ringlog::storage::{LogWriter, SchemaList, SegmentSchemas};

#[test]
fn the_ending_of_a_name_is_that_of_its_format_or_of_none() {
    let format = |name: &str| ExportFormat::from_str(name, false).unwrap();
    for (to, out) in [("arrow", "z.parquet"), ("csv", "x.json"), ("json", "x.CSV"), ("mcap", "a.json")] {
        assert!(matches!(format(to).check_name(Path::new(out)), Err(CliError::Usage(_))), "{to} {out}");
    }
    for (to, out, is_folder) in [
        ("arrow", "z.ipc", false),
        ("csv", "x.CSV", false),
        ("csv", "tables", true),
        ("csv", "v1.2", true),
        ("chrome-trace", "x.json", false),
        ("json", "out", false),
        ("json", "-", false),
        ("csv", "-", false),
    ] {
        format(to).check_name(Path::new(out)).unwrap();
        assert_eq!(format(to).is_folder(Path::new(out)), is_folder, "{to} {out}");
    }
}

/// A description of type `number`, with a field of 8 bytes.
fn description(number: u8, name: &str, field: &str, scale: i8) -> String {
    format!(
        r#"{{"type":{number},"name":"{name}","size":8,"fields":[{{"name":"{field}","offset":0,"kind":"i64","scale":{scale}}}]}}"#
    )
}

/// Writes a segment with an event of each of these types, and their descriptions.
fn segment(log: &Path, described: &[String], types: &[u8]) {
    let mut list = SchemaList::new();
    for json in described {
        let value: serde_json::Value = serde_json::from_str(json).unwrap();
        let number = u8::try_from(value["type"].as_u64().unwrap()).unwrap();
        list.insert(MetaTopic::EventType(number), json.as_bytes()).unwrap();
    }
    let mut writer = LogWriter::options().schemas(list).open(log).unwrap();
    for (&number, value) in types.iter().zip(101_i64..) {
        let header = EventHeader::new(1_700_000_000_000_000_000 + u64::from(number), number, 8);
        writer.write_event(&header, &value.to_le_bytes()).unwrap();
    }
    writer.close().unwrap();
}

/// A log in which a scale changes, a field, two numbers are exchanged, and nothing is described for a while.
fn changing(log: &Path) {
    segment(log, &[description(1, "a", "x", 0), description(2, "b", "p", -2)], &[1, 2, 7]);
    segment(log, &[description(1, "a", "y", 0), description(2, "b", "p", -4)], &[1, 2]);
    segment(log, &[description(2, "a", "x", 0), description(1, "b", "p", -2)], &[1, 2]);
    segment(log, &[], &[1, 1]);
    segment(log, &[description(1, "a", "x", 0), description(2, "b", "p", -2)], &[2, 1]);
    segment(log, &[description(1, "a", "x", 0), description(9, "late", "z", 0)], &[1]);
}

/// What each event means: its number, its bytes, and what its description says.
type Meaning = (u8, Vec<u8>, Option<String>);

fn meaning(header: &EventHeader, payload: &[u8], set: &SchemaSet) -> Meaning {
    let words = set.decode(header.event_type, payload).map(|decoded| {
        let decoded = decoded.unwrap();
        format!("{} {decoded}", decoded.schema().name())
    });
    (header.event_type, payload.to_vec(), words)
}

fn meanings_of_log(log: &Path) -> Vec<Meaning> {
    let (mut source, mut found) = (LogSource::open(log).unwrap(), Vec::new());
    while let Some(event) = source.next_event().unwrap() {
        let set = SegmentSchemas::of(&event).map_or_else(SchemaSet::new, |it| it.set().clone());
        found.push(meaning(&event.header, event.payload, &set));
    }
    found
}

/// What the records of an export mean, and the descriptions after the last one.
fn meanings_of_export(out: &Path) -> (Vec<Meaning>, SchemaList) {
    let mut feed = ExportedFeed::open(out, None).unwrap();
    let (mut found, mut payload, mut list) = (Vec::new(), Vec::new(), feed.schemas());
    loop {
        match feed.next_event(&mut payload).unwrap() {
            Next::Kept(header) => {
                let mut set = SchemaSet::new();
                list.iter().filter(|(_, json)| !json.is_empty()).for_each(|(topic, json)| {
                    if let MetaTopic::EventType(number) = topic {
                        set.add_type(number, json);
                    }
                });
                found.push(meaning(&header, &payload, &set));
            }
            Next::Described(changes) => list.extend(&changes),
            Next::End => return (found, list),
            other => panic!("{other:?}"),
        }
    }
}

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: ExportArgs,
}

fn export(log: &Path, out: &Path, more: &[&str]) -> Outcome {
    let words = [&["export", log.to_str().unwrap(), out.to_str().unwrap()], more].concat();
    run(&Line::parse_from(words).args).unwrap()
}

#[test]
fn what_events_mean_survives_where_descriptions_change() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    changing(&log);
    let wanted = meanings_of_log(&log);
    assert_eq!(wanted.len(), 12);
    assert_eq!(wanted[1].2.as_deref(), Some("b p=1.02"));
    assert_eq!(wanted[4].2.as_deref(), Some("b p=0.0102"));
    assert_eq!(wanted[7].2, None);
    for to in ["json", "csv"] {
        let out = folder.path().join(to).with_extension("");
        assert_eq!(export(&log, &out, &["--to", to]), Outcome::Clean);
        let (found, list) = meanings_of_export(&out);
        assert_eq!(found, wanted, "{to}");
        assert!(list.of_type(9).is_some(), "{to}: the description that no event has");
        // A part of it, which begins with other descriptions than the log.
        let part = folder.path().join(format!("{to}-part"));
        export(&log, &part, &["--to", to, "--from-seq", "7", "--to-seq", "17"]);
        let (found, _) = meanings_of_export(&part);
        let at = wanted.windows(found.len()).position(|part| part == found);
        assert!(!found.is_empty() && at.is_some_and(|at| at > 0), "{to}: {found:?}");
    }
    let tables = folder.path().join("csv");
    let mut names: Vec<_> = tables.read_dir().unwrap().map(|it| it.unwrap().file_name()).collect();
    names.sort();
    let wanted = [
        "a-2.csv",
        "a-3.csv",
        "a.csv",
        "b-2.csv",
        "b-3.csv",
        "b.csv",
        "schema-changes.json",
        "schema.json",
        "type-1.csv",
        "type-7.csv",
    ];
    assert_eq!(names, wanted);
    let header = std::fs::read_to_string(tables.join("a-2.csv")).unwrap();
    assert!(header.lines().next().unwrap().ends_with(",gap,y,payload (hex)"), "{header}");
    // Before, there was no such file, and the descriptions of the end counted for all.
    std::fs::remove_file(tables.join("schema-changes.json")).unwrap();
    let mut old = ExportedFeed::open(&tables, None).unwrap();
    assert!(matches!(old.next_event(&mut Vec::new()), Ok(Next::Kept(_))));
    assert_eq!(old.schemas().len(), 3);
    std::fs::write(tables.join("schema-changes.json"), "{\"sequence\":0}\n").unwrap();
    let damaged = ExportedFeed::open(&tables, None).unwrap_err().to_string();
    assert!(
        damaged.contains("schema-changes.json: at byte 0: ") && damaged.contains("--schema"),
        "{damaged}"
    );
}

#[test]
fn a_table_without_the_columns_of_some_events_is_a_loss() {
    let folder = tempfile::tempdir().unwrap();
    let (log, same) = (folder.path().join("log"), folder.path().join("same"));
    segment(&log, &[description(1, "a", "x", 0)], &[1]);
    segment(&log, &[description(1, "a", "y", 0)], &[1]);
    segment(&same, &[description(1, "a", "x", 0)], &[1, 1]);
    let of = |log: &Path, name: &str| export(log, &folder.path().join(name), &["--to", "csv"]);
    assert_eq!(of(&log, "one.csv"), Outcome::Loss);
    assert_eq!(of(&same, "same.csv"), Outcome::Clean);
    assert_eq!(of(&log, "tables"), Outcome::Clean);
    let refused = run(&Line::parse_from([
        "export",
        log.to_str().unwrap(),
        log.join("x").to_str().unwrap(),
        "--to",
        "json",
    ])
    .args);
    assert!(matches!(refused, Err(CliError::Usage(_))), "an output in the log");
}
