//! The producer's end: writes records into free bytes and publishes them. `parts` explains who owns which byte.

use crate::copy::copy_array;
use crate::error::{RingFault, WriteError};
use crate::format::header::{EventHeader, HEADER_LEN, RECORD_ALIGN, record_len};
use crate::protocol::parts::Parts;
use crate::protocol::retained::WriteBack;
use crate::sync::Lent;

/// Copies a payload to free bytes of a ring.
///
/// # Safety
///
/// - `to` is valid for writes of `payload.len()` bytes, which do not overlap with `payload`.
#[cfg(not(feature = "small-copy"))]
#[inline(always)]
unsafe fn copy(payload: &[u8], to: *mut u8) {
    // SAFETY: the caller's promise; the ring's bytes are initialised.
    let to = unsafe { core::slice::from_raw_parts_mut(to, payload.len()) };
    crate::copy::copy(to, payload);
}

/// Does the same in a dozen bytes of code. Volatile, because the compiler would turn a plain loop into a call of
/// `memcpy`, which takes 600 bytes of flash if nothing else needs it.
#[cfg(feature = "small-copy")]
unsafe fn copy(payload: &[u8], to: *mut u8) {
    for (at, byte) in payload.iter().enumerate() {
        // SAFETY: the caller's promise; `at` is below the length.
        unsafe { to.wrapping_add(at).write_volatile(*byte) };
    }
}

/// The producer's end: writes into the free positions and publishes them.
#[derive(Debug)]
pub(crate) struct WriteEnd<'r> {
    parts: Parts<'r>,
    /// The published position: any multiple of 8, as it runs freely and wraps.
    head: usize,
    /// A tail that the consumer had before; `head - cached_tail <= capacity`.
    cached_tail: usize,
    fault: Option<RingFault>,
    /// Writes a tail back to memory before the bytes below it are overwritten.
    write_back: Option<WriteBack>,
}

impl<'r> WriteEnd<'r> {
    /// Continues at the head in the control words, with a fault if the words contradict each other. It is the ring's
    /// only write end, by the contract of [`Parts::new`].
    pub(crate) fn new(parts: Parts<'r>, write_back: Option<WriteBack>) -> Self {
        let (own, foreign) = (parts.control.own_head(), parts.control.foreign_tail());
        let fault = (!parts.geometry.fits(foreign, own)).then_some(RingFault::Position { own, foreign });
        let head = own & !(RECORD_ALIGN - 1);
        // An empty cache: the first write reads the tail, or meets the fault.
        let cached_tail = head.wrapping_sub(parts.geometry.capacity());
        Self { parts, head, cached_tail, fault, write_back }
    }

