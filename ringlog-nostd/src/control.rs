//! The control words of a ring, as they stand in memory in front of its data.
//!
//! ```text
//!  64-bit   32-bit
//!      0        0   magic        a native word: "RINGLOG1", "RLG1" or "R1"
//!      8        4   layout       version | log2(word bytes) << 8 | line distance / 64 << 11 | retained << 14
//!                           | overwriting << 15
//!     16        8   capacity     bytes
//!     24       12   overrun      bytes
//!     32       16   identity     u64, lower word first
//!     40       24   boot         u64, lower word first
//!    128       32   head         the producer's line
//!    136       36   closed
//!    144       40   lost         events lost and not yet told by a GAP record
//!    152       44   gap_at       position of the GAP record being published, 1 = none
//!    160       48   first_loss   u64 timestamp, lower word first
//!    256       56   tail         the consumer's line
//!    264       60   closed
//!    384       64   data
//! ```
//!
//! Each word has one writer. Lines are 128 bytes apart where the machine has 64 bits, so that neither side's
//! stores take the other's line away (adjacent lines are fetched in pairs); packed on smaller ones.
#![forbid(unsafe_code)]

use crate::error::RingError;
use crate::geometry::Geometry;
use crate::sync::{AtomicUsize, Ordering, const_unless_modelled, in_program_order, zero_words};

/// Bytes from the start of one line to the next; 0 where they are packed.
const LINE_DISTANCE: usize = if usize::BITS == 64 { 128 } else { 0 };

/// Words that a `u64` takes.
const WIDE_WORDS: usize = 8 / size_of::<usize>();

const LAYOUT_VERSION: usize = 1;
const RETAINED: usize = 1 << 14;
/// The oldest records were overwritten: `lost` counts events from before the tail, not from behind the head.
const OVERWRITING: usize = 1 << 15;

/// No GAP record is being published: off the 8-byte grid, so no position.
const NO_GAP: usize = 1;

#[expect(clippy::cast_possible_truncation, reason = "the lower half of the name is the 32-bit name")]
const MAGIC: usize = match usize::BITS {
    64 => u64::from_be_bytes(*b"RINGLOG1") as usize,
    32 => u32::from_be_bytes(*b"RLG1") as usize,
    _ => u16::from_be_bytes(*b"R1") as usize,
};

const fn padding_after(used: usize) -> usize {
    LINE_DISTANCE.saturating_sub(used)
}

/// A `u64` in native words; not atomic as a whole, so written only while nobody else reads it.
#[derive(Debug)]
#[repr(C)]
struct Wide([AtomicUsize; WIDE_WORDS]);

impl Wide {
    const_unless_modelled! {
        fn zero() -> Self {
            Self(zero_words())
        }
    }

    fn load(&self) -> u64 {
        let mut value = 0;
        for (word, shift) in self.0.iter().zip((0..).step_by(usize::BITS as usize)) {
            // ORDERING: Relaxed. Ordered by the word that announces it: `magic` or `head`.
            value |= (word.load(Ordering::Relaxed) as u64) << shift;
        }
        value
    }

    #[expect(clippy::cast_possible_truncation, reason = "takes the value apart word by word")]
    fn store(&self, value: u64) {
        for (word, shift) in self.0.iter().zip((0..).step_by(usize::BITS as usize)) {
            // ORDERING: Relaxed. As in `load`.
            word.store((value >> shift) as usize, Ordering::Relaxed);
        }
    }
}

#[derive(Debug)]
#[repr(C)]
struct Constants {
    magic: AtomicUsize,
    layout: AtomicUsize,
    capacity: AtomicUsize,
    overrun: AtomicUsize,
    identity: Wide,
    boot: Wide,
}

#[derive(Debug)]
#[repr(C)]
struct ProducerLine {
    head: AtomicUsize,
    closed: AtomicUsize,
    lost: AtomicUsize,
    gap_at: AtomicUsize,
    first_loss: Wide,
}

