//! Any sequence of calls has the same effect on the ring and on the oracle. A sequence that has not is shrunk to the
//! shortest one and printed.
//!
//! `PROPTEST_CASES=100000 cargo test --release -p ringlog-nostd --test integration properties::` tests more.

use crate::queue::{Oracle, header_of, options, payload_of, stride_of};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use ringlog_nostd::{
    AlignedBytes, Consumer, Delivery, EventHeader, Gap, GapReason, LossyProducer, Producer, Ring,
    RingOptions, WriteError,
};
use std::mem::{self, ManuallyDrop};

/// Capacity and largest payload.
const SIZES: [(usize, usize); 6] = [(32, 16), (32, 0), (64, 48), (128, 33), (256, 240), (1024, 100)];

/// One call or a few that belong together. Lengths are taken modulo what the ring allows.
#[derive(Clone, Debug)]
enum Step {
    Write(usize),
    Claim { claimed: usize, committed: usize },
    Forget(usize),
    Abort(usize),
    Batch { lens: Vec<usize>, fate: Fate },
    TooLarge(usize),
    Lossy(Vec<usize>),
    Flush,
    Gap(u64),
    Read,
    Release,
    Drain(usize),
    Runs { released: usize },
}

/// What becomes of a batch.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Published,
    Dropped,
    Forgotten,
}

#[derive(Clone, Debug)]
struct History {
    size: usize,
    /// In units of 8 bytes; below the wrap of positions if `below_wrap`.
    start: usize,
    below_wrap: bool,
    retained: bool,
    steps: Vec<Step>,
}

fn any_len() -> impl Strategy<Value = usize> {
    // The first for lengths around a word, the second for all.
    prop_oneof![0..24_usize, 0..1024_usize]
}

fn any_step() -> impl Strategy<Value = Step> {
    let lens = || prop::collection::vec(any_len(), 0..5);
    let fate = prop_oneof![Just(Fate::Published), Just(Fate::Dropped), Just(Fate::Forgotten)];
    prop_oneof![
        4 => any_len().prop_map(Step::Write),
        2 => (any_len(), any_len()).prop_map(|(claimed, committed)| Step::Claim { claimed, committed }),
        1 => any_len().prop_map(Step::Forget),
        1 => any_len().prop_map(Step::Abort),
        2 => (lens(), fate).prop_map(|(lens, fate)| Step::Batch { lens, fate }),
        1 => any_len().prop_map(Step::TooLarge),
        2 => lens().prop_map(Step::Lossy),
        1 => Just(Step::Flush),
        1 => any::<u64>().prop_map(Step::Gap),
        3 => Just(Step::Read),
        1 => Just(Step::Release),
        2 => (0..6_usize).prop_map(Step::Drain),
        2 => (0..8_usize).prop_map(|released| Step::Runs { released }),
    ]
}

fn any_history() -> impl Strategy<Value = History> {
    (0..SIZES.len(), 0..130_usize, any::<bool>(), any::<bool>(), prop::collection::vec(any_step(), 0..80))
        .prop_map(|(size, start, below_wrap, retained, steps)| History {
            size,
            start,
            below_wrap,
            retained,
            steps,
        })
}

/// A ring and its oracle, side by side.
struct Pair<'r> {
    /// `None` only while it is a lossy producer.
    producer: Option<Producer<'r>>,
    consumer: Consumer<'r>,
    oracle: Oracle,
    /// Losses not reported yet: their number and the time of the first.
    pending: Option<(u64, u64)>,
    /// Whether the oracle's front is lent by `read_event`.
    lent: bool,
    written: u64,
}

