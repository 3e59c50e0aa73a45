//! Rings in a raw dump of memory: of any word size, in either byte order.
//!
//! The bytes are foreign and may be damaged: nothing in them is used before it was checked, and no length in them
//! causes an allocation. The layout is that of `docs/format.md`, "The ring in memory".
#![forbid(unsafe_code)]

use ringlog_nostd::MAX_PAYLOAD;
use ringlog_nostd::format::{Checksums, HEADER_LEN, decode, record_len};

use crate::checksum::crc32c::crc32c_hardware;
use crate::event::{Event, Gap, GapReason, RecordError};
use crate::image::words::{OVERWRITING, Places, RETAINED, WordForm};
use crate::words::Counted;

/// No GAP record is being published.
const NO_GAP: u64 = 1;

/// A ring in a dump of memory, whose control words make sense.
///
/// ```
/// use ringlog::event::EventHeader;
/// use ringlog::image::RingImage;
/// use ringlog_nostd::{AlignedBytes, Ring};
///
/// let mut memory = AlignedBytes::<1024>::new();
/// let (mut producer, _) = Ring::format(memory.as_mut(), 64)?.into_ends();
/// producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
/// drop(producer);
///
/// let dump = [&[0xAA; 100][..], memory.as_mut()].concat();
/// let ring = RingImage::find_all(&dump).next().unwrap()?;
/// assert_eq!((ring.offset(), ring.events().next().unwrap()?.payload), (100, &b"hello"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RingImage<'i> {
    offset: usize,
    form: WordForm,
    layout: u64,
    identity: u64,
    boot: u64,
    tail: u64,
    head: u64,
    lost: u64,
    first_loss: u64,
    capacity: usize,
    /// `capacity` plus overrun bytes.
    data: &'i [u8],
}

/// Why a place that begins like a ring is none that can be read.
///
/// ```
/// use ringlog::image::RingImage;
/// use ringlog_nostd::{AlignedBytes, Ring};
///
/// let mut memory = AlignedBytes::<1024>::new();
/// drop(Ring::format(memory.as_mut(), 64)?.into_ends());
/// // The dump ends too early.
/// let error = RingImage::find_all(&memory.as_mut()[..512]).next().unwrap().unwrap_err();
/// assert_eq!(error.offset, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("offset {offset:#x}: the magic of a {form} ring, but {kind}")]
pub struct RingImageError {
    /// Offset of the magic in the dump.
    pub offset: usize,
    /// The words that the magic indicates.
    pub form: WordForm,
    /// What is wrong.
    pub kind: RingImageErrorKind,
}

/// What is wrong with the control words of a ring in a dump.
///
/// ```
/// use ringlog::image::{RingImage, RingImageErrorKind};
/// use ringlog_nostd::{AlignedBytes, Ring};
///
/// let mut memory = AlignedBytes::<1024>::new();
/// drop(Ring::format(memory.as_mut(), 64)?.into_ends());
/// let error = RingImage::find_all(&memory.as_mut()[..512]).next().unwrap().unwrap_err();
/// assert!(matches!(error.kind, RingImageErrorKind::Truncated { missing } if missing > 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RingImageErrorKind {
    /// No ring has this capacity with this overrun.
    #[error(
        "a capacity of {capacity} and an overrun of {overrun} bytes are those of no ring; if one was there, it is overwritten, so pass over it"
    )]
    Sizes {
        /// The capacity in the control words.
        capacity: u64,
        /// The overrun in the control words.
        overrun: u64,
    },
    /// The positions contradict each other.
    #[error(
        "the positions {tail:#x} and {head:#x} do not fit a capacity of {capacity}; if a ring was there, it is overwritten, so pass over it"
    )]
    Positions {
        /// The consumer's.
        tail: u64,
        /// The producer's.
        head: u64,
        /// The ring's capacity in bytes.
        capacity: u64,
    },
    /// The dump ends inside the ring.
    #[error("the dump ends {} before the ring does; dump more memory", Counted(*missing as u64, "byte"))]
    Truncated {
        /// How many bytes are missing.
        missing: usize,
    },
}

