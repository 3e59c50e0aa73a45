//! One test or a few for each defect that shipped in another ring and could exist in this one.

use ringlog_nostd::{
    AlignedBytes, Consumer, Delivery, EventHeader, Gap, GapReason, Producer, Ring, RingError, RingFault,
    RingOptions, StaticRing, WriteError,
};
use std::mem::ManuallyDrop;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

const CAPACITY: usize = 128;
const MAX_PAYLOAD: usize = 40;
const RECORD_BYTES: usize = 24;

/// Offsets of the words, in bytes, as `control.rs` documents them.
const WIDE: bool = usize::BITS == 64;
const HEAD: usize = if WIDE { 128 } else { 32 };
const TAIL: usize = if WIDE { 256 } else { 56 };
const DATA: usize = if WIDE { 384 } else { 64 };

/// Bytes after the ring, which no write may reach.
const CANARY: u64 = 0xCAFE_F00D_DEAD_BEEF;

fn header_of(number: u64, len: usize) -> EventHeader {
    EventHeader::new(number, 1, u16::try_from(len).unwrap())
}

fn options(capacity: usize, start: usize) -> RingOptions {
    RingOptions { capacity: Some(capacity), start, ..RingOptions::default() }
}

/// Writes an event of 8 payload bytes: one record of 24 bytes.
fn write_small(producer: &mut Producer<'_>, number: u64) -> Result<(), WriteError> {
    producer.write_event(&header_of(number, 8), &number.to_le_bytes())
}

fn fill(producer: &mut Producer<'_>) -> u64 {
    (0..).take_while(|number| write_small(producer, *number).is_ok()).count() as u64
}

fn timestamps(consumer: &mut Consumer<'_>) -> Vec<u64> {
    let mut found = Vec::new();
    consumer.drain(usize::MAX, |header, _| found.push(header.timestamp)).unwrap();
    found
}

fn addresses(bytes: &[u8]) -> Range<usize> {
    let start = bytes.as_ptr().addr();
    start..start + bytes.len()
}

/// Memory that a hostile neighbour can write to, with canaries after it.
struct Shared {
    words: Vec<u64>,
}

impl Shared {
    fn new() -> Self {
        let words = Ring::required_len(CAPACITY, MAX_PAYLOAD).div_ceil(8);
        let mut words = vec![0; words];
        words.extend([CANARY; 16]);
        Self { words }
    }

    const fn len_bytes(&self) -> usize {
        (self.words.len() - 16) * 8
    }

    fn start(&mut self) -> NonNull<u8> {
        NonNull::from(&mut self.words[..]).cast()
    }

    fn canaries_live(&self) -> bool {
        self.words.iter().rev().take(16).all(|word| *word == CANARY)
    }
}

/// Both ends of a ring, and the neighbour's way to its words.
struct Hostile {
    shared: Box<Shared>,
    start: NonNull<u8>,
}

impl Hostile {
    fn new() -> Self {
        let mut shared = Box::new(Shared::new());
        let start = shared.start();
        Self { shared, start }
    }

    fn ends(&self) -> (Producer<'_>, Consumer<'_>) {
        let options = RingOptions {
            capacity: Some(CAPACITY),
            max_payload: Some(MAX_PAYLOAD),
            ..RingOptions::default()
        };
        // SAFETY: the words live as long as `self`; only the ends and `poke` touch them, all in one thread.
        let ring = unsafe { Ring::format_raw(self.start, self.shared.len_bytes(), &options) };
        ring.unwrap().into_ends()
    }

    fn attach(&self) -> Result<Ring<'_>, RingError> {
        // SAFETY: as in `ends`, and no ends are out when this is called.
        unsafe { Ring::attach(self.start, self.shared.len_bytes()) }
    }

    fn word_at(&self, offset_bytes: usize) -> NonNull<usize> {
        assert!(offset_bytes.is_multiple_of(size_of::<usize>()) && offset_bytes < self.shared.len_bytes());
        // SAFETY: inside the words, just checked.
        unsafe { self.start.add(offset_bytes) }.cast()
    }

    fn peek(&self, offset_bytes: usize) -> usize {
        // SAFETY: an aligned word inside the buffer; no payload slice is out.
        unsafe { self.word_at(offset_bytes).read() }
    }

    fn poke(&self, offset_bytes: usize, value: usize) {
        // SAFETY: as in `peek`.
        unsafe { self.word_at(offset_bytes).write(value) };
    }

    fn poke_header(&self, index: usize, header: EventHeader) {
        let to = self.word_at(DATA + index).cast::<[u64; 2]>();
        // SAFETY: as in `peek`; the data region is 8-aligned and every record has at least two words.
        unsafe { to.write(header.to_words().map(u64::to_le)) };
    }

    fn assert_inside(&self, payload: &[u8]) {
        let ring = self.start.addr().get()..self.start.addr().get() + self.shared.len_bytes();
        let payload = addresses(payload);
        assert!(ring.start <= payload.start && payload.end <= ring.end);
    }
}

