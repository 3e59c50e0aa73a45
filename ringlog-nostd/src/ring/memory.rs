//! Rings over memory that the caller provides.
//!
//! Unsafe because bytes become control words here.

use crate::error::RingError;
use crate::format::checksum::crc32c_append;
use crate::format::record::{Checksums, check_checksum};
use crate::format::records::Event;
use crate::protocol::control::Control;
use crate::protocol::geometry::Geometry;
use crate::protocol::parts::Parts;
use crate::protocol::read_end::ReadEnd;
use crate::protocol::write_end::WriteEnd;
use crate::ring::ring::{Recovery, Ring, RingOptions, RingStamp};
use crate::sync::Shadow;
use core::ptr::NonNull;

/// A buffer of `N` bytes that starts at a multiple of 8, as a ring needs it. Zero at first.
///
/// ```
/// use ringlog_nostd::{AlignedBytes, Ring};
///
/// let mut memory = AlignedBytes::<512>::new();
/// assert!(memory.as_mut().as_ptr().cast::<u64>().is_aligned());
/// assert!(Ring::format(memory.as_mut(), 16).is_ok());
/// ```
#[derive(Clone, Debug)]
#[repr(C, align(8))]
pub struct AlignedBytes<const N: usize>([u8; N]);

impl<const N: usize> AlignedBytes<N> {
    /// Returns a buffer of zeros.
    ///
    /// ```
    /// let mut memory = ringlog_nostd::AlignedBytes::<64>::new();
    /// assert_eq!(memory.as_mut(), [0; 64]);
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self([0; N])
    }
}

impl<const N: usize> Default for AlignedBytes<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> AsMut<[u8]> for AlignedBytes<N> {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl<'r> Ring<'r> {
    /// Makes a ring of the largest capacity that fits into `memory`, for payloads of up to `max_payload` bytes.
    ///
    /// # Errors
    ///
    /// - [`RingError::Misaligned`]: `memory` does not start at a multiple of 8.
    /// - [`RingError::TooSmall`]: not even one record of `max_payload` bytes fits.
    /// - [`RingError::MaxPayload`]: `max_payload` is more than 65,535.
    ///
    /// ```
    /// use ringlog_nostd::{AlignedBytes, Ring, RingError};
    ///
    /// let mut memory = AlignedBytes::<1024>::new();
    /// assert_eq!(Ring::format(memory.as_mut(), 64)?.capacity(), 512);
    /// let misaligned = &mut memory.as_mut()[1..];
    /// assert_eq!(Ring::format(misaligned, 64).err(), Some(RingError::Misaligned));
    /// # Ok::<(), RingError>(())
    /// ```
    pub fn format(memory: &'r mut [u8], max_payload: usize) -> Result<Self, RingError> {
        Self::format_with(memory, &RingOptions { max_payload: Some(max_payload), ..RingOptions::default() })
    }

    /// Makes a ring in `memory` as the options say.
    ///
    /// # Errors
    ///
    /// As [`format`](Self::format), and [`RingError::Capacity`] if no ring has the capacity of the options.
    ///
    /// ```
    /// use ringlog_nostd::{AlignedBytes, Ring, RingOptions};
    ///
    /// let mut memory = AlignedBytes::<1024>::new();
    /// let options = RingOptions { capacity: Some(128), max_payload: Some(20), ..RingOptions::default() };
    /// assert_eq!(Ring::format_with(memory.as_mut(), &options)?.capacity(), 128);
    /// # Ok::<(), ringlog_nostd::RingError>(())
    /// ```
    pub fn format_with(memory: &'r mut [u8], options: &RingOptions) -> Result<Self, RingError> {
        let len = memory.len();
        let start = NonNull::from(memory).cast::<u8>();
        // SAFETY: (1) the slice is valid for 'r and initialised; (2) it is borrowed mutably for 'r, so that
        // nobody else uses it, and a `Ring` gives out one producer and one consumer at a time.
        unsafe { Self::format_raw(start, len, options) }
    }