impl<'i> RingImage<'i> {
    /// Returns all rings in a dump, in the order of their offsets, also those with damaged control words.
    ///
    /// ```
    /// use ringlog::image::RingImage;
    ///
    /// assert_eq!(RingImage::find_all(&[0; 4096]).count(), 0);
    /// ```
    pub fn find_all(image: &'i [u8]) -> impl Iterator<Item = Result<Self, RingImageError>> + 'i {
        let mut from = 0;
        std::iter::from_fn(move || {
            while from < image.len() {
                let offset = from;
                from += 1;
                // Every magic begins with one of these.
                if !matches!(image[offset], b'R' | b'1') {
                    continue;
                }
                if let Some(found) = WordForm::ALL.into_iter().find_map(|form| Self::at(image, offset, form))
                {
                    return Some(found);
                }
            }
            None
        })
    }

    /// Returns the ring whose magic is at this offset, if there is one.
    fn at(image: &'i [u8], offset: usize, form: WordForm) -> Option<Result<Self, RingImageError>> {
        let bytes = image.get(offset..)?;
        if !bytes.starts_with(form.magic()) {
            return None;
        }
        let places = form.layout(form.word(bytes, form.bytes))?;
        match Self::read(bytes, offset, form, places) {
            // A magic of two bytes may be there by chance. So an invalid ring of this form does not count.
            Err(_) if form.bytes == 2 => None,
            Err(kind) => Some(Err(RingImageError { offset, form, kind })),
            Ok(ring) => Some(Ok(ring)),
        }
    }

    fn read(
        bytes: &'i [u8],
        offset: usize,
        form: WordForm,
        places: Places,
    ) -> Result<Self, RingImageErrorKind> {
        let word = |at: usize| form.word(bytes, at);
        let w = form.bytes;
        let (capacity, overrun) = (word(2 * w), word(3 * w));
        let data_len = checked_sizes(capacity, overrun, form)?;
        let needed = places.data + data_len;
        let data = bytes
            .get(places.data..needed)
            .ok_or_else(|| RingImageErrorKind::Truncated { missing: needed.saturating_sub(bytes.len()) })?;
        let (head, tail) = (word(places.producer), word(places.consumer));
        if head.wrapping_sub(tail) & form.mask() > capacity || (head | tail) & 7 != 0 {
            return Err(RingImageErrorKind::Positions { tail, head, capacity });
        }
        let mut lost = word(places.producer + 2 * w);
        if is_told(word(places.producer + 3 * w), head, form) {
            lost = 0;
        }
        Ok(Self {
            offset,
            form,
            layout: word(w),
            identity: form.wide(bytes, 4 * w),
            boot: form.wide(bytes, 4 * w + 8),
            tail,
            head,
            lost,
            first_loss: form.wide(bytes, places.producer + 4 * w),
            capacity: usize::try_from(capacity).unwrap_or(usize::MAX),
            data,
        })
    }

    /// Returns where in the dump it starts, in bytes.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, image::RingImage};
    /// # use ringlog_nostd::{AlignedBytes, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let (mut producer, _) = Ring::format(memory.as_mut(), 64)?.into_ends();
    /// # producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// # drop(producer);
    /// let ring = RingImage::find_all(memory.as_mut()).next().unwrap()?;
    /// assert_eq!(ring.offset(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// Returns the form of the words of the machine that made it.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, image::RingImage};
    /// # use ringlog_nostd::{AlignedBytes, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let (mut producer, _) = Ring::format(memory.as_mut(), 64)?.into_ends();
    /// # producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// # drop(producer);
    /// let ring = RingImage::find_all(memory.as_mut()).next().unwrap()?;
    /// assert_eq!(ring.word_form().bytes, size_of::<usize>());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn word_form(&self) -> WordForm {
        self.form
    }