/// Returns words that a broken or hostile peer may leave, near the right one.
fn hostile_words(right: usize) -> Vec<usize> {
    let near = (0..=CAPACITY + 24).flat_map(|d| [right.wrapping_add(d), right.wrapping_sub(d)]);
    let bits = (0..usize::BITS).flat_map(|bit| [1 << bit, right ^ (1 << bit), usize::MAX << bit]);
    near.chain(bits).chain([0, usize::MAX, usize::MAX / 2]).collect()
}

#[test]
fn pitfall_01_memory_is_never_handed_out_twice() {
    static RING: StaticRing<64, 16> = StaticRing::new();
    let _ends = RING.split().unwrap();
    assert_eq!(RING.split().unwrap_err(), RingError::AlreadySplit);

    let mut memory = AlignedBytes::<1024>::new();
    for start in (0..256).step_by(8) {
        let mut ring = Ring::format_with(memory.as_mut(), &options(CAPACITY, start)).unwrap();
        let (mut producer, mut consumer) = ring.split();
        write_small(&mut producer, 1).unwrap();
        let (_, lent) = consumer.read_event().unwrap();
        let mut claim = producer.claim(CAPACITY - RECORD_BYTES - 16).unwrap();
        let (lent, claimed) = (addresses(lent), addresses(claim.payload_mut()));
        assert!(lent.end <= claimed.start || claimed.end <= lent.start, "start {start}");
    }
}

#[test]
fn pitfall_01_a_ring_that_was_split_unchecked_is_not_split_again() {
    static RING: StaticRing<64, 16> = StaticRing::new();
    // SAFETY: once, and before any other call.
    let (mut producer, mut consumer) = unsafe { RING.split_unchecked() };
    write_small(&mut producer, 1).unwrap();
    assert_eq!(RING.split().unwrap_err(), RingError::AlreadySplit);
    assert_eq!(consumer.read_event().unwrap().0.timestamp, 1, "and what is in it stays");
}

#[test]
fn pitfall_02_hostile_lengths_are_refused() {
    let mut memory = AlignedBytes::<1024>::new();
    for start in [0, 8, 120, usize::MAX - 7] {
        let mut ring = Ring::format_with(memory.as_mut(), &options(CAPACITY, start)).unwrap();
        let (mut producer, mut consumer) = ring.split();
        producer.write_event(&header_of(1, 1), b"x").unwrap();
        let max = producer.max_payload();
        let hostile = (0..4096).map(|k| usize::MAX - k);
        let near_powers = (0..usize::BITS).flat_map(|bit| [1_usize << bit, usize::MAX >> bit]);
        for len in hostile.chain(near_powers).filter(|len| *len > max) {
            let refused = Some(WriteError::PayloadTooLarge { len, max });
            assert_eq!(producer.claim(len).err(), refused);
            assert_eq!(producer.batch().claim(len).err(), refused);
        }
        assert_eq!(consumer.read_event().unwrap().1, b"x");
        assert_eq!(consumer.read_event(), None);
    }
}

#[test]
fn pitfall_02_hostile_releases_and_skips_are_bounded() {
    let mut memory = AlignedBytes::<1024>::new();
    let mut ring = Ring::format_with(memory.as_mut(), &options(CAPACITY, 8)).unwrap();
    let (mut producer, mut consumer) = ring.split();
    let written = fill(&mut producer);
    let published = written as usize * RECORD_BYTES;
    for skip in [published, published + 1, usize::MAX, usize::MAX - 7, usize::MAX / 2] {
        assert!(consumer.peek_run(skip).unwrap().is_none(), "skip {skip}");
    }
    consumer.release_bytes(usize::MAX);
    assert_eq!((producer.used(), consumer.position()), (0, 8 + published));
    assert_eq!(fill(&mut producer), written);
}

#[test]
fn pitfall_03_no_dead_zone_at_any_offset() {
    let mut memory = AlignedBytes::<1024>::new();
    let mut ring = Ring::format_with(memory.as_mut(), &options(64, 0)).unwrap();
    let (mut producer, mut consumer) = ring.split();
    for lap in 0..64_u64 {
        for len in 0..=48 {
            let payload = vec![lap as u8; len];
            assert_eq!(producer.write_event(&header_of(lap, len), &payload), Ok(()), "lap {lap} len {len}");
            assert_eq!(consumer.read_event().unwrap().1, &payload[..]);
            consumer.release();
        }
        // Moves the offset on by one record of 16 bytes or of 24.
        let odd = usize::from(lap % 3 == 0);
        producer.write_event(&header_of(lap, odd), &[0][..odd]).unwrap();
        assert_eq!(consumer.drain(1, |_, _| ()), Ok(1));
    }
}

