//! What a log that takes no messages says.

use ringlog::event::MetaTopic;
use ringlog::logging::{MessageTypes, Sink};
use ringlog::recorder::Recorder;
use ringlog::storage::SchemaList;

#[test]
fn each_refusal_says_what_is_wrong_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut schemas = SchemaList::new();
    let json = br#"{"type":253,"name":"order","size":0,"fields":[]}"#;
    schemas.insert(MetaTopic::EventType(253), &json[..]).unwrap();
    let refusals = [
        (
            Sink::builder().recorder(Recorder::builder().schemas(schemas)),
            "event type 253 is one of the log messages' and also one of the program's events; choose another one by \
             `SinkBuilder::types`, or give the event another type",
        ),
        (
            Sink::builder().types(MessageTypes { span_closed: 252, ..MessageTypes::default() }),
            "event type 252 is that of two kinds of log messages; choose three by `SinkBuilder::types`",
        ),
        (
            Sink::builder().recorder(Recorder::builder().max_payload(100)),
            "the rings take payloads of 100 bytes, a log message needs up to 128; raise `RecorderBuilder::max_payload`",
        ),
    ];
    for (builder, text) in refusals {
        assert_eq!(builder.open(&log).unwrap_err().to_string(), text);
    }
}
