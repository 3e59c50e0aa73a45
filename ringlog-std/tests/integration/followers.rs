//! Consumers on threads of their own: nothing waits for them, and they get each event at least once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use ringlog::consumer::EventConsumer;
use ringlog::event::{EventHeader, MetaTopic};
use ringlog::recorder::{FollowError, Recorder};
use ringlog::ring::{Producer, WriteError};
use ringlog::storage::{Cursor, CursorError, LogWriter, Retention, SchemaList, SyncPolicy};

const LIMIT: Duration = Duration::from_secs(60);

fn write(producer: &mut Producer, times: std::ops::Range<u64>) {
    for time in times {
        while let Err(error) = producer.write_event(&EventHeader::new(time, 7, 8), &time.to_le_bytes()) {
            assert_eq!(error, WriteError::Full);
            std::thread::yield_now();
        }
    }
}

/// Keeps the times of what it is given, if its gate is open.
#[derive(Clone)]
struct Keeper {
    times: Arc<Mutex<Vec<u64>>>,
    is_open: Arc<AtomicBool>,
}

impl Keeper {
    fn new(is_open: bool) -> Self {
        Self { times: Arc::default(), is_open: Arc::new(AtomicBool::new(is_open)) }
    }

    fn times(&self) -> Vec<u64> {
        self.times.lock().unwrap().clone()
    }

    fn open(&self) {
        self.is_open.store(true, Ordering::Relaxed);
    }
}

impl EventConsumer for Keeper {
    fn consume(&mut self, header: &EventHeader, payload: &[u8]) -> bool {
        let is_open = self.is_open.load(Ordering::Relaxed);
        if is_open && !header.is_gap() {
            assert_eq!(payload, header.timestamp.to_le_bytes());
            self.times.lock().unwrap().push(header.timestamp);
        }
        is_open
    }

    fn name(&self) -> &str {
        "keeper"
    }
}

/// Blocks in its first event until it may go.
struct Blocked(mpsc::Receiver<()>);

impl EventConsumer for Blocked {
    fn consume(&mut self, _: &EventHeader, _: &[u8]) -> bool {
        let _ = self.0.recv();
        true
    }

    fn name(&self) -> &str {
        "blocked"
    }
}

#[test]
fn a_blocked_follower_holds_up_neither_producer_nor_log_nor_the_end() {
    let folder = tempfile::tempdir().unwrap();
    // A ring of 4 KiB: a consumer on the recorder's thread would stop the producer at once.
    let (mut producer, recorder) = Recorder::builder().ring_bytes(4096).start(folder.path()).unwrap();
    let (go, wait) = mpsc::channel();
    let blocked = recorder.follow("blocked", Blocked(wait)).unwrap();
    let keeper = Keeper::new(true);
    let kept = recorder.follow("keeper", keeper.clone()).unwrap();
    write(&mut producer, 0..20_000);
    while recorder.counts().followers[1].events < 20_000 {
        std::thread::sleep(Duration::from_millis(1));
    }
    let counts = recorder.counts();
    assert_eq!((counts.followers[0].events, counts.followers[0].lag_bytes), (0, 20_000 * 24));
    assert_eq!((counts.followers[1].name.as_str(), counts.followers[1].lag_bytes), ("keeper", 0));
    assert_eq!(recorder.shutdown(producer).unwrap().events, 20_000);
    assert_eq!(kept.wait(LIMIT).unwrap().events, 20_000);
    assert_eq!(keeper.times(), (0..20_000).collect::<Vec<_>>());
    drop(go);
    assert_eq!(blocked.wait(LIMIT).unwrap().events, 20_000, "it takes the rest once it can");
}

#[test]
fn a_follower_that_stays_blocked_is_reported_and_left() {
    let folder = tempfile::tempdir().unwrap();
    let (mut producer, recorder) = Recorder::start(folder.path()).unwrap();
    let (_go, wait) = mpsc::channel();
    let blocked = recorder.follow("blocked", Blocked(wait)).unwrap();
    write(&mut producer, 0..10);
    recorder.shutdown(producer).unwrap();
    let error = blocked.wait(Duration::from_millis(20)).unwrap_err();
    assert!(matches!(error, FollowError::Late { .. }), "{error}");
}

