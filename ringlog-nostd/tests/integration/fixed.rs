//! A write of a constant length stores what any other write of the same event stores.

use ringlog_nostd::{AlignedBytes, EventHeader, Ring, RingOptions, WriteError};

use crate::queue::{options, payload_of};

/// Bytes for control words, data and overrun.
type Memory = AlignedBytes<4096>;

/// Writes the same events both ways, from every start in a lap of 512 bytes on, over old bytes that are no zeros.
fn both_ways<const N: usize>(retained: bool) {
    let payload: [u8; N] = payload_of(7, N).try_into().unwrap();
    for start in (0..512).step_by(8) {
        let options = RingOptions { retained, ..options(512, 300, start) };
        let memories = [false, true].map(|is_fixed| {
            let mut memory = Memory::new();
            memory.as_mut().fill(0xEE);
            let mut ring = Ring::format_with(memory.as_mut(), &options).unwrap();
            let (mut producer, mut consumer) = ring.split();
            for time in 0..5 {
                if is_fixed {
                    producer.write_fixed(time, 9, &payload).unwrap();
                } else {
                    producer.write_event(&EventHeader::new(time, 9, N as u16), &payload).unwrap();
                }
                let (header, read) = consumer.read_event().unwrap();
                assert_eq!((header.timestamp, read), (time, &payload[..]));
                consumer.release();
            }
            drop((producer, consumer));
            memory.as_mut().to_vec()
        });
        assert!(memories[0] == memories[1], "{N} bytes from {start}, retained: {retained}");
    }
}

#[test]
fn every_byte_is_that_of_a_plain_write() {
    for retained in [false, true] {
        both_ways::<0>(retained);
        both_ways::<1>(retained);
        both_ways::<7>(retained);
        both_ways::<8>(retained);
        both_ways::<16>(retained);
        both_ways::<31>(retained);
        both_ways::<32>(retained);
        both_ways::<33>(retained);
        both_ways::<64>(retained);
        both_ways::<255>(retained);
    }
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let mut memory = Memory::new();
    let mut ring = Ring::format_with(memory.as_mut(), &options(64, 40, 0)).unwrap();
    let (mut producer, mut consumer) = ring.split();
    assert_eq!(producer.write_fixed(1, 9, &[1; 41]), Err(WriteError::PayloadTooLarge { len: 41, max: 40 }));
    producer.write_fixed(1, 9, &[1; 40]).unwrap();
    assert_eq!(producer.write_fixed(2, 9, &[2; 8]), Err(WriteError::Full));
    assert_eq!((producer.used(), consumer.read_event().map(|(header, _)| header.timestamp)), (56, Some(1)));
    consumer.release();
    producer.write_fixed(2, 9, &[2; 8]).unwrap();
}
