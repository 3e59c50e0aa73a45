//! Compares rings that overwrite their oldest events with a queue that does the same.

use ringlog_nostd::{
    AlignedBytes, EventHeader, FlightRecorder, Gap, GapReason, Recovery, Ring, RingFault, RingOptions,
    StaticRing, WriteError,
};
use std::collections::VecDeque;
use std::ptr::NonNull;
use std::sync::Mutex;

type Owned = (EventHeader, Vec<u8>);

fn stride_of(len: usize) -> usize {
    (16 + len).div_ceil(8) * 8
}

fn event(number: u64, len: usize) -> Owned {
    let payload = (0..len as u64).map(|at| (number * 31 + at) as u8).collect();
    (EventHeader::new(number, number as u8, len as u16), payload)
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

/// The whole specification.
struct Oracle {
    events: VecDeque<Owned>,
    capacity: usize,
    used: usize,
    lost: u64,
    first_lost: u64,
}

impl Oracle {
    fn make_room(&mut self, stride: usize) {
        while self.capacity - self.used < stride {
            let (header, payload) = self.events.pop_front().unwrap();
            if self.lost == 0 {
                self.first_lost = header.timestamp;
            }
            self.lost += 1;
            self.used -= stride_of(payload.len());
        }
    }

    fn push(&mut self, (header, payload): Owned) {
        self.used += stride_of(payload.len());
        self.events.push_back((header, payload));
    }
}

fn expect_gap(recorder: &mut FlightRecorder<'_>, oracle: &mut Oracle) {
    if oracle.lost == 0 {
        return;
    }
    let (header, payload) = recorder.read_event().unwrap();
    let gap = Gap::from_event(&header, payload).expect("a GAP first");
    assert_eq!((gap.count, gap.reason, gap.log_side), (oracle.lost, GapReason::ReaderOverrun, false));
    assert_eq!((header.timestamp, header.is_committed()), (oracle.first_lost, true));
    oracle.lost = 0;
}

/// Makes one random call on both and compares the results.
fn step(recorder: &mut FlightRecorder<'_>, oracle: &mut Oracle, random: &mut Random, number: u64) {
    let len = random.below(recorder.max_payload() + 1);
    let (header, payload) = event(number, len);
    match random.below(6) {
        0 => {
            expect_gap(recorder, oracle);
            let read = recorder.read_event().map(|(header, payload)| (header.as_user(), payload.to_vec()));
            assert_eq!(read.as_ref(), oracle.events.front());
            // The next call releases it.
            if let Some((_, payload)) = oracle.events.pop_front() {
                oracle.used -= stride_of(payload.len());
            }
        }
        1 => {
            let mut claim = recorder.claim(len).unwrap();
            claim.payload_mut().copy_from_slice(&payload);
            oracle.make_room(stride_of(len));
            claim.commit(&header).unwrap();
            oracle.push((header, payload));
        }
        2 => {
            let max = recorder.max_payload();
            let refused = Err(WriteError::PayloadTooLarge { len: max + 1, max });
            assert_eq!(recorder.write_event(&header, &vec![0; max + 1]), refused);
            assert_eq!(recorder.claim(usize::MAX).err().map(|error| error == WriteError::Full), Some(false));
        }
        _ => {
            assert_eq!(recorder.write_event(&header, &payload), Ok(()));
            oracle.make_room(stride_of(len));
            oracle.push((header, payload));
        }
    }
    assert_eq!(recorder.overwritten().map_or(0, |loss| loss.count), oracle.lost);
    assert_eq!(recorder.fault(), None);
}

fn history(capacity: usize, max_payload: usize, start: usize, retained: bool, seed: u64) {
    let mut memory = AlignedBytes::<2048>::new();
    let options = RingOptions {
        capacity: Some(capacity),
        max_payload: Some(max_payload),
        start,
        retained,
        ..RingOptions::default()
    };
    let mut recorder = Ring::format_with(memory.as_mut(), &options).unwrap().overwrite_oldest();
    let mut oracle = Oracle { events: VecDeque::new(), capacity, used: 0, lost: 0, first_lost: 0 };
    let mut random = Random(seed);
    for number in 0..2000 {
        step(&mut recorder, &mut oracle, &mut random, number);
    }
    expect_gap(&mut recorder, &mut oracle);
    for (header, payload) in oracle.events {
        let (read, lent) = recorder.read_event().unwrap();
        assert_eq!((read.as_user(), lent), (header, &payload[..]));
    }
    assert_eq!(recorder.read_event(), None);
}

#[test]
fn random_histories_are_those_of_a_queue_that_drops_its_front() {
    let sizes = [(32, 0), (32, 16), (64, 48), (128, 40), (512, 100)];
    for (number, (capacity, max_payload)) in (1..).zip(sizes) {
        for start in [0, 8 * number, usize::MAX - 7, usize::MAX - 511] {
            let seed = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(number as u64 * 64 + start as u64 % 64 + 1);
            history(capacity, max_payload, start & !7, start % 3 == 0, seed);
        }
    }
}

/// Holds the leaked rings, so that a leak checker finds them.
static LEAKED: Mutex<Vec<usize>> = Mutex::new(Vec::new());

#[test]
fn everything_written_is_read_or_counted() {
    for events in [0, 1, 5, 6, 7, 100, 5000_u64] {
        let ring = Box::leak(Box::new(StaticRing::<128, 16>::new()));
        LEAKED.lock().unwrap().push((&raw const *ring).addr());
        let mut recorder = ring.overwrite_oldest();
        for number in 0..events {
            recorder.write_event(&event(number, 3).0, &event(number, 3).1).unwrap();
        }
        let (mut read, mut lost) = (0, 0);
        while let Some((header, payload)) = recorder.read_event() {
            match Gap::from_event(&header, payload) {
                Some(gap) => lost += gap.count,
                None => {
                    assert_eq!(header.timestamp, lost + read);
                    read += 1;
                }
            }
        }
        assert_eq!(lost + read, events);
        assert_eq!(read, events.min(128 / 24));
    }
}

/// A refused event overwrites nothing.
#[test]
fn a_refused_event_costs_no_other_consumer_its_place() {
    let mut memory = AlignedBytes::<1024>::new();
    let mut recorder = Ring::format(memory.as_mut(), 16).unwrap().overwrite_oldest();
    while recorder.overwritten().is_none() {
        recorder.write_event(&event(1, 16).0, &event(1, 16).1).unwrap();
    }
    assert_eq!((recorder.used(), recorder.capacity(), recorder.max_payload()), (512, 512, 16));
    let before = (recorder.used(), recorder.overwritten());
    assert!(recorder.write_event(&EventHeader::new(1, 1, 3), b"ab").is_err());
    assert!(recorder.write_event(&EventHeader::new(1, 1, 2).with_flags(0x80), b"ab").is_err());
    assert!(recorder.claim(17).is_err());
    assert_eq!((recorder.used(), recorder.overwritten()), before);
}

fn retained() -> RingOptions {
    RingOptions {
        capacity: Some(128),
        max_payload: Some(16),
        retained: true,
        identity: 77,
        ..RingOptions::default()
    }
}

/// Any next call counts a lent GAP record as reported. Events that this call overwrites are a new count.
#[test]
fn a_gap_is_reported_when_its_record_is_released() {
    fn refused(recorder: &mut FlightRecorder<'_>) {
        recorder.write_event(&EventHeader::new(0, 0, 3), b"").unwrap_err();
    }
    fn refused_claim(recorder: &mut FlightRecorder<'_>) {
        recorder.claim(17).unwrap_err();
    }
    fn read(recorder: &mut FlightRecorder<'_>) {
        assert_eq!(recorder.read_event().unwrap().0.timestamp, 12);
    }
    fn write(recorder: &mut FlightRecorder<'_>) {
        recorder.write_event(&event(20, 0).0, b"").unwrap();
    }
    fn claim(recorder: &mut FlightRecorder<'_>) {
        drop(recorder.claim(1).unwrap());
    }
    type Call = fn(&mut FlightRecorder<'_>);
    let calls: [(Call, Option<(u64, u64)>); 6] = [
        (|_| (), Some((12, 0))),
        (refused, None),
        (refused_claim, None),
        (read, None),
        (write, Some((1, 12))),
        (claim, Some((2, 12))),
    ];
    for (number, (call, next_life)) in calls.into_iter().enumerate() {
        let mut words = vec![0_u64; Ring::required_len(128, 16) / 8];
        let (start, len) = (NonNull::from(&mut words[..]).cast::<u8>(), words.len() * 8);
        // SAFETY: the words live to the end, and each ring is gone before the next is made.
        let recover = || unsafe { Ring::recover(start, len, &retained()) }.unwrap().0.overwrite_oldest();
        let counted = |recorder: &FlightRecorder<'_>| {
            recorder.overwritten().map(|loss| (loss.count, loss.first_timestamp))
        };
        let mut recorder = recover();
        for number in 0..20 {
            recorder.write_event(&event(number, 0).0, b"").unwrap();
        }
        assert_eq!(counted(&recorder), Some((12, 0)));
        let (header, payload) = recorder.read_event().unwrap();
        assert_eq!(Gap::from_event(&header, payload).unwrap().count, 12);
        assert_eq!((counted(&recorder), recorder.used()), (None, 128));
        call(&mut recorder);
        let this_life = if number == 0 { None } else { next_life };
        assert_eq!(counted(&recorder), this_life, "call {number}");
        drop(recorder);
        assert_eq!(counted(&recover()), next_life, "call {number}");
    }
}

#[test]
fn the_count_outlives_a_reset() {
    let options = retained();
    let mut words = vec![0_u64; Ring::required_len(128, 16) / 8];
    let (start, len) = (NonNull::from(&mut words[..]).cast::<u8>(), words.len() * 8);
    // SAFETY: the words live to the end, and each ring is gone before the next is made.
    let recover = || unsafe { Ring::recover(start, len, &options) }.unwrap();
    let mut recorder = recover().0.overwrite_oldest();
    for number in 0..20 {
        recorder.write_event(&event(number, 0).0, b"").unwrap();
    }
    drop(recorder);
    let (ring, recovery) = recover();
    assert_eq!(recovery, Recovery::Recovered { events: 8, cut: false });
    let mut recorder = ring.overwrite_oldest();
    let (header, payload) = recorder.read_event().unwrap();
    assert_eq!((Gap::from_event(&header, payload).unwrap().count, header.timestamp), (12, 0));
    assert_eq!(recorder.read_event().unwrap().0.timestamp, 12);
}

#[test]
fn a_corrupt_ring_is_at_fault_for_good() {
    let mut words = vec![0_u64; Ring::required_len(128, 16) / 8];
    let (start, len) = (NonNull::from(&mut words[..]).cast::<u8>(), words.len() * 8);
    let data = len - (128 + 32);
    let options = RingOptions { capacity: Some(128), max_payload: Some(16), ..RingOptions::default() };
    // SAFETY: the words live to the end, and nothing else touches them but the one store below.
    let mut recorder = unsafe { Ring::format_raw(start, len, &options) }.unwrap().overwrite_oldest();
    recorder.write_event(&event(1, 0).0, b"").unwrap();
    assert_eq!(recorder.fault(), None);
    // SAFETY: the record's flags, inside the words; no record is lent.
    unsafe { start.as_ptr().wrapping_add(data + 9).write(0) };
    let fault = RingFault::Record { position: 0 };
    assert_eq!(recorder.try_read_event(), Err(fault));
    assert_eq!((recorder.fault(), recorder.read_event()), (Some(fault), None));
}