#[derive(Debug)]
#[repr(C)]
struct ConsumerLine {
    tail: AtomicUsize,
    closed: AtomicUsize,
}

/// The control words. All zero before [`format`](Self::format). Aligned so that the data behind them is.
#[derive(Debug)]
#[repr(C, align(8))]
pub(crate) struct Control {
    constants: Constants,
    _constants_end: [u8; padding_after(size_of::<Constants>())],
    producer: ProducerLine,
    _producer_end: [u8; padding_after(size_of::<ProducerLine>())],
    consumer: ConsumerLine,
    _consumer_end: [u8; padding_after(size_of::<ConsumerLine>())],
}

/// What is fixed when a ring is made, besides its sizes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Birth {
    pub(crate) identity: u64,
    pub(crate) boot: u64,
    pub(crate) start: usize,
    pub(crate) retained: bool,
}

/// Losses that no GAP record tells of yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Loss {
    /// Events lost.
    pub count: u64,
    /// Timestamp of the first one.
    pub first_timestamp: u64,
}

impl Control {
    const_unless_modelled! {
        /// Words of zero: no ring yet.
        pub(crate) fn zero() -> Self {
            Self {
                constants: Constants {
                    magic: AtomicUsize::new(0),
                    layout: AtomicUsize::new(0),
                    capacity: AtomicUsize::new(0),
                    overrun: AtomicUsize::new(0),
                    identity: Wide::zero(),
                    boot: Wide::zero(),
                },
                _constants_end: [0; _],
                producer: ProducerLine {
                    head: AtomicUsize::new(0),
                    closed: AtomicUsize::new(0),
                    lost: AtomicUsize::new(0),
                    gap_at: AtomicUsize::new(0),
                    first_loss: Wide::zero(),
                },
                _producer_end: [0; _],
                consumer: ConsumerLine { tail: AtomicUsize::new(0), closed: AtomicUsize::new(0) },
                _consumer_end: [0; _],
            }
        }
    }

    /// Makes an empty ring of these words. Only while nobody else uses them.
    pub(crate) fn format(&self, geometry: &Geometry, birth: &Birth) {
        let Constants { magic, layout, capacity, overrun, identity, boot } = &self.constants;
        // ORDERING: Relaxed, all but the last. BIRTH: whoever finds the magic finds the rest.
        magic.store(0, Ordering::Relaxed);
        layout.store(layout_word(birth.retained), Ordering::Relaxed);
        capacity.store(geometry.capacity(), Ordering::Relaxed);
        overrun.store(geometry.overrun, Ordering::Relaxed);
        identity.store(birth.identity);
        boot.store(birth.boot);
        self.producer.lost.store(0, Ordering::Relaxed);
        self.producer.gap_at.store(NO_GAP, Ordering::Relaxed);
        self.producer.first_loss.store(0);
        self.producer.head.store(birth.start, Ordering::Relaxed);
        self.consumer.tail.store(birth.start, Ordering::Relaxed);
        self.reopen();
        // ORDERING: Release, BIRTH. Pairs with the Acquire in `read_birth`.
        magic.store(MAGIC, Ordering::Release);
    }

    /// What `format` stored, checked.
    pub(crate) fn read_birth(&self) -> Result<(Geometry, Birth), RingError> {
        let Constants { magic, layout, capacity, overrun, identity, boot } = &self.constants;
        // ORDERING: Acquire, BIRTH. Pairs with the Release in `format`.
        if magic.load(Ordering::Acquire) != MAGIC {
            return Err(RingError::NotARing);
        }
        // ORDERING: Relaxed, here and below: these words never change once the magic stands.
        let found = layout.load(Ordering::Relaxed);
        let retained = found & RETAINED != 0;
        if found & !OVERWRITING != layout_word(retained) {
            return Err(RingError::NotARing);
        }
        let geometry =
            Geometry::from_stored(capacity.load(Ordering::Relaxed), overrun.load(Ordering::Relaxed))?;
        let start = self.own_head();
        Ok((geometry, Birth { identity: identity.load(), boot: boot.load(), start, retained }))
    }