    /// Returns the ring's capacity in bytes.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, image::RingImage};
    /// # use ringlog_nostd::{AlignedBytes, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let (mut producer, _) = Ring::format(memory.as_mut(), 64)?.into_ends();
    /// # producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// # drop(producer);
    /// let ring = RingImage::find_all(memory.as_mut()).next().unwrap()?;
    /// assert!(ring.capacity().is_power_of_two());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.capacity
    }

    /// Returns the number that the ring was created with.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, image::RingImage};
    /// # use ringlog_nostd::{AlignedBytes, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let (mut producer, _) = Ring::format(memory.as_mut(), 64)?.into_ends();
    /// # producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// # drop(producer);
    /// let ring = RingImage::find_all(memory.as_mut()).next().unwrap()?;
    /// assert_eq!(ring.identity(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn identity(&self) -> u64 {
        self.identity
    }

    /// Returns the boot that the ring was created in, as its maker counts them.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, image::RingImage};
    /// # use ringlog_nostd::{AlignedBytes, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let (mut producer, _) = Ring::format(memory.as_mut(), 64)?.into_ends();
    /// # producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// # drop(producer);
    /// let ring = RingImage::find_all(memory.as_mut()).next().unwrap()?;
    /// assert_eq!(ring.boot(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn boot(&self) -> u64 {
        self.boot
    }

    /// Returns whether every record carries its checksum, so that a damaged record is noticed.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, image::RingImage};
    /// # use ringlog_nostd::{AlignedBytes, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let (mut producer, _) = Ring::format(memory.as_mut(), 64)?.into_ends();
    /// # producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// # drop(producer);
    /// let ring = RingImage::find_all(memory.as_mut()).next().unwrap()?;
    /// assert!(!ring.is_retained());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn is_retained(&self) -> bool {
        self.layout & RETAINED != 0
    }

    /// Returns whether it overwrites its oldest events, as a flight recorder does.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, image::RingImage};
    /// # use ringlog_nostd::{AlignedBytes, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let (mut producer, _) = Ring::format(memory.as_mut(), 64)?.into_ends();
    /// # producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// # drop(producer);
    /// let ring = RingImage::find_all(memory.as_mut()).next().unwrap()?;
    /// assert!(!ring.overwrites_oldest());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn overwrites_oldest(&self) -> bool {
        self.layout & OVERWRITING != 0
    }

    /// Returns the lost events that no record reports yet, with the time of the first.
    ///
    /// They are missing before the first event if the ring [overwrites its oldest](Self::overwrites_oldest), else
    /// after the last. A count that has reached the largest value of the ring's words is unknown: 0.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, image::RingImage};
    /// # use ringlog_nostd::{AlignedBytes, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let (mut producer, _) = Ring::format(memory.as_mut(), 64)?.into_ends();
    /// # producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// # drop(producer);
    /// let ring = RingImage::find_all(memory.as_mut()).next().unwrap()?;
    /// assert_eq!(ring.pending_gap(), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn pending_gap(&self) -> Option<(u64, Gap)> {
        let reason = if self.overwrites_oldest() { GapReason::ReaderOverrun } else { GapReason::RingFull };
        let count = if self.lost == self.form.mask() { 0 } else { self.lost };
        (self.lost > 0).then(|| (self.first_loss, Gap::new(reason, count)))
    }

    /// Returns the bytes of events that were published and not read.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, image::RingImage};
    /// # use ringlog_nostd::{AlignedBytes, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let (mut producer, _) = Ring::format(memory.as_mut(), 64)?.into_ends();
    /// # producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// # drop(producer);
    /// let ring = RingImage::find_all(memory.as_mut()).next().unwrap()?;
    /// assert_eq!(ring.unread_bytes(), 24);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn unread_bytes(&self) -> usize {
        let unread = self.head.wrapping_sub(self.tail) & self.form.mask();
        usize::try_from(unread).unwrap_or(usize::MAX).min(self.capacity)
    }

    /// Returns the events that were published and not read, oldest first.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, image::RingImage};
    /// # use ringlog_nostd::{AlignedBytes, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let (mut producer, _) = Ring::format(memory.as_mut(), 64)?.into_ends();
    /// # producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// # drop(producer);
    /// let ring = RingImage::find_all(memory.as_mut()).next().unwrap()?;
    /// assert_eq!(ring.events().count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn events(&self) -> ImageEvents<'i> {
        let salt = (self.identity ^ self.identity >> 32) & u64::from(u32::MAX);
        let salt = u32::try_from(salt).unwrap_or_default();
        ImageEvents {
            ring: *self,
            at: self.tail,
            left: self.unread_bytes(),
            sequence: 0,
            checksums: if self.is_retained() {
                Checksums::Verify { salt, crc: crc32c_hardware }
            } else {
                Checksums::Absent
            },
        }
    }

    /// Returns what is published from a position on, up to the end of one contiguous piece.
    fn published(&self, at: u64, left: usize) -> &'i [u8] {
        let index = usize::try_from(at & (self.capacity as u64 - 1)).unwrap_or(usize::MAX);
        let rest = self.data.get(index..).unwrap_or_default();
        rest.get(..left).unwrap_or(rest)
    }
}

