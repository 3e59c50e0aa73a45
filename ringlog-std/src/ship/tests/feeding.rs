//! What reaches the stream, over faults and restarts.

use super::*;
use crate::ship::runs::Cut;

#[test]
fn a_closed_log_is_shipped_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let (server, mut dice) = (FakeServer::new(1, Faults::default()), Dice(1));
    let mut log = writer(folder.path());
    write(&mut log, &mut dice, 3_000);
    log.close().unwrap();
    let mut shipper = shipper(folder.path(), &server, PACE).unwrap();
    ship_all(&mut shipper);
    assert!(shipper.is_done());
    check(folder.path(), &server);
    assert_eq!(shipper.state.acknowledged, 3_000);
    assert_eq!(server.borrow().most_on_their_way, PACE.window);
}

/// Writes, ships, kills and starts again, with all faults at once.
fn feed(seed: u64, faults: Faults) {
    let folder = tempfile::tempdir().unwrap();
    let (server, mut dice) = (FakeServer::new(seed, faults), Dice(seed));
    let mut log = writer(folder.path());
    let mut current = None;
    for _ in 0..12 {
        let events = dice.below(200);
        write(&mut log, &mut dice, events);
        if !dice.one_in(4) {
            log.sync().unwrap();
        }
        for _ in 0..dice.below(60) {
            let shipper = current.get_or_insert_with(|| shipper(folder.path(), &server, PACE));
            let Ok(shipper) = shipper else {
                current = None;
                continue;
            };
            shipper.step().unwrap();
        }
        if dice.one_in(2) {
            current = None;
        }
    }
    log.close().unwrap();
    drop(current);
    server.borrow_mut().faults.lost_requests = 0;
    let mut last = shipper(folder.path(), &server, PACE).unwrap();
    ship_all(&mut last);
    check(folder.path(), &server);
    // What is still on its way finds its place taken.
    server.borrow_mut().pass(Duration::from_secs(60));
    check(folder.path(), &server);
}

#[test]
fn each_record_is_once_in_the_stream_over_kills_and_faults() {
    let faults = Faults {
        lost_publishes: 30,
        lost_acknowledgements: 30,
        late_publishes: 10,
        late_acknowledgements: 20,
        busy: 40,
        lost_requests: 15,
    };
    (0..60).for_each(|seed| feed(seed, faults));
}

#[test]
fn publishes_that_come_after_the_end_was_read_again_take_no_place() {
    (100..150).for_each(|seed| feed(seed, Faults { late_publishes: 2, ..Faults::default() }));
}

#[test]
fn acknowledgements_that_come_late_or_never_double_nothing() {
    let faults = Faults { lost_acknowledgements: 4, late_acknowledgements: 3, ..Faults::default() };
    (200..240).for_each(|seed| feed(seed, faults));
}

#[test]
fn what_is_durable_now_does_not_decide_where_a_run_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut dice = Dice(5);
    let mut log = writer(folder.path());
    let mut runs = LogRuns::new(folder.path(), 1, RUN_BYTES);
    let (mut cuts, mut shorts) = (Vec::new(), 0);
    for _ in 0..300 {
        write(&mut log, &mut dice, 3);
        log.sync().unwrap();
        loop {
            match runs.next().unwrap() {
                Cut::Whole(run) => cuts.push(run),
                Cut::Short => {
                    shorts += 1;
                    break;
                }
                Cut::Nothing => break,
                other => panic!("{other:?}"),
            }
        }
    }
    log.close().unwrap();
    let mut at_once = LogRuns::new(folder.path(), 1, RUN_BYTES);
    let mut all = Vec::new();
    while let Cut::Whole(run) = at_once.next().unwrap() {
        all.push(run);
    }
    while let Cut::Whole(run) = runs.next().unwrap() {
        cuts.push(run);
    }
    assert!(shorts > 100);
    assert_eq!(cuts, all);
    let short = all.iter().filter(|run| run.bytes.len() < RUN_BYTES as usize / 2).count();
    assert!(short < 12, "{short} runs are short, and segments are few");
}

#[test]
fn nothing_is_sent_that_is_not_durable() {
    let folder = tempfile::tempdir().unwrap();
    let (server, mut dice) = (FakeServer::new(2, Faults::default()), Dice(2));
    let mut log = writer(folder.path());
    write(&mut log, &mut dice, 40);
    log.sync().unwrap();
    write(&mut log, &mut dice, 20);
    let mut shipper = shipper(folder.path(), &server, PACE).unwrap();
    ship_all(&mut shipper);
    assert_eq!(headers_of(&server).last().unwrap().next(), 40);
    assert!(shipper.state.pending_bytes > 0);
    assert!(!shipper.is_done());
    log.sync().unwrap();
    ship_all(&mut shipper);
    assert_eq!(headers_of(&server).last().unwrap().next(), 60);
    check(folder.path(), &server);
}