#[test]
fn pitfall_04_full_is_reported_and_overwrites_nothing() {
    let mut memory = AlignedBytes::<1024>::new();
    for start in (0..CAPACITY).step_by(8) {
        let mut ring = Ring::format_with(memory.as_mut(), &options(CAPACITY, start)).unwrap();
        let (mut producer, mut consumer) = ring.split();
        let written = fill(&mut producer);
        assert_eq!(written, (CAPACITY / RECORD_BYTES) as u64, "start {start}");
        for len in 8..=producer.max_payload() {
            assert_eq!(producer.write_event(&header_of(9, len), &vec![9; len]), Err(WriteError::Full));
            assert_eq!(producer.claim(len).err(), Some(WriteError::Full));
            assert_eq!(
                producer.batch().write_event(&header_of(9, len), &vec![9; len]),
                Err(WriteError::Full)
            );
        }
        assert_eq!(timestamps(&mut consumer), (0..written).collect::<Vec<_>>(), "start {start}");
    }
}

#[test]
fn pitfall_04_what_can_never_fit_is_never_called_full() {
    let mut memory = AlignedBytes::<1024>::new();
    let mut ring = Ring::format_with(memory.as_mut(), &options(64, 0)).unwrap();
    let (mut producer, _consumer) = ring.split();
    for _ in 0..3 {
        let refused = WriteError::PayloadTooLarge { len: 49, max: 48 };
        assert_eq!(producer.write_event(&header_of(0, 49), &[0; 49]), Err(refused));
        assert_eq!(producer.claim(49).err(), Some(refused));
        let mismatch = WriteError::LengthMismatch { header: 3, payload: 4 };
        assert_eq!(producer.write_event(&header_of(0, 3), &[0; 4]), Err(mismatch));
        let flags = header_of(0, 0).with_flags(0x10);
        assert_eq!(producer.write_event(&flags, &[]), Err(WriteError::Flags { found: 0x10 }));
        let _ = write_small(&mut producer, 0);
    }
}

#[test]
fn pitfall_05_positions_wrap_unnoticed() {
    let mut memory = AlignedBytes::<1024>::new();
    for k in 0..=32_usize {
        let start = (usize::MAX - 8 * k) & !7;
        let mut ring = Ring::format_with(memory.as_mut(), &options(64, start)).unwrap();
        let (mut producer, mut consumer) = ring.split();
        for number in 0..70_000_u64.div_ceil(1 + k as u64 * 8) {
            write_small(&mut producer, number).unwrap();
            write_small(&mut producer, number).unwrap();
            assert_eq!(write_small(&mut producer, number), Err(WriteError::Full));
            assert_eq!(timestamps(&mut consumer), [number, number], "start {start:#x}");
        }
    }
}

#[test]
fn pitfall_06_a_lent_payload_does_not_change_while_it_is_lent() {
    let mut memory = AlignedBytes::<1024>::new();
    for start in (0..CAPACITY).step_by(8) {
        let mut ring = Ring::format_with(memory.as_mut(), &options(CAPACITY, start)).unwrap();
        let (mut producer, mut consumer) = ring.split();
        let written = fill(&mut producer);
        assert_eq!(consumer.drain(1, |_, _| ()), Ok(1));
        let (_, lent) = consumer.read_event().unwrap();
        assert_eq!(write_small(&mut producer, u64::MAX), Ok(()));
        assert_eq!(write_small(&mut producer, u64::MAX), Err(WriteError::Full));
        assert_eq!(lent, 1_u64.to_le_bytes(), "start {start}");
        let rest: Vec<_> = (2..written).chain([u64::MAX]).collect();
        assert_eq!(timestamps(&mut consumer), rest);
    }
}

#[test]
fn pitfall_06_an_event_that_is_too_long_for_its_claim_is_not_published() {
    let mut memory = AlignedBytes::<1024>::new();
    let mut ring = Ring::format_with(memory.as_mut(), &options(CAPACITY, 0)).unwrap();
    let (mut producer, mut consumer) = ring.split();
    let refused = producer.claim(8).unwrap().commit(&header_of(1, 9));
    assert_eq!(refused, Err(WriteError::LengthMismatch { header: 9, payload: 8 }));
    assert_eq!(consumer.read_event(), None);
}

#[test]
fn pitfall_07_leaked_claims_and_batches_lock_nothing() {
    let mut memory = AlignedBytes::<1024>::new();
    let mut ring = Ring::format_with(memory.as_mut(), &options(CAPACITY, 0)).unwrap();
    let (mut producer, mut consumer) = ring.split();
    for round in 0..1000 {
        let _leaked = ManuallyDrop::new(producer.claim(40).unwrap());
        let mut batch = producer.batch();
        batch.write_event(&header_of(7, 0), &[]).unwrap();
        let _leaked_inside = ManuallyDrop::new(batch.claim(8).unwrap());
        let _leaked = ManuallyDrop::new(batch);
        write_small(&mut producer, round).unwrap();
        assert_eq!(timestamps(&mut consumer), [round]);
    }
}

