//! Exports of known content, as `Printer` writes them.

use super::*;
use crate::output::payload::PayloadForm;
use crate::output::{CatFormat, PrintStyle, Printer};
use ringlog::event::{ClockKind, Event, EventHeader};
use ringlog::schema::{Schema, SchemaSet};
use std::sync::Arc;

type Records = Vec<(EventHeader, Vec<u8>)>;

fn records() -> Records {
    let event = |time: u64, flags, payload: &[u8]| {
        let header = EventHeader::new(1_700_000_000_000_000_000 + time, 3, payload.len() as u16);
        (header.with_flags(flags), payload.to_vec())
    };
    let gap = |gap: Gap| (Gap::header(1_700_000_000_000_000_002), gap.to_payload().to_vec());
    vec![
        event(0, 0, b"a\\b\t\"x\",\n"),
        event(2, 5, b"\xFF\x00\x1b"),
        gap(Gap::new(GapReason::RingFull, 3)),
        gap(Gap { log_side: true, extent: 9, ..Gap::new(GapReason::from_code(77), 0) }),
        event(1, 15, b""),
        event(3, 0, "é\r日".as_bytes()),
    ]
}

fn read(file: &Path) -> (Records, Vec<String>, SchemaList) {
    let mut feed = ExportedFeed::open(file, None).unwrap();
    let (mut found, mut payload) = (Vec::new(), Vec::new());
    loop {
        match feed.next_event(&mut payload).unwrap() {
            Next::Kept(header) => found.push((header, payload.clone())),
            Next::Lost(loss) => found.push((EventHeader::new(0, 0, 0), loss.skip.unwrap().what.into_bytes())),
            _ => break,
        }
    }
    (found, feed.notes(), feed.schemas())
}

fn write(style: PrintStyle, set: Option<&SchemaSet>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut printer = Printer::new(style, &mut bytes).unwrap();
    if let Some(set) = set {
        printer.print_meta(&SchemaList::try_from(set).unwrap()).unwrap();
    }
    for (sequence, (header, payload)) in (0..).zip(records()) {
        printer.print(&Event::new(header, &payload, sequence, 64), ClockKind::UnixNanos).unwrap();
    }
    printer.flush().unwrap();
    drop(printer);
    bytes
}

#[test]
fn every_record_is_read_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("export");
    let json = br#"[{"type":3,"name":"note","size":0,"fields":[],"tail":"bytes"}]"#;
    let set = SchemaSet::from_json(json).unwrap();
    let table: Schema = set.by_number(3).unwrap().clone();
    let plain = |format, payload| PrintStyle { payload, is_exact: true, ..PrintStyle::of(format) };
    let forms = [PayloadForm::Auto, PayloadForm::Text, PayloadForm::Hex, PayloadForm::Base64];
    let mut styles: Vec<_> = forms.iter().map(|&form| plain(CatFormat::Json, form)).collect();
    styles.extend(forms.map(|form| plain(CatFormat::Csv, form)));
    styles.push(PrintStyle { table: Some(Arc::new(table)), ..plain(CatFormat::Csv, PayloadForm::Auto) });
    for style in styles {
        let is_json = style.format == CatFormat::Json;
        let bytes = write(style.clone(), is_json.then_some(&set));
        assert!(is_export(&bytes), "{style:?}");
        std::fs::write(&path, &bytes).unwrap();
        let (found, notes, schemas) = read(&path);
        assert_eq!((found, notes.len()), (records(), 1 + usize::from(is_json)), "{style:?}: {notes:?}");
        assert_eq!(schemas.of_type(3).is_some(), is_json);
    }
}

#[test]
fn a_row_that_is_no_record_is_a_loss_and_the_others_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("export");
    let style = PrintStyle { payload: PayloadForm::Hex, is_exact: true, ..PrintStyle::of(CatFormat::Csv) };
    let table = String::from_utf8(write(style, None)).unwrap();
    for (from, to) in
        [("\n1,", "\nx,"), (",ff001b", ",ff001"), (",3,5,", ",3,16,"), (",3,5,event", ",3,5,event,1")]
    {
        assert!(table.contains(from), "{from}");
        std::fs::write(&path, table.replacen(from, to, 1)).unwrap();
        let (found, ..) = read(&path);
        let mut wanted = records();
        wanted[1] = found[1].clone();
        assert_eq!(found, wanted, "{to}");
        assert_eq!(found[1].0, EventHeader::new(0, 0, 0), "{to}");
    }
    for other in ["sequence,timestamp,price\n", "{\"sequence\":1,\"price\":2}\n", "{\"metal\":1}", ""] {
        assert!(!is_export(other.as_bytes()), "{other}");
    }
}

#[test]
fn bytes_that_do_not_fit_what_the_row_says_are_a_loss_that_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("export");
    let style = PrintStyle { payload: PayloadForm::Hex, is_exact: true, ..PrintStyle::of(CatFormat::Json) };
    let lines = String::from_utf8(write(style, None)).unwrap();
    for (from, to) in
        [("\"payload_len\":3,", "\"payload_len\":2,"), ("\"hex\":\"ff001b\"", "\"hex\":\"ff00\"")]
    {
        assert!(lines.contains(from), "{lines}");
        std::fs::write(&path, lines.replacen(from, to, 1)).unwrap();
        let (found, ..) = read(&path);
        assert!(found[1].1.starts_with(b"a payload of another length"), "{to}");
        assert_eq!(found.len(), records().len());
    }
    let tables = folder.path().join("tables");
    std::fs::create_dir(&tables).unwrap();
    let json = r#"[{"type":3,"name":"note","size":2,"fields":[{"name":"x","offset":0,"kind":"u16"}]}]"#;
    std::fs::write(tables.join("schema.json"), json).unwrap();
    let header = "sequence,timestamp,time,event_type,flags,kind,gap,x,payload (hex)\n";
    let rows = [
        "0,5,,3,0,event,,1,0100\n",
        "1,5,,3,0,event,,1,01\n",
        "2,5,,3,0,unfit,,,01\n",
        "3,5,,3,0,banana,,1,0100\n",
    ];
    let table = tables.join("note.csv");
    std::fs::write(&table, format!("{header}{}", rows.concat())).unwrap();
    let (found, ..) = read(&tables);
    let words = |at: usize| String::from_utf8_lossy(&found[at].1).into_owned();
    // What cannot be read comes at once.
    let lost: Vec<_> = (0..4).filter(|&at| found[at].0 == EventHeader::new(0, 0, 0)).collect();
    assert_eq!(lost.len(), 2, "{found:?}");
    assert!(words(lost[0]).starts_with("note.csv: a payload that does not fit"), "{}", words(lost[0]));
    assert!(words(lost[1]).starts_with("note.csv: a row whose kind"), "{}", words(lost[1]));
    // With other descriptions the bytes count.
    let mut feed = ExportedFeed::open(&tables, Some(&tables.join("schema.json"))).unwrap();
    assert!((0..2).all(|_| matches!(feed.next_event(&mut Vec::new()), Ok(Next::Kept(_)))));
    // Saved by a spreadsheet.
    std::fs::write(tables.join("other.csv"), header.replace(',', ";")).unwrap();
    let refused = ExportedFeed::open(&tables, None).unwrap_err().to_string();
    assert!(refused.contains("other.csv: its first line is not one"), "{refused}");
    assert_eq!(first_table(&tables), Some(table));
}