    /// Makes a ring as [`format_with`](Self::format_with) does, in memory that is not a slice: a mapping, a linker
    /// section.
    ///
    /// # Safety
    ///
    /// - `start` is valid for reads and writes of `len` initialised bytes for all of `'r`.
    /// - For all of `'r`, nothing else touches them but ends attached to this ring: at most one producer and
    ///   one consumer in the world.
    ///
    /// # Errors
    ///
    /// As [`format_with`](Self::format_with).
    ///
    /// ```
    /// use ringlog_nostd::{AlignedBytes, Ring, RingOptions};
    /// use std::ptr::NonNull;
    ///
    /// let mut memory = AlignedBytes::<1024>::new();
    /// let start = NonNull::from(memory.as_mut()).cast();
    /// // SAFETY: the memory outlives the ring, and nothing else uses it.
    /// let ring = unsafe { Ring::format_raw(start, 1024, &RingOptions::default()) }?;
    /// assert_eq!(ring.capacity(), 256);
    /// # Ok::<(), ringlog_nostd::RingError>(())
    /// ```
    pub unsafe fn format_raw(
        start: NonNull<u8>,
        len: usize,
        options: &RingOptions,
    ) -> Result<Self, RingError> {
        let geometry = options.geometry(len)?;
        // SAFETY: the caller's promise.
        let parts = unsafe { overlay(start, len, |_| Ok(geometry)) }?;
        parts.control().format(&geometry, &options.birth(), options.first_position());
        if options.retained {
            WriteEnd::new(parts, None).wipe_free();
        }
        Ok(Self::from_parts(parts, &options.birth()))
    }

    /// Finds the ring that [`format_raw`](Self::format_raw) made in this memory, in this process or another.
    ///
    /// The ring's sizes are copied once. Positions and record headers that another process damages later end in a
    /// fault. Both ends may be at work meanwhile: their positions are read up to 64 times before the ring counts as
    /// damaged.
    ///
    /// # Safety
    ///
    /// As for [`format_raw`](Self::format_raw). Other processes count: each may use one end, and each end is
    /// used once. (A process that writes where it must not can change a payload while it is lent.)
    ///
    /// # Errors
    ///
    /// [`RingError::NotARing`], [`RingError::Damaged`], [`RingError::Misaligned`], [`RingError::TooSmall`].
    ///
    /// ```
    /// use ringlog_nostd::{AlignedBytes, EventHeader, Ring, RingOptions};
    /// use std::ptr::NonNull;
    ///
    /// let mut memory = AlignedBytes::<1024>::new(); // in real life: mapped into two processes
    /// let start = NonNull::from(memory.as_mut()).cast();
    /// // SAFETY: the memory outlives both ends, and only they use it: one producer, one consumer.
    /// let mut producer = unsafe { Ring::format_raw(start, 1024, &RingOptions::default()) }?.into_producer();
    /// producer.write_event(&EventHeader::new(1, 7, 2), b"ab").unwrap();
    /// // SAFETY: as above.
    /// let mut consumer = unsafe { Ring::attach(start, 1024) }?.into_consumer();
    /// assert_eq!(consumer.read_event().unwrap().1, b"ab");
    /// # Ok::<(), ringlog_nostd::RingError>(())
    /// ```
    pub unsafe fn attach(start: NonNull<u8>, len: usize) -> Result<Self, RingError> {
        let read = |control: &Control| control.read_birth().map(|(geometry, _)| geometry);
        // SAFETY: the caller's promise.
        let parts = unsafe { overlay(start, len, read) }?;
        Self::attached(parts)
    }

    /// Returns what the ring in this memory was made with, without attaching to it. Positions and records are not
    /// read.
    ///
    /// # Safety
    ///
    /// `start` is valid for reads of `len` initialised bytes, which others change at most as the ends of a
    /// ring do.
    ///
    /// # Errors
    ///
    /// [`RingError::NotARing`], [`RingError::Damaged`], [`RingError::Misaligned`], [`RingError::TooSmall`].
    #[doc(hidden)]
    pub unsafe fn stamp(start: NonNull<u8>, len: usize) -> Result<RingStamp, RingError> {
        let mut found = None;
        let read = |control: &Control| {
            let (geometry, birth) = control.read_birth()?;
            found = Some((geometry, birth));
            Ok(geometry)
        };
        // SAFETY: the caller's promise covers the loads of the control words, and no end is made of the parts.
        let _ = unsafe { overlay(start, len, read) }?;
        let (geometry, birth) = found.ok_or(RingError::NotARing)?;
        let (capacity, max_payload) = (geometry.capacity(), geometry.max_payload);
        Ok(RingStamp { identity: birth.identity, boot: birth.boot, capacity, max_payload })
    }

