//! Several consumers of one ring: which events each gets, and which stay in the ring.

use ringlog_nostd::{
    AlignedBytes, ConsumerCounts, ConsumerList, EventConsumer, EventHeader, ListFull, Producer, Ring,
    RingOptions, Run,
};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Takes the events that its rule lets through, and remembers them.
struct Script<F>(F, Vec<u64>);

impl<F: FnMut(u64) -> bool> EventConsumer for Script<F> {
    fn consume(&mut self, header: &EventHeader, payload: &[u8]) -> bool {
        assert_eq!(payload, vec![header.event_type; payload.len()]);
        let taken = (self.0)(header.timestamp);
        if taken {
            self.1.push(header.timestamp);
        }
        taken
    }

    fn name(&self) -> &str {
        "script"
    }
}

fn write(producer: &mut Producer<'_>, number: u64) -> bool {
    let payload = vec![number as u8; number as usize % 17];
    let header = EventHeader::new(number, number as u8, payload.len() as u16);
    producer.write_event(&header, &payload).is_ok()
}

fn options() -> RingOptions {
    RingOptions { capacity: Some(256), max_payload: Some(16), start: 24, ..RingOptions::default() }
}

#[test]
fn everybody_gets_everything_once_and_in_order_over_many_laps() {
    let mut memory = AlignedBytes::<1024>::new();
    let (mut producer, consumer) = Ring::format_with(memory.as_mut(), &options()).unwrap().into_ends();
    let (mut a, mut b) = (Script(|_| true, Vec::new()), Script(|_| true, Vec::new()));
    let mut list = ConsumerList::<2>::new(consumer);
    list.add_required(&mut a).unwrap();
    list.add(&mut b).unwrap();
    let mut number = 0;
    while number < 1000 {
        while write(&mut producer, number) {
            number += 1;
        }
        assert!(list.drain().unwrap() > 0);
        assert_eq!(list.drain(), Ok(0));
    }
    drop(list);
    let expected: Vec<u64> = (0..number).collect();
    assert_eq!((&a.1, &b.1), (&expected, &expected));
}

#[test]
fn a_required_consumer_that_refuses_is_offered_the_event_again_and_holds_the_ring() {
    let mut memory = AlignedBytes::<1024>::new();
    let (mut producer, consumer) = Ring::format_with(memory.as_mut(), &options()).unwrap().into_ends();
    let mut refusals = 3;
    let mut stubborn = Script(
        |number| {
            let refused = number == 2 && refusals > 0;
            refusals -= u32::from(refused);
            !refused
        },
        Vec::new(),
    );
    let mut picky = Script(|number| number % 2 == 0, Vec::new());
    let mut list = ConsumerList::<2>::new(consumer);
    list.add_required(&mut stubborn).unwrap();
    list.add(&mut picky).unwrap();
    (0..4).for_each(|number| assert!(write(&mut producer, number)));
    assert_eq!(list.drain(), Ok(16 + 24));
    assert_eq!(list.drain(), Ok(0));
    assert!(write(&mut producer, 4));
    assert_eq!(list.drain(), Ok(0));
    assert_eq!(list.drain(), Ok(24 * 3));
    let counts: Vec<_> = list.counts().map(|(_, counts)| counts).collect();
    assert_eq!(counts, [ConsumerCounts { events: 5, refused: 3 }, ConsumerCounts { events: 3, refused: 2 }]);
    drop(list);
    assert_eq!(stubborn.1, [0, 1, 2, 3, 4]);
    assert_eq!(picky.1, [0, 2, 4]);
}

#[test]
fn a_list_takes_as_many_as_it_says() {
    let mut memory = AlignedBytes::<1024>::new();
    let (mut producer, consumer) = Ring::format_with(memory.as_mut(), &options()).unwrap().into_ends();
    let (mut a, mut b) = (Script(|_| true, Vec::new()), Script(|_| true, Vec::new()));
    let mut list = ConsumerList::<1>::new(consumer);
    assert_eq!(list.add(&mut a), Ok(()));
    assert_eq!(list.add(&mut b), Err(ListFull));
    assert!(ListFull.to_string().contains("no place left"));
    assert!(write(&mut producer, 1));
    list.drain().unwrap();
    let mut consumer = list.into_inner();
    assert!(consumer.is_empty());
    assert_eq!((a.1, b.1), (vec![1], vec![]));
}

#[test]
fn nobody_listening_lets_everything_go() {
    let mut memory = AlignedBytes::<1024>::new();
    let (mut producer, consumer) = Ring::format_with(memory.as_mut(), &options()).unwrap().into_ends();
    assert!(write(&mut producer, 1));
    assert_eq!(ConsumerList::<0>::new(consumer).drain(), Ok(24));
}

