//! Messages that are nested, long, many, or of all kinds.

use std::fmt;
use std::sync::{Arc, OnceLock};

use ringlog::consumer::EventConsumer;
use ringlog::event::EventHeader;
use ringlog::logging::{Layer, Logger, MessageTypes, Sink, SinkError};
use ringlog::recorder::Recorder;
use serde_json::{Value, json};
use tracing::info;
use tracing_subscriber::layer::SubscriberExt;

use crate::allocations;
use crate::alone::is_alone;
use crate::read::{cat, messages, named};

/// Returns a logger; the macros of `log` give it all levels.
pub(crate) fn logger_of(sink: &Sink) -> Logger {
    log::set_max_level(log::LevelFilter::Trace);
    Logger::new(sink)
}

/// Logs while it is formatted.
struct Talker<'l>(&'l Logger, u32);

impl fmt::Display for Talker<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("before")?;
        if self.1 > 0 {
            log::info!(logger: self.0, "depth {} {}", self.1 - 1, Talker(self.0, self.1 - 1));
        }
        f.write_str(" after")
    }
}

#[test]
fn a_display_that_logs_puts_its_message_first() {
    let folder = tempfile::tempdir().unwrap();
    let (sink, guard) = Sink::open(folder.path()).unwrap();
    let logger = logger_of(&sink);
    log::info!(logger: logger, "depth 3 {}", Talker(&logger, 3));
    assert_eq!(guard.finish().unwrap().dropped, 0);
    let wanted: Vec<_> = (0..4).map(|depth| format!("depth {depth} before after")).collect();
    assert_eq!(messages(&cat(folder.path())), wanted);
}

struct Tracer;

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        info!("inner");
        f.write_str("formatted")
    }
}

#[test]
fn a_debug_that_traces_puts_its_event_first() {
    // A subscriber of one thread alone is not asked from within itself.
    if !is_alone("messages::a_debug_that_traces_puts_its_event_first") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (sink, guard) = Sink::open(folder.path()).unwrap();
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Layer::new(&sink))).unwrap();
    info!(value = ?Tracer, "outer");
    assert_eq!(guard.finish().unwrap().dropped, 0);
    let events = cat(folder.path());
    assert_eq!(messages(&events), ["inner", "outer"]);
    assert_eq!(events[1]["fields"]["tail"]["fields"], json!({ "value": "formatted" }));
}

#[test]
fn a_debug_that_panics_leaves_the_thread_able_to_log() {
    let folder = tempfile::tempdir().unwrap();
    let (sink, guard) = Sink::open(folder.path()).unwrap();
    let logger = logger_of(&sink);
    struct Panics;
    impl fmt::Display for Panics {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("in a message")
        }
    }
    let panicked = std::panic::catch_unwind(|| log::info!(logger: logger, "{}", Panics));
    assert!(panicked.is_err());
    log::info!(logger: logger, "after it");
    assert_eq!(guard.finish().unwrap().dropped, 0);
    assert_eq!(messages(&cat(folder.path())), ["after it"]);
}

#[test]
fn a_message_that_is_too_long_is_cut_and_marked() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::builder().max_payload(200);
    let (sink, guard) = Sink::builder().recorder(recorder).open(folder.path()).unwrap();
    let logger = logger_of(&sink);
    for len in 0..400 {
        log::info!(logger: logger, len = len, text:? = "größer"; "{}", "ö".repeat(len));
    }
    let summary = guard.finish().unwrap();
    assert_eq!((summary.log.events, summary.dropped), (400, 0));
    let mut cut = 0;
    for (len, event) in cat(folder.path()).iter().enumerate() {
        let (fields, tail) = (&event["fields"], &event["fields"]["tail"]);
        let message = tail["message"].as_str().unwrap_or_else(|| panic!("{event}"));
        assert!(message.chars().all(|sign| sign == 'ö') && message.len() <= 2 * len);
        let is_whole =
            message.len() == 2 * len && tail["fields"] == json!({ "len": len, "text": "\"größer\"" });
        assert_eq!(fields["cut"], !is_whole, "{event}");
        cut += usize::from(!is_whole);
    }
    assert!((300..390).contains(&cut), "{cut}");
}