    pub(crate) fn identity(&self) -> u64 {
        self.constants.identity.load()
    }

    /// Where all of the words stand, and how many bytes they are: for a [`WriteBack`](crate::WriteBack).
    pub(crate) fn all_words(&self) -> (*const u8, usize) {
        (core::ptr::from_ref(self).cast(), size_of::<Self>())
    }

    /// Where the producer's line stands.
    pub(crate) fn producer_line(&self) -> (*const u8, usize) {
        (core::ptr::from_ref(&self.producer).cast(), size_of::<ProducerLine>())
    }

    /// Where the consumer's line stands.
    pub(crate) fn consumer_line(&self) -> (*const u8, usize) {
        (core::ptr::from_ref(&self.consumer).cast(), size_of::<ConsumerLine>())
    }

    /// From now on the oldest records are overwritten. Only while nobody else uses the words.
    pub(crate) fn set_overwriting(&self) {
        let layout = &self.constants.layout;
        // ORDERING: Relaxed, both. For those who find the words after a reset or in a dump.
        layout.store(layout.load(Ordering::Relaxed) | OVERWRITING, Ordering::Relaxed);
    }

    /// Both sides are open again.
    pub(crate) fn reopen(&self) {
        self.reopen_producer();
        self.reopen_consumer();
    }

    /// The producer's side has an owner again. Only by that owner.
    pub(crate) fn reopen_producer(&self) {
        // ORDERING: Relaxed. PUBLISH of the owner's first head is Release and covers it; a consumer that still
        // sees its predecessor's close has seen all that the predecessor wrote.
        self.producer.closed.store(0, Ordering::Relaxed);
    }

    /// The consumer's side has an owner again. Only by that owner.
    pub(crate) fn reopen_consumer(&self) {
        // ORDERING: Relaxed. Advice, as in `close_consumer`.
        self.consumer.closed.store(0, Ordering::Relaxed);
    }

    // The producer owns `head`, so reads it Relaxed; for the consumer it is foreign, so Acquire.
    // The consumer owns `tail`; for the producer it is foreign.

