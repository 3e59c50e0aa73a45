//! The trait that takes events: its default methods, and its use through a reference.

use ringlog_nostd::format::encode;
use ringlog_nostd::{EventConsumer, EventHeader, Run};

/// Refuses events from a given number on, and remembers each call.
#[derive(Default)]
struct Diary {
    refuses_from: u64,
    calls: Vec<String>,
}

impl EventConsumer for Diary {
    fn consume(&mut self, header: &EventHeader, payload: &[u8]) -> bool {
        self.calls.push(format!("{} {payload:?}", header.timestamp));
        header.timestamp < self.refuses_from
    }

    fn name(&self) -> &str {
        "diary"
    }

    fn idle(&mut self) {
        self.calls.push("idle".into());
    }
}

fn records(count: u64) -> Vec<u8> {
    let mut bytes = vec![0; count as usize * 24];
    for (record, number) in bytes.chunks_exact_mut(24).zip(0..) {
        encode(record, &EventHeader::new(number, 0, 1), &[number as u8]).unwrap();
    }
    bytes
}

/// Checks a consumer that is passed as a value of its type.
fn visit(mut consumer: impl EventConsumer, bytes: &[u8]) -> (bool, usize) {
    assert_eq!(consumer.name(), "diary");
    consumer.idle();
    assert!(consumer.consume(&EventHeader::new(0, 0, 1), &[7]));
    assert!(!consumer.consume(&EventHeader::new(9, 0, 0), &[]));
    let mut run = Run::new(bytes).unwrap();
    (consumer.consume_run(&mut run), run.remaining().len())
}

#[test]
fn a_reference_to_a_consumer_is_that_consumer() {
    let bytes = records(3);
    for (refuses_from, expected, last) in [(5, (true, 0), "2 [2]"), (1, (false, 48), "1 [1]")] {
        let mut diary = Diary { refuses_from, ..Diary::default() };
        assert_eq!(visit(&mut diary, &bytes), expected);
        assert_eq!(diary.calls[..4], ["idle", "0 [7]", "9 []", "0 [0]"]);
        assert_eq!(diary.calls.last().unwrap(), last);
    }
}

#[test]
fn a_run_is_taken_one_event_after_the_other_until_one_is_refused() {
    let bytes = records(3);
    let mut run = Run::new(&bytes).unwrap();
    let mut diary = Diary { refuses_from: 2, ..Diary::default() };
    assert!(!diary.consume_run(&mut run));
    assert_eq!((run.accepted_events(), run.remaining().len()), (2, 24));
    diary.refuses_from = 3;
    assert!(diary.consume_run(&mut run));
    assert!(run.is_done());
    assert_eq!(diary.calls, ["0 [0]", "1 [1]", "2 [2]", "2 [2]"]);
}

#[test]
fn accepting_more_than_is_left_is_accepting_what_is_left() {
    let bytes = records(3);
    let mut run = Run::new(&bytes).unwrap();
    run.accept();
    run.accept_bytes(usize::MAX, 2);
    assert_eq!((run.accepted_bytes(), run.accepted_events(), run.is_done()), (72, 3, true));
    assert!(run.remaining().is_empty() && run.peek().is_none());
}
