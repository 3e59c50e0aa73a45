//! Messages and schemas as readers take them.

use super::*;
use crate::read::source::LogSource;
use ringlog::event::{EventHeader, Gap, GapReason, MetaTopic};
use ringlog::storage::{Filter, LogWriter, SchemaList};
use serde_json::Value;

const FIRST: u64 = 1_700_000_000_000_000_000;

/// All kinds of fields, in arrays and structs, and names that messages have themselves.
const ALL: &str = r#"{"type":1,"name":"gap","size":55,"fields":[
    {"name":"_sequence","offset":0,"kind":"u8"},
    {"name":"side","offset":1,"kind":"u8","labels":{"1":"buy"}},
    {"name":"price","offset":2,"kind":"i64","scale":-2,"unit":"USD"},
    {"name":"f","offset":10,"kind":"f64"},
    {"name":"g","offset":18,"kind":"array","length":2,"item":{"kind":"f32"}},
    {"name":"m","offset":26,"kind":"array","length":2,"item":{"kind":"array","length":2,"item":{"kind":"u8","labels":{"0":"zero"}}}},
    {"name":"s","offset":30,"kind":"struct","size":9,"fields":[{"name":"x","offset":0,"kind":"f64"},{"name":"ok","offset":8,"kind":"bool"}]},
    {"name":"t","offset":39,"kind":"timestamp"},
    {"name":"word","offset":47,"kind":"text","length":4},
    {"name":"raw","offset":51,"kind":"bytes","length":4}],"tail":"cbor"}"#;

/// The rule of Foxglove's reader: each property has one type, a word, and no item is an array.
fn check_schema(schema: &Value) {
    assert_eq!(schema["type"], "object", "{schema}");
    for (name, property) in schema["properties"].as_object().unwrap() {
        let of = |property: &Value| property["type"].as_str().map(str::to_owned);
        let kind = of(property).unwrap_or_else(|| panic!("{name}: {property}"));
        let words = ["boolean", "string", "number", "integer", "object", "array"];
        assert!(words.contains(&&*kind), "{name}: {property}");
        let items = &property["items"];
        match &*kind {
            "object" => check_schema(property),
            "array" if items["type"] == "object" => check_schema(items),
            "array" => {
                assert!(
                    of(items).is_some_and(|kind| kind != "array" && words.contains(&&*kind)),
                    "{property}"
                );
            }
            _ => {}
        }
    }
}

/// The messages of an export: topic, time and content.
fn messages(log: &std::path::Path) -> (Vec<(String, u64, Value)>, Done) {
    let out = log.with_extension("mcap");
    let draft = Draft::begin(&out, false, true).unwrap();
    let mut recording = Box::new(Recording::begin(&draft, Arc::default()).unwrap());
    let (mut source, mut filter) = (LogSource::open(log).unwrap(), Filter::new());
    while source.advance(&mut filter).unwrap() {
        let clock = source.clock();
        recording.take(&source.found_event().unwrap(), clock).unwrap();
    }
    let done = recording.finish().unwrap();
    draft.finish().unwrap();
    let bytes = std::fs::read(&out).unwrap();
    let mut found = Vec::new();
    for message in mcap::MessageStream::new(&bytes).unwrap().map(Result::unwrap) {
        check_schema(&serde_json::from_slice(&message.channel.schema.as_ref().unwrap().data).unwrap());
        let content = serde_json::from_slice(&message.data).unwrap();
        found.push((message.channel.topic.clone(), message.log_time, content));
    }
    (found, done)
}

fn payload(f: f64) -> Vec<u8> {
    let mut bytes = vec![7, 2];
    bytes.extend(1025_i64.to_le_bytes());
    bytes.extend(f.to_le_bytes());
    bytes.extend([1.5_f32.to_le_bytes(), f32::INFINITY.to_le_bytes()].concat());
    bytes.extend([0, 1, 2, 0]);
    bytes.extend(f.to_le_bytes());
    bytes.push(1);
    bytes.extend(5_u64.to_le_bytes());
    bytes.extend(b"ab\0\0\x01\x02\x03\x04\xA1\x62id\x07");
    bytes
}

#[test]
fn each_property_has_one_type_and_a_message_fits_it() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut list = SchemaList::new();
    list.insert(MetaTopic::EventType(1), ALL.as_bytes()).unwrap();
    let mut writer = LogWriter::options().schemas(list).open(&log).unwrap();
    for f in [2.5, f64::NAN] {
        let payload = payload(f);
        writer.write_event(&EventHeader::new(FIRST, 1, payload.len() as u16), &payload).unwrap();
    }
    writer.append_gap(FIRST, Gap::new(GapReason::RingFull, 0)).unwrap();
    writer.close().unwrap();
    let (found, done) = messages(&log);
    let topics: Vec<_> = found.iter().map(|(topic, ..)| &**topic).collect();
    assert_eq!(topics, ["/gap-2", "/gap-2", "/gap"], "GAP records have a topic of no type");
    let first = serde_json::json!({
        "_sequence": 1, "_flags": 0, "payload._sequence": 7, "side": "2", "price": 10.25, "f": 2.5, "g": [1.5, null],
        "m": [{"values": ["zero", "1"]}, {"values": ["2", "zero"]}], "s": {"x": 2.5, "ok": true}, "t": 5, "word": "ab",
        "raw": "01020304", "tail": "{\"id\":7}"
    });
    assert_eq!(found[0].2, first);
    let mut second = first;
    second["_sequence"] = 2.into();
    second.as_object_mut().unwrap().remove("f");
    second["s"].as_object_mut().unwrap().remove("x");
    assert_eq!(found[1].2, second);
    assert_eq!(found[2].2, serde_json::json!({"_sequence": 3, "reason": "ring full", "log_side": false}));
    assert_eq!((done.left_out[0].0, done.left_out[0].1), (4, "value"), "{done:?}");
}

#[test]
fn no_message_is_in_1970_and_a_changed_layout_has_its_own_topic() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    for (segment, kind) in ["u8", "i8", ""].iter().enumerate() {
        let mut list = SchemaList::new();
        if !kind.is_empty() {
            let json = format!(
                r#"{{"type":1,"name":"t","size":1,"fields":[{{"name":"x","offset":0,"kind":"{kind}"}}]}}"#
            );
            list.insert(MetaTopic::EventType(1), json.as_bytes()).unwrap();
        }
        let mut writer = LogWriter::options().schemas(list).open(&log).unwrap();
        if segment == 0 {
            writer.append_gap(0, Gap::new(GapReason::RingFull, 1)).unwrap();
        }
        for time in [FIRST + segment as u64, 0] {
            writer.write_event(&EventHeader::new(time, 1, 1), &[200]).unwrap();
        }
        writer.append_gap(0, Gap::new(GapReason::RingFull, 1)).unwrap();
        writer.close().unwrap();
    }
    let (found, done) = messages(&log);
    let found: Vec<_> = found.iter().map(|(topic, time, _)| (&**topic, time - FIRST)).collect();
    assert_eq!(found, [("/t", 0), ("/gap", 0), ("/t-2", 1), ("/gap", 1), ("/type-1", 2), ("/gap", 2)]);
    let left_out: Vec<_> = done.left_out.iter().map(|(count, what, _)| (*count, *what)).collect();
    assert_eq!(left_out, [(1, "GAP record"), (3, "event")], "{done:?}");
}
