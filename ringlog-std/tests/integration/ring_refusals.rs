//! Rings that cannot be made, and events that no ring takes: each has its own error.

use ringlog::event::EventHeader;
use ringlog::ring::{RingBuffer, SpscRingBuffer, WriteError};

#[test]
fn capacities_of_zero_odd_and_huge_are_errors_and_never_a_panic() {
    for bad in [0, 1, 8, 16, 33, 1000, 65_535, usize::MAX / 2, usize::MAX - 7, usize::MAX, 1 << 63] {
        let errors = [
            RingBuffer::try_new(bad).map(|_| ()).unwrap_err().to_string(),
            SpscRingBuffer::try_new(bad).map(|_| ()).unwrap_err().to_string(),
        ];
        assert!(errors.iter().all(|error| error.contains(&bad.to_string())), "{errors:?}");
    }
    // A power of two that no machine has memory for.
    let error = RingBuffer::try_new(1 << 62).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("smaller"), "{error}");
}

#[test]
fn new_panics_and_names_the_capacity() {
    let panics: [fn(); 2] = [|| drop(RingBuffer::new(1000)), || drop(SpscRingBuffer::new(1000))];
    for panics in panics {
        let said = std::panic::catch_unwind(panics).unwrap_err();
        assert!(said.downcast_ref::<String>().is_some_and(|text| text.contains("1000")), "{said:?}");
    }
}

#[test]
fn a_payload_over_the_maximum_another_length_and_a_full_ring_are_three_errors() {
    let mut ring = RingBuffer::new(1024);
    let max = 1024 - 16;
    let large = vec![7; 70_000];
    let header = |len: usize| EventHeader::new(1, 2, u16::try_from(len).unwrap_or(u16::MAX));
    for len in [max + 1, 65_535, 65_536, 70_000] {
        let refused = ring.write_event(&header(len), &large[..len]);
        assert_eq!(refused, Err(WriteError::PayloadTooLarge { len, max }));
    }
    let refused = ring.write_event(&header(3), b"four");
    assert_eq!(refused, Err(WriteError::LengthMismatch { header: 3, payload: 4 }));
    ring.write_event(&header(max), &large[..max]).unwrap();
    assert_eq!(ring.write_event(&header(0), b""), Err(WriteError::Full));
    assert_eq!(ring.read_event().map(|(_, payload)| payload.len()), Some(max));
}