#[test]
fn pitfall_07_a_leaked_run_acknowledges_nothing() {
    let mut memory = AlignedBytes::<1024>::new();
    let mut ring = Ring::format_with(memory.as_mut(), &options(CAPACITY, 0)).unwrap();
    let (mut producer, mut consumer) = ring.split();
    let written = fill(&mut producer);
    for _ in 0..3 {
        let mut run = consumer.peek_run(0).unwrap().unwrap();
        run.accept();
        let _leaked = ManuallyDrop::new(run);
        assert_eq!(write_small(&mut producer, 9), Err(WriteError::Full));
    }
    assert_eq!(timestamps(&mut consumer), (0..written).collect::<Vec<_>>());
}

#[test]
fn pitfall_07_a_panic_while_draining_releases_what_was_handed_out_before() {
    let mut memory = AlignedBytes::<1024>::new();
    let mut ring = Ring::format_with(memory.as_mut(), &options(CAPACITY, 0)).unwrap();
    let (mut producer, mut consumer) = ring.split();
    for panics_at in 0..5 {
        for number in 0..5 {
            write_small(&mut producer, number).unwrap();
        }
        let drained = catch_unwind(AssertUnwindSafe(|| {
            consumer.drain(usize::MAX, |header, _| {
                if header.timestamp == panics_at {
                    std::panic::resume_unwind(Box::new("on purpose"));
                }
            })
        }));
        assert!(drained.is_err());
        assert_eq!(producer.used(), (5 - panics_at as usize) * RECORD_BYTES);
        assert_eq!(timestamps(&mut consumer), (panics_at..5).collect::<Vec<_>>());
    }
}

#[test]
fn pitfall_09_a_drain_releases_and_the_producer_continues() {
    let mut memory = AlignedBytes::<1024>::new();
    for limit in [1, 2, 3, usize::MAX] {
        let mut ring = Ring::format_with(memory.as_mut(), &options(CAPACITY, 0)).unwrap();
        let (mut producer, mut consumer) = ring.split();
        let _ = fill(&mut producer);
        for number in 0..100 {
            assert_eq!(write_small(&mut producer, number), Err(WriteError::Full));
            let drained = consumer.drain(limit, |_, _| ()).unwrap();
            for _ in 0..drained {
                assert_eq!(write_small(&mut producer, number), Ok(()), "limit {limit}");
            }
        }
    }
}

#[test]
fn pitfall_09_an_empty_look_also_releases_the_last_event() {
    let mut memory = AlignedBytes::<1024>::new();
    let mut ring = Ring::format_with(memory.as_mut(), &options(64, 0)).unwrap();
    let (mut producer, mut consumer) = ring.split();
    producer.write_event(&header_of(1, 48), &[1; 48]).unwrap();
    assert!(consumer.read_event().is_some());
    assert_eq!(write_small(&mut producer, 2), Err(WriteError::Full));
    assert!(consumer.read_event().is_none());
    assert_eq!(write_small(&mut producer, 2), Ok(()));
}

#[test]
fn pitfall_10_closed_is_a_flag_and_everything_written_before_is_drained_after() {
    let mut memory = AlignedBytes::<1024>::new();
    let mut ring = Ring::format_with(memory.as_mut(), &options(CAPACITY, 0)).unwrap();
    let (mut producer, mut consumer) = ring.split();
    let written = fill(&mut producer);
    assert!(!consumer.is_closed() && !producer.is_closed());
    producer.close();
    assert!(consumer.is_closed() && !consumer.is_finished());
    assert_eq!(timestamps(&mut consumer), (0..written).collect::<Vec<_>>());
    assert!(consumer.is_finished());
    drop(consumer);

    let (mut producer, consumer) = ring.split();
    assert!(!consumer.is_closed() && !producer.is_closed(), "a new pair is open");
    drop(consumer);
    assert!(producer.is_closed());
    assert_eq!(write_small(&mut producer, 1), Ok(()), "a consumer that has gone is no error");
}

#[test]
fn pitfall_10_a_kept_owner_is_dropped_after_its_end_has_closed() {
    struct Owner<'m>(&'m Hostile, usize);
    impl Drop for Owner<'_> {
        fn drop(&mut self) {
            assert_eq!(self.0.peek(self.1), 1, "closed before the memory goes");
        }
    }
    let hostile = Hostile::new();
    let (producer, consumer) = hostile.ends();
    drop(producer.with_owner(Owner(&hostile, HEAD + size_of::<usize>())));
    drop(consumer.with_owner(Owner(&hostile, TAIL + size_of::<usize>())));
}

