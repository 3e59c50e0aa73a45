//! Streams that do not end with what the log has: refused, or continued after a GAP.

use super::*;

fn shipped(seed: u64, events: u64) -> (tempfile::TempDir, Shared, LogWriter, Dice) {
    let folder = tempfile::tempdir().unwrap();
    let (server, mut dice) = (FakeServer::new(seed, Faults::default()), Dice(seed));
    let mut log = writer(folder.path());
    write(&mut log, &mut dice, events);
    log.sync().unwrap();
    ship_all(&mut shipper(folder.path(), &server, PACE).unwrap());
    (folder, server, log, dice)
}

/// Steps until it fails.
fn error_of(folder: &Path, server: &Shared) -> String {
    let mut shipper = match shipper(folder, server, PACE) {
        Ok(shipper) => shipper,
        Err(error) => return error.to_string(),
    };
    (0..200).find_map(|_| shipper.step().err()).expect("an error").to_string()
}

#[test]
fn the_stream_of_another_log_is_refused() {
    let (_first, server, ..) = shipped(1, 100);
    let other = tempfile::tempdir().unwrap();
    drop(writer(other.path()));
    let error = error_of(other.path(), &server);
    assert!(error.contains("the stream log is of log"), "{error}");
}

#[test]
fn a_log_that_is_older_than_the_stream_is_refused_with_both_positions() {
    let (folder, server, mut log, mut dice) = shipped(2, 100);
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(folder.path()).unwrap().map(Result::unwrap).filter(|it| it.path().is_file()) {
        fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    write(&mut log, &mut dice, 200);
    log.close().unwrap();
    ship_all(&mut shipper(folder.path(), &server, PACE).unwrap());
    let position = server.borrow().messages.len();
    let error = error_of(copy.path(), &server);
    assert!(error.contains(&format!("ends at message {position}, records ")), "{error}");
    // The copy continues by itself.
    let mut log = writer(copy.path());
    write(&mut log, &mut dice, 300);
    log.close().unwrap();
    let error = error_of(copy.path(), &server);
    assert!(error.contains("has salt"), "{error}");
}

#[test]
fn a_foreign_last_message_and_a_purged_stream_are_refused() {
    let (folder, server, ..) = shipped(3, 100);
    let position = server.borrow().messages.len();
    server.borrow_mut().deleted = position;
    let error = error_of(folder.path(), &server);
    assert!(error.contains("its last message was deleted"), "{error}");
    let foreign = fake::Stored { headers: Vec::new(), payload: b"hello".to_vec() };
    server.borrow_mut().messages.push(foreign);
    let error = error_of(folder.path(), &server);
    assert!(error.contains("its last message has no header Ringlog-Run"), "{error}");
}

#[test]
fn resume_at_continues_after_a_gap() {
    let (folder, server, mut log, mut dice) = shipped(4, 100);
    let position = server.borrow().messages.len();
    server.borrow_mut().deleted = position;
    write(&mut log, &mut dice, 500);
    log.close().unwrap();
    let mut shipper = shipper(folder.path(), &server, Pace { resume_at: Some(100), ..PACE }).unwrap();
    ship_all(&mut shipper);
    let headers = headers_of(&server);
    assert_eq!((headers[position].kind, headers[position].next()), (Kind::Gap, 100));
    assert_eq!(headers[position + 1].first, 100);
    assert_eq!(headers.last().unwrap().next(), 600);
    assert_eq!(shipper.state.gaps, 1);
}

#[test]
fn what_retention_took_before_it_was_shipped_is_a_gap_that_names_it() {
    let (folder, server, mut log, mut dice) = shipped(5, 100);
    write(&mut log, &mut dice, 1_000);
    log.close().unwrap();
    let segments: Vec<u64> = crate::storage::LogReader::open(folder.path())
        .unwrap()
        .segments()
        .iter()
        .map(|segment| segment.header.base_sequence)
        .collect();
    let next = segments[2];
    assert!(next > 100);
    for gone in &segments[..2] {
        fs::remove_file(folder.path().join(crate::storage::names::segment_name(*gone))).unwrap();
    }
    ship_all(&mut shipper(folder.path(), &server, PACE).unwrap());
    let headers = headers_of(&server);
    let gap = headers.iter().position(|header| header.kind == Kind::Gap).unwrap();
    assert_eq!((headers[gap].first, headers[gap].next()), (100, next));
    assert_eq!((headers[gap + 1].first, headers.last().unwrap().next()), (next, 1_100));
}

#[test]
fn a_stream_that_was_made_again_is_fed_from_the_start_of_the_log() {
    let (folder, server, mut log, mut dice) = shipped(6, 100);
    let mut shipper = shipper(folder.path(), &server, PACE).unwrap();
    ship_all(&mut shipper);
    server.borrow_mut().messages.clear();
    server.borrow_mut().created = 2;
    write(&mut log, &mut dice, 100);
    log.close().unwrap();
    ship_all(&mut shipper);
    check(folder.path(), &server);
}

#[test]
fn a_stream_is_compared_with_its_log_message_by_message() {
    let (folder, server, mut log, mut dice) = shipped(9, 600);
    let compare = || {
        let log = WriterFile::of(folder.path()).identity.unwrap();
        let mut target = JetStream::open(FakeWire::of(&server), "log", log, RUN_BYTES, None).unwrap();
        let mut runs = LogRuns::new(folder.path(), log, target.run_bytes);
        crate::ship::check::compare(&mut target, &mut runs).unwrap()
    };
    let messages = server.borrow().messages.len() as u64;
    assert_eq!((compare().same, compare().differences), (messages, Vec::new()));
    for at in [3, 4, 7] {
        server.borrow_mut().messages[at].payload[40] ^= 1;
    }
    server.borrow_mut().messages[9].headers.clear();
    let check = compare();
    let ranges: Vec<_> = check.differences.iter().map(|it| (it.first_message, it.last_message)).collect();
    assert_eq!((ranges, check.same), (vec![(4, 5), (8, 8), (10, 10)], messages - 4), "{check:?}");
    // What the log deletes cannot be compared.
    write(&mut log, &mut dice, 900);
    log.close().unwrap();
    let segments = crate::storage::LogReader::open(folder.path()).unwrap().segments().to_vec();
    fs::remove_file(&segments[0].path).unwrap();
    let check = compare();
    assert!(check.older > 3 && check.same > 0, "{check:?}");
}

#[test]
fn streams_that_cannot_keep_the_promise_are_refused() {
    let (folder, server, ..) = shipped(7, 10);
    let config = server.borrow().config.clone();
    let cases = [
        ("max_msg_size", serde_json::json!(20_000), "max_msg_size of the stream"),
        ("no_ack", serde_json::json!(true), "acknowledgements"),
        ("retention", serde_json::json!("workqueue"), "the retention `limits`"),
        ("subjects", serde_json::json!(["a.*"]), "without wildcards"),
        ("metadata", serde_json::json!({}), "was not made for a log"),
    ];
    for (name, value, expected) in cases {
        let mut changed = config.clone();
        changed[name] = value;
        server.borrow_mut().config = changed;
        let error = error_of(folder.path(), &server);
        assert!(error.contains(expected), "{name}: {error}");
    }
    server.borrow_mut().version = "2.9.10".into();
    assert!(error_of(folder.path(), &server).contains("version 2.9.10"));
}