#[test]
fn what_is_refused_is_passed_over_and_the_rest_of_the_run_still_offered() {
    let mut memory = AlignedBytes::<1024>::new();
    let (mut producer, consumer) = Ring::format_with(memory.as_mut(), &options()).unwrap().into_ends();
    let mut picky = Script(|number| number % 3 == 0, Vec::new());
    let mut list = ConsumerList::<1>::new(consumer);
    list.add(&mut picky).unwrap();
    (0..7).for_each(|number| assert!(write(&mut producer, number)));
    assert_eq!(list.drain(), Ok(16 + 6 * 24));
    let counts: Vec<_> = list.counts().collect();
    assert_eq!(counts, [("script", ConsumerCounts { events: 3, refused: 4 })]);
    let shown = format!("{list:?}");
    assert!(shown.contains("script") && shown.contains("refused: 4"), "{shown}");
    drop(list);
    assert_eq!(picky.1, [0, 3, 6]);
}

#[test]
fn a_drain_offers_what_was_published_when_it_began() {
    let mut memory = AlignedBytes::<1024>::new();
    let (mut producer, consumer) = Ring::format_with(memory.as_mut(), &options()).unwrap().into_ends();
    (1..3).for_each(|number| assert!(write(&mut producer, number)));
    // New events come as fast as it takes them.
    let mut refilling = Script(|number| write(&mut producer, number + 10), Vec::new());
    let mut list = ConsumerList::<1>::new(consumer);
    list.add(&mut refilling).unwrap();
    assert_eq!(list.drain(), Ok(2 * 24));
    let mut consumer = list.into_inner();
    assert_eq!(refilling.1, [1, 2]);
    assert_eq!(consumer.read_event().unwrap().0.timestamp, 11);
}

#[test]
fn what_a_consumer_accepted_before_it_panicked_it_is_not_offered_again() {
    let mut memory = AlignedBytes::<1024>::new();
    let (mut producer, consumer) = Ring::format_with(memory.as_mut(), &options()).unwrap().into_ends();
    let mut panics = 1;
    let mut fragile = Script(
        |number| {
            if number == 3 && panics > 0 {
                panics -= 1;
                resume_unwind(Box::new("over event 3"));
            }
            number != 1
        },
        Vec::new(),
    );
    let (mut before, mut after) = (Script(|_| true, Vec::new()), Script(|_| true, Vec::new()));
    let mut list = ConsumerList::<3>::new(consumer);
    list.add_required(&mut before).unwrap();
    list.add(&mut fragile).unwrap();
    list.add_required(&mut after).unwrap();
    (0..6).for_each(|number| assert!(write(&mut producer, number)));
    assert!(catch_unwind(AssertUnwindSafe(|| list.drain())).is_err());
    let counts = |list: &ConsumerList<'_, '_, 3>| list.counts().map(|(_, counts)| counts).collect::<Vec<_>>();
    let so_far = [(6, 0), (2, 1), (0, 0)].map(|(events, refused)| ConsumerCounts { events, refused });
    assert_eq!(counts(&list), so_far);
    assert_eq!(list.drain(), Ok(16 + 5 * 24));
    let in_all = [(6, 0), (5, 1), (6, 0)].map(|(events, refused)| ConsumerCounts { events, refused });
    assert_eq!(counts(&list), in_all);
    drop(list);
    assert_eq!(before.1, [0, 1, 2, 3, 4, 5]);
    assert_eq!(fragile.1, [0, 2, 3, 4, 5]);
    assert_eq!(after.1, before.1);
}

/// Reports more events of each run than there can be.
struct Boastful;

impl EventConsumer for Boastful {
    fn consume(&mut self, _: &EventHeader, _: &[u8]) -> bool {
        true
    }

    fn consume_run(&mut self, run: &mut Run<'_>) -> bool {
        run.accept_bytes(run.remaining().len(), u64::MAX);
        true
    }

    fn name(&self) -> &str {
        "boastful"
    }
}

#[test]
fn counts_end_where_their_type_does() {
    let mut memory = AlignedBytes::<1024>::new();
    let (mut producer, consumer) = Ring::format_with(memory.as_mut(), &options()).unwrap().into_ends();
    let mut boastful = Boastful;
    let mut list = ConsumerList::<1>::new(consumer);
    list.add(&mut boastful).unwrap();
    for number in 1..3 {
        assert!(write(&mut producer, number));
        assert_eq!(list.drain(), Ok(24));
    }
    assert_eq!(list.counts().next().unwrap().1, ConsumerCounts { events: u64::MAX, refused: 0 });
}
