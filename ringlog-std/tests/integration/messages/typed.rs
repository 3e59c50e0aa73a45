//! Descriptions of events: files of them, logs with them, and structs that read them.

use std::fs;
use std::path::Path;

use ringlog::event::{ClockKind, Event, EventHeader, Gap, GapReason, MetaTopic};
use ringlog::schema::Schema;
use ringlog::storage::{LogReader, LogWriter, MmapWriter, ReadEvent, SchemaList, salvage_log};

use ringlog_nostd::AlignedBytes;

use crate::storage_log::support::patch;

use super::library::failed;
use super::{Row, assert_table, reports};

#[ringlog::event(type = 1)]
struct Order {
    id: u64,
    is_new: bool,
    reserved: [u8; 7],
}

/// The same type in another program.
mod other {
    #[ringlog::event(type = 1, name = "order")]
    pub(super) struct Order {
        pub(super) id: i64,
    }
}

ringlog::events!(Orders: Order);
ringlog::events!(OtherOrders: other::Order);

/// A log of orders, a GAP record, an order with a bool that is none, a short one, and an event of another type.
fn orders(log: &Path) {
    let mut writer = LogWriter::options().segment_bytes(4096).events::<Orders>().open(log).unwrap();
    writer.write(1, &Order { id: 7, is_new: true, reserved: [0; 7] }).unwrap();
    writer.append_gap(2, Gap::new(GapReason::RingFull, 3)).unwrap();
    writer.write_event(&EventHeader::new(3, 1, 16), &[9; 16]).unwrap();
    writer.write_event(&EventHeader::new(4, 1, 3), b"abc").unwrap();
    writer.write_event(&EventHeader::new(5, 9, 3), b"abc").unwrap();
    writer.close().unwrap();
}

/// Errors of views and of reads by name.
fn reading(folder: &Path) -> Vec<Row> {
    let log = folder.join("orders");
    orders(&log);
    let mut negative =
        MmapWriter::options().events::<OtherOrders>().create(folder.join("negative"), 4096).unwrap();
    negative.write(1, &other::Order { id: -7 }).unwrap();
    negative.close().unwrap();
    let (reader, negative) =
        (LogReader::open(&log).unwrap(), LogReader::open(folder.join("negative")).unwrap());
    let events: Vec<_> = reader.events().map(|event| event.unwrap()).collect();
    let [whole, gap, invalid, short, foreign] = events.as_slice() else { panic!("{events:?}") };
    let negative = negative.events().next().unwrap().unwrap();
    let mut bytes = AlignedBytes::<64>::new();
    let misaligned = Event::new(EventHeader::new(1, 1, 16), &bytes.as_mut()[1..17], 0, 0);
    vec![
        failed("ViewError::NoEvent", folder, gap.view::<Order>()),
        failed("ViewError::OtherType", folder, foreign.view::<Order>()),
        failed("ViewError::OtherLayout", folder, whole.view::<other::Order>()),
        failed("ViewError::Length", folder, short.view::<Order>()),
        failed("ViewError::InvalidValue", folder, invalid.view::<Order>()),
        failed("ViewError::Misaligned", folder, misaligned.view::<Order>()),
        failed("FieldError::NotFitting", folder, short.read::<other::Order>()),
        failed("FieldError::Missing", folder, negative.read::<Order>()),
        failed("FieldError::Value", folder, negative.read::<Unsigned>()),
    ]
}

#[ringlog::event(type = 1, name = "order")]
struct Unsigned {
    id: u64,
}