#[test]
fn fields_of_log_have_their_kinds() {
    let folder = tempfile::tempdir().unwrap();
    let (sink, guard) = Sink::open(folder.path()).unwrap();
    let logger = logger_of(&sink);
    let name = String::from("ada");
    log::error!(logger: logger, target: "app",
        number = 7_u64, below = -7, wide = u128::MAX, half = 0.5, is_open = true, name = name.as_str(), any:? = (1, 2),
        nothing = None::<u8>; "a message");
    log::trace!(logger: logger, "without fields");
    guard.finish().unwrap();
    let events = cat(folder.path());
    let fields = &events[0]["fields"];
    assert_eq!(
        (&fields["level"], &fields["span"], &fields["cut"]),
        (&json!("ERROR"), &json!(0), &json!(false))
    );
    let wanted = json!({
        "number": 7, "below": -7, "wide": u128::MAX.to_string(), "half": 0.5, "is_open": true, "name": "ada",
        "any": "(1, 2)", "nothing": Value::Null,
    });
    assert_eq!(fields["tail"]["fields"], wanted);
    assert_eq!((&fields["tail"]["target"], &fields["tail"]["message"]), (&json!("app"), &json!("a message")));
    assert!(fields["tail"]["file"].as_str().unwrap().ends_with("messages.rs"), "{fields}");
    // The target leads to the file.
    assert_eq!(events[1]["fields"]["tail"], json!({ "target": module_path!(), "message": "without fields" }));
    assert_eq!(events[1]["fields"]["level"], "TRACE");
}

#[test]
fn an_event_that_is_too_long_is_cut_and_marked() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::builder().max_payload(200);
    let (sink, guard) = Sink::builder().recorder(recorder).open(folder.path()).unwrap();
    let subscriber = tracing_subscriber::registry().with(Layer::new(&sink));
    tracing::subscriber::with_default(subscriber, || {
        for len in 0..400 {
            let text = "ö".repeat(len);
            info!(target: "app", len, text, half = 0.5, is_long = ?(len > 100), "{}", "é".repeat(len / 4));
        }
    });
    let summary = guard.finish().unwrap();
    assert_eq!((summary.log.events, summary.dropped), (400, 0));
    let mut whole = 0;
    for (len, event) in cat(folder.path()).iter().enumerate() {
        let (fields, tail) = (&event["fields"], &event["fields"]["tail"]);
        assert_eq!(tail["target"], "app");
        let message = tail["message"].as_str().unwrap_or_else(|| panic!("{event}"));
        assert!(message.chars().all(|sign| sign == 'é') && message.len() <= len / 4 * 2);
        let text = tail["fields"]["text"].as_str().unwrap_or_default();
        assert!(text.chars().all(|sign| sign == 'ö') && text.len() <= 2 * len);
        let all =
            json!({ "len": len, "text": "ö".repeat(len), "half": 0.5, "is_long": (len > 100).to_string() });
        let file = tail["file"].as_str().is_some_and(|file| file.ends_with("messages.rs"));
        let is_whole = message.len() == len / 4 * 2 && tail["fields"] == all && file;
        assert_eq!(fields["cut"], !is_whole, "{event}");
        whole += usize::from(is_whole);
    }
    assert!((5..60).contains(&whole), "{whole}");
}