    /// Continues with the [retained](RingOptions::retained) ring in memory that kept its contents through a reset, or
    /// makes a fresh one.
    ///
    /// Keeps the unread records from the oldest up to the first one that fails its checksum. Makes a fresh ring, as
    /// the options say, if the control words contradict each other, or the ring was not a retained one of the
    /// options' sizes.
    ///
    /// # Safety
    ///
    /// As for [`format_raw`](Self::format_raw). The memory may hold any values, but they are initialised bytes.
    ///
    /// # Errors
    ///
    /// As [`format_with`](Self::format_with), if the memory cannot hold a ring of the options.
    ///
    /// ```
    /// use ringlog_nostd::{AlignedBytes, EventHeader, Recovery, Ring, RingOptions};
    /// use std::ptr::NonNull;
    ///
    /// let mut memory = AlignedBytes::<1024>::new(); // on a machine: a section that start-up code leaves alone
    /// let start = NonNull::from(memory.as_mut()).cast();
    /// let options = RingOptions { retained: true, ..RingOptions::default() };
    /// // SAFETY: the memory outlives all ends, and those of the first life are gone before the second.
    /// let (mut ring, _) = unsafe { Ring::recover(start, 1024, &options) }?;
    /// ring.split().0.write_event(&EventHeader::new(1, 7, 2), b"ab").unwrap();
    ///
    /// // After the reset.
    /// // SAFETY: as above.
    /// let (mut ring, recovery) = unsafe { Ring::recover(start, 1024, &options) }?;
    /// assert_eq!(recovery, Recovery::Recovered { events: 1, cut: false });
    /// assert_eq!(ring.split().1.read_event().unwrap().1, b"ab");
    /// # Ok::<(), ringlog_nostd::RingError>(())
    /// ```
    pub unsafe fn recover(
        start: NonNull<u8>,
        len: usize,
        options: &RingOptions,
    ) -> Result<(Self, Recovery), RingError> {
        let wanted = options.geometry(len)?;
        // SAFETY: the caller's promise.
        let found = unsafe { Self::attach(start, len) };
        let recovery = match &found {
            Err(RingError::NotARing) => Recovery::NoRing,
            Err(_) => Recovery::Damaged,
            Ok(ring) if ring.retention().is_none() => Recovery::NotRetained,
            Ok(ring) if !ring.has_sizes_of(&wanted) => Recovery::OtherSizes,
            Ok(ring) => ring.keep_whole_records(),
        };
        match (found, recovery) {
            (Ok(ring), Recovery::Recovered { .. }) => Ok((ring, recovery)),
            // SAFETY: the caller's promise.
            _ => Ok((unsafe { Self::format_raw(start, len, options) }?, recovery)),
        }
    }

    /// Cuts the ring after its last whole record and returns how many there are.
    fn keep_whole_records(&self) -> Recovery {
        let control = self.parts().control();
        let head = control.own_head();
        let mut end = ReadEnd::new(*self.parts());
        let mut at = end.tail();
        let mut events = 0;
        while at != head
            && let Ok(Some((header, payload))) = end.event(at)
            && self.is_whole(&Event::new(header, payload, events, at as u64))
            && end.is_padded_with_zeros(at, &header)
        {
            at = at.wrapping_add(header.stride());
            events += 1;
        }
        control.publish_head(at);
        control.resolve_pending_gap();
        if at != head {
            WriteEnd::new(*self.parts(), None).wipe_free();
        }
        Recovery::Recovered { events, cut: at != head }
    }

    fn is_whole(&self, event: &Event<'_>) -> bool {
        self.retention().is_some_and(|retention| {
            let verify = Checksums::Verify { salt: retention.salt, crc: crc32c_append };
            check_checksum(&event.header, event.payload, event.offset, verify).is_ok()
        })
    }
}

/// Lays control words and data over memory.
///
/// # Safety
///
/// As for [`Ring::format_raw`].
unsafe fn overlay<'r>(
    start: NonNull<u8>,
    len: usize,
    geometry: impl FnOnce(&Control) -> Result<Geometry, RingError>,
) -> Result<Parts<'r>, RingError> {
    if !start.addr().get().is_multiple_of(8) {
        return Err(RingError::Misaligned);
    }
    if len < size_of::<Control>() {
        return Err(RingError::TooSmall { len, needed: size_of::<Control>() });
    }
    // SAFETY: aligned and long enough, checked above; `Control` is integers, valid for any bytes, and all
    // that changes in it are atomics, so that sharing it with another process is sound; valid for 'r by the
    // caller's promise.
    let control: &'r Control = unsafe { start.cast::<Control>().as_ref() };
    let geometry = geometry(control)?;
    let needed = size_of::<Control>() + geometry.data_len();
    if len < needed {
        return Err(RingError::TooSmall { len, needed });
    }
    // SAFETY: `len` is larger than the control words.
    let data = unsafe { start.add(size_of::<Control>()) };
    // SAFETY: (1) `needed` bytes are there; (2) 8-aligned, as `start` and the control words' size are;
    // (3) one end of each kind by the caller's promise.
    Ok(unsafe { Parts::new(control, data, Shadow::NONE, geometry) })
}

const _: () = assert!(size_of::<Control>().is_multiple_of(8) || usize::BITS < 32);