    #[inline]
    pub(crate) fn own_head(&self) -> usize {
        // ORDERING: Relaxed. The producer's own word, read by the producer, or by whoever holds the only handle.
        self.producer.head.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn foreign_head(&self) -> usize {
        // ORDERING: Acquire, PUBLISH. Pairs with the Release in `publish_head`: the records below this head
        // are visible. Relaxed would let the consumer read bytes from before the record.
        self.producer.head.load(Ordering::Acquire)
    }

    #[inline]
    pub(crate) fn publish_head(&self, head: usize) {
        // ORDERING: Release, PUBLISH. Pairs with the Acquire in `foreign_head`: the records' bytes were
        // written before and are visible to whoever sees this head.
        self.producer.head.store(head, Ordering::Release);
    }

    #[inline]
    pub(crate) fn own_tail(&self) -> usize {
        // ORDERING: Relaxed. The consumer's own word.
        self.consumer.tail.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn foreign_tail(&self) -> usize {
        // ORDERING: Acquire, RELEASE. Pairs with the Release in `release_tail`: the consumer's reads of the
        // bytes below this tail are over, so that the producer may write there again.
        self.consumer.tail.load(Ordering::Acquire)
    }

    #[inline]
    pub(crate) fn release_tail(&self, tail: usize) {
        // ORDERING: Release, RELEASE. Pairs with the Acquire in `foreign_tail`: reads come before.
        self.consumer.tail.store(tail, Ordering::Release);
    }

    pub(crate) fn close_producer(&self) {
        // ORDERING: Release, CLOSE. Pairs with the Acquire in `producer_closed`: the last head was stored before.
        self.producer.closed.store(1, Ordering::Release);
    }

    pub(crate) fn producer_closed(&self) -> bool {
        // ORDERING: Acquire, CLOSE. Pairs with the Release in `close_producer`: a head that is loaded after
        // this says "closed" is the last one.
        self.producer.closed.load(Ordering::Acquire) != 0
    }

    pub(crate) fn close_consumer(&self) {
        // ORDERING: Relaxed. Advice to the producer; nothing is read on the strength of it.
        self.consumer.closed.store(1, Ordering::Relaxed);
    }

    pub(crate) fn consumer_closed(&self) -> bool {
        // ORDERING: Relaxed. As in `close_consumer`.
        self.consumer.closed.load(Ordering::Relaxed) != 0
    }

    /// Losses not told yet, for the producer, whose words these are.
    pub(crate) fn own_loss(&self) -> Option<Loss> {
        // ORDERING: Relaxed. The producer's own words.
        self.loss_of(self.producer.lost.load(Ordering::Relaxed))
    }

    /// Losses not told yet, for anybody else: exact once the producer has closed, before that a figure for a
    /// display, of which only this is sure: where losses are seen no more, the GAP record that tells of them is.
    pub(crate) fn foreign_loss(&self) -> Option<Loss> {
        // ORDERING: Acquire, TOLD. Pairs with the Release in `forget_loss`: the head behind the GAP record was
        // stored before.
        self.loss_of(self.producer.lost.load(Ordering::Acquire))
    }

    fn loss_of(&self, lost: usize) -> Option<Loss> {
        (lost > 0).then(|| Loss { count: lost as u64, first_timestamp: self.producer.first_loss.load() })
    }

    /// Counts one event that was not written.
    pub(crate) fn add_loss(&self, timestamp: u64) {
        self.add_losses(timestamp, 1);
    }

    /// Counts events that are gone; `timestamp` is that of the first.
    pub(crate) fn add_losses(&self, timestamp: u64, events: usize) {
        // ORDERING: Relaxed, all three. The producer's own words; a successor in its role gets them by the
        // hand-over of the role.
        let count = self.producer.lost.load(Ordering::Relaxed);
        if count == 0 {
            self.producer.first_loss.store(timestamp);
        }
        self.producer.lost.store(count.saturating_add(events), Ordering::Relaxed);
    }

    /// A GAP record that tells of all losses is about to be published at `position`.
    ///
    /// Between this and [`gap_told`](Self::gap_told) the producer may die. Its successor knows from `gap_at`
    /// and `head` whether the record stands: see [`settle_gap`](Self::settle_gap).
    pub(crate) fn gap_pending(&self, position: usize) {
        // ORDERING: Relaxed. Only a successor reads it, see `forget_gap`. PUBLISH of the head that follows is
        // Release, so the compiler keeps this before it.
        self.producer.gap_at.store(position, Ordering::Relaxed);
    }

    /// The GAP record is published: the losses are told.
    pub(crate) fn gap_told(&self) {
        self.forget_loss();
        self.forget_gap();
    }

    /// First half of [`gap_told`](Self::gap_told).
    pub(crate) fn forget_loss(&self) {
        // ORDERING: Release, TOLD. Pairs with the Acquire in `foreign_loss`: the count is not seen reset before the
        // head behind the GAP record is seen.
        self.producer.lost.store(0, Ordering::Release);
    }

    /// Second half of [`gap_told`](Self::gap_told).
    pub(crate) fn forget_gap(&self) {
        // A successor that finds the note gone believes the count.
        in_program_order();
        // ORDERING: Relaxed. Only a successor reads it, which the hand-over of the role put behind all of this
        // producer's stores.
        self.producer.gap_at.store(NO_GAP, Ordering::Relaxed);
    }

    /// What a new owner of the producer's role does: decides about a GAP record its predecessor died over.
    pub(crate) fn settle_gap(&self) {
        // ORDERING: Relaxed. The role was handed over (between processes by the kernel's lock, which it lets go
        // when the owner is gone), and that comes after all that the predecessor stored.
        let gap_at = self.producer.gap_at.load(Ordering::Relaxed);
        if gap_at == NO_GAP {
            return;
        }
        // Recovery may have cut the ring at or before the record; then it does not stand either.
        let stands = self.own_head().wrapping_sub(gap_at).cast_signed() > 0;
        if !stands {
            // ORDERING: Relaxed. The role has one owner.
            self.producer.gap_at.store(NO_GAP, Ordering::Relaxed);
        } else {
            self.gap_told();
        }
    }
}

const fn layout_word(retained: bool) -> usize {
    let word_bytes = size_of::<usize>().trailing_zeros() as usize;
    LAYOUT_VERSION | word_bytes << 8 | (LINE_DISTANCE / 64) << 11 | if retained { RETAINED } else { 0 }
}

#[cfg(all(not(ringlog_loom), target_pointer_width = "64"))]
const _: () = assert!(size_of::<Control>() == 384 && align_of::<Control>() == 8);
#[cfg(all(not(ringlog_loom), target_pointer_width = "32"))]
const _: () = assert!(size_of::<Control>() == 64 && align_of::<Control>() <= 8);

#[cfg(test)]
mod tests {
    use super::*;

    fn formatted() -> Control {
        let control = Control::zero();
        let birth = Birth { identity: 0x1122_3344_5566_7788, boot: 9, start: 64, retained: true };
        control.format(&Geometry::new(64, None).unwrap(), &birth);
        control
    }

    #[test]
    fn birth_round_trip() {
        let (geometry, birth) = formatted().read_birth().unwrap();
        assert_eq!((geometry.capacity(), geometry.overrun), (64, 64));
        assert_eq!(birth, Birth { identity: 0x1122_3344_5566_7788, boot: 9, start: 64, retained: true });
    }

    #[cfg(target_pointer_width = "64")]
    #[test]
    fn the_name_and_the_layout_word_are_the_documented_ones() {
        assert_eq!(MAGIC.to_be_bytes(), *b"RINGLOG1");
        assert_eq!((layout_word(false), layout_word(true)), (0x1301, 0x5301));
    }

    #[test]
    fn zero_words_are_no_ring() {
        assert_eq!(Control::zero().read_birth().unwrap_err(), RingError::NotARing);
    }

    #[test]
    fn another_layout_is_no_ring() {
        let control = formatted();
        control.constants.layout.store(LAYOUT_VERSION + 1, Ordering::Relaxed);
        assert_eq!(control.read_birth().unwrap_err(), RingError::NotARing);
    }

    #[test]
    fn a_gap_is_told_once_wherever_the_producer_died() {
        for died_after in 0..5 {
            let control = formatted();
            control.add_loss(77);
            control.add_loss(78);
            if died_after >= 1 {
                control.gap_pending(64);
            }
            if died_after >= 2 {
                control.publish_head(96);
            }
            if died_after >= 3 {
                control.forget_loss();
            }
            if died_after >= 4 {
                control.forget_gap();
            }
            control.settle_gap();
            let told = control.own_head() == 96;
            assert_eq!(control.own_loss(), (!told).then_some(Loss { count: 2, first_timestamp: 77 }));
        }
    }

    #[test]
    fn a_gap_that_recovery_cut_off_is_still_to_be_told() {
        let control = formatted();
        control.add_loss(77);
        control.gap_pending(96);
        control.publish_head(128);
        control.publish_head(80);
        control.settle_gap();
        assert_eq!(control.own_loss(), Some(Loss { count: 1, first_timestamp: 77 }));
    }
    #[test]
    fn losses_after_a_gap_that_was_told_are_a_successors_to_tell() {
        let control = formatted();
        control.add_loss(77);
        control.gap_pending(64);
        control.publish_head(96);
        control.gap_told();
        control.add_loss(99);
        control.settle_gap();
        assert_eq!(control.own_loss(), Some(Loss { count: 1, first_timestamp: 99 }));
    }

    #[test]
    fn a_ring_that_overwrites_says_so_in_each_of_its_lives() {
        let control = formatted();
        for _ in 0..2 {
            control.set_overwriting();
            assert_eq!(control.constants.layout.load(Ordering::Relaxed), layout_word(true) | 1 << 15);
            control.read_birth().unwrap();
        }
    }
}
