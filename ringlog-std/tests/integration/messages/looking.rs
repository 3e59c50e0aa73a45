//! What `report`, `plot`, `top` and `export` refuse, and what an export leaves out.

use std::fs;
use std::path::Path;

use ringlog::event::{EventHeader, MetaTopic};
use ringlog::storage::{LogWriter, SchemaList};

use super::programs::run;
use super::typed::of_all_kinds;
use super::{Row, assert_table, reports};

/// A log of which two descriptions are none.
fn unclear(log: &Path) {
    let mut list = SchemaList::new();
    for number in [7, 8] {
        list.insert(MetaTopic::EventType(number), &br#"{"type":7,"name":"tick","size":0}"#[..]).unwrap();
    }
    let mut writer = LogWriter::options().schemas(list).open(log).unwrap();
    writer.write_event(&EventHeader::new(1, 7, 3), b"abc").unwrap();
    writer.close().unwrap();
}

fn exports(folder: &Path) -> Vec<Row> {
    let run = |name, line| run(name, folder, line);
    vec![
        run("an export of events that are no packets", "export DIR/kinds DIR/none.pcapng --to pcapng"),
        run("an export into a file that is there", "export DIR/kinds DIR/none.pcapng --to pcapng"),
        run("an export into a folder that is one file", "export DIR/kinds DIR/full --to json"),
        run("tables into a folder that holds something", "export DIR/kinds DIR/full --to csv"),
        run("tables in the place of something else", "export DIR/kinds DIR/full --to csv --force"),
        run("tables in the place of a file", "export DIR/kinds DIR/full/thesis.doc --to csv --force"),
        run("tables into a folder that is not there", "export DIR/kinds DIR/missing/tables --to csv"),
        run("several tables into one file", "export DIR/kinds DIR/one.csv --to csv"),
        run("a table into a file", "export DIR/kinds DIR/one.csv --to csv --type type_1"),
        run("an export that this program cannot write", "export DIR/kinds DIR/one.parquet --to parquet"),
        run("an export as JSON", "export DIR/kinds DIR/kinds.json --to json"),
        run("an export that is imported as one type", "import DIR/kinds.json --log DIR/never --event-type 3"),
        run("a folder of tables that no export wrote", "import DIR/other --log DIR/never"),
        run("an export into its log", "export DIR/kinds DIR/kinds/x.json --to json"),
        run("an export over a file of ringlog", "export DIR/kinds DIR/ring --to json --force"),
        run("an export whose name is of another format", "export DIR/kinds DIR/z.json --to csv"),
        run("an export to standard output", "export DIR/kinds - --to json"),
        run("a shared ring where a log is expected", "export DIR/ring DIR/none.json --to json"),
        run("a type whose fields change, as one table", "export DIR/changed DIR/changed.csv --to csv"),
        run("an import of an export without a record", "import DIR/none-chosen --log DIR/never"),
        run("times that are no dates in a trace", "export DIR/ticks DIR/trace.json --to chrome-trace"),
    ]
}

#[test]
fn what_is_said_of_charts_and_exports_is_what_the_table_says() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    of_all_kinds(&folder.join("kinds"));
    super::typed::ticks(&folder.join("ticks"));
    fs::create_dir(folder.join("garbled")).unwrap();
    for name in ["00000000000000000000.evtl", "00000000000000000007.evtl"] {
        fs::write(folder.join("garbled").join(name), "no log".repeat(20)).unwrap();
    }
    fs::create_dir(folder.join("full")).unwrap();
    fs::write(folder.join("full/thesis.doc"), "x").unwrap();
    fs::create_dir(folder.join("other")).unwrap();
    fs::write(folder.join("other/prices.csv"), "time,price\n1,2\n").unwrap();
    unclear(&folder.join("unclear"));
    fs::create_dir(folder.join("none-chosen")).unwrap();
    fs::write(folder.join("none-chosen/schema.json"), "[]").unwrap();
    fs::write(folder.join("ring"), [&b"1GOLGNIR"[..], &[0; 4096]].concat()).unwrap();
    for kind in ["u8", "i8"] {
        let json = format!(
            r#"{{"type":1,"name":"t","size":1,"fields":[{{"name":"x","offset":0,"kind":"{kind}"}}]}}"#
        );
        let mut list = SchemaList::new();
        list.insert(MetaTopic::EventType(1), json.as_bytes()).unwrap();
        let mut writer = LogWriter::options().schemas(list).open(folder.join("changed")).unwrap();
        writer.write_event(&EventHeader::new(1, 1, 1), b"1").unwrap();
        writer.close().unwrap();
    }
    let mut rows = exports(folder);
    let run = |name, line| run(name, folder, line);
    let many = format!("report DIR/kinds --out DIR/page.html{}", " --plot payload_size".repeat(13));
    rows.extend([
        run("a field of which some values do not fit", "plot DIR/kinds type_1.price"),
        run("a field that no type has", "plot DIR/kinds volume"),
        run("a latency from what is no time", "report DIR/kinds --out DIR/page.html --latency price"),
        run("an interval that is too short", "top DIR/kinds --interval 1ms"),
        run("more fields than a page has", &many),
        run("a page in the log", "report DIR/kinds --out DIR/kinds/page.html"),
        run("a page in the place of a folder", "report DIR/kinds --out DIR/full"),
        run(
            "a page in the place of a log's file",
            "report DIR/kinds --out DIR/ticks/00000000000000000000.evtl",
        ),
        run("a page in another log", "report DIR/kinds --out DIR/ticks/page.html"),
        reports::run("a check of a log without a record", folder, "verify DIR/garbled"),
        run("a page of a log without a record", "report DIR/garbled --out DIR/page.html"),
        run("a chart that is too wide", "plot DIR/kinds payload_size --width 100000"),
        run("a description that cannot be read", "cat DIR/unclear"),
        run("a live view that this program does not have", "top DIR/kinds"),
    ]);
    assert_table("looking.txt", &rows);
}
