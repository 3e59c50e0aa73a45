//! The control words of a ring, which precede its data in memory.
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
//!    144       40   lost         events lost that no GAP record reports yet
//!    152       44   gap_at       position of the GAP record being published, 1 = none
//!    160       48   first_loss   u64 timestamp, lower word first
//!    168        -   schemas      which list describes the events, 0 = none; 64-bit rings of layout version 2
//!    256       56   tail         the consumer's line
//!    264       60   closed
//!    384       64   data
//! ```
//!
//! Each word has one writer. On 64-bit machines lines are 128 bytes apart, so that neither side's stores take the
//! other's line away (adjacent lines are fetched in pairs). On smaller machines they are packed.
#![forbid(unsafe_code)]

use crate::error::RingError;
use crate::protocol::geometry::Geometry;
use crate::sync::{AtomicUsize, Ordering, const_unless_modelled, zero_words};

/// Bytes from the start of one line to the next; 0 if they are packed.
const LINE_DISTANCE: usize = if usize::BITS == 64 { 128 } else { 0 };

/// Words that a `u64` takes.
const WIDE_WORDS: usize = 8 / size_of::<usize>();

/// The version in the layout word. Version 2 has the word `schemas`, which rings of smaller words have no place for.
const LAYOUT_VERSION: usize = if cfg!(target_pointer_width = "64") { 2 } else { 1 };
const VERSION_MASK: usize = 0xFF;
const RETAINED: usize = 1 << 14;
/// The ring overwrites its oldest records: `lost` counts events from before the tail, not from after the head.
const OVERWRITING: usize = 1 << 15;

/// No GAP record is being published. No multiple of 8, so no position.
pub(crate) const NO_GAP: usize = 1;

/// How many times anyone who is neither end reads the positions before they count as impossible.
const LOOKS: usize = 64;

#[expect(clippy::cast_possible_truncation, reason = "the lower half of the name is the 32-bit name")]
const MAGIC: usize = match usize::BITS {
    64 => u64::from_be_bytes(*b"RINGLOG1") as usize,
    32 => u32::from_be_bytes(*b"RLG1") as usize,
    _ => u16::from_be_bytes(*b"R1") as usize,
};

const fn padding_after(used: usize) -> usize {
    LINE_DISTANCE.saturating_sub(used)
}

/// A `u64` in native words. Not atomic as a whole, so it is written only while nobody else reads it.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Wide([AtomicUsize; WIDE_WORDS]);

impl Wide {
    const_unless_modelled! {
        fn zero() -> Self {
            Self(zero_words())
        }
    }

    pub(crate) fn load(&self) -> u64 {
        let mut value = 0;
        for (word, shift) in self.0.iter().zip((0..).step_by(usize::BITS as usize)) {
            // ORDERING: Relaxed. The word that announces it, `magic` or `head`, orders it.
            value |= (word.load(Ordering::Relaxed) as u64) << shift;
        }
        value
    }