/// Returns the length of the data region, if a ring has these sizes.
fn checked_sizes(capacity: u64, overrun: u64, form: WordForm) -> Result<usize, RingImageErrorKind> {
    let largest = record_len(MAX_PAYLOAD) as u64;
    let smallest = (HEADER_LEN + 16) as u64;
    let fits = capacity.is_power_of_two() && capacity <= form.mask() / 4 + 1;
    let sizes = fits && (smallest..=largest.min(capacity)).contains(&overrun) && overrun.is_multiple_of(8);
    let data_len = if sizes { usize::try_from(capacity + overrun).ok() } else { None };
    data_len.ok_or(RingImageErrorKind::Sizes { capacity, overrun })
}

/// Returns whether a GAP record that was being published when the machine stopped is below the head.
fn is_told(gap_at: u64, head: u64, form: WordForm) -> bool {
    let ahead = head.wrapping_sub(gap_at) & form.mask();
    gap_at != NO_GAP && ahead > 0 && ahead <= form.mask() / 2
}

/// An iterator over the unread events of a [`RingImage`].
///
/// Ends after the first record that is not whole, which it yields as an error. The error's offset is the record's
/// position.
///
/// ```
/// # use ringlog::{event::EventHeader, image::RingImage};
/// # use ringlog_nostd::{AlignedBytes, Ring};
/// # let mut memory = AlignedBytes::<1024>::new();
/// # let (mut producer, _) = Ring::format(memory.as_mut(), 64)?.into_ends();
/// # producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
/// # drop(producer);
/// let ring = RingImage::find_all(memory.as_mut()).next().unwrap()?;
/// let mut events = ring.events();
/// assert_eq!(events.next().unwrap()?.payload, b"hello");
/// assert!(events.next().is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
/// error's offset.
#[derive(Clone, Debug)]
pub struct ImageEvents<'i> {
    ring: RingImage<'i>,
    at: u64,
    left: usize,
    sequence: u64,
    checksums: Checksums,
}

impl<'i> Iterator for ImageEvents<'i> {
    type Item = Result<Event<'i>, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let (offset, sequence) = (self.at, self.sequence);
        match decode(self.ring.published(offset, self.left), offset, self.checksums) {
            Ok((header, payload, stride)) => {
                self.at = offset.wrapping_add(stride as u64) & self.ring.form.mask();
                self.left -= stride;
                self.sequence += 1;
                Some(Ok(Event { header, payload, sequence, offset }))
            }
            Err(kind) => {
                self.left = 0;
                Some(Err(RecordError { offset, sequence, kind }))
            }
        }
    }
}

