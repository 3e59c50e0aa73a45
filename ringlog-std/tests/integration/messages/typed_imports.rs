//! Tables and lines of JSON that cannot become typed events, or not as a whole.

use std::fs;
use std::path::Path;

use super::Row;
use super::imports::import;
use crate::cli::support::{assert_code, ringlog, word};

/// What is triggered, the table, and the options. `{s}` is the file of the schema.
const TABLES: &[(&str, &str, &str)] = &[
    (
        "typed events of a table",
        "time,price,side,note\n1700000000,1.5,buy,abc\n1700000001,2,buy,d\n",
        "--typed",
    ),
    (
        "a table without names for fields",
        "2026-01-01 10:00:00,5\n2026-01-01 10:00:01,6\n",
        "--typed --header no --delimiter ,",
    ),
    (
        "a typed row that lacks a cell",
        "time,price,n\n1700000000,1,2\n1700000001,1\n1700000002,1,2\n1700000003,1,2\n",
        "--typed",
    ),
    (
        "times of RFC 3339, one without an offset",
        "time,price\n2026-01-01T10:00:00Z,5\n2026-01-01T10:00:01,6\n",
        "--typed --time-unit rfc3339",
    ),
    ("a typed table that lacks a name", "time,price\n1700000000,1,2\n1700000001,2,3\n", "--typed"),
    ("typed events of lines", "abc\n", "--typed --format lines"),
    ("a name without a type", "time,price\n1700000000,5\n", "--name tick"),
    ("a name that cannot be", "time,price\n1700000000,5\n", "--typed --name 5x"),
    ("the bytes of packets alone, of a table", "time,price\n1700000000,5\n", "--payload-only"),
];

const JSON: &str = "{\"time\":1700000000,\"a\":1}\n";