    #[expect(clippy::cast_possible_truncation, reason = "takes the value apart word by word")]
    pub(crate) fn store(&self, value: u64) {
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
pub(crate) struct ProducerLine {
    head: AtomicUsize,
    closed: AtomicUsize,
    pub(crate) lost: AtomicUsize,
    pub(crate) gap_at: AtomicUsize,
    pub(crate) first_loss: Wide,
    #[cfg(target_pointer_width = "64")]
    schemas: AtomicUsize,
}

#[derive(Debug)]
#[repr(C)]
struct ConsumerLine {
    tail: AtomicUsize,
    closed: AtomicUsize,
}

/// The control words. All zero before [`format`](Self::format). Aligned to 8, so that the data after them is.
#[derive(Debug)]
#[repr(C, align(8))]
pub(crate) struct Control {
    constants: Constants,
    _constants_end: [u8; padding_after(size_of::<Constants>())],
    pub(crate) producer: ProducerLine,
    _producer_end: [u8; padding_after(size_of::<ProducerLine>())],
    consumer: ConsumerLine,
    _consumer_end: [u8; padding_after(size_of::<ConsumerLine>())],
}

/// What is fixed when a ring is made, except for its sizes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Birth {
    pub(crate) identity: u64,
    pub(crate) boot: u64,
    pub(crate) retained: bool,
}

impl Control {
    const_unless_modelled! {
        /// Returns words of zero: no ring yet.
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
                    #[cfg(target_pointer_width = "64")]
                    schemas: AtomicUsize::new(0),
                },
                _producer_end: [0; _],
                consumer: ConsumerLine { tail: AtomicUsize::new(0), closed: AtomicUsize::new(0) },
                _consumer_end: [0; _],
            }
        }
    }

    /// Makes an empty ring of these words, whose first event will be at `start`, a multiple of 8. Only while nobody
    /// else uses them.
    pub(crate) fn format(&self, geometry: &Geometry, birth: &Birth, start: usize) {
        let Constants { magic, layout, capacity, overrun, identity, boot } = &self.constants;
        // ORDERING: Relaxed, all but the last. BIRTH: anyone who finds the magic finds the rest.
        magic.store(0, Ordering::Relaxed);
        layout.store(layout_word(birth.retained), Ordering::Relaxed);
        capacity.store(geometry.capacity(), Ordering::Relaxed);
        overrun.store(geometry.overrun, Ordering::Relaxed);
        identity.store(birth.identity);
        boot.store(birth.boot);
        self.producer.lost.store(0, Ordering::Relaxed);
        self.producer.gap_at.store(NO_GAP, Ordering::Relaxed);
        self.producer.first_loss.store(0);
        #[cfg(target_pointer_width = "64")]
        self.producer.schemas.store(0, Ordering::Relaxed);
        self.producer.head.store(start, Ordering::Relaxed);
        self.consumer.tail.store(start, Ordering::Relaxed);
        self.reopen();
        // ORDERING: Release, BIRTH. Pairs with the Acquire in `read_birth`.
        magic.store(MAGIC, Ordering::Release);
    }

    /// Reads and checks what `format` stored, except for the positions, which have moved since.
    pub(crate) fn read_birth(&self) -> Result<(Geometry, Birth), RingError> {
        let Constants { magic, layout, capacity, overrun, identity, boot } = &self.constants;
        // ORDERING: Acquire, BIRTH. Pairs with the Release in `format`.
        if magic.load(Ordering::Acquire) != MAGIC {
            return Err(RingError::NotARing);
        }
        // ORDERING: Relaxed, here and below: these words never change once the magic is stored, except for one bit,
        // which means nothing here.
        let found = layout.load(Ordering::Relaxed);
        let retained = found & RETAINED != 0;
        let is_known = (1..=LAYOUT_VERSION).contains(&(found & VERSION_MASK));
        if !is_known || (found ^ layout_word(retained)) & !(OVERWRITING | VERSION_MASK) != 0 {
            return Err(RingError::NotARing);
        }
        let geometry =
            Geometry::from_stored(capacity.load(Ordering::Relaxed), overrun.load(Ordering::Relaxed))?;
        Ok((geometry, Birth { identity: identity.load(), boot: boot.load(), retained }))
    }

    /// Returns whether a ring of these sizes can have these positions. Anyone may call it, also while both ends work.
    pub(crate) fn has_positions_of(&self, geometry: &Geometry) -> bool {
        // The tail first: before the consumer released this tail (RELEASE), it had seen a head at or above it. So the
        // head that is loaded after the tail is at or above it too.
        fit_at_last(geometry, || (self.foreign_tail(), self.foreign_head()))
    }

    pub(crate) fn identity(&self) -> u64 {
        self.constants.identity.load()
    }

    /// Returns whether the ring has the word of its list of descriptions.
    pub(crate) fn has_schemas(&self) -> bool {
        // ORDERING: Relaxed. The version never changes once the magic is stored.
        cfg!(target_pointer_width = "64")
            && self.constants.layout.load(Ordering::Relaxed) & VERSION_MASK == LAYOUT_VERSION
    }

    /// Returns which list describes the events in the ring; 0 if none does, or the ring has no such word.
    ///
    /// To the holder of unread events it is the list of those events.
    pub(crate) fn schemas(&self) -> usize {
        #[cfg(target_pointer_width = "64")]
        if self.has_schemas() {
            // ORDERING: Relaxed, SCHEMAS. The word was stored before the events that it describes were published, so
            // who sees those by the Acquire of `foreign_head` sees this word or a later one (PUBLISH). The next one is
            // stored only after all of them were released (RELEASE), so this load, which comes before the release,
            // does not see it.
            return self.producer.schemas.load(Ordering::Relaxed);
        }
        0
    }

    /// Stores which list describes the events that will be published. Only for the owner of the producer's role, in a
    /// ring that has the word, while [`unread`](Self::unread) is 0.
    pub(crate) fn set_schemas(&self, word: usize) {
        // ORDERING: Relaxed, SCHEMAS. `publish_head` orders it before the events, and `foreign_tail`, by which the
        // owner found the ring empty, after the loads of the consumer.
        #[cfg(target_pointer_width = "64")]
        self.producer.schemas.store(word, Ordering::Relaxed);
        #[cfg(not(target_pointer_width = "64"))]
        let _ = word;
    }

    /// Returns the number of published bytes that were not released. Only for the owner of the producer's role.
    pub(crate) fn unread(&self) -> usize {
        self.own_head().wrapping_sub(self.foreign_tail())
    }

    /// Returns address and length in bytes of all words, for a [`WriteBack`](crate::WriteBack).
    pub(crate) fn all_words(&self) -> (*const u8, usize) {
        (core::ptr::from_ref(self).cast(), size_of::<Self>())
    }

    /// Returns address and length in bytes of the constants.
    pub(crate) fn constants_line(&self) -> (*const u8, usize) {
        (core::ptr::from_ref(&self.constants).cast(), size_of::<Constants>())
    }

    /// Returns address and length in bytes of the producer's line.
    pub(crate) fn producer_line(&self) -> (*const u8, usize) {
        (core::ptr::from_ref(&self.producer).cast(), size_of::<ProducerLine>())
    }

    /// Returns address and length in bytes of the consumer's line.
    pub(crate) fn consumer_line(&self) -> (*const u8, usize) {
        (core::ptr::from_ref(&self.consumer).cast(), size_of::<ConsumerLine>())
    }

    /// Marks the ring as one that overwrites its oldest records, or not. Returns whether that is a change. Only for the
    /// owner of the producer's role.
    pub(crate) fn set_overwriting(&self, overwriting: bool) -> bool {
        let layout = &self.constants.layout;
        // ORDERING: Relaxed, both. The bit is for those who find the words after a reset or in a dump. Anyone who
        // attaches meanwhile ignores it.
        let before = layout.load(Ordering::Relaxed);
        let after = if overwriting { before | OVERWRITING } else { before & !OVERWRITING };
        if after != before {
            layout.store(after, Ordering::Relaxed);
        }
        after != before
    }

    /// Opens both sides again.
    pub(crate) fn reopen(&self) {
        self.reopen_producer();
        self.reopen_consumer();
    }

    /// Opens the producer's side again. Only for its new owner.
    pub(crate) fn reopen_producer(&self) {
        // ORDERING: Relaxed. PUBLISH of the owner's first head is Release and covers it. A consumer that still sees
        // the close of the owner's predecessor has seen all that the predecessor wrote.
        self.producer.closed.store(0, Ordering::Relaxed);
    }

    /// Opens the consumer's side again. Only for its new owner.
    pub(crate) fn reopen_consumer(&self) {
        // ORDERING: Relaxed. It may be stale, as in `close_consumer`.
        self.consumer.closed.store(0, Ordering::Relaxed);
    }

    // The producer owns `head`, so it reads it Relaxed. To the consumer it is foreign, so Acquire.
    // The consumer owns `tail`. To the producer it is foreign.

    #[inline]
    pub(crate) fn own_head(&self) -> usize {
        // ORDERING: Relaxed. The producer's own word, read by the producer or by the holder of the only handle.
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
        // ORDERING: Release, PUBLISH. Pairs with the Acquire in `foreign_head`: the records' bytes were written
        // before and are visible to anyone who sees this head.
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
        // bytes below this tail are over, so the producer may write there again.
        self.consumer.tail.load(Ordering::Acquire)
    }

    #[inline]
    pub(crate) fn release_tail(&self, tail: usize) {
        // ORDERING: Release, RELEASE. Pairs with the Acquire in `foreign_tail`: the reads come before the store.
        self.consumer.tail.store(tail, Ordering::Release);
    }

    pub(crate) fn close_producer(&self) {
        // ORDERING: Release, CLOSE. Pairs with the Acquire in `producer_closed`: the last head was stored before.
        self.producer.closed.store(1, Ordering::Release);
    }

    pub(crate) fn producer_closed(&self) -> bool {
        // ORDERING: Acquire, CLOSE. Pairs with the Release in `close_producer`: a head that is loaded after this
        // load returned "closed" is the last one.
        self.producer.closed.load(Ordering::Acquire) != 0
    }

    pub(crate) fn close_consumer(&self) {
        // ORDERING: Relaxed. Information for the producer, which may be stale; nothing is read because of it.
        self.consumer.closed.store(1, Ordering::Relaxed);
    }

    pub(crate) fn consumer_closed(&self) -> bool {
        // ORDERING: Relaxed. As in `close_consumer`.
        self.consumer.closed.load(Ordering::Relaxed) != 0
    }
}