#[test]
fn pitfall_11_misaligned_memory_is_refused() {
    let mut memory = AlignedBytes::<1024>::new();
    for offset in 0..=16 {
        let result = Ring::format(&mut memory.as_mut()[offset..], 16).map(|_| ());
        let expected = if offset % 8 == 0 { Ok(()) } else { Err(RingError::Misaligned) };
        assert_eq!(result, expected, "offset {offset}");
    }
    let hostile = Hostile::new();
    for offset in 1..8 {
        // SAFETY: inside the buffer.
        let start = unsafe { hostile.start.add(offset) };
        // SAFETY: as in `Hostile::attach`; the length leaves the canaries out.
        let attached = unsafe { Ring::attach(start, hostile.shared.len_bytes() - 8) };
        assert_eq!(attached.unwrap_err(), RingError::Misaligned);
    }
}

#[test]
fn pitfall_11_memory_that_is_too_short_is_refused() {
    let mut memory = AlignedBytes::<1024>::new();
    let needed = Ring::required_len(CAPACITY, MAX_PAYLOAD);
    let options =
        RingOptions { capacity: Some(CAPACITY), max_payload: Some(MAX_PAYLOAD), ..RingOptions::default() };
    for len in 0..needed {
        let refused = Ring::format_with(&mut memory.as_mut()[..len], &options).unwrap_err();
        assert_eq!(refused, RingError::TooSmall { len, needed });
    }
    assert!(Ring::format_with(&mut memory.as_mut()[..needed], &options).is_ok());
}

#[test]
fn pitfall_12_a_reader_finds_an_event_whenever_there_are_bytes() {
    let mut memory = AlignedBytes::<1024>::new();
    for start in (0..CAPACITY).step_by(8) {
        for len in 0..=16 {
            let mut ring = Ring::format_with(memory.as_mut(), &options(CAPACITY, start)).unwrap();
            let (mut producer, mut consumer) = ring.split();
            let payload = vec![5; len];
            while producer.write_event(&header_of(1, len), &payload).is_ok() {}
            while consumer.unread() > 0 {
                assert!(!consumer.is_empty());
                assert!(consumer.peek_run(0).unwrap().is_some_and(|run| run.peek().is_some()));
                assert_eq!(consumer.drain(1, |_, _| ()), Ok(1), "start {start} len {len}");
            }
            assert!(consumer.is_empty() && consumer.peek_run(0).unwrap().is_none());
        }
    }
}

#[test]
fn pitfall_13_a_foreign_head_is_bounded_or_a_sticky_fault() {
    let right = 2 * RECORD_BYTES;
    for word in hostile_words(right) {
        let hostile = Hostile::new();
        let (mut producer, mut consumer) = hostile.ends();
        write_small(&mut producer, 1).unwrap();
        write_small(&mut producer, 2).unwrap();
        hostile.poke(HEAD, word);
        let mut events = 0;
        let fault = loop {
            match consumer.try_read_event() {
                Ok(Some((_, payload))) => hostile.assert_inside(payload),
                Ok(None) => break None,
                Err(fault) => break Some(fault),
            }
            events += 1;
            assert!(events <= CAPACITY / 16, "word {word:#x}");
        };
        let possible = word % 8 == 0 && word <= CAPACITY;
        assert!(possible || matches!(fault, Some(RingFault::Position { .. })), "word {word:#x}");
        assert!(word == right || word == RECORD_BYTES || word == 0 || fault.is_some(), "word {word:#x}");
        hostile.poke(HEAD, right);
        assert_consumer_stays(&mut consumer, fault);
        assert!(hostile.shared.canaries_live());
    }
}

#[test]
fn pitfall_13_a_head_is_bounded_by_what_is_released_and_not_by_what_was_seen() {
    let seen = 2 * RECORD_BYTES;
    for (head, is_possible) in [(CAPACITY, true), (CAPACITY + 8, false), (CAPACITY + seen, false)] {
        let hostile = Hostile::new();
        let (mut producer, mut consumer) = hostile.ends();
        write_small(&mut producer, 1).unwrap();
        write_small(&mut producer, 2).unwrap();
        assert!(consumer.peek_run(0).unwrap().is_some());
        hostile.poke(HEAD, head);
        let fault = consumer.peek_run(seen).err();
        assert_eq!(!matches!(fault, Some(RingFault::Position { .. })), is_possible, "{head}: {fault:?}");
    }
}

