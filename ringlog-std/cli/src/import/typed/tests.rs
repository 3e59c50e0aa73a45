//! Typed tables of known content.

use std::path::Path;

use super::{EventType, TypedFeed};
use crate::feed::{Feed, FeedError, Next};
use crate::import::table::{ChosenFeed, JsonFeed, TableFeed, TableOptions};
use crate::input::compress::{gzip, zstd};
use crate::terminal::signals::Stop;
use ringlog::schema::Schema;

/// Returns the words of the choice, and each row as its event or as what is lost.
fn read(name: &str, text: &str, event_type: &EventType) -> Result<(String, Vec<String>), FeedError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    let options = TableOptions::default();
    if name.ends_with(".json") {
        read_all(JsonFeed::open(&path, 0, &options)?, &path, event_type)
    } else {
        read_all(TableFeed::open(&path, 0, &options)?, &path, event_type)
    }
}

fn read_all(
    rows: impl ChosenFeed,
    path: &Path,
    event_type: &EventType,
) -> Result<(String, Vec<String>), FeedError> {
    read_noted(rows, path, event_type).map(|(words, rows, _)| (words, rows))
}

/// Does the same, and returns the notes for the end of the import.
fn read_noted(
    rows: impl ChosenFeed,
    path: &Path,
    event_type: &EventType,
) -> Result<(String, Vec<String>, Vec<String>), FeedError> {
    let mut feed = TypedFeed::open(rows, event_type, path, &Stop::default())?;
    let schema = Schema::parse(feed.schemas().of_type(feed.event_type()).unwrap()).unwrap();
    let (mut payload, mut rows) = (Vec::new(), Vec::new());
    loop {
        rows.push(match feed.next_event(&mut payload)? {
            Next::Event { .. } => schema.decode(&payload).unwrap().to_string(),
            Next::Lost(loss) => loss.skip.unwrap().what,
            _ => break,
        });
    }
    let words = feed.words();
    Ok((words.split_once('\n').unwrap().1.into(), rows, feed.notes()))
}

fn inferred() -> EventType {
    EventType::Inferred { number: 3, name: "tick".into() }
}

fn given(schema: &str) -> EventType {
    EventType::Given { schema: Box::new(Schema::parse(schema.as_bytes()).unwrap()), file: "s.json".into() }
}

const TABLE: &str = "DateTime,Price,Volume,Side,Note\n\
    2013-09-01 17:00:00.083,1640.25,8,buy,open\n\
    2013-09-01 17:00:00.090,1640.5,1,sell,\n\
    2013-09-01 17:00:00.091,1640,2,sell,a longer one\n\
    2013-09-01 17:00:00.092,1639.75,5,buy,x\n";

#[test]
fn kinds_are_inferred_and_printed_a_line_for_each_column() {
    let (words, rows) = read("ticks.csv", TABLE, &inferred()).unwrap();
    assert_eq!(
        words,
        "type 3 tick, 16 bytes, inferred from 4 rows:\n  \
         column 1 \"DateTime\": the time of the event\n  \
         column 2 \"Price\": Price i64 with scale -2\n  \
         column 3 \"Volume\": Volume i32\n  \
         column 4 \"Side\": Side u8 with 2 labels\n  \
         column 5 \"Note\": text, the tail"
    );
    assert_eq!(
        rows,
        [
            "Price=1640.25 Volume=8 Side=buy tail=\"open\"",
            "Price=1640.5 Volume=1 Side=sell tail=\"\"",
            "Price=1640 Volume=2 Side=sell tail=\"a longer one\"",
            "Price=1639.75 Volume=5 Side=buy tail=\"x\"",
        ]
    );
}

#[test]
fn rows_after_the_first_ones_are_lost_if_they_do_not_fit() {
    let mut table = String::from("time,price,qty,side,open\n");
    for row in 0..1000 {
        let side = if row % 2 == 0 { "buy" } else { "sell" };
        table += &format!("{},1.25,{row},{side},true\n", 1_600_000_000 + row);
    }
    for (cells, what) in [
        ("1.255,1,buy,true", "column 2 \"price\" holds \"1.255\", which is no multiple of 1e-2"),
        ("1.25,1.5,buy,true", "column 3 \"qty\" holds \"1.5\", which is no integer"),
        ("1.25,,buy,true", "column 3 \"qty\" holds \"\", and an integer has no value for that"),
        (
            "1.25,3000000000,buy,true",
            "column 3 \"qty\" holds \"3000000000\", which is not from -2147483648 to 2147483647",
        ),
        ("1.25,1,both,true", "column 4 \"side\" holds \"both\", which is none of its 2 labels"),
        (
            "1.25,1,1,true",
            "column 4 \"side\" holds \"1\", which is none of its 2 labels, but the number of one",
        ),
        ("1.25,1,buy,maybe", "column 5 \"open\" holds \"maybe\", which is no bool"),
    ] {
        let (_, rows) =
            read("t.csv", &format!("{table}1700000000,{cells}\n1700000001,1,2,buy,FALSE\n"), &inferred())
                .unwrap();
        let said = format!("line 1002: row whose {what}");
        assert!(rows[1000].starts_with(&said) && rows[1000].contains("--schema FILE"), "{}", rows[1000]);
        assert_eq!((rows.len(), &*rows[1001]), (1002, "price=1 qty=2 side=buy open=false"));
    }
}

