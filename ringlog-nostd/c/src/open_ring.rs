//! A ring over the caller's memory, and who has its ends.
//!
//! Unsafe because the caller's memory becomes a ring here.
//!
//! **Memory contract**, cited below and in the header. The memory stays valid, and where it is, until both ends are closed.
//! Nothing else touches it but ends of this ring: at most one producer and one consumer in the world.

use crate::owner::Owner;
use crate::status::{RINGLOG_E_NULL, RINGLOG_E_TAKEN, RINGLOG_E_TOO_SMALL, of_ring};
use core::ffi::{c_int, c_void};
use core::ptr::NonNull;
use ringlog_nostd::{Consumer, Producer, Recovery, Ring, RingOptions};

/// How to make a ring. All zero is the default.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Options {
    /// Capacity in bytes, a power of two. 0 takes the largest that fits into the memory (4 MiB for a ring in a file).
    pub capacity: usize,
    /// The longest payload in bytes, at most 65,535. 0 takes what the capacity allows.
    pub max_payload: usize,
    /// A number that no other ring has, or 0. A log remembers the identity of the ring that fed it.
    pub identity: u64,
    /// A number that no other run of the machine has, or 0. A ring in a file ignores it.
    pub boot: u64,
    /// Position of the first event, a multiple of 8 (lower bits are ignored): where the log that the ring feeds ends.
    pub start: usize,
    /// Gives every record a checksum, so that `ringlog_ring_recover` recognises whole records after a reset.
    pub retained: bool,
}

impl From<Options> for RingOptions {
    fn from(options: Options) -> Self {
        let Options { capacity, max_payload, identity, boot, start, retained } = options;
        let given = |value: usize| (value != 0).then_some(value);
        Self { capacity: given(capacity), max_payload: given(max_payload), identity, boot, start, retained }
    }
}

/// What `ringlog_ring_recover` found.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Recovered {
    /// Number of whole records that are still in the ring, GAP records included. 0 in a new ring.
    pub events: u64,
    /// Whether the ring continues with what was in it. Otherwise it is new.
    pub continues: bool,
    /// Whether records after those were not whole and were cut off.
    pub cut: bool,
}

impl From<Recovery> for Recovered {
    fn from(recovery: Recovery) -> Self {
        match recovery {
            Recovery::Recovered { events, cut } => Self { events, continues: true, cut },
            _ => Self::default(),
        }
    }
}

/// A ring in the caller's memory, and which of its ends were given out.
#[derive(Debug)]
pub(crate) struct OpenRing {
    start: NonNull<u8>,
    len: usize,
    producer_taken: bool,
    consumer_taken: bool,
}

/// The two ends of a ring.
pub(crate) type Ends = (Producer<'static, Owner>, Consumer<'static, Owner>);

impl OpenRing {
    /// Takes memory for a ring.
    fn over(memory: *mut c_void, len: usize) -> Result<Self, c_int> {
        let start = NonNull::new(memory.cast()).ok_or(RINGLOG_E_NULL)?;
        // No object is longer; a length that was negative is.
        if len > isize::MAX as usize {
            return Err(RINGLOG_E_TOO_SMALL);
        }
        Ok(Self { start, len, producer_taken: false, consumer_taken: false })
    }

    /// Makes a ring in the memory.
    ///
    /// # Safety
    ///
    /// - Memory contract, from now on.
    pub(crate) unsafe fn format(
        memory: *mut c_void,
        len: usize,
        options: &RingOptions,
    ) -> Result<Self, c_int> {
        let ring = Self::over(memory, len)?;
        // SAFETY: the memory contract; what C hands over counts as initialised. The ring is dropped,
        // and no end was made of it.
        unsafe { Ring::format_raw(ring.start, len, options) }.map_err(of_ring)?;
        Ok(ring)
    }

    /// Continues with what is in memory that kept its contents, or makes a ring there.
    ///
    /// # Safety
    ///
    /// - Memory contract, from now on.
    pub(crate) unsafe fn recover(
        memory: *mut c_void,
        len: usize,
        options: &RingOptions,
    ) -> Result<(Self, Recovered), c_int> {
        let ring = Self::over(memory, len)?;
        // SAFETY: as in `format`.
        let (_, recovery) = unsafe { Ring::recover(ring.start, len, options) }.map_err(of_ring)?;
        Ok((ring, recovery.into()))
    }

    /// Finds the ring in the memory.
    ///
    /// # Safety
    ///
    /// - Memory contract, from now on.
    pub(crate) unsafe fn attach(memory: *mut c_void, len: usize) -> Result<Self, c_int> {
        let ring = Self::over(memory, len)?;
        ring.found()?;
        Ok(ring)
    }

    fn found(&self) -> Result<Ring<'static>, c_int> {
        // SAFETY: (1) the memory contract, to which the maker of `self` has agreed; ends outlive nothing, because the
        // caller closes them before the memory goes, so 'static never shows; (2) one end of each kind: the callers below
        // give each of them out once, and the caller makes no others.
        unsafe { Ring::attach(self.start, self.len) }.map_err(of_ring)
    }

    /// Gives out both ends.
    pub(crate) fn split(&mut self) -> Result<Ends, c_int> {
        if self.producer_taken || self.consumer_taken {
            return Err(RINGLOG_E_TAKEN);
        }
        let (producer, consumer) = self.found()?.into_ends();
        (self.producer_taken, self.consumer_taken) = (true, true);
        Ok((producer.with_owner(Owner::none()), consumer.with_owner(Owner::none())))
    }

    /// Gives out the producer's end alone.
    pub(crate) fn producer(&mut self) -> Result<Producer<'static, Owner>, c_int> {
        if self.producer_taken {
            return Err(RINGLOG_E_TAKEN);
        }
        let producer = self.found()?.into_producer();
        self.producer_taken = true;
        Ok(producer.with_owner(Owner::none()))
    }

    /// Gives out the consumer's end alone.
    pub(crate) fn consumer(&mut self) -> Result<Consumer<'static, Owner>, c_int> {
        if self.consumer_taken {
            return Err(RINGLOG_E_TAKEN);
        }
        let consumer = self.found()?.into_consumer();
        self.consumer_taken = true;
        Ok(consumer.with_owner(Owner::none()))
    }
}