fn assert_consumer_stays(consumer: &mut Consumer<'_>, fault: Option<RingFault>) {
    assert_eq!(consumer.fault(), fault);
    let Some(fault) = fault else { return };
    for _ in 0..2 {
        assert_eq!(consumer.try_read_event(), Err(fault));
        assert_eq!(consumer.read_event(), None);
        assert_eq!(consumer.drain(usize::MAX, |_, _| panic!("handed out after a fault")), Err(fault));
        assert_eq!(consumer.peek_run(0).err(), Some(fault));
        consumer.release_bytes(8);
        consumer.release();
        assert_eq!((consumer.unread(), consumer.is_empty()), (0, true));
    }
}

#[test]
fn pitfall_13_a_foreign_tail_is_bounded_or_a_sticky_fault() {
    for start_lap in [0, 1] {
        for delta in hostile_words(0) {
            let hostile = Hostile::new();
            let (mut producer, mut consumer) = hostile.ends();
            for number in 0..start_lap * 8 {
                write_small(&mut producer, number).unwrap();
                assert_eq!(timestamps(&mut consumer), [number]);
            }
            let written = fill(&mut producer);
            let (tail, head) = (consumer.position(), producer.position());
            let word = tail.wrapping_add(delta);
            hostile.poke(TAIL, word);
            let result = write_small(&mut producer, 9);
            let used = head.wrapping_sub(word);
            if used % 8 != 0 || used > CAPACITY {
                let fault = RingFault::Position { own: head, foreign: word };
                assert_eq!(result, Err(WriteError::Fault(fault)), "delta {delta:#x}");
                hostile.poke(TAIL, head);
                assert_eq!(write_small(&mut producer, 9), Err(WriteError::Fault(fault)), "sticky");
                assert_eq!(producer.claim(0).err(), Some(WriteError::Fault(fault)));
                assert_eq!(producer.fault(), Some(fault));
            }
            assert!(written > 0 && producer.used() <= CAPACITY && hostile.shared.canaries_live());
        }
    }
}

#[test]
fn pitfall_13_after_a_fault_the_producer_takes_nothing_however_small() {
    let hostile = Hostile::new();
    let (mut producer, _consumer) = hostile.ends();
    for number in 0..4 {
        write_small(&mut producer, number).unwrap();
    }
    hostile.poke(TAIL, 4);
    let Err(WriteError::Fault(fault)) = producer.write_event(&header_of(1, 40), &[0; 40]) else {
        panic!("the tail is off the grid");
    };
    hostile.poke(TAIL, 0);
    assert_eq!(write_small(&mut producer, 9), Err(WriteError::Fault(fault)), "it fits what was free before");
    assert_eq!(producer.batch().claim(0).err(), Some(WriteError::Fault(fault)));
}

#[test]
fn pitfall_13_padding_that_is_not_zero_is_a_fault_and_never_part_of_a_run() {
    for len in 1..=MAX_PAYLOAD {
        for padding_byte in (16 + len)..(16 + len).next_multiple_of(8) {
            let hostile = Hostile::new();
            let (mut producer, mut consumer) = hostile.ends();
            producer.write_event(&header_of(1, len), &vec![3; len]).unwrap();
            let word = DATA + padding_byte / size_of::<usize>() * size_of::<usize>();
            // The bytes as they are in memory, for any byte order of the machine.
            let mut bytes = hostile.peek(word).to_le().to_le_bytes();
            bytes[padding_byte % size_of::<usize>()] = 1;
            hostile.poke(word, usize::from_le(usize::from_le_bytes(bytes)));
            let fault = RingFault::Record { position: 0 };
            assert_eq!(consumer.peek_run(0).err(), Some(fault), "len {len}");
            assert_consumer_stays(&mut consumer, Some(fault));
        }
    }
}

#[test]
fn pitfall_13_a_tail_that_goes_back_under_a_batch_is_a_fault_and_no_panic() {
    let hostile = Hostile::new();
    let (mut producer, mut consumer) = hostile.ends();
    for number in 0..5 {
        write_small(&mut producer, number).unwrap();
    }
    assert_eq!(timestamps(&mut consumer).len(), 5);
    let mut batch = producer.batch();
    for number in 0..5 {
        batch.write_event(&header_of(number, 8), &[0; 8]).unwrap();
    }
    hostile.poke(TAIL, 0);
    assert!(matches!(batch.write_event(&header_of(9, 8), &[0; 8]), Err(WriteError::Fault(_))));
    assert_eq!(batch.publish(), 5);
    assert!(matches!(write_small(&mut producer, 9), Err(WriteError::Fault(_))));
}