#[test]
fn lines_of_json_have_fields_in_the_order_of_their_first_row() {
    let text = "{\"ts\":1600000000,\"px\":\"1.5\",\"n\":7}\n\
        {\"n\":9,\"ts\":1600000001,\"px\":2,\"ok\":null,\"legs\":[1, 2]}\n\
        {\"ts\":1600000002,\"n\":-1,\"px\":0.25}\n";
    let (_, rows) = read("a.json", text, &inferred()).unwrap();
    assert_eq!(
        rows,
        [
            "px=1.5 n=7 ok=\"\" tail=\"\"",
            "px=2 n=9 ok=\"\" tail=\"[1, 2]\"",
            "px=0.25 n=-1 ok=\"\" tail=\"\"",
        ]
    );
}

#[test]
fn a_schema_that_somebody_wrote_takes_columns_by_their_names() {
    let schema = r#"{"type":9,"name":"trade","size":24,"fields":[
        {"name":"volume","offset":0,"kind":"u16"},{"name":"price","offset":4,"kind":"f32"},
        {"name":"datetime","offset":8,"kind":"timestamp"},
        {"name":"side","offset":16,"kind":"u8","labels":{"7":"buy","9":"sell"}}],"tail":"bytes"}"#;
    let (words, rows) = read("ticks.csv", TABLE, &given(schema)).unwrap();
    assert!(
        words.contains("\"Note\": bytes, the tail") && words.starts_with("type 9 trade, 24 bytes:"),
        "{words}"
    );
    assert_eq!(rows[0], "volume=8 price=1640.25 datetime=1378054800083000000 side=buy tail=0x6f70656e");
    let problem = |schema: &str| read("t.csv", TABLE, &given(schema)).unwrap_err().to_string();
    let no_column = r#"{"type":9,"name":"t","size":1,"fields":[{"name":"x","offset":0,"kind":"u8"}]}"#;
    assert!(problem(no_column).contains("no column for the field \"x\" of s.json"), "{}", problem(no_column));
    let list =
        no_column.replace("\"kind\":\"u8\"", "\"kind\":\"array\",\"length\":1,\"item\":{\"kind\":\"u8\"}");
    let list = list.replace("\"x\"", "\"price\"");
    assert!(problem(&list).contains("a column holds one value"), "{}", problem(&list));
}

#[test]
fn a_number_that_a_float_cannot_hold_is_refused() {
    let schema = r#"{"type":9,"name":"t","size":4,"fields":[{"name":"r","offset":0,"kind":"f32"}]}"#;
    let table = "time,r\n1700000000,1e38\n1700000001,1e39\n1700000002,-1e39\n1700000003,2\n";
    let (_, rows) = read("t.csv", table, &given(schema)).unwrap();
    assert!(rows[1].contains("1e39") && rows[1].contains("no f32") && rows[2].contains("no f32"), "{rows:?}");
    assert_eq!((rows.len(), &*rows[3]), (4, "r=2.0"));
}

#[test]
fn a_line_that_has_a_field_twice_is_refused_wherever_it_is() {
    let text =
        "{\"ts\":1600000000,\"a\":4}\n{\"ts\":1600000001,\"a\":5,\"a\":6}\n{\"ts\":1600000002,\"a\":7}\n";
    let (_, rows) = read("a.json", text, &inferred()).unwrap();
    assert_eq!((rows.len(), &*rows[0], &*rows[2]), (3, "a=4", "a=7"));
    assert!(rows[1].contains("twice"), "{rows:?}");
}

#[test]
fn a_table_without_names_is_refused() {
    let error = read("t.csv", "2026-01-01 00:00:00,5,a\n2026-01-01 00:00:01,6,b\n", &inferred()).unwrap_err();
    assert!(error.to_string().contains("fields have the names of columns"), "{error}");
}