#[test]
fn a_short_run_goes_alone_and_the_end_is_read_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let (server, mut dice) = (FakeServer::new(3, Faults::default()), Dice(3));
    let mut log = writer(folder.path());
    write(&mut log, &mut dice, 40);
    log.sync().unwrap();
    let mut shipper = shipper(folder.path(), &server, PACE).unwrap();
    ship_all(&mut shipper);
    let stored = server.borrow().messages.len();
    write(&mut log, &mut dice, 1);
    log.sync().unwrap();
    let before = shipper.target.wire.now();
    while server.borrow().messages.len() == stored {
        shipper.step().unwrap();
    }
    write(&mut log, &mut dice, 300);
    log.sync().unwrap();
    while server.borrow().messages.len() == stored + 1 {
        shipper.step().unwrap();
    }
    let waited = shipper.target.wire.now() - before;
    assert!(waited >= PACE.linger + PACE.ack_timeout, "{waited:?}");
    ship_all(&mut shipper);
    check(folder.path(), &server);
}

#[test]
fn the_end_is_read_from_the_leader() {
    let folder = tempfile::tempdir().unwrap();
    let (server, mut dice) = (FakeServer::new(4, Faults::default()), Dice(4));
    let mut log = writer(folder.path());
    write(&mut log, &mut dice, 200);
    log.sync().unwrap();
    ship_all(&mut shipper(folder.path(), &server, PACE).unwrap());
    write(&mut log, &mut dice, 200);
    log.close().unwrap();
    server.borrow_mut().stale_by = 1;
    ship_all(&mut shipper(folder.path(), &server, PACE).unwrap());
    check(folder.path(), &server);
}

#[test]
fn the_cursor_waits_for_the_hold_and_what_the_server_lost_in_it_is_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let (server, mut dice) = (FakeServer::new(6, Faults::default()), Dice(6));
    let mut log = writer(folder.path());
    write(&mut log, &mut dice, 500);
    log.sync().unwrap();
    let mut first = shipper(folder.path(), &server, PACE).unwrap();
    ship_all(&mut first);
    assert_eq!((first.state.acknowledged, first.state.cursor), (500, 0), "the hold is not over");

    server.borrow_mut().messages.truncate(7);
    server.borrow_mut().pass(PACE.hold * 2);
    ship_all(&mut first);
    assert_eq!(first.state.cursor, 0, "the server was asked before the cursor moved");
    check(folder.path(), &server);

    server.borrow_mut().pass(PACE.hold * 2);
    ship_all(&mut first);
    assert_eq!(first.state.cursor, 500);
    drop(first);
    assert_eq!(Cursor::open(folder.path(), "ship").unwrap().next_sequence(), 500);
}

#[test]
fn a_shipper_resumes_where_the_stream_ends_and_not_where_the_cursor_is() {
    let folder = tempfile::tempdir().unwrap();
    let (server, mut dice) = (FakeServer::new(7, Faults::default()), Dice(7));
    let mut log = writer(folder.path());
    write(&mut log, &mut dice, 500);
    log.sync().unwrap();
    let mut first = shipper(folder.path(), &server, PACE).unwrap();
    ship_all(&mut first);
    server.borrow_mut().pass(PACE.hold * 2);
    ship_all(&mut first);
    drop(first);
    // The stream lost more than the hold covers, and the log still has it.
    server.borrow_mut().messages.truncate(3);
    ship_all(&mut shipper(folder.path(), &server, PACE).unwrap());
    check(folder.path(), &server);
}

#[test]
fn two_shippers_double_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (server, mut dice) = (FakeServer::new(8, Faults { late_publishes: 5, ..Faults::default() }), Dice(8));
    let mut log = writer(folder.path());
    write(&mut log, &mut dice, 2_000);
    log.close().unwrap();
    let mut one = shipper(folder.path(), &server, PACE).unwrap();
    assert!(
        matches!(shipper(folder.path(), &server, PACE), Err(ShipError::Cursor(_))),
        "the cursor is taken"
    );
    let log = WriterFile::of(folder.path()).identity.unwrap();
    let target = JetStream::open(FakeWire::of(&server), "log", log, RUN_BYTES, None).unwrap();
    let mut two = Shipper::new(target, LogRuns::new(folder.path(), log, RUN_BYTES), PACE, None);
    for _ in 0..3_000 {
        one.step().unwrap();
        two.step().unwrap();
    }
    assert!(one.is_done() && two.is_done());
    check(folder.path(), &server);
}