#[test]
fn pitfall_13_every_stored_length_and_flag_byte_is_bounded_or_a_sticky_fault() {
    for at in [0, 1] {
        let lens = (0..=512).chain((512..=65_535).step_by(509)).map(|len| (len, 0x80));
        let flags = (0..=255).map(|flags| (8, flags));
        for (len, flags) in lens.chain(flags) {
            let hostile = Hostile::new();
            let (mut producer, mut consumer) = hostile.ends();
            let written = fill(&mut producer);
            hostile.poke_header(at * RECORD_BYTES, EventHeader::new(1, 1, len).with_flags(flags));
            let mut events = 0;
            let result = consumer.drain(usize::MAX, |header, payload| {
                hostile.assert_inside(payload);
                assert_eq!(header.payload_len as usize, payload.len());
                events += 1;
            });
            assert!(events as u64 <= written + 1, "len {len} flags {flags:#x}");
            if (16 + len as usize).div_ceil(8) * 8 > 16 + MAX_PAYLOAD || flags & 0x80 == 0 {
                assert_eq!(result, Err(RingFault::Record { position: at * RECORD_BYTES }), "len {len}");
                assert_eq!(
                    (events, consumer.position()),
                    (at, at * RECORD_BYTES),
                    "released what was handed out"
                );
            }
            assert_consumer_stays(&mut consumer, result.err());
        }
    }
}

#[test]
fn pitfall_13_a_fault_that_is_met_while_an_event_is_lent_is_sticky_and_no_panic() {
    let hostile = Hostile::new();
    let (mut producer, mut consumer) = hostile.ends();
    write_small(&mut producer, 1).unwrap();
    assert!(consumer.read_event().is_some());
    hostile.poke(HEAD, 4);
    assert_eq!(consumer.unread(), 0);
    let fault = consumer.fault();
    assert!(matches!(fault, Some(RingFault::Position { foreign: 4, .. })));
    assert_consumer_stays(&mut consumer, fault);
}

#[test]
fn pitfall_13_control_words_of_any_value_are_refused_or_usable() {
    let hostile = Hostile::new();
    let words_end = TAIL + 2 * size_of::<usize>();
    for offset in (0..words_end).step_by(size_of::<usize>()) {
        drop(hostile.ends());
        let right = hostile.peek(offset);
        for word in hostile_words(right) {
            drop(hostile.ends());
            hostile.poke(offset, word);
            if let Ok(ring) = hostile.attach() {
                use_both_ends(&hostile, ring);
            }
            assert!(hostile.shared.canaries_live(), "offset {offset} word {word:#x}");
        }
    }
}

fn use_both_ends(hostile: &Hostile, ring: Ring<'_>) {
    assert!(Ring::required_len(ring.capacity(), 0) <= hostile.shared.len_bytes());
    let (mut producer, mut consumer) = ring.into_ends();
    let _ = fill(&mut producer);
    let _ = consumer.drain(usize::MAX, |_, payload| hostile.assert_inside(payload));
    let _ = fill(&mut producer);
    let mut lossy = producer.lossy();
    let _ = lossy.write_event(&header_of(1, 8), &[1; 8]);
    let _ = lossy.flush();
}

#[test]
fn pitfall_15_a_lossy_producer_neither_waits_nor_overwrites() {
    let mut memory = AlignedBytes::<1024>::new();
    let ring = Ring::format_with(memory.as_mut(), &options(CAPACITY, 0)).unwrap();
    let (producer, mut consumer) = ring.into_ends();
    let mut producer = producer.lossy();
    for number in 0..1000_u64 {
        let expected = if number < 5 { Delivery::Written } else { Delivery::Lost };
        assert_eq!(producer.write_event(&header_of(number, 8), &[0; 8]), Ok(expected));
    }
    assert_eq!(producer.flush(), Ok(false));
    assert_eq!(timestamps(&mut consumer), [0, 1, 2, 3, 4]);
    assert_eq!(consumer.pending_loss().map(|loss| (loss.count, loss.first_timestamp)), Some((995, 5)));
}

#[test]
fn pitfall_15_a_loss_outside_the_ring_takes_its_place_and_leaves_the_ring_s_own_count_alone() {
    let mut memory = AlignedBytes::<1024>::new();
    let mut ring = Ring::format_with(memory.as_mut(), &options(CAPACITY, 0)).unwrap();
    let (producer, mut consumer) = ring.split();
    let mut producer = producer.lossy();
    while producer.write_event(&header_of(5, 0), b"") == Ok(Delivery::Written) {}
    let (loss, mut producer) = (producer.pending_loss(), producer.into_inner());
    let outside = Gap { extent: 9, ..Gap::new(GapReason::TooLong, 2) };
    assert_eq!(producer.write_gap(7, outside), Err(WriteError::Full));
    while consumer.read_event().is_some() {}
    assert_eq!(producer.write_gap(7, Gap { log_side: true, ..outside }), Ok(()));
    assert_eq!(write_small(&mut producer, 8), Ok(()));
    let (header, payload) = consumer.read_event().unwrap();
    assert_eq!((header.timestamp, Gap::from_event(&header, payload)), (7, Some(outside)));
    assert_eq!(consumer.read_event().unwrap().0.timestamp, 8);
    assert_eq!((loss.map(|loss| loss.count), producer.pending_loss()), (Some(1), loss));
}