impl<'r> Pair<'r> {
    fn producer(&mut self) -> &mut Producer<'r> {
        self.producer.as_mut().expect("put back after each step")
    }

    fn len(&mut self, asked: usize) -> usize {
        asked % (self.producer().max_payload() + 1)
    }

    fn event(&mut self, asked: usize) -> (EventHeader, Vec<u8>) {
        let len = self.len(asked);
        self.written += 1;
        (header_of(self.written, len), payload_of(self.written, len))
    }

    fn release_lent(&mut self) {
        if mem::take(&mut self.lent) {
            self.oracle.pop();
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Write(len) => self.write(*len),
            Step::Claim { claimed, committed } => self.claim(*claimed, *committed),
            Step::Forget(len) => drop(self.abandoned(*len).map(ManuallyDrop::new)),
            Step::Abort(len) => drop(self.abandoned(*len)),
            Step::Batch { lens, fate } => self.batch(lens, *fate),
            Step::TooLarge(extra) => self.too_large(*extra),
            Step::Lossy(lens) => self.lossy(lens),
            Step::Flush => self.with_lossy(|pair, producer| assert_eq!(producer.flush(), Ok(pair.report()))),
            Step::Gap(count) => self.gap(*count),
            Step::Read => self.read(),
            Step::Release => {
                self.consumer.release();
                self.release_lent();
            }
            Step::Drain(limit) => self.drain(*limit),
            Step::Runs { released } => self.runs(*released),
        }
        self.compare();
    }

    fn compare(&mut self) {
        assert_eq!(self.producer().used(), self.oracle.used);
        let lent_bytes = if self.lent { stride_of(self.oracle.events[0].1.len()) } else { 0 };
        assert_eq!(self.consumer.unread(), self.oracle.used - lent_bytes);
        assert_eq!((self.producer().fault(), self.consumer.fault()), (None, None));
        let pending = self.consumer.pending_loss().map(|loss| (loss.count, loss.first_timestamp));
        assert_eq!(pending, self.pending);
    }

    fn write(&mut self, len: usize) {
        let (header, payload) = self.event(len);
        let fits = self.oracle.fits(payload.len());
        let written = self.producer().write_event(&header, &payload);
        assert_eq!(written, if fits { Ok(()) } else { Err(WriteError::Full) });
        if fits {
            self.oracle.push(header, payload);
        }
    }

    fn claim(&mut self, claimed: usize, committed: usize) {
        let claimed = self.len(claimed);
        let (header, payload) = self.event(committed % (claimed + 1));
        let fits = self.oracle.fits(claimed);
        match self.producer().claim(claimed) {
            Ok(mut claim) => {
                assert!(fits && claim.len() == claimed && claim.payload_mut().len() == claimed);
                claim.payload_mut().fill(0xC1);
                claim.payload_mut()[..payload.len()].copy_from_slice(&payload);
                assert_eq!(claim.commit(&header), Ok(()));
                self.oracle.push(header, payload);
            }
            Err(error) => assert!(!fits && error == WriteError::Full),
        }
    }

    /// Writes to a claim that is not committed.
    fn abandoned(&mut self, len: usize) -> Option<ringlog_nostd::Claim<'_, 'r>> {
        let len = self.len(len);
        let fits = self.oracle.fits(len);
        let mut claim = self.producer().claim(len).ok();
        assert_eq!(claim.is_some(), fits);
        claim.iter_mut().for_each(|claim| claim.payload_mut().fill(0xC2));
        claim
    }

    fn batch(&mut self, lens: &[usize], fate: Fate) {
        let events: Vec<_> = lens.iter().map(|len| self.event(*len)).collect();
        let mut free = self.oracle.capacity - self.oracle.used;
        let mut taken = Vec::new();
        let mut batch = self.producer().batch();
        for (number, (header, payload)) in events.into_iter().enumerate() {
            let added = if number % 2 == 0 {
                batch.write_event(&header, &payload)
            } else {
                batch.claim(payload.len()).and_then(|mut claim| {
                    claim.payload_mut().copy_from_slice(&payload);
                    claim.commit(&header)
                })
            };
            let fits = stride_of(payload.len()) <= free;
            assert_eq!(added, if fits { Ok(()) } else { Err(WriteError::Full) });
            if fits {
                free -= stride_of(payload.len());
                taken.push((header, payload));
            }
        }
        match fate {
            Fate::Published => drop(batch.publish()),
            Fate::Dropped => return,
            Fate::Forgotten => {
                let _leaked = ManuallyDrop::new(batch);
                return;
            }
        }
        taken.into_iter().for_each(|(header, payload)| self.oracle.push(header, payload));
    }

    fn too_large(&mut self, extra: usize) {
        let max = self.producer().max_payload();
        let len = max + 1 + extra;
        let refused = WriteError::PayloadTooLarge { len, max };
        assert_eq!(self.producer().write_event(&header_of(0, len), &vec![1; len]), Err(refused));
        assert_eq!(self.producer().claim(len).err(), Some(refused));
    }

    fn with_lossy(&mut self, f: impl FnOnce(&mut Self, &mut LossyProducer<'r>)) {
        let mut producer = self.producer.take().expect("put back after each step").lossy();
        f(self, &mut producer);
        self.producer = Some(producer.into_inner());
    }

    fn lossy(&mut self, lens: &[usize]) {
        let events: Vec<_> = lens.iter().map(|len| self.event(*len)).collect();
        self.with_lossy(|pair, producer| {
            for (header, payload) in events {
                let delivery = producer.write_event(&header, &payload);
                assert_eq!(delivery, Ok(pair.deliver(header, payload)));
            }
        });
    }

    /// Does to the oracle what a lossy producer does.
    fn deliver(&mut self, header: EventHeader, payload: Vec<u8>) -> Delivery {
        let gap = if self.pending.is_some() { stride_of(16) } else { 0 };
        let (needed, room) = (gap + stride_of(payload.len()), self.oracle.capacity - self.oracle.used);
        if needed <= room {
            assert!(self.report());
            self.oracle.push(header, payload);
            return Delivery::Written;
        }
        let (count, first) = self.pending.unwrap_or((0, header.timestamp));
        self.pending = Some((count + 1, first));
        // If the ring never holds both, the GAP record comes alone and counts the event too.
        if needed > self.oracle.capacity {
            self.report();
        }
        Delivery::Lost
    }

    /// Adds a GAP record for all losses to the oracle. Returns `false` if there is no room.
    fn report(&mut self) -> bool {
        let Some((count, first)) = self.pending else { return true };
        if !self.oracle.fits(16) {
            return false;
        }
        let gap = Gap::new(GapReason::RingFull, count);
        self.oracle.push(Gap::header(first).as_user(), gap.to_payload().to_vec());
        self.pending = None;
        true
    }

    /// Writes a GAP record for a loss outside of the ring, which the ring does not count.
    fn gap(&mut self, count: u64) {
        let gap = Gap::new(GapReason::TooLong, count);
        let fits = self.oracle.fits(16);
        let written = self.producer().write_gap(count, Gap { log_side: true, ..gap });
        assert_eq!(written, if fits { Ok(()) } else { Err(WriteError::Full) });
        if fits {
            self.oracle.push(Gap::header(count).as_user(), gap.to_payload().to_vec());
        }
    }

    fn read(&mut self) {
        self.release_lent();
        let read = self.consumer.read_event().map(|(header, payload)| (header.as_user(), payload.to_vec()));
        assert_eq!(read.as_ref(), self.oracle.events.front());
        self.lent = read.is_some();
    }

    fn drain(&mut self, limit: usize) {
        self.release_lent();
        let expected = self.oracle.events.len().min(limit);
        let oracle = &mut self.oracle;
        let drained = self.consumer.drain(limit, |header, payload| {
            assert_eq!(oracle.pop(), Some((header.as_user(), payload.to_vec())));
        });
        assert_eq!(drained, Ok(expected));
    }

    /// Reads all events, in one run or two, and releases some whole records of them.
    fn runs(&mut self, released: usize) {
        self.release_lent();
        let (mut seen_bytes, mut runs) = (0, 0);
        let mut ends = vec![0];
        while let Some(run) = self.consumer.peek_run(seen_bytes).unwrap() {
            let mut run = run.clone();
            while let Some((header, payload)) = run.peek() {
                let expected = &self.oracle.events[ends.len() - 1];
                assert_eq!((header.as_user(), payload), (expected.0, &expected.1[..]));
                run.accept();
                ends.push(seen_bytes + run.accepted_bytes());
            }
            assert!(run.is_done());
            seen_bytes += run.accepted_bytes();
            runs += 1;
        }
        assert_eq!((ends.len() - 1, seen_bytes), (self.oracle.events.len(), self.oracle.used));
        assert!(runs <= 2, "a span is at most two runs");
        let released = released.min(ends.len() - 1);
        self.consumer.release_bytes(ends[released]);
        (0..released).for_each(|_| drop(self.oracle.pop()));
    }
}