#[test]
fn fields_of_tracing_have_their_names_and_kinds() {
    let folder = tempfile::tempdir().unwrap();
    let (sink, guard) = Sink::open(folder.path()).unwrap();
    let subscriber = tracing_subscriber::registry().with(Layer::new(&sink));
    tracing::subscriber::with_default(subscriber, || {
        // A call is known from the second time on.
        for _ in 0..2 {
            info!(
                a_name_of_15_b = 1,
                a_name_of_sixteen = 2,
                a_name_that_has_no_place = "text",
                r#type = 3,
                "short and long"
            );
            info!(
                below = -7,
                least = i64::MIN,
                most = u64::MAX,
                wide = u128::MAX,
                is_open = true,
                half = 0.5,
                "kinds"
            );
            info!(number = 300, nothing = tracing::field::Empty, "nothing");
            tracing::event!(target: "app", tracing::Level::WARN, first = 1, message = "in the middle", last = 2);
            tracing::event!(tracing::Level::ERROR, only = "fields");
        }
    });
    assert_eq!(guard.finish().unwrap().log.events, 10);
    let events = cat(folder.path());
    let tail =
        |at: usize| (&events[at]["fields"]["tail"]["message"], &events[at]["fields"]["tail"]["fields"]);
    for at in [0, 5] {
        let wanted = json!({ "a_name_of_15_b": 1, "a_name_of_sixteen": 2, "a_name_that_has_no_place": "text", "type": 3 });
        assert_eq!(tail(at), (&json!("short and long"), &wanted));
        let wanted = json!({
            "below": -7, "least": i64::MIN, "most": u64::MAX, "wide": u128::MAX.to_string(), "is_open": true, "half": 0.5,
        });
        assert_eq!(tail(at + 1), (&json!("kinds"), &wanted));
        assert_eq!(tail(at + 2), (&json!("nothing"), &json!({ "number": 300 })));
        assert_eq!(tail(at + 3), (&json!("in the middle"), &json!({ "first": 1, "last": 2 })));
        assert_eq!(
            (&events[at + 3]["fields"]["level"], &events[at + 3]["fields"]["tail"]["target"]),
            (&json!("WARN"), &json!("app"))
        );
        assert_eq!(tail(at + 4), (&Value::Null, &json!({ "only": "fields" })));
    }
}

/// Calls it eight times, each in its place.
macro_rules! eight {
    ($call:expr) => {
        $call;
        $call;
        $call;
        $call;
        $call;
        $call;
        $call;
        $call;
    };
}

#[test]
fn each_of_many_calls_is_known_once_it_was_made() {
    let folder = tempfile::tempdir().unwrap();
    let (sink, guard) = Sink::open(folder.path()).unwrap();
    let subscriber = tracing_subscriber::registry().with(Layer::new(&sink));
    tracing::subscriber::with_default(subscriber, || {
        let log = || {
            eight!({
                eight!({
                    info!(id = 1, "one");
                    info!("another");
                });
            });
        };
        log();
        let before = allocations::count();
        (0..3).for_each(|_| log());
        assert_eq!(allocations::count() - before, 0);
    });
    assert_eq!(guard.finish().unwrap().log.events, 4 * 128);
}

#[test]
fn threads_log_beside_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let (sink, guard) = Sink::open(folder.path()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let sink = &sink;
            scope.spawn(move || {
                let subscriber = tracing_subscriber::registry().with(Layer::new(sink));
                tracing::subscriber::with_default(subscriber, || {
                    (0..500).for_each(|number| info!(thread, number, "one of many"));
                });
            });
        }
    });
    let summary = guard.finish().unwrap();
    assert_eq!((summary.log.events, summary.log.lost, summary.dropped), (4_000, 0, 0));
    let mut next = [0; 8];
    let mut ids = [const { Value::Null }; 8];
    for event in cat(folder.path()) {
        let fields = &event["fields"]["tail"]["fields"];
        let thread = fields["thread"].as_u64().unwrap() as usize;
        assert_eq!(fields["number"], next[thread]);
        assert!(next[thread] == 0 || ids[thread] == event["fields"]["thread"]);
        ids[thread] = event["fields"]["thread"].clone();
        next[thread] += 1;
    }
    assert_eq!(next, [500; 8]);
    ids.sort_by_key(|id| id.as_u64());
    assert!(ids.windows(2).all(|two| two[0] != two[1]), "{ids:?}");
}