#[test]
fn pitfall_15_losses_add_up_for_any_reads_of_the_consumer() {
    for seed in 1..=200_u64 {
        let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut next = move |bound: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % bound
        };
        let capacity = 64 << (seed % 3);
        let mut memory = AlignedBytes::<1024>::new();
        let start = (usize::MAX - 8 * seed as usize) & !7;
        let ring = Ring::format_with(memory.as_mut(), &options(capacity, start)).unwrap();
        let (producer, mut consumer) = ring.into_ends();
        let mut producer = producer.lossy();
        let (mut offered, mut written) = (0_u64, 0_u64);
        let mut arrived = Arrived::default();
        for _ in 0..2000 {
            let len = next(capacity as u64 - 15) as usize;
            match producer.write_event(&header_of(offered, len), &vec![0; len]).unwrap() {
                Delivery::Written => written += 1,
                Delivery::Lost => {}
            }
            offered += 1;
            if next(4) == 0 {
                let limit = next(4) as usize;
                consumer.drain(limit, |header, payload| arrived.add(header, payload)).unwrap();
            }
        }
        while !producer.flush().unwrap() {
            consumer.drain(1, |header, payload| arrived.add(header, payload)).unwrap();
        }
        drop(producer);
        while !consumer.is_finished() {
            consumer.drain(2, |header, payload| arrived.add(header, payload)).unwrap();
        }
        assert_eq!((arrived.events, arrived.next), (written, offered), "seed {seed}");
        assert_eq!(arrived.events + arrived.lost, offered, "seed {seed}");
        assert!(arrived.lost > 0 && consumer.pending_loss().is_none(), "seed {seed}");
    }
}

/// Checks by timestamps 0, 1, 2, .. that every event is there or reported as lost, in its place.
#[derive(Default)]
struct Arrived {
    events: u64,
    lost: u64,
    next: u64,
}

impl Arrived {
    fn add(&mut self, header: &EventHeader, payload: &[u8]) {
        assert_eq!(header.timestamp, self.next, "in order, a gap with the time of the first loss");
        match Gap::from_event(header, payload) {
            Some(gap) => {
                self.lost += gap.count;
                self.next += gap.count;
            }
            None => {
                self.events += 1;
                self.next += 1;
            }
        }
    }
}

#[test]
fn pitfall_16_reading_copies_nothing_and_every_accepted_event_arrives() {
    let hostile = Hostile::new();
    let (mut producer, mut consumer) = hostile.ends();
    let (mut accepted, mut arrived) = (Vec::new(), Vec::new());
    for number in 0..10_000 {
        if write_small(&mut producer, number).is_ok() {
            accepted.push(number);
        }
        if number % 7 == 0 {
            while let Some((header, payload)) = consumer.read_event() {
                hostile.assert_inside(payload);
                arrived.push(header.timestamp);
            }
        }
    }
    arrived.extend(timestamps(&mut consumer));
    assert_eq!(arrived, accepted);
    assert!(accepted.len() < 10_000, "some were refused with an error");
}

// 8, lost wake-ups: nothing here sleeps or wakes. The ring is polled; another crate has a notifying pair.
// 14, mirrored mappings: the data region is mapped once. An overrun area replaces the mirror.

/// A defect of this ring: to complete a claim, it requested payload and padding together as a payload. Together they
/// can be longer than the longest payload, and builds with debug assertions panicked.
#[test]
fn a_claim_of_the_longest_payloads_is_committed() {
    let mut memory: Box<AlignedBytes<{ 1 << 18 }>> = Box::default();
    let (mut producer, mut consumer) = Ring::format((*memory).as_mut(), 65_535).unwrap().into_ends();
    for len in 65_520..=65_535_u16 {
        let mut claim = producer.claim(len.into()).unwrap();
        claim.payload_mut().fill(0xEE);
        assert_eq!(claim.commit(&EventHeader::new(1, 0, len)), Ok(()));
        assert_eq!(consumer.read_event().map(|(_, payload)| payload.len()), Some(len.into()));
        consumer.release();
    }
}

/// A caller's header may still hold the checksum that it was read with. Writers do not store it.
#[test]
fn the_checksum_of_a_callers_header_is_not_stored() {
    let mut memory = AlignedBytes::<1024>::new();
    let (mut producer, mut consumer) = Ring::format(memory.as_mut(), 64).unwrap().into_ends();
    assert_eq!(producer.max_payload(), 64);
    let header = EventHeader { checksum: 7, ..EventHeader::new(1, 0, 1) };
    producer.write_event(&header, b"a").unwrap();
    producer.claim(1).unwrap().commit(&header).unwrap();
    for _ in 0..2 {
        assert_eq!(consumer.read_event().map(|(header, _)| header.checksum), Some(0));
    }
}