/// Returns whether a ring of these sizes can have the tail and head that `look` loads, one after the other.
///
/// The ends may advance by a whole lap between the two loads, and then the pair proves nothing. They hardly do so
/// [`LOOKS`] times in a row.
fn fit_at_last(geometry: &Geometry, mut look: impl FnMut() -> (usize, usize)) -> bool {
    (0..LOOKS).any(|_| {
        let (tail, head) = look();
        geometry.fits(tail, head)
    })
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
pub(crate) mod tests {
    use super::*;

    pub(crate) fn formatted() -> Control {
        let control = Control::zero();
        let birth = Birth { identity: 0x1122_3344_5566_7788, boot: 9, retained: true };
        control.format(&Geometry::new(64, None).unwrap(), &birth, 64);
        control
    }

    #[test]
    fn birth_round_trip() {
        let (geometry, birth) = formatted().read_birth().unwrap();
        assert_eq!((geometry.capacity(), geometry.overrun), (64, 64));
        assert_eq!(birth, Birth { identity: 0x1122_3344_5566_7788, boot: 9, retained: true });
    }

    #[test]
    fn positions_are_those_of_a_ring_wherever_they_go_meanwhile_and_damaged_if_they_never_fit() {
        let geometry = Geometry::new(64, None).unwrap();
        for unfit in [(0, 72), (64, 0), (0, 4)] {
            for fits_at in 1..=LOOKS + 1 {
                let mut looks = 0;
                let fit = fit_at_last(&geometry, || {
                    looks += 1;
                    if looks == fits_at { (64, 128) } else { unfit }
                });
                assert_eq!((fit, looks), (fits_at <= LOOKS, fits_at.min(LOOKS)), "{unfit:?}");
            }
        }
        let control = formatted();
        assert!(control.has_positions_of(&geometry));
        control.release_tail(72);
        assert!(!control.has_positions_of(&geometry));
        control.publish_head(136);
        assert!(control.has_positions_of(&geometry));
        control.publish_head(144);
        assert!(!control.has_positions_of(&geometry));
    }

    #[cfg(target_pointer_width = "64")]
    #[test]
    fn the_name_and_the_layout_word_are_the_documented_ones() {
        assert_eq!(MAGIC.to_be_bytes(), *b"RINGLOG1");
        assert_eq!((layout_word(false), layout_word(true)), (0x1302, 0x5302));
        let control = Control::zero();
        let start = core::ptr::from_ref(&control).addr();
        assert_eq!(core::ptr::from_ref(&control.producer.schemas).addr() - start, 168);
    }

    #[cfg(target_pointer_width = "64")]
    #[test]
    fn a_ring_of_layout_1_is_a_ring_without_a_list() {
        let control = formatted();
        control.set_schemas(7);
        assert_eq!((control.has_schemas(), control.schemas()), (true, 7));
        control.constants.layout.store(layout_word(true) - 1, Ordering::Relaxed);
        assert!(control.read_birth().is_ok());
        assert_eq!((control.has_schemas(), control.schemas()), (false, 0));
        control.format(&Geometry::new(64, None).unwrap(), &Birth::default(), 64);
        assert_eq!((control.has_schemas(), control.schemas()), (true, 0), "a new ring has no list");
    }

    #[test]
    fn zero_words_are_no_ring() {
        assert_eq!(Control::zero().read_birth().unwrap_err(), RingError::NotARing);
    }

    #[test]
    fn another_layout_is_no_ring() {
        let control = formatted();
        for other in [layout_word(true) + 1, layout_word(true) - LAYOUT_VERSION, layout_word(true) ^ 1 << 8] {
            control.constants.layout.store(other, Ordering::Relaxed);
            assert_eq!(control.read_birth().unwrap_err(), RingError::NotARing, "{other:#x}");
        }
    }

    #[test]
    fn a_ring_that_overwrites_says_so_in_each_of_its_lives() {
        let control = formatted();
        for (overwriting, is_new, bit) in
            [(false, false, 0), (true, true, 1), (true, false, 1), (false, true, 0), (true, true, 1)]
        {
            assert_eq!(control.set_overwriting(overwriting), is_new);
            assert_eq!(control.constants.layout.load(Ordering::Relaxed), layout_word(true) | bit << 15);
            control.read_birth().unwrap();
        }
    }
}