/// Runs a history on a ring and on an oracle of `oracle_capacity(capacity)` bytes.
fn run(history: &History, oracle_capacity: impl FnOnce(usize) -> usize) {
    let (capacity, max_payload) = SIZES[history.size];
    let offset = history.start * 8 % capacity;
    let start = if history.below_wrap { 0_usize.wrapping_sub(capacity - offset) } else { offset };
    let mut memory = AlignedBytes::<4096>::new();
    let options = RingOptions { retained: history.retained, ..options(capacity, max_payload, start) };
    let (producer, consumer) = Ring::format_with(memory.as_mut(), &options).unwrap().into_ends();
    let mut pair = Pair {
        producer: Some(producer),
        consumer,
        oracle: Oracle::new(oracle_capacity(capacity)),
        pending: None,
        lent: false,
        written: 0,
    };
    history.steps.iter().for_each(|step| pair.step(step));
    pair.drain(usize::MAX);
    pair.compare();
}

fn config() -> Config {
    // A failure is printed whole, so a file of seeds would only repeat it.
    Config { failure_persistence: None, ..Config::default() }
}

#[test]
fn any_history_is_that_of_the_oracle() {
    let checked = TestRunner::new(config()).run(&any_history(), |history| {
        run(&history, |capacity| capacity);
        Ok(())
    });
    checked.unwrap_or_else(|error| panic!("{error:#?}"));
}

/// The property can fail, and shrinking works: one or two events fill a ring that the oracle takes for one word
/// smaller.
#[test]
fn a_planted_mistake_is_found_and_shrunk() {
    // The same histories in every run: otherwise it depends on luck how far shrinking comes.
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let checked = TestRunner::new_with_rng(config(), rng).run(&any_history(), |history| {
        run(&history, |capacity| capacity - 8);
        Ok(())
    });
    let Err(TestError::Fail(_, history)) = checked else { panic!("not found: {checked:?}") };
    assert!(history.steps.len() <= 2, "not shrunk: {history:?}");
    assert!(!history.below_wrap && !history.retained, "not shrunk: {history:?}");
}