#[test]
fn an_event_that_is_refused_comes_again_and_the_next_run_continues_there() {
    let folder = tempfile::tempdir().unwrap();
    let (mut producer, recorder) = Recorder::start(folder.path()).unwrap();
    let keeper = Keeper::new(false);
    let follower = recorder.follow("keeper", keeper.clone()).unwrap();
    write(&mut producer, 0..100);
    while follower.counts().refused < 3 {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!((follower.stop().unwrap().events, keeper.times()), (0, vec![]));
    // The same name once more: at the first event.
    keeper.open();
    let follower = recorder.follow("keeper", keeper.clone()).unwrap();
    assert!(matches!(
        recorder.follow("keeper", keeper.clone()),
        Err(FollowError::Cursor(CursorError::InUse { .. }))
    ));
    recorder.shutdown(producer).unwrap();
    assert_eq!(follower.wait(LIMIT).unwrap().events, 100);

    let (mut producer, recorder) = Recorder::start(folder.path()).unwrap();
    let follower = recorder.follow("keeper", keeper.clone()).unwrap();
    write(&mut producer, 100..200);
    recorder.shutdown(producer).unwrap();
    assert_eq!(follower.wait(LIMIT).unwrap().events, 100, "the cursor has the end of the first run");
    assert_eq!(keeper.times(), (0..200).collect::<Vec<_>>());
}

#[test]
fn the_cursor_is_never_stored_beyond_what_is_durable() {
    let folder = tempfile::tempdir().unwrap();
    let never = LogWriter::options().sync(SyncPolicy::EveryBytes(1 << 40));
    let (mut producer, recorder) = Recorder::builder().log(never).start(folder.path()).unwrap();
    let follower = recorder.follow("keeper", Keeper::new(true)).unwrap();
    write(&mut producer, 0..1_000);
    let end = Instant::now() + LIMIT;
    while follower.counts().events < 1_000 {
        assert!(Instant::now() < end);
        std::thread::sleep(Duration::from_millis(1));
    }
    let durable = recorder.watch().durable_position();
    assert_eq!(follower.stop().unwrap().events, 1_000);
    assert_eq!(durable, recorder.watch().durable_position(), "nothing was synced meanwhile");
    let cursor = Cursor::open(folder.path(), "keeper").unwrap();
    assert_eq!(cursor.next_sequence() * 24, durable);
    drop(cursor);
    recorder.shutdown(producer).unwrap();
}

struct Panics;

impl EventConsumer for Panics {
    fn consume(&mut self, header: &EventHeader, _: &[u8]) -> bool {
        assert_ne!(header.timestamp, 5, "planned");
        true
    }

    fn name(&self) -> &str {
        "panics"
    }
}

#[test]
fn a_follower_that_panics_is_reported_and_its_cursor_has_what_it_took() {
    let folder = tempfile::tempdir().unwrap();
    let (mut producer, recorder) = Recorder::start(folder.path()).unwrap();
    write(&mut producer, 0..10);
    recorder.shutdown(producer).unwrap();
    // The events are durable, so the cursor is stored up to the panic.
    let (producer, recorder) = Recorder::start(folder.path()).unwrap();
    let follower = recorder.follow("panics", Panics).unwrap();
    recorder.shutdown(producer).unwrap();
    let error = follower.wait(LIMIT).unwrap_err();
    assert!(matches!(&error, FollowError::Panicked { name } if name == "panics"), "{error}");
    assert_eq!(Cursor::open(folder.path(), "panics").unwrap().next_sequence(), 5);
}

#[test]
fn what_retention_deletes_before_a_follower_has_it_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let options = LogWriter::options().segment_bytes(64 << 10).retention(Retention {
        max_bytes: Some(256 << 10),
        cursor_bytes: Some(0),
        ..Retention::default()
    });
    let (mut producer, recorder) = Recorder::builder().log(options).start(folder.path()).unwrap();
    let keeper = Keeper::new(false);
    let follower = recorder.follow("keeper", keeper.clone()).unwrap();
    write(&mut producer, 0..50_000);
    recorder.shutdown(producer).unwrap();
    keeper.open();
    let counts = follower.wait(LIMIT).unwrap();
    assert_eq!(counts.events + counts.missed, 50_000);
    assert!(counts.missed > 0 && counts.has_ended, "{counts:?}");
    let times = keeper.times();
    assert!(times.is_sorted() && times.len() as u64 == counts.events);
}

/// Notes the descriptions it gets.
struct Learns(Arc<Mutex<Vec<String>>>);

impl EventConsumer for Learns {
    fn consume(&mut self, header: &EventHeader, _: &[u8]) -> bool {
        self.0.lock().unwrap().push(format!("event {}", header.timestamp));
        true
    }

    fn name(&self) -> &str {
        "learns"
    }

    fn meta(&mut self, topic: MetaTopic, json: &[u8]) {
        assert_eq!(topic, MetaTopic::EventType(7));
        self.0.lock().unwrap().push(String::from_utf8(json.to_vec()).unwrap());
    }
}

#[test]
fn a_follower_gets_descriptions_before_the_events_that_they_describe() {
    let folder = tempfile::tempdir().unwrap();
    let (mut producer, recorder) = Recorder::start(folder.path()).unwrap();
    let notes = Arc::new(Mutex::new(Vec::new()));
    let follower = recorder.follow("learns", Learns(Arc::clone(&notes))).unwrap();
    let describe = |name: &str| {
        let json = format!(r#"{{"type":7,"name":"{name}","size":8,"fields":[]}}"#);
        let mut schemas = SchemaList::new();
        schemas.insert(MetaTopic::EventType(7), json.clone().into_bytes()).unwrap();
        recorder.register(&schemas).unwrap();
        json
    };
    write(&mut producer, 0..1);
    let first = describe("first");
    write(&mut producer, 1..2);
    let second = describe("second");
    write(&mut producer, 2..3);
    recorder.shutdown(producer).unwrap();
    follower.wait(LIMIT).unwrap();
    let wanted = ["event 0".to_owned(), first, "event 1".to_owned(), second, "event 2".to_owned()];
    assert_eq!(*notes.lock().unwrap(), wanted);
}
