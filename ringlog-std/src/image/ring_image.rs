//! Rings in a raw dump of memory: of any word size, in either byte order.
//!
//! The bytes are foreign and may be damaged: nothing in them is used before it was checked, and no length in them
//! causes an allocation. The layout is that of `docs/format.md`, "The ring in memory".
#![forbid(unsafe_code)]

use ringlog_nostd::MAX_PAYLOAD;
use ringlog_nostd::format::{Checksums, HEADER_LEN, decode, record_len};

use crate::checksum::crc32c::crc32c_hardware;
use crate::event::{Event, Gap, GapReason, RecordError, RecordErrorKind};
use crate::image::words::{OVERWRITING, Places, RETAINED, WordForm};
use crate::words::Counted;

/// No GAP record is being published.
pub(crate) const NO_GAP: u64 = 1;

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
/// assert_eq!(error.offset(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("offset {offset:#x}: the magic of a {form} ring, but {kind}")]
pub struct RingImageError {
    offset: usize,
    /// The words that the magic indicates.
    form: WordForm,
    #[doc(hidden)]
    pub kind: RingImageErrorKind,
}

impl RingImageError {
    /// Returns the offset in the dump at which a ring seems to begin.
    ///
    /// ```
    /// use ringlog::image::RingImage;
    /// use ringlog_nostd::{AlignedBytes, Ring};
    ///
    /// let mut memory = AlignedBytes::<1024>::new();
    /// drop(Ring::format(memory.as_mut(), 64)?.into_ends());
    /// let error = RingImage::find_all(&memory.as_mut()[..512]).next().unwrap().unwrap_err();
    /// assert_eq!(error.offset(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// Returns how many bytes more the dump should have; `None` if the ring's control words are damaged.
    ///
    /// ```
    /// use ringlog::image::RingImage;
    /// use ringlog_nostd::{AlignedBytes, Ring};
    ///
    /// let mut memory = AlignedBytes::<1024>::new();
    /// drop(Ring::format(memory.as_mut(), 64)?.into_ends());
    /// let error = RingImage::find_all(&memory.as_mut()[..512]).next().unwrap().unwrap_err();
    /// assert!(error.missing_bytes() > Some(0), "dump more memory");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn missing_bytes(&self) -> Option<usize> {
        match self.kind {
            RingImageErrorKind::Truncated { missing } => Some(missing),
            RingImageErrorKind::Sizes { .. } | RingImageErrorKind::Positions { .. } => None,
        }
    }
}

/// What is wrong with the control words of a ring in a dump.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
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
        if is_reported(word(places.producer + 3 * w), head, form) {
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

    /// Returns the size of the words of the machine that made it, in bits: 16, 32 or 64.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, image::RingImage};
    /// # use ringlog_nostd::{AlignedBytes, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let (mut producer, _) = Ring::format(memory.as_mut(), 64)?.into_ends();
    /// # producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// # drop(producer);
    /// let ring = RingImage::find_all(memory.as_mut()).next().unwrap()?;
    /// assert_eq!(ring.word_bits(), usize::BITS);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn word_bits(&self) -> u32 {
        self.form.bits()
    }

    /// Returns whether that machine stores the most significant byte of a word first.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, image::RingImage};
    /// # use ringlog_nostd::{AlignedBytes, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let (mut producer, _) = Ring::format(memory.as_mut(), 64)?.into_ends();
    /// # producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// # drop(producer);
    /// let ring = RingImage::find_all(memory.as_mut()).next().unwrap()?;
    /// assert_eq!(ring.is_big_endian(), cfg!(target_endian = "big"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn is_big_endian(&self) -> bool {
        self.form.big_endian
    }

    #[doc(hidden)]
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
    /// Ends after the first record that is not whole, which is an error. Its offset is the record's position.
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
    pub fn events(&self) -> impl Iterator<Item = Result<Event<'i>, RecordError>> + use<'i> {
        let salt = (self.identity ^ self.identity >> 32) & u64::from(u32::MAX);
        let salt = u32::try_from(salt).unwrap_or_default();
        let checksums = if self.is_retained() {
            Checksums::Verify { salt, crc: crc32c_hardware }
        } else {
            Checksums::Absent
        };
        let (ring, mut at, mut left, mut sequences) = (*self, self.tail, self.unread_bytes(), 0..);
        std::iter::from_fn(move || {
            if left == 0 {
                return None;
            }
            let (offset, sequence) = (at, sequences.next()?);
            let record = decode(ring.published(offset, left), offset, checksums);
            match record.and_then(|record| {
                if record.0.is_meta() { Err(RecordErrorKind::MisplacedMeta) } else { Ok(record) }
            }) {
                Ok((header, payload, stride)) => {
                    at = offset.wrapping_add(stride as u64) & ring.form.mask();
                    left -= stride;
                    Some(Ok(Event::new(header, payload, sequence, offset)))
                }
                Err(kind) => {
                    left = 0;
                    Some(Err(RecordError { offset, sequence, kind }))
                }
            }
        })
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
fn is_reported(gap_at: u64, head: u64, form: WordForm) -> bool {
    let ahead = head.wrapping_sub(gap_at) & form.mask();
    gap_at != NO_GAP && ahead > 0 && ahead <= form.mask() / 2
}
