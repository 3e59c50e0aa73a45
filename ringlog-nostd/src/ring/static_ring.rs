//! A ring in a `static`.
//!
//! Unsafe because a `static` is shared and the ring inside has two exclusive ends.

use crate::handle::consumer::Consumer;
use crate::handle::producer::Producer;
use crate::protocol::control::{Birth, Control};
use crate::protocol::geometry::Geometry;
use crate::protocol::parts::Parts;
use crate::ring::flight_recorder::FlightRecorder;
use crate::ring::once::SplitGuard;
use crate::ring::ring::Ring;
use crate::sync::Shadow;
use core::cell::UnsafeCell;
use core::ptr::NonNull;

/// A ring in a `static`, of `CAPACITY` bytes, for payloads of up to `MAX_PAYLOAD` bytes.
///
/// It is all zero until it is split, so it takes RAM and no flash.
///
/// ```
/// use ringlog_nostd::{EventHeader, StaticRing};
///
/// static RING: StaticRing<1024, 32> = StaticRing::new();
///
/// let (mut producer, mut consumer) = RING.split().unwrap();
/// producer.write_event(&EventHeader::new(1, 7, 2), &[1, 2]).unwrap();
/// assert_eq!(consumer.read_event().unwrap().1, [1, 2]);
/// assert!(RING.split().is_err());
/// ```
///
/// The compiler refuses a capacity that is no power of two or too small:
///
/// ```compile_fail
/// static RING: ringlog_nostd::StaticRing<1000, 32> = ringlog_nostd::StaticRing::new();
/// ```
#[derive(Debug)]
#[repr(C)]
pub struct StaticRing<const CAPACITY: usize, const MAX_PAYLOAD: usize> {
    control: Control,
    storage: UnsafeCell<Storage<CAPACITY, MAX_PAYLOAD>>,
    split: SplitGuard,
}

/// One lap and the overrun, whose length `record_len(max(MAX_PAYLOAD, 16))` a type cannot express on stable:
/// `MAX_PAYLOAD + 32` is never less.
#[derive(Debug)]
#[repr(C, align(8))]
struct Storage<const CAPACITY: usize, const MAX_PAYLOAD: usize> {
    lap: [u8; CAPACITY],
    over: [u8; MAX_PAYLOAD],
    slack: [u8; 32],
}

// SAFETY: (1) the control words are atomics; (2) the storage is touched through the two ends alone, which
// `split` gives out once; (3) what they do to it is safe from two threads, see `protocol/parts.rs`.
unsafe impl<const CAPACITY: usize, const MAX_PAYLOAD: usize> Sync for StaticRing<CAPACITY, MAX_PAYLOAD> {}

impl<const CAPACITY: usize, const MAX_PAYLOAD: usize> StaticRing<CAPACITY, MAX_PAYLOAD> {
    const GEOMETRY: Geometry = match Geometry::new(CAPACITY, Some(MAX_PAYLOAD)) {
        Ok(geometry) => {
            assert!(geometry.overrun <= MAX_PAYLOAD + 32);
            geometry
        }
        Err(_) => panic!("CAPACITY has to be a power of two and hold one record of MAX_PAYLOAD bytes"),
    };

