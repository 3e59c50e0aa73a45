//! The two ends of a ring: the protocol on positions, and every access to the bytes between them.
//!
//! Unsafe because safety is decided here: an end touches a byte only while it owns the byte, and the two positions
//! alone decide who does.
//!
//! # Who owns a byte
//!
//! Let `tail <= head <= tail + capacity` be the positions that the consumer released and the producer published. A
//! record at position `p` of length `n <= overrun` takes the data region's bytes `index(p) .. index(p) + n`. They reach
//! into the overrun area if the record starts near the end of the lap.
//!
//! - *Published*: records in `tail..head` belong to the consumer. It may read them, and nobody writes them.
//! - *Free*: positions in `head..tail + capacity` belong to the producer.
//! - *No overlap*: two positions less than `capacity` apart have different indices, so a free record that ends inside
//!   the lap shares no byte with a published one. A record that straddles the end of the lap, at position `L`, uses the
//!   overrun area for its bytes beyond `L`. The straddler of the lap before reached beyond `L - capacity`. The new one
//!   fits below `tail + capacity` and ends beyond `L`, so `tail > L - capacity`. A tail is always between records, so
//!   the former straddler is released. Nobody owns the bytes at the start of the lap that a straddler leaves unused.
//!
//! The tests check every start and every length in small rings.

use crate::format::header::{EventHeader, RECORD_ALIGN, flags};
use crate::protocol::control::Control;
use crate::protocol::geometry::Geometry;
use crate::sync::Shadow;
use core::ptr::NonNull;

/// A ring's control words, bytes and sizes. The maker of a value guarantees that they belong together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts<'r> {
    pub(crate) control: &'r Control,
    data: NonNull<u8>,
    pub(crate) shadow: Shadow<'r>,
    pub(crate) geometry: Geometry,
}

// SAFETY: (1) `control` is shared by reference and consists of atomics. (2) `data` points to bytes that are
// valid for 'r by the contract of `Parts::new`, and is used from one thread at a time for each role: the ends
// are made from the parts once each, and the protocol above keeps their bytes apart.
unsafe impl Send for Parts<'_> {}

impl<'r> Parts<'r> {
    /// Puts the parts of a ring together.
    ///
    /// # Safety
    ///
    /// - `data` is valid for reads and writes of `geometry.data_len()` initialised bytes for all of `'r`.
    /// - `data` is 8-aligned.
    /// - For all of `'r`, at most one `WriteEnd` and one `ReadEnd` in the world use `control` and `data`,
    ///   and nothing else touches the bytes.
    pub(crate) const unsafe fn new(
        control: &'r Control,
        data: NonNull<u8>,
        shadow: Shadow<'r>,
        geometry: Geometry,
    ) -> Self {
        Self { control, data, shadow, geometry }
    }

    #[inline]
    pub(crate) const fn control(&self) -> &'r Control {
        self.control
    }

    #[inline]
    pub(crate) const fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Returns address and length in bytes of the data region, for a [`WriteBack`](crate::WriteBack).
    pub(crate) const fn data_region(&self) -> (*const u8, usize) {
        (self.data.as_ptr().cast_const(), self.geometry.data_len())
    }

    /// Returns the address of the byte at `position`.
    #[inline]
    pub(crate) fn at(&self, position: usize) -> NonNull<u8> {
        // SAFETY: an index is less than the capacity, so inside the data region.
        unsafe { self.data.add(self.geometry.index(position)) }
    }

    #[inline]
    pub(crate) fn touch_write(&self, from: usize, len: usize) {
        self.shadow.write(self.geometry.index(from), len);
    }

    #[inline]
    pub(crate) fn touch_read(&self, from: usize, len: usize) {
        self.shadow.read(self.geometry.index(from), len);
    }

    /// Zeroes the last 8 bytes of a record, which contain the padding. The payload is copied over them afterwards.
    ///
    /// Only for the write end that has reserved the record's `stride` bytes.
    #[inline]
    pub(crate) fn zero_last_word(self, at: usize, stride: usize) {
        let last = self.at(at).as_ptr().wrapping_add(stride - RECORD_ALIGN).cast::<u64>();
        // SAFETY: `reserve` made sure of `stride` free bytes at `at`; both are multiples of 8 and the data
        // region is 8-aligned.
        unsafe { last.write(0) };
    }

    /// Stores the header of a record as committed. Only for the write end that has reserved the record.
    #[inline]
    pub(crate) fn store_header(self, at: usize, header: &EventHeader) {
        let stored = EventHeader { flags: header.flags | flags::COMMITTED, checksum: 0, ..*header };
        let [first, second] = stored.to_words();
        let words = [first.to_le(), second.to_le()];
        let to = self.at(at).cast::<[u64; 2]>();
        // SAFETY: as in `zero_last_word`, for the first 16 bytes.
        unsafe { to.write(words) };
    }
}