impl std::iter::FusedIterator for ImageEvents<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventHeader;
    use ringlog_nostd::format::{add_checksum, crc32c_append, encode, place_word};

    const CAPACITY: usize = 128;
    const OVERRUN: usize = 40;
    const IDENTITY: u64 = 0x1122_3344_5566_7788;

    fn put(bytes: &mut [u8], form: WordForm, at: usize, value: u64) {
        for place in 0..form.bytes {
            let shift = if form.big_endian { form.bytes - 1 - place } else { place } * 8;
            bytes[at + place] = (value >> shift).to_le_bytes()[0];
        }
    }

    fn put_wide(bytes: &mut [u8], form: WordForm, at: usize, value: u64) {
        for skip in (0..8).step_by(form.bytes) {
            put(bytes, form, at + skip, value >> (8 * skip) & form.mask());
        }
    }

    /// Where the words are, written by hand from docs/format.md: producer, consumer, data.
    fn places(form: WordForm) -> (usize, usize, usize, u64) {
        match form.bytes {
            8 => (128, 256, 384, 1 | 3 << 8 | 2 << 11),
            4 => (32, 56, 64, 1 | 2 << 8),
            _ => (24, 40, 48, 1 | 1 << 8),
        }
    }

    fn event(number: u64) -> (EventHeader, Vec<u8>) {
        let payload = vec![number as u8; number as usize * 5 % 25];
        (EventHeader::new(number, 7, payload.len() as u16), payload)
    }

    /// Returns a ring as a machine of this form leaves it: `events` events from position `start` on.
    fn ring(form: WordForm, start: u64, events: u64, extra_layout: u64) -> Vec<u8> {
        let (producer, consumer, data, layout) = places(form);
        let mut bytes = vec![0; data + CAPACITY + OVERRUN];
        let w = form.bytes;
        bytes[..w].copy_from_slice(form.magic());
        put(&mut bytes, form, w, layout | extra_layout);
        put(&mut bytes, form, 2 * w, CAPACITY as u64);
        put(&mut bytes, form, 3 * w, OVERRUN as u64);
        put_wide(&mut bytes, form, 4 * w, IDENTITY);
        put_wide(&mut bytes, form, 4 * w + 8, 9);
        let start = start & form.mask();
        let mut at = start;
        for number in 0..events {
            let (header, payload) = event(number);
            let from = data + usize::try_from(at).unwrap() % CAPACITY;
            let stride = encode(&mut bytes[from..], &header, &payload).unwrap();
            if extra_layout & RETAINED != 0 {
                let place = place_word(0x1122_3344 ^ 0x5566_7788, at);
                let _ = add_checksum(&mut bytes[from..], place, crc32c_append);
            }
            at = at.wrapping_add(stride as u64) & form.mask();
        }
        put(&mut bytes, form, producer, at);
        put(&mut bytes, form, producer + 3 * w, NO_GAP);
        put(&mut bytes, form, consumer, start);
        bytes
    }

    fn numbers(ring: &RingImage<'_>) -> Vec<u64> {
        ring.events().map(|event| event.unwrap().header.timestamp).collect()
    }

    #[test]
    fn rings_of_every_word_size_and_byte_order_are_found_anywhere_in_a_dump() {
        for form in WordForm::ALL {
            for (extra_layout, start) in [(0, 0), (RETAINED, 96), (RETAINED | OVERWRITING, u64::MAX - 47)] {
                for before in [0, 1, 13] {
                    let mut dump = vec![b'R'; before];
                    dump.extend(ring(form, start, 4, extra_layout));
                    dump.extend([b'1'; 9]);
                    let found: Vec<_> = RingImage::find_all(&dump).collect();
                    let [Ok(ring)] = &found[..] else { panic!("{form}: {found:?}") };
                    assert_eq!((ring.offset(), ring.word_form()), (before, form));
                    assert_eq!((ring.capacity(), ring.identity(), ring.boot()), (CAPACITY, IDENTITY, 9));
                    assert_eq!(ring.is_retained(), extra_layout & RETAINED != 0);
                    assert_eq!(ring.overwrites_oldest(), extra_layout & OVERWRITING != 0);
                    assert_eq!(numbers(ring), [0, 1, 2, 3], "{form} from {start:#x}");
                    for event in ring.events() {
                        let event = event.unwrap();
                        assert_eq!(event.payload, self::event(event.sequence).1);
                    }
                }
            }
        }
    }

    #[test]
    fn losses_are_told_with_their_reason_unless_a_record_tells_them() {
        for form in WordForm::ALL {
            let producer = places(form).0;
            for (extra_layout, reason) in [(0, GapReason::RingFull), (OVERWRITING, GapReason::ReaderOverrun)]
            {
                let mut dump = ring(form, 0, 3, extra_layout);
                put(&mut dump, form, producer + 2 * form.bytes, 5);
                put_wide(&mut dump, form, producer + 4 * form.bytes, u64::MAX - 1);
                let gap = RingImage::find_all(&dump).next().unwrap().unwrap().pending_gap();
                assert_eq!(gap, Some((u64::MAX - 1, Gap::new(reason, 5))));
                put(&mut dump, form, producer + 2 * form.bytes, form.mask());
                let unknown = RingImage::find_all(&dump).next().unwrap().unwrap().pending_gap();
                assert_eq!(unknown, Some((u64::MAX - 1, Gap::new(reason, 0))));
                // The record at position 16 is the GAP record that reports them.
                put(&mut dump, form, producer + 3 * form.bytes, 16);
                assert_eq!(RingImage::find_all(&dump).next().unwrap().unwrap().pending_gap(), None);
            }
        }
    }

    #[test]
    fn a_damaged_record_ends_the_events_with_its_position() {
        for form in WordForm::ALL {
            let mut dump = ring(form, 0, 4, RETAINED);
            dump[places(form).2 + 16 + 16] ^= 1;
            let found = RingImage::find_all(&dump).next().unwrap().unwrap();
            let events: Vec<_> = found.events().collect();
            assert_eq!(events.len(), 2);
            assert!(events[0].is_ok());
            assert_eq!(events[1].unwrap_err().offset, 16);
        }
    }

    #[test]
    fn control_words_that_make_no_sense_are_named() {
        let form = WordForm { bytes: 4, big_endian: true };
        let kind_with = |at: usize, value: u64, cut: usize| {
            let mut dump = ring(form, 0, 4, 0);
            put(&mut dump, form, at, value);
            dump.truncate(dump.len() - cut);
            RingImage::find_all(&dump).next().unwrap().unwrap_err().kind
        };
        assert!(matches!(kind_with(8, 100, 0), RingImageErrorKind::Sizes { capacity: 100, .. }));
        assert!(matches!(kind_with(8, 1 << 31, 0), RingImageErrorKind::Sizes { .. }));
        assert!(matches!(kind_with(12, 36, 0), RingImageErrorKind::Sizes { overrun: 36, .. }));
        assert!(matches!(kind_with(8, 1 << 20, 0), RingImageErrorKind::Truncated { .. }));
        assert_eq!(kind_with(56, 0, 1), RingImageErrorKind::Truncated { missing: 1 });
        assert!(matches!(kind_with(56, 4, 0), RingImageErrorKind::Positions { tail: 4, .. }));
        assert!(matches!(kind_with(32, 136, 0), RingImageErrorKind::Positions { head: 136, .. }));
        let mut dump = ring(form, 0, 4, 0);
        put(&mut dump, form, 4, 2 | 2 << 8);
        assert_eq!(RingImage::find_all(&dump).count(), 0, "another layout version");
    }

    #[test]
    fn damage_anywhere_neither_panics_nor_invents_events_of_a_retained_ring() {
        let mut random = 0x9E37_79B9_7F4A_7C15_u64;
        let mut next = |bound: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            usize::try_from(random % bound as u64).unwrap()
        };
        for round in 0..20_000 {
            let form = WordForm::ALL[round % 6];
            let mut dump = ring(form, u64::MAX - 39, 4, RETAINED);
            for _ in 0..1 + next(6) {
                let at = next(dump.len());
                dump[at] = next(256).to_le_bytes()[0];
            }
            for found in RingImage::find_all(&dump).flatten().filter(|ring| ring.is_retained()) {
                let found: Vec<u64> = found.events().flatten().map(|event| event.header.timestamp).collect();
                assert!(
                    [0, 1, 2, 3].windows(found.len().max(1)).any(|part| part == found) || found.is_empty()
                );
            }
        }
    }

    #[test]
    fn noise_full_of_magics_ends() {
        let magics: Vec<u8> = WordForm::ALL.into_iter().flat_map(|form| form.magic().repeat(50)).collect();
        assert_eq!(RingImage::find_all(&magics).count(), 0);
    }
}