#[test]
fn a_row_with_too_few_or_too_many_cells_is_lost_wherever_it_is() {
    let mut table = String::from("time,price,note\n");
    for row in 0..2000 {
        table += &format!("{},{row}.5,", 1_600_000_000 + row);
        table += match row {
            20 | 1500 => "a,b\n",
            30 | 1600 => "\n1700000000,7\n",
            _ => "a\n",
        };
    }
    for event_type in [inferred(), given(r#"{"type":3,"name":"t","size":0,"fields":[],"tail":"text"}"#)] {
        let (_, rows) = read("t.csv", &table, &event_type).unwrap();
        let lost: Vec<_> = rows.iter().filter(|row| row.starts_with("line")).collect();
        let wanted = [(22, 4), (33, 2), (1503, 4), (1604, 2)].map(|(line, cells)| {
            format!("line {line}: row of {cells} cells, and the table has 3 columns; correct the row")
        });
        assert_eq!((rows.len(), lost), (2002, wanted.iter().collect()));
    }
}

#[test]
fn names_for_more_or_fewer_columns_than_rows_have_are_refused() {
    for text in
        ["time,side,note\n1600000000,a\n1600000001,b\n", "time,side\n1600000000,a,2\n1600000001,b,3\n"]
    {
        let error = read("t.csv", text, &inferred()).unwrap_err().to_string();
        assert!(error.contains("may be that of another column; correct the names"), "{error}");
    }
    // A delimiter at the end of each row, or of the names alone, adds no column.
    for text in ["time,side\n1600000000,a,\n1600000001,b,\n", "time,side,\n1600000000,a\n1600000001,b\n"] {
        let (_, rows) = read("t.csv", text, &inferred()).unwrap();
        assert!(rows.len() == 2 && rows[1].contains("=\"b\""), "{rows:?}");
    }
}

#[test]
fn a_column_without_a_value_in_the_first_rows_takes_any_later() {
    let mut table = String::from("time,size,note\n");
    let mut lines = String::new();
    for row in 0..1500 {
        let size = if row < 1200 { ["NA", "", "null"][row % 3].into() } else { format!("{row}.5") };
        let time = 1_600_000_000 + row;
        table += &format!("{time},{size},x\n");
        lines += &format!(
            "{{\"time\":{time},\"size\":{},\"note\":\"x\"}}\n",
            if row < 1200 { "null" } else { size.as_str() }
        );
    }
    for (name, text, column, line) in
        [("t.csv", table, "column 2 \"size\"", "1,202"), ("t.json", lines, "field \"size\"", "1,201")]
    {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let options = TableOptions::default();
        let (words, rows, notes) = if name == "t.csv" {
            read_noted(TableFeed::open(&path, 0, &options).unwrap(), &path, &inferred()).unwrap()
        } else {
            read_noted(JsonFeed::open(&path, 0, &options).unwrap(), &path, &inferred()).unwrap()
        };
        let kind =
            format!("{column}: size text of at most 32 bytes, as none of these rows has a value for it");
        assert!(words.contains(&kind), "{words}");
        assert_eq!((rows.len(), &*rows[1499]), (1500, "size=\"1499.5\" note=x"));
        let [note] = &notes[..] else { panic!("{notes:?}") };
        assert!(
            note.starts_with(column) && note.contains(&format!("line {line} ")) && note.contains("--schema"),
            "{note}"
        );
    }
}

#[test]
fn what_is_before_the_cut_of_a_compressed_table_is_typed() {
    let rows: String = (0..300).map(|row| format!("{},{}\n", 1_600_000_000 + row, row * row % 97)).collect();
    let table = format!("time,n\n{rows}");
    let (first, second) = table.as_bytes().split_at(table.len() / 2);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    for (before, last) in
        [(vec![], gzip(table.as_bytes())), (gzip(first), gzip(second)), (zstd(first), zstd(second))]
    {
        for end in (last.len() / 4..last.len()).step_by(29).chain(last.len() - 8..last.len()) {
            std::fs::write(&path, [&before, &last[..end]].concat()).unwrap();
            let open = || TableFeed::open(&path, 0, &TableOptions::default()).unwrap();
            let count = |feed: &mut dyn Feed| {
                let (mut payload, mut events) = (Vec::new(), 0);
                loop {
                    match feed.next_event(&mut payload) {
                        Ok(Next::Event { .. }) => events += 1,
                        end => break (events, end.unwrap_err().to_string()),
                    }
                }
            };
            let typed = count(&mut TypedFeed::open(open(), &inferred(), &path, &Stop::default()).unwrap());
            assert_eq!(typed, count(&mut open()), "cut at {end}");
            assert!(typed.0 > 0 && typed.1.contains("is cut short"), "{typed:?}");
        }
    }
}

#[test]
fn decimal_commas_are_read_if_the_options_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    std::fs::write(&path, "time;price;n\n1600000000;1640,25;1\n1600000001;1641;2\n").unwrap();
    let options = TableOptions { decimal_comma: true, ..TableOptions::default() };
    let rows = TableFeed::open(&path, 0, &options).unwrap();
    let (_, rows) = read_all(rows, &path, &inferred()).unwrap();
    assert_eq!(rows, ["price=1640.25 n=1", "price=1641 n=2"]);
}

#[test]
fn damage_that_may_be_why_there_is_no_schema_is_the_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv.gz");
    let by = EventType::Inferred { number: 0, name: "a".into() };
    for rows in [1, 1500] {
        let long = format!("1700000000,{},5\n", "x".repeat(1001));
        let table = format!("time,text,price\n{long}{}", "1700000000,x,5\n".repeat(rows));
        for (flipped, words) in [(0, "a text of 1001 bytes"), (1, "is damaged before byte")] {
            let mut file = gzip(table.as_bytes());
            *file.last_mut().unwrap() ^= flipped;
            std::fs::write(&path, file).unwrap();
            let feed = TableFeed::open(&path, 0, &TableOptions::default()).unwrap();
            let error = read_all(feed, &path, &by).unwrap_err().to_string();
            assert!(error.contains(words), "{rows}: {error}");
        }
    }
}
