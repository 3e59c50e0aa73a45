//! The same calls, to `tracing_subscriber::fmt` and to a log.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use ringlog::logging::{Layer, Sink};
use serde_json::{Map, Value, json};
use tracing::{Level, debug, error, event, info, info_span, trace, warn};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::read::{cat, named};

struct UnixNanos;

impl FormatTime for UnixNanos {
    fn format_time(&self, out: &mut Writer<'_>) -> fmt::Result {
        write!(out, "{}", unix_nanos())
    }
}

fn unix_nanos() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos().try_into().unwrap()
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a line says, without its time.
#[derive(PartialEq, Eq, Debug)]
struct Said {
    level: Value,
    target: Value,
    message: Value,
    fields: Value,
    /// Name and fields of the span.
    span: Value,
}

fn calls() {
    info!("a plain message");
    warn!(target: "other::target", "a {} message", "formatted");
    error!(id = 7_u64, price = 101.25, side = ?Some("buy"), name = %"x\ty", is_open = true, delta = -3, "filled");
    event!(Level::INFO, id = 1);
    // The message is not the first of the fields.
    event!(Level::INFO, id = 1, message = "last");
    info!(r#type = "limit", "a raw name");
    info!(
        empty = tracing::field::Empty,
        error = &io::Error::other("no more") as &dyn std::error::Error,
        "größer 我 \u{1b}[1m"
    );
    let session = info_span!("session", user = "ada", orders = tracing::field::Empty);
    session.in_scope(|| {
        info!("in a span");
        session.record("orders", 12);
        let order = info_span!(target: "other::target", "order", id = 9, message = "of a span");
        let _entered = order.enter();
        debug!(step = 1, "in two spans");
        trace!("finer");
        info!(parent: &session, "in the outer span");
    });
    warn!("after the spans");
}

#[test]
fn cat_says_what_fmt_says_of_the_same_calls() {
    let folder = tempfile::tempdir().unwrap();
    let (sink, guard) = Sink::open(folder.path()).unwrap();
    let lines = Lines::default();
    let writer = lines.clone();
    let fmt =
        tracing_subscriber::fmt::layer().json().with_timer(UnixNanos).with_writer(move || writer.clone());
    let before = unix_nanos();
    let subscriber = tracing_subscriber::registry().with(fmt).with(Layer::new(&sink));
    tracing::subscriber::with_default(subscriber, calls);
    let after = unix_nanos();
    let summary = guard.finish().unwrap();
    assert_eq!((summary.log.lost, summary.dropped), (0, 0));

    let lines = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let theirs: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let events = cat(folder.path());
    let ours = records_with_spans(&events);
    assert_eq!(theirs.len(), ours.len(), "{lines}");
    assert_eq!(ours.len(), 12);
    for (theirs, (timestamp, ours)) in theirs.iter().zip(&ours) {
        assert_eq!(&said_by_fmt(theirs), ours);
        let time: u64 = theirs["timestamp"].as_str().unwrap().parse().unwrap();
        // The clocks differ by some parts in a million, and a thread may lose its processor between the two.
        assert!(time.abs_diff(*timestamp) < 1_000_000_000, "{time} and {timestamp}");
        assert!((before - 1_000_000..after + 1_000_000).contains(timestamp), "{before} {timestamp} {after}");
    }
    let spans = named(&events, "span_opened");
    assert_eq!(spans.len(), 2);
    assert_eq!(spans[0]["fields"]["parent"], 0);
    assert_eq!(spans[1]["fields"]["parent"], spans[0]["fields"]["span"]);
    assert_eq!(spans[1]["fields"]["tail"]["target"], "other::target");
    let closed: Vec<_> =
        named(&events, "span_closed").iter().map(|it| it["fields"]["span"].clone()).collect();
    assert_eq!(closed, [&spans[1]["fields"]["span"], &spans[0]["fields"]["span"]].map(Clone::clone));
}

/// With its default features, `tracing-subscriber` sends the records of `log` this way.
#[test]
fn a_record_of_log_that_comes_through_tracing_has_its_target_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let (sink, guard) = Sink::open(folder.path()).unwrap();
    let log = |target: &str| {
        let mut record = log::Record::builder();
        record.level(log::Level::Warn).target(target).module_path(Some("app::orders"));
        record.file(Some("src/orders.rs")).line(Some(70));
        tracing_log::format_trace(&record.args(format_args!("order {} is late", 7)).build()).unwrap();
    };
    tracing::subscriber::with_default(tracing_subscriber::registry().with(Layer::new(&sink)), || {
        let _entered = info_span!("session").entered();
        log("app::orders");
        log("log");
    });
    guard.finish().unwrap();
    let events = cat(folder.path());
    let session = &named(&events, "span_opened")[0]["fields"]["span"];
    let fields: Vec<_> = named(&events, "log_record").iter().map(|event| &event["fields"]).collect();
    assert_eq!(fields.len(), 2);
    for fields in &fields {
        assert_eq!(
            (&fields["level"], &fields["line"], &fields["span"]),
            (&json!("WARN"), &json!(70), session)
        );
    }
    let message = "order 7 is late";
    assert_eq!(fields[0]["tail"], json!({ "target": "app::orders", "message": message }));
    assert_eq!(fields[1]["tail"], json!({ "target": "log", "message": message, "file": "src/orders.rs" }));
}

