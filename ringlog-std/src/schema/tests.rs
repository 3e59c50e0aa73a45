use super::*;
use crate::dice::Dice;

fn fault(json: &str) -> String {
    SchemaSet::from_json(json.as_bytes()).unwrap_err().to_string()
}

/// The fault of one type with these fields, of 8 bytes.
fn field_fault(fields: &str) -> String {
    fault(&format!(r#"{{"types":[{{"type":1,"name":"a","size":8,"fields":[{fields}]}}]}}"#))
}

#[test]
fn a_fault_names_its_place_and_what_to_do() {
    for (fields, wanted) in [
        (r#"{"offset":0,"kind":"u8"}"#, ".name: missing; add it"),
        (
            r#"{"name":"a-b","offset":0,"kind":"u8"}"#,
            ".name: \"a-b\" is no name; use 1 to 64 ASCII letters, digits and _, with no digit first",
        ),
        (
            r#"{"name":"a","offset":-1,"kind":"u8"}"#,
            ".offset: no whole number from 0 to 65535; write one of these",
        ),
        (
            r#"{"name":"a","offset":0,"kind":"u7"}"#,
            ".kind: no kind \"u7\"; use u8 to u64, i8 to i64, f32, f64, bool, timestamp, text, bytes, array or struct",
        ),
        (r#"{"name":"a","offset":0,"kind":"text"}"#, ".length: missing; add it"),
        (
            r#"{"name":"a","offset":0,"kind":"text","length":0}"#,
            ".length: no whole number from 1 to 65535; write one of these",
        ),
        (
            r#"{"name":"a","offset":0,"kind":"f32","scale":-2}"#,
            ".scale: a f32 has no scale; remove it, or use an integer",
        ),
        (
            r#"{"name":"a","offset":0,"kind":"u8","scale":-2,"labels":{"0":"x"}}"#,
            ".labels: labels and a scale; remove one of them",
        ),
        (
            r#"{"name":"a","offset":0,"kind":"u8","labels":{"256":"x"}}"#,
            ".labels: \"256\" is no u8; write a number from 0 to 255",
        ),
        (
            r#"{"name":"a","offset":0,"kind":"u8","labels":{"00":"x"}}"#,
            ".labels: \"00\" is no u8; write a number from 0 to 255",
        ),
        (
            r#"{"name":"a","offset":0,"kind":"u8","labels":{"0":"x","1":"x"}}"#,
            ".labels.1: \"x\" names another value too; give each a name",
        ),
        (
            r#"{"name":"a","offset":0,"kind":"array","length":9,"item":{"kind":"u8"}}"#,
            ".offset: the field ends at byte 9, past the 8 of the type; move it, or make the size larger",
        ),
        (
            r#"{"name":"a","offset":0,"kind":"array","length":60000,"item":{"kind":"u16"}}"#,
            ": 120000 bytes, more than the 65535 that a payload can have; make it shorter",
        ),
        (r#"{"name":"a","offset":0,"kind":"array","length":2}"#, ".item: missing; add it"),
        (
            r#"{"name":"a","offset":0,"kind":"struct","size":2,"fields":[{"name":"b","offset":1,"kind":"u16"}]}"#,
            ".fields[0].offset: the field ends at byte 3, past the 2 of the struct; move it, or make the size larger",
        ),
        (r#"{"name":"a","offset":0,"kind":"u8","offset":1}"#, ".offset: twice in this object; remove one"),
    ] {
        assert_eq!(field_fault(fields), format!("types[0].fields[0]{wanted}"));
    }
    let twice = r#"{"name":"a","offset":0,"kind":"u32"},{"name":"b","offset":3,"kind":"u8"}"#;
    assert_eq!(
        field_fault(twice),
        "types[0].fields[1].offset: the field overlaps \"a\"; fields may not share bytes"
    );
    let same = r#"{"name":"a","offset":0,"kind":"u8"},{"name":"a","offset":3,"kind":"u8"}"#;
    assert_eq!(
        field_fault(same),
        "types[0].fields[1].name: there is a field \"a\" before; give it another name"
    );
    assert_eq!(
        fault("[\n{,"),
        "line 2, column 2: not JSON; look for a missing comma, colon, quote or bracket there"
    );
    assert_eq!(fault(r#"{"types":{}}"#), "types: no list; write `[...]`");
    assert_eq!(fault("7"), "no object; write `{...}`");
    assert_eq!(
        fault(r#"[{"type":1,"name":"a","size":0,"fields":[],"tail":"json"}]"#),
        "[0].tail: no tail \"json\"; use none, bytes, text or cbor"
    );
    assert_eq!(
        fault(r#"[{"type":1,"name":"a","size":0,"fields":[]},{"type":2,"name":"a","size":0,"fields":[]}]"#),
        "[1].name: type 1 is called \"a\" too; rename one of them"
    );
}

#[test]
fn a_key_without_a_meaning_is_a_fault_of_strict_json_alone() {
    let field = |keys: &str| {
        format!(
            r#"{{"types":[{{"type":1,"name":"a","size":8,"fields":[{{"name":"x","offset":0,{keys}}}],"tail":"none"}}]}}"#
        )
    };
    for (json, wanted) in [
        (
            field(r#""kind":"u8","scael":2"#),
            "types[0].fields[0].scael: no such key here; did you mean `scale`?",
        ),
        (
            field(r#""kind":"u8","length":2"#),
            "types[0].fields[0].length: no such key here; remove it, or use one of name, offset, kind, scale, unit, labels",
        ),
        (
            field(r#""kind":"array","length":2,"item":{"kind":"u8","Unit":"m"}"#),
            "types[0].fields[0].item.Unit: no such key here; did you mean `unit`?",
        ),
        (
            r#"[{"type":1,"name":"a","size":0,"fields":[],"tial":"text"}]"#.into(),
            "[0].tial: no such key here; did you mean `tail`?",
        ),
        (
            r#"{"types":[],"log":{"user":{"any":"word"},"interfaces":[{"link_type":1,"speed":"10"}]}}"#
                .into(),
            "log.interfaces[0].speed: no such key here; remove it, or use one of link_type, name",
        ),
        (r#"{"types":[],"lgo":{}}"#.into(), "lgo: no such key here; did you mean `log`?"),
    ] {
        assert!(SchemaSet::from_json(json.as_bytes()).is_ok(), "{json}");
        assert_eq!(SchemaSet::from_json_strict(json.as_bytes()).unwrap_err().to_string(), wanted);
    }
    let whole = SchemaSet::from_json(ALL_KINDS.as_bytes()).unwrap();
    assert_eq!(SchemaSet::from_json_strict(ALL_KINDS.as_bytes()).unwrap(), whole);
    let emitted = whole.to_json();
    assert_eq!(SchemaSet::from_json_strict(emitted.as_bytes()).unwrap(), whole);
}

#[test]
fn a_fault_of_shape_says_what_was_probably_meant() {
    for (json, wanted) in [
        (r#"{"type":1,"name":"a","size":0,"fields":[]}"#, "a type alone; put it into a list: `[{...}]`"),
        (r#"{"typs":[]}"#, "types: missing; write it instead of `typs`"),
        (
            r#"[{"type":1,"name":"a","size":0,"Fields":[]}]"#,
            "[0].fields: missing; write it instead of `Fields`",
        ),
        (r#"[{"type":"1"}]"#, "[0].type: no whole number from 0 to 255; remove the quotes"),
    ] {
        assert_eq!(fault(json), wanted);
    }
    let swapped = r#"{"name":"a","offset":0,"kind":"u8","labels":{"buy":0}}"#;
    assert_eq!(
        field_fault(swapped),
        "types[0].fields[0].labels: \"buy\" is no u8; write a number from 0 to 255"
    );
}

#[test]
fn what_a_set_lacks_is_added_and_nothing_else() {
    let set = |json: &str| SchemaSet::from_json(json.as_bytes()).unwrap();
    let mut log = set(r#"[{"type":1,"name":"a","size":1,"fields":[]}]"#);
    log.add_type(2, b"no JSON");
    let file = r#"{"types":[{"type":1,"name":"z","size":2,"fields":[]},{"type":2,"name":"b","size":2,"fields":[]},
        {"type":3,"name":"a","size":2,"fields":[]},{"type":4,"name":"c","size":2,"fields":[]}],"log":{"user":{"a":"b"}}}"#;
    log.add_missing(&set(file));
    let types: Vec<_> = log.types().map(|it| (it.number(), it.name(), it.size())).collect();
    assert_eq!(types, [(1, "a", 1), (4, "c", 2)]);
    assert!(log.log().is_some() && log.has(2) && !log.has(3));
}

#[test]
fn nesting_and_length_are_bounded() {
    let nested = |depth: usize| {
        let inner = (0..depth).fold(r#"{"kind":"u8"}"#.to_owned(), |item, _| {
            format!(r#"{{"kind":"array","length":1,"item":{item}}}"#)
        });
        format!(
            r#"{{"type":1,"name":"a","size":1,"fields":[{{"name":"x","offset":0,"kind":"array","length":1,"item":{inner}}}]}}"#
        )
    };
    assert!(Schema::parse(nested(7).as_bytes()).is_ok());
    assert!(Schema::parse(nested(8).as_bytes()).unwrap_err().to_string().contains("more than 8 arrays"));
    assert!(Schema::parse(nested(1200).as_bytes()).is_err());
    assert!(matches!(Schema::parse("[".repeat(70_000).as_bytes()), Err(SchemaError::TooLong { .. })));
    assert!(matches!(Schema::parse("[".repeat(60_000).as_bytes()), Err(SchemaError::Syntax { .. })));
}

#[test]
fn what_is_unknown_is_kept() {
    let json = r#"{"type":1,"name":"a","size":1,"fields":[{"name":"x","offset":0,"kind":"u8","labels":{"7":"z","2":"a"},"color":"red"}],"tail":"none","about":{"n":1e400,"s":"a b"}}"#;
    assert_eq!(Schema::parse(json.as_bytes()).unwrap().to_json(), json);
    let log = r#"{"log":{"interfaces":[{"link_type":1,"speed":10}],"zone":"UTC"}}"#;
    assert_eq!(LogInfo::parse(log.as_bytes()).unwrap().to_json(), log);
}

/// A field of each kind, at offsets without order.
const ALL_KINDS: &str = r#"[{"type":9,"name":"all","size":72,"fields":[
    {"name":"f64","offset":64,"kind":"f64"},{"name":"u8","offset":0,"kind":"u8"},{"name":"i8","offset":1,"kind":"i8"},
    {"name":"u16","offset":2,"kind":"u16","scale":2},{"name":"i16","offset":4,"kind":"i16","scale":-1},
    {"name":"u32","offset":8,"kind":"u32"},{"name":"i32","offset":12,"kind":"i32","labels":{"-1":"none at all"}},
    {"name":"u64","offset":16,"kind":"u64"},{"name":"i64","offset":24,"kind":"i64","scale":-18},
    {"name":"f32","offset":32,"kind":"f32"},{"name":"up","offset":36,"kind":"bool"},
    {"name":"at","offset":40,"kind":"timestamp"},{"name":"text","offset":48,"kind":"text","length":4},
    {"name":"raw","offset":52,"kind":"bytes","length":2},
    {"name":"pairs","offset":54,"kind":"array","length":2,"item":{"kind":"struct","size":3,"fields":[
        {"name":"a","offset":0,"kind":"u8"},{"name":"b","offset":1,"kind":"array","length":2,"item":{"kind":"i8"}}]}}],
    "tail":"bytes"}]"#;

fn all_kinds_payload() -> Vec<u8> {
    let mut payload = vec![0_u8; 72];
    payload[64..72].copy_from_slice(&f64::NEG_INFINITY.to_le_bytes());
    payload[0..8].copy_from_slice(&[200, 200, 3, 0, 0xFB, 0xFF, 0, 0]);
    payload[8..16].copy_from_slice(&[0xFF; 8]);
    payload[16..24].copy_from_slice(&u64::MAX.to_le_bytes());
    payload[24..32].copy_from_slice(&i64::MIN.to_le_bytes());
    payload[32..36].copy_from_slice(&0.1_f32.to_le_bytes());
    payload[36] = 1;
    payload[40] = 5;
    payload[48..54].copy_from_slice(b"a\x1b\0z\x01\x02");
    payload[54..60].copy_from_slice(&[1, 2, 3, 4, 5, 255]);
    payload.extend_from_slice(&[0xAB]);
    payload
}

#[test]
fn every_kind_is_shown_exactly() {
    let set = SchemaSet::from_json(ALL_KINDS.as_bytes()).unwrap();
    let payload = all_kinds_payload();
    let decoded = set.decode(9, &payload).unwrap().unwrap();
    assert_eq!(
        decoded.to_string(),
        "f64=-inf u8=200 i8=-56 u16=300 i16=-0.5 u32=4294967295 i32=\"none at all\" u64=18446744073709551615 \
         i64=-9.223372036854775808 f32=0.1 up=true at=5 text=\"a\\u001b\" raw=0x0102 \
         pairs=[{a=1 b=[2 3]} {a=4 b=[5 -1]}] tail=0xab"
    );
    let json = decoded.json().to_string();
    assert_eq!(
        json,
        r#"{"f64":"-inf","u8":200,"i8":-56,"u16":300,"i16":-0.5,"u32":4294967295,"i32":"none at all","u64":18446744073709551615,"i64":-9.223372036854775808,"f32":0.1,"up":true,"at":5,"text":"a\u001b","raw":"0102","pairs":[{"a":1,"b":[2,3]},{"a":4,"b":[5,-1]}],"tail":"ab"}"#
    );
    assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok());
    let columns: Vec<String> = decoded.schema().columns().map(|column| column.name().to_owned()).collect();
    let cells: Vec<String> = decoded.cells().map(|value| value.cell().to_string()).collect();
    assert_eq!(columns.len(), cells.len());
    assert_eq!(
        columns[14..],
        [
            "pairs[0].a",
            "pairs[0].b[0]",
            "pairs[0].b[1]",
            "pairs[1].a",
            "pairs[1].b[0]",
            "pairs[1].b[1]",
            "tail"
        ]
    );
    assert_eq!(cells[12..], ["a\\u001b", "0102", "1", "2", "3", "4", "5", "-1", "ab"]);
    for (column, cell) in columns.iter().zip(&cells) {
        assert_eq!(&decoded.get(column).unwrap().cell().to_string(), cell, "{column}");
    }
    assert!(decoded.get("pairs[2].a").is_none() && decoded.get("nothing").is_none());
}

#[test]
fn what_does_not_fit_says_why() {
    let set = SchemaSet::from_json(ALL_KINDS.as_bytes()).unwrap();
    let why = |payload: &[u8]| set.decode(9, payload).unwrap().unwrap_err().to_string();
    let mut payload = all_kinds_payload();
    assert_eq!(why(&payload[..71]), "71 bytes, and the type has 72 before its tail");
    payload[49] = 0xFF;
    assert_eq!(why(&payload), "text: not UTF-8 from byte 1 on");
    payload[49] = 0;
    payload[50] = 0xFF;
    assert!(set.decode(9, &payload).unwrap().is_ok(), "bytes after a text's end mean nothing");
}

#[test]
fn a_set_is_made_of_meta_records_and_files() {
    let meta = |number: u8, name: &str| {
        format!(r#"{{"type":{number},"name":"{name}","size":0,"fields":[],"tail":"none"}}"#).into_bytes()
    };
    let mut set = SchemaSet::new();
    set.add_type(1, &meta(1, "a"));
    set.add_type(1, &meta(1, "b"));
    assert_eq!((set.by_name("a"), set.by_name("b").map(Schema::number)), (None, Some(1)));
    set.add_type(2, &meta(1, "c"));
    set.add_type(3, &meta(3, "b"));
    let why: Vec<String> = set.unreadable().map(|it| it.error().to_string()).collect();
    assert_eq!(
        why,
        [
            "type: 1, in a record of type 2; write the same number",
            "name: type 1 is called \"b\" too; rename one of them"
        ]
    );
    set.add_type(3, &meta(3, "c"));
    assert_eq!(set.unreadable().count(), 1);
    let mut copy = SchemaSet::new();
    for (number, meta) in set.meta_records() {
        copy.add_type(number.unwrap(), &meta);
    }
    assert_eq!(copy, set);
    let file =
        SchemaSet::from_json(format!("[{}]", String::from_utf8(meta(4, "b")).unwrap()).as_bytes()).unwrap();
    assert!(set.merge(&file).is_err() && set == copy);
    let swapped = format!(
        "[{},{}]",
        String::from_utf8(meta(1, "c")).unwrap(),
        String::from_utf8(meta(3, "b")).unwrap()
    );
    set.merge(&SchemaSet::from_json(swapped.as_bytes()).unwrap()).unwrap();
    assert_eq!(set.types().map(Schema::name).collect::<Vec<_>>(), ["c", "b"]);
}

#[test]
fn rust_structs_have_the_layout_of_the_schema() {
    let set = SchemaSet::from_json(ALL_KINDS.as_bytes()).unwrap();
    assert_eq!(
        set.emit_rust(),
        r#"#[ringlog::fields]
pub struct Pairs {
    pub a: u8,
    pub b: [i8; 2],
}

#[ringlog::event(type = 9, tail = "bytes")]
pub struct All {
    pub u8: u8,
    pub i8: i8,
    #[event(scale = 2)]
    pub u16: u16,
    #[event(scale = -1)]
    pub i16: i16,
    pub reserved: [u8; 2],
    pub u32: u32,
    // With labels, which are no names of one byte in Rust.
    pub i32: i32,
    pub u64: u64,
    #[event(scale = -18)]
    pub i64: i64,
    pub f32: f32,
    pub up: bool,
    pub reserved2: [u8; 3],
    #[event(kind = "timestamp")]
    pub at: u64,
    #[event(kind = "text")]
    pub text: [u8; 4],
    pub raw: [u8; 2],
    pub pairs: [Pairs; 2],
    pub reserved3: [u8; 4],
    pub f64: f64,
}
"#
    );
    let odd = SchemaSet::from_json(
        br#"[{"type":1,"name":"odd_2","size":12,"fields":[
            {"name":"type","offset":0,"kind":"u64","scale":-2},{"name":"x","offset":9,"kind":"u16"},
            {"name":"side","offset":11,"kind":"u8","labels":{"0":"not a name"}}]},
            {"type":2,"name":"other","size":2,"fields":[
            {"name":"side","offset":0,"kind":"u8","labels":{"0":"buy"}},
            {"name":"self","offset":1,"kind":"u8","labels":{"0":"buy"}}]}]"#,
    )
    .unwrap();
    assert_eq!(
        odd.emit_rust(),
        r#"#[ringlog::event(type = 1, name = "odd_2")]
pub struct Odd2 {
    // Of kind `u64`, at byte 0, where its alignment does not let it be.
    pub r#type: [u8; 8],
    pub reserved: [u8; 1],
    // Of kind `u16`, at byte 9, where its alignment does not let it be.
    pub x: [u8; 2],
    // With labels, which are no names of one byte in Rust.
    pub side: u8,
}

#[ringlog::labels]
pub enum Side {
    Buy = 0,
}

#[ringlog::labels]
pub enum OtherSelf {
    Buy = 0,
}

#[ringlog::event(type = 2)]
pub struct Other {
    pub side: Side,
    pub self_: OtherSelf,
}
"#
    );
}

#[test]
fn random_bytes_never_panic() {
    let mut dice = Dice(7);
    let seed = SchemaSet::from_json(ALL_KINDS.as_bytes()).unwrap().by_number(9).unwrap().to_json();
    let mut readable = 0;
    for _ in 0..3000 {
        let mut bytes = seed.clone().into_bytes();
        for _ in 0..=dice.below(3) {
            let at = dice.below(bytes.len());
            match dice.below(3) {
                0 => bytes[at] = dice.pick(b"0123456789-{}[],:\"ae\xFF\\"),
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, dice.next() as u8),
            }
        }
        let mut set = SchemaSet::new();
        set.add_type(9, &bytes);
        let Some(schema) = set.by_number(9) else { continue };
        readable += 1;
        assert_eq!(Schema::parse(schema.to_json().as_bytes()).as_ref(), Ok(schema));
        let payload: Vec<u8> = (0..dice.below(90)).map(|_| dice.next() as u8).collect();
        if let Ok(decoded) = schema.decode(&payload) {
            let _ = (decoded.to_string(), decoded.json().to_string(), decoded.cells().count());
        }
        let _ = set.emit_rust();
    }
    assert!(readable > 50, "{readable} of 3000");
}