/// The fields and the tail of a schema, a table, and what is triggered.
const SCHEMAS: &[(&str, &str, &str, &str)] = &[
    (
        "a schema with a field that is no column",
        r#""fields":[{"name":"x","offset":0,"kind":"u8"}]"#,
        "none",
        ROW,
    ),
    (
        "a schema with two fields for a column",
        r#""fields":[{"name":"price","offset":0,"kind":"u8"},{"name":"PRICE","offset":1,"kind":"u8"}]"#,
        "none",
        ROW,
    ),
    (
        "a schema with a struct",
        r#""fields":[{"name":"price","offset":0,"kind":"struct","size":1,"fields":[]}]"#,
        "none",
        ROW,
    ),
    ("a schema with a tail of CBOR", r#""fields":[]"#, "cbor", ROW),
    (
        "a schema with a tail that has no column",
        r#""fields":[{"name":"price","offset":0,"kind":"u8"}]"#,
        "text",
        ROW,
    ),
    (
        "a schema for what a row does not hold",
        r#""fields":[{"name":"price","offset":0,"kind":"u8"}]"#,
        "none",
        ROWS,
    ),
    ("a schema with f64", r#""fields":[{"name":"price","offset":0,"kind":"f64"}]"#, "none", ROWS),
    ("a schema with bool", r#""fields":[{"name":"price","offset":0,"kind":"bool"}]"#, "none", BOOLS),
    (
        "a schema with a short text",
        r#""fields":[{"name":"price","offset":0,"kind":"text","length":2}]"#,
        "none",
        ROWS,
    ),
    (
        "a schema with bytes",
        r#""fields":[{"name":"price","offset":0,"kind":"bytes","length":1}]"#,
        "none",
        ROWS,
    ),
    (
        "a schema with a timestamp",
        r#""fields":[{"name":"price","offset":0,"kind":"timestamp"}]"#,
        "none",
        ROWS,
    ),
    (
        "a schema with a scale",
        r#""fields":[{"name":"price","offset":0,"kind":"u8","scale":-1}]"#,
        "none",
        ROWS,
    ),
    (
        "a schema with labels",
        r#""fields":[{"name":"price","offset":0,"kind":"u8","labels":{"5":"abc"}}]"#,
        "none",
        ROWS,
    ),
];

const ROW: &str = "time,price\n1700000000,5\n";
const BOOLS: &str = "time,price\n1700000000,true\n1700000001,1\n";
const ROWS: &str = "time,price\n1700000000,5\n1700000001,1.25\n1700000002,abc\n1700000003,\n1700000004,300\n1700000005,\"a\0\"\n1700000006,0a\n";

pub(super) fn rows(folder: &Path) -> Vec<Row> {
    let table =
        |&(name, text, options): &(&str, &str, &str)| import(folder, name, "a.csv", text.as_bytes(), options);
    let mut rows: Vec<Row> = TABLES.iter().map(table).collect();
    let file = folder.join("s.json");
    let given = format!("--schema {}", file.display());
    for &(name, fields, tail, text) in SCHEMAS {
        let size = if fields.contains("timestamp") || fields.contains("f64") { 8 } else { 2 };
        let schema = format!("[{{\"type\":1,\"name\":\"t\",\"size\":{size},{fields},\"tail\":\"{tail}\"}}]");
        fs::write(&file, schema).unwrap();
        rows.push(import(folder, name, "a.csv", text.as_bytes(), &given));
    }
    let both = r#"[{"type":1,"name":"a","size":0,"fields":[]},{"type":2,"name":"b","size":0,"fields":[]}]"#;
    fs::write(&file, both).unwrap();
    rows.push(import(folder, "a schema of two types", "a.csv", ROW.as_bytes(), &given));
    let other = format!("{given} --event-type 7");
    rows.push(import(folder, "a schema without the type", "a.csv", ROW.as_bytes(), &other));
    fs::write(&file, "[{]").unwrap();
    rows.push(import(folder, "a schema that is no JSON", "a.csv", ROW.as_bytes(), &given));
    fs::remove_file(&file).unwrap();
    rows.push(import(folder, "a schema that is not there", "a.csv", ROW.as_bytes(), &given));
    rows.push(import(folder, "typed packets", "a.pcap", &[0xD4, 0xC3, 0xB2, 0xA1, 2, 0, 4, 0], "--typed"));
    rows.extend(many(folder));
    let (other, log) = (folder.join("other.csv"), folder.join("log"));
    fs::write(&other, ROW).unwrap();
    assert_code(&ringlog(&["import", word(&other), "--typed", "--log", word(&log)]), 0);
    fs::remove_file(&other).unwrap();
    let options = "--typed --event-type 0";
    rows.push(import(folder, "a number that the log has for another type", "a.csv", ROW.as_bytes(), options));
    rows
}

/// Tables that are too large to be written here.
fn many(folder: &Path) -> Vec<Row> {
    let typed = |name: &str, text: &[u8]| import(folder, name, "a.csv", text, "--typed");
    let columns = |cell: &dyn Fn(usize) -> String, count| (0..count).map(cell).collect::<Vec<_>>().join(",");
    let long = format!("time,text,price\n1700000000,{},5\n", "x".repeat(1001));
    let cells = columns(&|_| "x".repeat(1000), 40);
    let wide = format!("time,{},n\n1700000000,{cells},5\n", columns(&|at| format!("c{at}"), 40));
    let names = columns(&|at| format!("{}{at:04}", "c".repeat(60)), 1000);
    let many = format!("time,{names}\n1700000000,{}\n", columns(&|_| "5".into(), 1000));
    let json = JSON.repeat(1000)
        + "{\"time\":1700000000,\"a\":1,\"b\":\"new\"}\n{\"time\":1700000000,\"a\":1,\"a\":2}\n";
    let floats = "time,x,n\n".to_owned()
        + &"1700000000,1e-30,1\n".repeat(1000)
        + "1700000000,0.1000000000000000055,1\n";
    let late = "time,x,n\n".to_owned() + &"1700000000,NA,1\n".repeat(1000) + "1700000000,5,1\n";
    vec![
        typed("a column without a value in the first 1,000 rows", late.as_bytes()),
        typed("a text that is too long for a field", long.as_bytes()),
        typed("columns that are too long for an event", wide.as_bytes()),
        typed("names that are too long for a schema", many.as_bytes()),
        typed("a cell that is no UTF-8", b"time,side,n\n1700000000,a,1\n1700000001,\xFF,2\n1700000002,a,3\n"),
        typed("a float that would be rounded", floats.as_bytes()),
        import(folder, "a field that is new after 1,000 lines", "a.jsonl", json.as_bytes(), "--typed"),
    ]
}