fn said_by_fmt(line: &Value) -> Said {
    let mut fields = line["fields"].clone();
    let message = fields.as_object_mut().unwrap().remove("message").unwrap_or(Value::Null);
    let span = line.get("span").cloned().unwrap_or(Value::Null);
    Said { level: line["level"].clone(), target: line["target"].clone(), message, fields, span }
}

/// Returns the messages with their times. The spans have the fields that they had at that moment.
fn records_with_spans(events: &[Value]) -> Vec<(u64, Said)> {
    let mut spans: HashMap<u64, Map<String, Value>> = HashMap::new();
    let mut records = Vec::new();
    for event in events {
        let (fields, tail) = (&event["fields"], &event["fields"]["tail"]);
        let span = fields["span"].as_u64().unwrap();
        assert_ne!(fields["cut"], true, "{event}");
        let values = tail.get("fields").cloned().unwrap_or_else(|| json!({}));
        if let Some(name) = tail.get("name") {
            let known = spans.entry(span).or_default();
            known.insert("name".into(), name.clone());
            known.extend(values.as_object().unwrap().clone());
        } else if event["type"] == "log_record" {
            let said = Said {
                level: fields["level"].clone(),
                target: tail["target"].clone(),
                message: tail["message"].clone(),
                fields: values,
                span: spans.get(&span).map_or(Value::Null, |span| Value::Object(span.clone())),
            };
            records.push((event["timestamp"].as_u64().unwrap(), said));
        }
    }
    records
}

#[test]
fn directives_choose_as_they_do_for_fmt() {
    let folder = tempfile::tempdir().unwrap();
    let (sink, guard) = Sink::open(folder.path()).unwrap();
    let layer = Layer::new(&sink).with_filter(EnvFilter::new("warn,other::target=debug,[session]=trace"));
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        calls();
        debug!(target: "other::target", "chosen by its target");
    });
    guard.finish().unwrap();
    let events = cat(folder.path());
    let said: Vec<_> = records_with_spans(&events).into_iter().map(|(_, said)| said.message).collect();
    let wanted = [
        "a formatted message",
        "filled",
        "in a span",
        "in two spans",
        "finer",
        "in the outer span",
        "after the spans",
        "chosen by its target",
    ];
    assert_eq!(said, wanted);
}

#[test]
fn an_event_that_asks_for_no_span_has_none() {
    // Here `fmt` gives the span that the thread is in.
    let folder = tempfile::tempdir().unwrap();
    let (sink, guard) = Sink::open(folder.path()).unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(Layer::new(&sink)), || {
        let _entered = info_span!("session").entered();
        info!(parent: None, "a message");
    });
    guard.finish().unwrap();
    assert_eq!(named(&cat(folder.path()), "log_record")[0]["fields"]["span"], 0);
}