    /// Returns an empty ring that is not split.
    ///
    /// ```
    /// static RING: ringlog_nostd::StaticRing<1024, 32> = ringlog_nostd::StaticRing::new();
    /// assert!(RING.split().is_ok());
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        let _ = Self::GEOMETRY;
        let storage = Storage { lap: [0; CAPACITY], over: [0; MAX_PAYLOAD], slack: [0; 32] };
        Self { control: Control::zero(), storage: UnsafeCell::new(storage), split: SplitGuard::new() }
    }

    portable_atomic::cfg_has_atomic_cas! {
        /// Gives out the two ends, once.
        ///
        /// On a core without compare-and-swap it exists only if the application turned on one of the features
        /// `critical-section` and `unsafe-assume-single-core`. [`split_mut`](Self::split_mut) exists everywhere.
        ///
        /// # Errors
        ///
        /// [`RingError::AlreadySplit`](crate::RingError::AlreadySplit) from the second call on.
        ///
        /// ```
        /// use ringlog_nostd::{RingError, StaticRing};
        ///
        /// static RING: StaticRing<1024, 32> = StaticRing::new();
        ///
        /// let (producer, _consumer) = RING.split().unwrap();
        /// assert_eq!(producer.max_payload(), 32);
        /// assert_eq!(RING.split().err(), Some(RingError::AlreadySplit));
        /// ```
        pub fn split(&'static self) -> Result<(Producer<'static>, Consumer<'static>), crate::RingError> {
            if !self.split.is_first() {
                return Err(crate::RingError::AlreadySplit);
            }
            // SAFETY: `SplitGuard` lets one caller pass, once, and none after `split_unchecked`.
            Ok(unsafe { self.ring_unchecked() }.ends())
        }
    }

    /// Gives out the two ends of a ring that the caller owns for ever.
    ///
    /// ```
    /// use ringlog_nostd::{EventHeader, StaticRing};
    ///
    /// // In firmware: a `static mut`, or what the `singleton!` macro of the `cortex-m` crate returns.
    /// let ring: &'static mut StaticRing<1024, 32> = Box::leak(Box::new(StaticRing::new()));
    /// let (mut producer, mut consumer) = ring.split_mut();
    /// producer.write_event(&EventHeader::new(1, 7, 0), b"").unwrap();
    /// assert_eq!(consumer.read_event().unwrap().0.timestamp, 1);
    /// ```
    pub fn split_mut(&'static mut self) -> (Producer<'static>, Consumer<'static>) {
        // SAFETY: the only reference there is, and it is used up.
        unsafe { self.ring_unchecked() }.ends()
    }

    /// Makes a [flight recorder](crate::FlightRecorder) of a ring that the caller owns for ever.
    ///
    /// ```
    /// use ringlog_nostd::{EventHeader, StaticRing};
    ///
    /// let ring: &'static mut StaticRing<64, 16> = Box::leak(Box::new(StaticRing::new()));
    /// let mut recorder = ring.overwrite_oldest();
    /// for time in 0..100 {
    ///     recorder.write_event(&EventHeader::new(time, 7, 0), b"").unwrap();
    /// }
    /// assert_eq!(recorder.overwritten().unwrap().count, 96);
    /// ```
    pub fn overwrite_oldest(&'static mut self) -> FlightRecorder<'static> {
        // SAFETY: as in `split_mut`.
        unsafe { self.ring_unchecked() }.overwrite_oldest()
    }

    /// Gives out the two ends without checking whether they are out already. A later [`split`](Self::split) is
    /// refused.
    ///
    /// # Safety
    ///
    /// - Called at most once for each ring, and not if [`split`](Self::split) was.
    /// - Nobody calls `split` meanwhile. A later `split` is one by the same thread, or by a thread that this call
    ///   happened before.
    ///
    /// ```
    /// use ringlog_nostd::StaticRing;
    ///
    /// static RING: StaticRing<1024, 32> = StaticRing::new();
    ///
    /// // SAFETY: the only call for this ring, before any other thread has started.
    /// let (producer, _consumer) = unsafe { RING.split_unchecked() };
    /// assert_eq!(producer.capacity(), 1024);
    /// assert!(RING.split().is_err());
    /// ```
    pub unsafe fn split_unchecked(&'static self) -> (Producer<'static>, Consumer<'static>) {
        self.split.close();
        // SAFETY: the caller's promise.
        unsafe { self.ring_unchecked() }.ends()
    }

    /// Returns the ring that both ends come from.
    ///
    /// # Safety
    ///
    /// - Called at most once for each ring.
    unsafe fn ring_unchecked(&'static self) -> Ring<'static> {
        let data = NonNull::from(&self.storage).cast::<u8>();
        // SAFETY: (1) the storage is one repr(C) block of initialised bytes, at least `data_len` long
        // (asserted in GEOMETRY), 8-aligned and static; it is inside an `UnsafeCell`, so writing is allowed;
        // (2) one end of each kind, by the caller's promise.
        let parts = unsafe { Parts::new(&self.control, data, Shadow::NONE, Self::GEOMETRY) };
        self.control.format(&Self::GEOMETRY, &Birth::default(), 0);
        Ring::plain(parts)
    }
}

impl<const CAPACITY: usize, const MAX_PAYLOAD: usize> Default for StaticRing<CAPACITY, MAX_PAYLOAD> {
    fn default() -> Self {
        Self::new()
    }
}
