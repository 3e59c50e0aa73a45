//! Reads schemas, payloads and expressions that others may have written.
//!
//! An input is a META payload, an expression and an event's payload, with a zero byte between them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringlog::event::{Event, EventHeader};
use ringlog::schema::{Expression, LogInfo, Schema, SchemaSet};

/// Columns that are looked at: a schema of 100 bytes may have 65,535.
const MOST_COLUMNS: usize = 1000;

fuzz_target!(|input: &[u8]| {
    let mut parts = input.splitn(3, |&byte| byte == 0);
    let mut part = || parts.next().unwrap_or_default();
    let (meta, expression, payload) = (part(), part(), part());
    let set = read(meta);
    if let Some(schema) = set.types().next() {
        decode(schema, payload);
    }
    if let Ok(expression) = std::str::from_utf8(expression) {
        choose(expression, &set, payload);
    }
});

/// What is read is written and read again without a change.
fn read(meta: &[u8]) -> SchemaSet {
    if let Ok(log) = LogInfo::parse(meta) {
        assert_eq!(LogInfo::parse(log.to_json().as_bytes()).as_ref(), Ok(&log));
    }
    let mut set = match Schema::parse(meta) {
        Ok(schema) => {
            assert_eq!(Schema::parse(schema.to_json().as_bytes()).as_ref(), Ok(&schema));
            let mut set = SchemaSet::new();
            set.add_type(schema.number(), meta);
            set
        }
        Err(_) => SchemaSet::from_json(meta).unwrap_or_default(),
    };
    assert_eq!(SchemaSet::from_json(set.to_json().as_bytes()).as_ref(), Ok(&set));
    let _ = set.emit_rust();
    set.add_type(255, meta);
    set.add_log(meta);
    set
}

fn decode(schema: &Schema, payload: &[u8]) {
    let columns = schema.columns().take(MOST_COLUMNS).count();
    // A payload of the right length has better chances.
    let mut sized = payload.to_vec();
    sized.resize(schema.size(), 0);
    for payload in [payload, &sized] {
        let Ok(decoded) = schema.decode(payload) else { continue };
        assert_eq!(decoded.cells().take(MOST_COLUMNS).count(), columns);
        let _ = (decoded.to_string(), decoded.json().to_string());
        for column in schema.columns().take(10) {
            assert!(decoded.get(column.name()).is_some());
        }
    }
}

fn choose(expression: &str, set: &SchemaSet, payload: &[u8]) {
    let expression = match Expression::parse(expression) {
        Ok(expression) => expression,
        Err(error) => {
            assert!(expression.get(error.place()).is_some());
            let _ = error.to_string();
            return;
        }
    };
    let _ = expression.bind(set).map_err(|error| error.to_string());
    let bound = expression.bind_known(set);
    for event_type in set.types().map(Schema::number).chain([0]) {
        let header = EventHeader::new(1, event_type, payload.len().try_into().unwrap_or_default());
        let _ = bound.matches(&Event::new(header, payload, 0, 64));
    }
}