    #[inline]
    pub(crate) const fn parts(&self) -> &Parts<'r> {
        &self.parts
    }

    #[inline]
    pub(crate) const fn head(&self) -> usize {
        self.head
    }

    #[inline]
    pub(crate) const fn fault(&self) -> Option<RingFault> {
        self.fault
    }

    /// Reads the consumer's position and returns the bytes in use.
    pub(crate) fn used(&self) -> usize {
        self.head.wrapping_sub(self.parts.control.foreign_tail()).min(self.parts.geometry.capacity())
    }

    /// Makes sure that `stride` bytes at `at` are free. `at` is the head, or past it by records that are written but
    /// not published. `stride` is at most the overrun.
    #[inline]
    pub(crate) fn reserve(&mut self, at: usize, stride: usize) -> Result<(), WriteError> {
        if self.has_room(at, stride) { Ok(()) } else { self.reserve_after_refresh(at, stride) }
    }

    #[inline]
    fn has_room(&self, at: usize, stride: usize) -> bool {
        self.parts.geometry.has_room(at.wrapping_sub(self.cached_tail), stride)
    }

    #[cold]
    #[inline(never)]
    fn reserve_after_refresh(&mut self, at: usize, stride: usize) -> Result<(), WriteError> {
        if let Some(fault) = self.fault {
            return Err(fault.into());
        }
        let tail = self.parts.control.foreign_tail();
        // Never before the tail seen last: records of a batch may have been written because of that tail.
        if !self.parts.geometry.fits(tail, self.head)
            || self.head.wrapping_sub(tail) > self.head.wrapping_sub(self.cached_tail)
        {
            let fault = RingFault::Position { own: self.head, foreign: tail };
            self.fault = Some(fault);
            // Nothing is free any more, so every later write comes here.
            self.cached_tail = self.head.wrapping_sub(self.parts.geometry.capacity());
            return Err(fault.into());
        }
        self.cached_tail = tail;
        if let Some(write_back) = self.write_back {
            // Without it a reset could find overwritten records above an old tail.
            let (start, len) = self.parts.control.consumer_line();
            write_back(start, len);
        }
        if self.has_room(at, stride) { Ok(()) } else { Err(WriteError::Full) }
    }

    /// Writes a whole record at `at`, if there is room, and returns its length. Publishes nothing.
    ///
    /// The payload is `first` and then `second`. The caller has checked `header` and payload: the same length, at most
    /// the maximum.
    #[inline]
    pub(crate) fn write_parts(
        &mut self,
        at: usize,
        header: &EventHeader,
        first: &[u8],
        second: &[u8],
    ) -> Result<usize, WriteError> {
        debug_assert!(first.len() + second.len() <= self.parts.geometry.overrun - HEADER_LEN);
        let stride = record_len(first.len() + second.len());
        self.reserve(at, stride)?;
        // A copy: the stores below cannot change it, so nothing of it is loaded again after them.
        let parts = self.parts;
        parts.touch_write(at, stride);
        parts.zero_last_word(at, stride);
        parts.store_header(at, header);
        // Last, because it may be a call of `memcpy`, which clobbers registers.
        // SAFETY: (1) `reserve` made sure that the `stride` bytes from `at` on are free, so nobody else
        // touches them; (2) they are inside the data region, as `stride <= overrun`; (3) the payload ends
        // within them; (4) `first` cannot overlap with them, as no reference to free bytes is out while
        // `self` is borrowed mutably.
        unsafe { copy(first, parts.at(at).as_ptr().wrapping_add(HEADER_LEN)) };
        // Where it is not known to be empty, a call that copies nothing would be a tenth of what an interrupt costs.
        if !second.is_empty() {
            // SAFETY: as above; the rest of the payload, after `first`.
            unsafe { copy(second, parts.at(at).as_ptr().wrapping_add(HEADER_LEN + first.len())) };
        }
        Ok(stride)
    }

    /// Does the same for a payload whose length the compiler knows.
    #[inline]
    pub(crate) fn write_array<const N: usize>(
        &mut self,
        at: usize,
        header: &EventHeader,
        payload: &[u8; N],
    ) -> Result<usize, WriteError> {
        debug_assert!(N <= self.parts.geometry.overrun - HEADER_LEN);
        let stride = const { record_len(N) };
        self.reserve(at, stride)?;
        let parts = self.parts;
        parts.touch_write(at, stride);
        if const { !N.is_multiple_of(RECORD_ALIGN) } {
            parts.zero_last_word(at, stride);
        }
        parts.store_header(at, header);
        let to = parts.at(at).as_ptr().wrapping_add(HEADER_LEN).cast::<[u8; N]>();
        // SAFETY: as for `write_parts`, (1) to (4); the bytes are initialised by the contract of `Parts::new`.
        copy_array(unsafe { &mut *to }, payload);
        Ok(stride)
    }

    /// Lends the payload of a record at `at`, of `payload_len` bytes.
    #[inline]
    pub(crate) fn payload_mut(&mut self, at: usize, payload_len: usize) -> Result<&mut [u8], WriteError> {
        debug_assert!(payload_len <= self.parts.geometry.overrun - HEADER_LEN);
        self.body_mut(at, record_len(payload_len), payload_len)
    }

    /// Lends the first `len` bytes after the header of a record of `stride` bytes at `at`. `len <= stride -
    /// HEADER_LEN`.
    #[inline]
    fn body_mut(&mut self, at: usize, stride: usize, len: usize) -> Result<&mut [u8], WriteError> {
        debug_assert!(len <= stride - HEADER_LEN && stride <= self.parts.geometry.overrun);
        self.reserve(at, stride)?;
        self.parts.touch_write(at, stride);
        let start = self.parts.at(at).as_ptr().wrapping_add(HEADER_LEN);
        // SAFETY: as for `write_parts`, (1) to (3); the bytes are initialised by the contract of `Parts::new`; the
        // slice borrows `self` mutably, so nothing is published or written elsewhere while it lives.
        Ok(unsafe { core::slice::from_raw_parts_mut(start, len) })
    }

    /// Completes a record whose payload was filled in place: header and padding. Returns its length.
    ///
    /// The room was reserved by [`payload_mut`](Self::payload_mut) with at least this payload length.
    pub(crate) fn complete(&mut self, at: usize, header: &EventHeader) -> Result<usize, WriteError> {
        let len = header.payload_len as usize;
        let stride = record_len(len);
        // Checks again that the record fits: that is cheap, and nothing is assumed.
        // Payload and padding together may be longer than the largest payload.
        let body = self.body_mut(at, stride, stride - HEADER_LEN)?;
        if let Some(padding) = body.get_mut(len..) {
            padding.fill(0);
        }
        self.parts.store_header(at, header);
        Ok(stride)
    }

    /// Publishes everything up to `head`.
    #[inline]
    pub(crate) fn publish(&mut self, head: usize) {
        debug_assert!(
            self.fault.is_some() || head.wrapping_sub(self.cached_tail) <= self.parts.geometry.capacity()
        );
        self.head = head;
        self.parts.control.publish_head(head);
    }

    /// Zeroes all free bytes, so that nothing from an earlier life or after a cut passes for a record.
    pub(crate) fn wipe_free(&mut self) {
        let published = self.head.wrapping_sub(self.parts.control.foreign_tail());
        let free = self.parts.geometry.capacity().saturating_sub(published);
        for skip in (0..free).step_by(RECORD_ALIGN) {
            let at = self.head.wrapping_add(skip);
            self.parts.touch_write(at, RECORD_ALIGN);
            let word = self.parts.at(at).cast::<u64>();
            // SAFETY: a free position, so no published record has its index (see `parts`); 8 bytes that start
            // at an index that is a multiple of 8 are inside the lap.
            unsafe { word.write(0) };
        }
    }

    /// Shows the model that the `stride` bytes at `at`, which were reserved, are in use until the result is dropped.
    #[inline]
    pub(crate) fn lend(&self, at: usize, stride: usize) -> Lent<'r> {
        self.parts.shadow.lend(self.parts.geometry.index(at), stride)
    }

    /// Lends the bytes of the record that was written at `at` and is not published, for its checksum.
    pub(crate) fn written_mut(&mut self, at: usize, stride: usize) -> Result<&mut [u8], WriteError> {
        self.reserve(at, stride)?;
        self.parts.touch_write(at, stride);
        // SAFETY: as in `payload_mut`, header included.
        Ok(unsafe { core::slice::from_raw_parts_mut(self.parts.at(at).as_ptr(), stride) })
    }
}