#[test]
fn nothing_is_allocated_once_the_thread_has_logged() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::builder().ring_bytes(1 << 20);
    let (sink, guard) = Sink::builder().recorder(recorder).open(folder.path()).unwrap();
    let logger = logger_of(&sink);
    let subscriber = tracing_subscriber::registry().with(Layer::new(&sink));
    tracing::subscriber::with_default(subscriber, || {
        let log = || {
            info!(id = 7_u64, price = 101.25, side = ?Some("buy"), "filled");
            log::info!(logger: logger, id = 7_u64, price = 101.25; "filled {} of {}", 3, 4);
        };
        log();
        let before = allocations::count();
        (0..1_000).for_each(|_| log());
        assert_eq!(allocations::count() - before, 0);
    });
    assert_eq!(guard.finish().unwrap().log.events, 2_002);
}

#[test]
fn a_type_that_the_program_has_is_an_error_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    #[ringlog::event(type = 253)]
    struct Order {
        id: u64,
    }
    ringlog::events!(Orders: Order);
    let recorder = || Recorder::builder().events::<Orders>();
    let error = Sink::builder().recorder(recorder()).open(folder.path()).unwrap_err();
    assert!(matches!(error, SinkError::TypeTaken { event_type: 253 }), "{error}");
    let types = MessageTypes { span_opened: 9, span_closed: 252, ..MessageTypes::default() };
    let error = Sink::builder().types(types).recorder(recorder()).open(folder.path()).unwrap_err();
    assert!(matches!(error, SinkError::SameType { event_type: 252 }), "{error}");
    assert_eq!(folder.path().read_dir().unwrap().count(), 0, "a log was made all the same");

    let types = MessageTypes { span_opened: 9, ..MessageTypes::default() };
    let (sink, guard) = Sink::builder().types(types).recorder(recorder()).open(folder.path()).unwrap();
    sink.producers().with(|producer| producer.write(1, &Order { id: 7 })).unwrap().unwrap();
    log::info!(logger: logger_of(&sink), "beside it");
    assert_eq!(guard.finish().unwrap().log.events, 2);
    let events = cat(folder.path());
    assert_eq!(named(&events, "order")[0]["fields"], json!({ "id": 7 }));
    assert_eq!(messages(&events), ["beside it"]);
}

#[test]
fn short_payloads_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error =
        Sink::builder().recorder(Recorder::builder().max_payload(127)).open(folder.path()).unwrap_err();
    assert!(matches!(error, SinkError::Payload { max_payload } if max_payload < 128), "{error}");
}

#[test]
fn what_finds_a_full_ring_is_counted_by_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::builder().ring_bytes(1024).max_payload(200);
    let (sink, guard) = Sink::builder().recorder(recorder).open(folder.path()).unwrap();
    let logger = logger_of(&sink);
    (0..20_000).for_each(|number| log::info!(logger: logger, "{number}"));
    let summary = guard.finish().unwrap();
    assert!(summary.log.lost > 0, "{summary:?}");
    assert_eq!((summary.log.events + summary.log.lost, summary.dropped), (20_000, 0), "{summary:?}");
}

/// Logs for each event that is no message.
struct Logs(Arc<OnceLock<Logger>>);

impl EventConsumer for Logs {
    fn consume(&mut self, header: &EventHeader, _: &[u8]) -> bool {
        if header.event_type == 1 {
            log::info!(logger: self.0.wait(), "seen at {}", header.timestamp);
        }
        true
    }

    fn name(&self) -> &str {
        "logs"
    }
}

#[test]
fn the_recorders_own_thread_does_not_wait_for_itself() {
    let folder = tempfile::tempdir().unwrap();
    let logger = Arc::new(OnceLock::new());
    let recorder = Recorder::builder().ring_bytes(4096).max_payload(256).consumer(Logs(Arc::clone(&logger)));
    let (sink, guard) = Sink::builder().recorder(recorder).open(folder.path()).unwrap();
    logger.set(logger_of(&sink)).unwrap();
    let mut producer = sink.producers().producer().unwrap().lossy();
    for time in 0..10_000 {
        producer.write_event(&EventHeader::new(time, 1, 0), b"").unwrap();
    }
    drop(producer);
    let summary = guard.finish().unwrap();
    // The last messages of the recorder may come after it has shut the log.
    assert!(summary.log.events > 0, "{summary:?}");
    assert!(summary.log.events + summary.log.lost + summary.dropped >= 10_000, "{summary:?}");
}
