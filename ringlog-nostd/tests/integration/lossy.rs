//! A producer that loses events instead of waiting.

use ringlog_nostd::{AlignedBytes, Delivery, EventHeader, Gap, LossyProducer, Ring, RingOptions};

fn write(producer: &mut LossyProducer<'_>, number: u64) -> Delivery {
    producer.write_event(&EventHeader::new(number, 0, 8), &number.to_le_bytes()).unwrap()
}

#[test]
fn a_gap_and_the_event_after_it_are_written_together_or_not_at_all() {
    let mut memory = AlignedBytes::<1024>::new();
    let options = RingOptions { capacity: Some(128), max_payload: Some(16), ..RingOptions::default() };
    let (producer, mut consumer) = Ring::format_with(memory.as_mut(), &options).unwrap().into_ends();
    let mut producer = producer.lossy();
    let delivered: Vec<_> = (0..6).map(|number| write(&mut producer, number)).collect();
    assert_eq!(delivered, [[Delivery::Written; 5].as_slice(), &[Delivery::Lost]].concat());
    let lost =
        |producer: &LossyProducer<'_>| producer.pending_loss().map(|loss| (loss.count, loss.first_timestamp));
    assert_eq!(lost(&producer), Some((1, 5)));
    // Room for the GAP record alone: 32 bytes of the 56.
    assert_eq!(consumer.drain(1, |_, _| ()), Ok(1));
    assert_eq!(write(&mut producer, 6), Delivery::Lost);
    assert_eq!((lost(&producer), consumer.unread()), (Some((2, 5)), 4 * 24));
    // Room for both.
    assert_eq!(consumer.drain(1, |_, _| ()), Ok(1));
    assert_eq!(write(&mut producer, 7), Delivery::Written);
    assert_eq!(lost(&producer), None);
    let mut read = Vec::new();
    let drained = consumer.drain(usize::MAX, |header, payload| {
        read.push((header.timestamp, Gap::from_event(header, payload).map(|gap| gap.count)));
    });
    assert_eq!((drained, read), (Ok(5), vec![(2, None), (3, None), (4, None), (5, Some(2)), (7, None)]));
}

#[test]
fn an_event_that_never_fits_after_a_gap_is_lost_once_and_the_next_is_delivered() {
    for (capacity, len) in [(32, 0), (64, 24), (64, 48), (128, 112), (1024, 1000)] {
        let mut memory = AlignedBytes::<4096>::new();
        let options =
            RingOptions { capacity: Some(capacity), max_payload: Some(len), ..RingOptions::default() };
        let (producer, mut consumer) = Ring::format_with(memory.as_mut(), &options).unwrap().into_ends();
        let mut producer = producer.lossy();
        let mut offered = 0;
        let mut offer = || {
            let header = EventHeader::new(offered, 0, len as u16);
            offered += 1;
            producer.write_event(&header, &vec![1; len]).unwrap()
        };
        let (mut written, mut lost, mut gaps) = (0, 0, 0);
        let mut empty = || {
            let read = |header: &EventHeader, payload: &[u8]| match Gap::from_event(header, payload) {
                Some(gap) => {
                    assert_eq!(header.timestamp, written + lost, "the time of the first loss");
                    (lost, gaps) = (lost + gap.count, gaps + 1);
                }
                None => {
                    assert_eq!(header.timestamp, written + lost);
                    written += 1;
                }
            };
            consumer.drain(usize::MAX, read).unwrap();
        };
        while offer() == Delivery::Written {}
        empty();
        assert_eq!(offer(), Delivery::Lost, "capacity {capacity}: the GAP record instead");
        for _ in 0..100 {
            empty();
            assert_eq!(offer(), Delivery::Written, "capacity {capacity}");
        }
        empty();
        assert_eq!((gaps, lost, written + lost), (1, 2, offered), "capacity {capacity}");
        assert_eq!(producer.pending_loss(), None);
    }
}

#[test]
fn what_is_refused_after_a_loss_is_no_loss_itself() {
    for capacity in [32, 1024] {
        let mut memory = AlignedBytes::<2048>::new();
        let options =
            RingOptions { capacity: Some(capacity), max_payload: Some(16), ..RingOptions::default() };
        let (producer, mut consumer) = Ring::format_with(memory.as_mut(), &options).unwrap().into_ends();
        let mut producer = producer.lossy();
        while write(&mut producer, 1) == Delivery::Written {}
        for len in [7, 9, 17, u16::MAX] {
            producer.write_event(&EventHeader::new(1, 0, len), &[1; 8]).unwrap_err();
            producer.write_event(&EventHeader::new(1, 0, len), &vec![1; len.max(17).into()]).unwrap_err();
        }
        assert_eq!(producer.pending_loss().map(|loss| loss.count), Some(1));
        consumer.drain(usize::MAX, |header, _| assert!(!header.is_gap())).unwrap();
    }
}