/// Errors of descriptions.
fn schemas(folder: &Path) -> Vec<Row> {
    let long = format!(r#"{{"type":1,"name":"{}","size":0,"fields":[]}}"#, "x".repeat(70_000));
    vec![
        failed("SchemaError::Syntax", folder, Schema::parse(b"{\"type\":1,\n\"name\" \"tick\"}")),
        failed(
            "SchemaError::Content",
            folder,
            Schema::parse(br#"{"type":256,"name":"tick","size":0,"fields":[]}"#),
        ),
        failed("SchemaError::TooLong", folder, Schema::parse(long.as_bytes())),
    ]
}

pub(super) fn rows(folder: &Path) -> Vec<Row> {
    [reading(folder), schemas(folder)].concat()
}

/// A log whose only description is no JSON.
fn unreadable(log: &Path) {
    let mut list = SchemaList::new();
    list.insert(MetaTopic::EventType(1), &b"no JSON"[..]).unwrap();
    list.insert(MetaTopic::Log, &b"none"[..]).unwrap();
    let mut writer = LogWriter::options().segment_bytes(4096).schemas(list).open(log).unwrap();
    writer.write_event(&EventHeader::new(1, 1, 3), b"abc").unwrap();
    writer.close().unwrap();
}

/// A log with a byte changed in its only description.
fn damaged(log: &Path) {
    orders(log);
    patch(&log.join("00000000000000000000.evtl"), 64 + 24 + 5, b"?");
}

/// A log whose first segment has lost its only description, and whose second one has it.
fn partly_damaged(log: &Path) {
    orders(log);
    damaged(log);
}

/// A folder with a log and a `schema.json` that is none.
fn beside_broken(log: &Path) {
    fs::write(log.join("schema.json"), "{\"types\":[}").unwrap();
}

/// A log whose types have each kind and each tail.
pub(super) fn of_all_kinds(log: &Path) {
    let fields = r#"{"name":"at","offset":0,"kind":"timestamp"},{"name":"price","offset":8,"kind":"i64","scale":-2,"unit":"EUR"},
        {"name":"side","offset":16,"kind":"u8","labels":{"0":"buy","1":"sell"}},{"name":"code","offset":17,"kind":"text","length":3},
        {"name":"legs","offset":20,"kind":"array","length":2,"item":{"kind":"struct","size":2,"fields":[{"name":"id","offset":0,"kind":"u16"}]}}"#;
    let mut list = SchemaList::new();
    for (number, tail) in [(1, "none"), (2, "bytes"), (3, "text"), (4, "cbor")] {
        let json = format!(
            r#"{{"type":{number},"name":"type_{number}","size":24,"fields":[{fields}],"tail":"{tail}"}}"#
        );
        list.insert(MetaTopic::EventType(number), json.into_bytes()).unwrap();
    }
    let mut writer = LogWriter::options().schemas(list).open(log).unwrap();
    let mut payload = [0; 24];
    payload[16] = 1;
    payload[17..20].copy_from_slice(b"abc");
    writer.write_event(&EventHeader::new(1, 1, 24), &payload).unwrap();
    writer.write_event(&EventHeader::new(2, 3, 29), &[&payload[..], b"hello"].concat()).unwrap();
    writer.write_event(&EventHeader::new(3, 1, 3), b"abc").unwrap();
    writer.close().unwrap();
}

/// A log whose clock counts nothing that is known.
pub(super) fn ticks(log: &Path) {
    let mut writer = LogWriter::options().clock(ClockKind::Unspecified).open(log).unwrap();
    writer.write_event(&EventHeader::new(1, 1, 3), b"abc").unwrap();
    writer.close().unwrap();
}

#[test]
fn what_is_said_of_descriptions_is_what_the_table_says() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let run = |name, line| reports::run(name, folder, line);
    orders(&folder.join("orders"));
    unreadable(&folder.join("unreadable"));
    of_all_kinds(&folder.join("kinds"));
    LogWriter::open(folder.join("plain")).unwrap().write_event(&EventHeader::new(1, 1, 3), b"abc").unwrap();
    fs::write(folder.join("good.json"), r#"[{"type":1,"name":"tick","size":3,"fields":[],"tail":"text"}]"#)
        .unwrap();
    fs::write(folder.join("bad.json"), "[{\"type\":1,\n\"name\":}]").unwrap();
    fs::write(folder.join("odd.json"), r#"[{"type":1,"name":"tick","size":3,"fields":[{"name":"a"}]}]"#)
        .unwrap();
    let file = |name: &str, json: &str| fs::write(folder.join(name), json).unwrap();
    file("slip.json", r#"[{"type":1,"name":"tick","size":3,"fields":[],"tial":"text"}]"#);
    file("foreign.json", r#"[{"type":1,"name":"tick","size":3,"colour":"red","fields":[]}]"#);
    file("alone.json", r#"{"type":1,"name":"tick","size":3,"fields":[]}"#);
    file("comma.json", r#"[{"type":1,"name":"tick","size":3,"fields":[],}]"#);
    file("tight.json", r#"[{"type":1,"name":"tick","size":2,"fields":[]}]"#);
    file(
        "clash.json",
        r#"[{"type":1,"name":"tick","size":3,"fields":[]},{"type":9,"name":"type_2","size":0,"fields":[]}]"#,
    );
    damaged(&folder.join("damaged"));
    partly_damaged(&folder.join("partly"));
    salvage_log(folder.join("partly"), folder.join("half")).unwrap();
    orders(&folder.join("beside"));
    beside_broken(&folder.join("beside"));
    LogWriter::open(folder.join("needs")).unwrap().write_event(&EventHeader::new(1, 1, 3), b"abc").unwrap();
    beside_broken(&folder.join("needs"));
    let rows = [
        run("descriptions of a log", "schema show DIR/kinds"),
        run("descriptions of a log that has none", "schema show DIR/plain"),
        run("descriptions that cannot be read", "schema show DIR/unreadable"),
        run("a file of descriptions", "schema check DIR/good.json"),
        run("a file of descriptions that is no JSON", "schema check DIR/bad.json"),
        run("a file of descriptions with a field of no kind", "schema check DIR/odd.json"),
        run("a file of descriptions that is not there", "cat DIR/plain --schema DIR/missing.json"),
        run("a file of descriptions with a key that has no meaning", "schema check DIR/foreign.json"),
        run("a file of descriptions with a slip in a key", "schema check DIR/slip.json"),
        run("a file of descriptions with a comma too many", "schema check DIR/comma.json"),
        run("a file with a type that is in no list", "schema check DIR/alone.json"),
        run("a key that has no meaning, for a reader", "cat DIR/plain --schema DIR/slip.json"),
        run("a file for types that the log describes", "cat DIR/kinds --limit 1 --schema DIR/clash.json"),
        run("a broken file beside a log that needs none", "cat DIR/beside --limit 1"),
        run("a broken file beside a log that needs one", "cat DIR/needs --limit 1"),
        run("events that do not fit a file", "cat DIR/plain --schema DIR/tight.json"),
        run("descriptions as structs", "schema emit DIR/orders --rust"),
        run("descriptions as a file", "schema emit DIR/orders --json"),
        run("events that do not fit", "cat DIR/kinds"),
        run("descriptions among events", "cat DIR/orders --meta --limit 2"),
        run("descriptions among JSON", "cat DIR/orders --meta --format hex"),
        run("descriptions among objects", "cat DIR/orders --meta --json --limit 1"),
        run("descriptions among objects that cannot be read", "cat DIR/unreadable --meta --json"),
        run("a table of one type", "cat DIR/kinds --format csv --type type_1"),
        run("a table of many types", "cat DIR/kinds --format csv"),
        run("a table of a log with events of no description", "cat DIR/orders --format csv"),
        run("tables", "cat DIR/kinds --format csv --to DIR/tables"),
        run("tables in a folder that holds something", "cat DIR/kinds --format csv --to DIR/tables"),
        run("tables as text", "cat DIR/kinds --to DIR/never"),
        run("a type of no name", "cat DIR/orders --type trade"),
        run("a type of no name in a log without names", "cat DIR/plain --type trade"),
        run("a type with a slip", "cat DIR/orders --type ordr"),
        run("a type whose description cannot be read", "cat DIR/unreadable --type order"),
        run("a type whose description is damaged", "tail DIR/damaged --type order"),
        run("an expression over a damaged description", "cat DIR/damaged --where id>7"),
        run(
            "an expression to salvage over a damaged description",
            "salvage DIR/damaged DIR/never --where id>7",
        ),
        run(
            "an expression over a damaged description and a whole one",
            "salvage DIR/partly DIR/saved --where id>7",
        ),
        run("an expression where a segment describes nothing", "cat DIR/half --where id>0 --limit 1000"),
        run("the same at the end of a log", "tail DIR/half --where id>0 -n 1"),
        run("the same in a replay", "replay DIR/half --speed max --where id>0"),
        run("a table where a segment describes nothing", "cat DIR/half --format csv --type order --limit 1"),
        run("an expression that begins with a minus", "cat DIR/orders --limit 1 --where -1<id"),
        run("an expression that holds for no event", "cat DIR/kinds --limit 1 --where side==300"),
        run(
            "an expression with a text instead of a number",
            "replay DIR/orders --speed max --where id==\"7\"",
        ),
        run("a day that there is not", "cat DIR/orders --since 2026-02-30"),
        run("a month that there is not", "cat DIR/orders --since 2026-13-01"),
        run("an hour that there is not", "cat DIR/orders --since 25:00"),
        run("nanoseconds as seconds", "cat DIR/orders --since @1700000000000000000"),
        run("an expression without an end", "cat DIR/orders --where id>"),
        run("an expression with a field of no name", "cat DIR/orders --where ib>7"),
    ];
    assert!(!folder.join("never").exists());
    assert_table("typed.txt", &rows);
}
