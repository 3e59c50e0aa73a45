//! The producer's handle.
#![forbid(unsafe_code)]

use crate::error::{RingFault, WriteError};
use crate::format::gap::Gap;
use crate::format::header::{EventHeader, MAX_PAYLOAD};
use crate::format::record::check_event;
use crate::handle::batch::Batch;
use crate::handle::claim::Claim;
use crate::handle::publisher::Publisher;
use crate::protocol::parts::Parts;
use crate::protocol::retained::Retained;

/// Writes events into a ring. There is one for each ring.
///
/// It can be sent to another thread, but not shared or cloned. Dropping it closes its side: the consumer still gets
/// every event that was written, then knows that no more will come.
///
/// `K` is a value that must live as long as the handle, such as the owner of the ring's memory: see
/// [`with_owner`](Self::with_owner).
///
/// ```
/// use ringlog_nostd::{AlignedBytes, EventHeader, Ring, WriteError};
///
/// let mut memory = AlignedBytes::<512>::new();
/// let (mut producer, mut consumer) = Ring::format(memory.as_mut(), 16).unwrap().into_ends();
/// let header = EventHeader::new(1, 7, 2);
/// while producer.write_event(&header, b"ab") == Ok(()) {}
/// assert_eq!(producer.write_event(&header, b"ab"), Err(WriteError::Full));
/// consumer.drain(1, |_, _| ()).unwrap();
/// assert_eq!(producer.write_event(&header, b"ab"), Ok(()));
/// ```
///
/// ```compile_fail
/// fn shared<T: Sync>() {}
/// shared::<ringlog_nostd::Producer<'static>>();
/// ```
#[derive(Debug)]
pub struct Producer<'r, K = ()> {
    pub(crate) inner: Publisher<'r>,
    pub(crate) owner: K,
}

impl<'r> Producer<'r> {
    pub(crate) fn new(parts: Parts<'r>, retention: Option<Retained>) -> Self {
        parts.control().resolve_pending_gap();
        Self { inner: Publisher::new(parts, retention), owner: () }
    }

    /// Binds this end to a process. Dropped in another process, such as a forked child, it leaves the ring open.
    ///
    /// `is_here` returns whether the process with this id is the calling one.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// let (producer, consumer) = ring.split();
    /// drop(producer.closes_in(1, |process| process == 2)); // as in a forked child
    /// assert!(!consumer.is_closed());
    /// ```
    #[cfg(feature = "processes")]
    #[must_use]
    pub fn closes_in(mut self, process: u32, is_here: fn(u32) -> bool) -> Self {
        self.inner.closes_in(process, is_here);
        self
    }

    /// Returns the same producer, which also keeps `owner` alive, such as the owner of the ring's memory.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// # use std::sync::Arc;
    /// let (producer, _consumer) = ring.split();
    /// let owner = Arc::new(());
    /// let producer = producer.with_owner(Arc::clone(&owner));
    /// assert_eq!(Arc::strong_count(&owner), 2);
    /// drop(producer);
    /// assert_eq!(Arc::strong_count(&owner), 1);
    /// ```
    #[must_use]
    pub fn with_owner<K>(self, owner: K) -> Producer<'r, K> {
        Producer { inner: self.inner, owner }
    }
}

impl<'r, K> Producer<'r, K> {
    /// Writes one event and publishes it.
    ///
    /// Takes no lock, makes no system call and allocates nothing; it uses loads and stores only.
    ///
    /// # Errors
    ///
    /// - [`WriteError::PayloadTooLarge`], [`WriteError::LengthMismatch`], [`WriteError::Flags`]: the ring never takes
    ///   this event.
    /// - [`WriteError::Full`]: the event fits once the consumer has released some space.
    /// - [`WriteError::Fault`]: the ring is corrupt.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, EventHeader, Ring, WriteError};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// let (mut producer, mut consumer) = ring.split();
    /// match producer.write_event(&EventHeader::new(1, 7, 2), b"ab") {
    ///     Ok(()) => {}
    ///     Err(WriteError::Full) => { /* try again later, or lose the event */ }
    ///     Err(error) => panic!("{error}"),
    /// }
    /// assert_eq!(consumer.read_event().unwrap().1, b"ab");
    /// ```
    // If not inlined, the caller builds the header by narrow stores, and the wide loads here wait for them.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    #[cfg_attr(not(target_pointer_width = "64"), inline)]
    pub fn write_event(&mut self, header: &EventHeader, payload: &[u8]) -> Result<(), WriteError> {
        self.write_parts(header, payload, &[])
    }

    /// Writes one event whose payload is in two slices, and publishes it.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    #[cfg_attr(not(target_pointer_width = "64"), inline)]
    pub(crate) fn write_parts(
        &mut self,
        header: &EventHeader,
        first: &[u8],
        second: &[u8],
    ) -> Result<(), WriteError> {
        check_event(header, first.len().saturating_add(second.len()), self.max_payload())?;
        let at = self.inner.end.head();
        let stride = self.inner.end.write_parts(at, header, first, second)?;
        match self.inner.retention {
            None => self.inner.end.publish(at.wrapping_add(stride)),
            Some(retention) => {
                self.inner.add_checksum(retention, at, stride)?;
                self.inner.publish(at.wrapping_add(stride));
            }
        }
        Ok(())
    }

    /// Writes one event whose payload's length is a constant, and publishes it.
    ///
    /// Does what [`write_event`](Self::write_event) does with `EventHeader::new(timestamp, event_type, N)`, in fewer
    /// instructions where they are few: it knows the length of the record, so it neither loops nor calls `memcpy` for
    /// payloads of up to 32 bytes.
    ///
    /// A payload longer than [`MAX_PAYLOAD`] does not compile.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// let (mut producer, mut consumer) = ring.split();
    /// let (volts, amperes) = (231.5_f32, 0.5_f32);
    /// let mut sample = [0; 8];
    /// sample[..4].copy_from_slice(&volts.to_le_bytes());
    /// sample[4..].copy_from_slice(&amperes.to_le_bytes());
    /// producer.write_fixed(1_000, 7, &sample)?;
    ///
    /// let (header, payload) = consumer.read_event().unwrap();
    /// assert_eq!((header.timestamp, header.event_type, payload), (1_000, 7, &sample[..]));
    /// # Ok::<(), ringlog_nostd::WriteError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`write_event`](Self::write_event), of which the header can cause none.
    #[inline]
    pub fn write_fixed<const N: usize>(
        &mut self,
        timestamp: u64,
        event_type: u8,
        payload: &[u8; N],
    ) -> Result<(), WriteError> {
        const { assert!(N <= MAX_PAYLOAD, "no record has a longer payload") };
        if N > self.max_payload() {
            return Err(WriteError::PayloadTooLarge { len: N, max: self.max_payload() });
        }
        let at = self.inner.end.head();
        let header = EventHeader::new(timestamp, event_type, N as u16);
        let stride = self.inner.end.write_array(at, &header, payload)?;
        self.inner.add_checksum_if_retained(at, stride)?;
        self.inner.publish(at.wrapping_add(stride));
        Ok(())
    }

    /// Writes a GAP record for events that never reached the ring, and publishes it. `timestamp` is that of the first
    /// lost event.
    ///
    /// The record takes a place in the ring as an event does, so [`log_side`](Gap::log_side) is stored as `false`.
    /// The losses that a [`LossyProducer`](crate::LossyProducer) has counted stay pending.
    ///
    /// # Errors
    ///
    /// - [`WriteError::Full`]: the record fits once the consumer has released some space.
    /// - [`WriteError::Fault`]: the ring is corrupt.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, Gap, GapReason, Ring};
    /// let mut memory = AlignedBytes::<512>::new();
    /// let mut ring = Ring::format(memory.as_mut(), 16).unwrap();
    /// let (mut producer, mut consumer) = ring.split();
    /// let gap = Gap::new(GapReason::ReceiverFull, 3);
    /// producer.write_gap(7, gap).unwrap();
    /// let (header, payload) = consumer.read_event().unwrap();
    /// assert_eq!((header.timestamp, Gap::from_event(&header, payload)), (7, Some(gap)));
    /// ```
    #[cold]
    pub fn write_gap(&mut self, timestamp: u64, gap: Gap) -> Result<(), WriteError> {
        let at = self.inner.end.head();
        let payload = Gap { log_side: false, ..gap }.to_payload();
        let stride = self.inner.write(at, &Gap::header(timestamp), &payload)?;
        self.inner.publish(at.wrapping_add(stride));
        Ok(())
    }

    /// Reserves room for a payload of up to `len` bytes, to be filled in place.
    ///
    /// The claim borrows the producer. Dropping or forgetting the claim publishes nothing.
    ///
    /// # Errors
    ///
    /// As [`write_event`](Self::write_event).
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, EventHeader, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// let (mut producer, mut consumer) = ring.split();
    /// let mut claim = producer.claim(64).unwrap();
    /// claim.payload_mut()[..2].copy_from_slice(b"ab");
    /// claim.commit(&EventHeader::new(1, 7, 2)).unwrap();
    /// assert_eq!(consumer.read_event().unwrap().1, b"ab");
    /// ```
    ///
    /// ```compile_fail
    /// # use ringlog_nostd::{EventHeader, Producer};
    /// fn two_claims(producer: &mut Producer<'_>) {
    ///     let mut first = producer.claim(8).unwrap();
    ///     let mut second = producer.claim(8).unwrap(); // the producer is borrowed already
    ///     first.payload_mut()[0] = second.payload_mut()[0];
    /// }
    /// ```
    pub fn claim(&mut self, len: usize) -> Result<Claim<'_, 'r>, WriteError> {
        let at = self.inner.end.head();
        Claim::new(&mut self.inner, at, len)
    }

    /// Starts a batch, whose events are published together, or not at all.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, EventHeader, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// let (mut producer, mut consumer) = ring.split();
    /// let mut batch = producer.batch();
    /// batch.write_event(&EventHeader::new(1, 7, 0), b"").unwrap();
    /// batch.write_event(&EventHeader::new(2, 7, 0), b"").unwrap();
    /// batch.publish();
    /// assert_eq!(consumer.drain(usize::MAX, |_, _| ()), Ok(2));
    /// ```
    pub fn batch(&mut self) -> Batch<'_, 'r> {
        Batch::new(&mut self.inner)
    }

    /// Returns the longest payload that the ring takes, in bytes.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// let (producer, _consumer) = ring.split();
    /// assert_eq!(producer.max_payload(), 64);
    /// ```
    #[must_use]
    #[inline]
    pub fn max_payload(&self) -> usize {
        self.inner.end.parts().geometry().max_payload
    }

    /// Returns the ring's capacity in bytes.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// let (producer, _consumer) = ring.split();
    /// assert_eq!(producer.capacity(), 512);
    /// ```
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.inner.end.parts().geometry().capacity()
    }

    /// Returns the bytes in use. The consumer may have released some since; only this producer adds to them.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, EventHeader, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// let (mut producer, _consumer) = ring.split();
    /// producer.write_event(&EventHeader::new(1, 7, 2), b"ab").unwrap();
    /// assert_eq!(producer.used(), 24);
    /// ```
    #[must_use]
    pub fn used(&self) -> usize {
        self.inner.end.used()
    }

    /// Returns the position of the next event: the bytes published since the ring was made, wrapping.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, EventHeader, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// let (mut producer, _consumer) = ring.split();
    /// producer.write_event(&EventHeader::new(1, 7, 2), b"ab").unwrap();
    /// assert_eq!(producer.position(), 24);
    /// ```
    #[must_use]
    pub fn position(&self) -> usize {
        self.inner.end.head()
    }

    /// Returns whether the consumer has closed its side. It may be stale: another consumer may come.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// let (producer, consumer) = ring.split();
    /// assert!(!producer.is_closed());
    /// drop(consumer);
    /// assert!(producer.is_closed());
    /// ```
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.inner.end.parts().control().consumer_closed()
    }

    /// Returns the fault that this producer has met, if any.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// let (producer, _consumer) = ring.split();
    /// assert_eq!(producer.fault(), None);
    /// ```
    #[must_use]
    pub fn fault(&self) -> Option<RingFault> {
        self.inner.end.fault()
    }

    /// Closes this side, as dropping the producer does.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// let (producer, consumer) = ring.split();
    /// producer.close();
    /// assert!(consumer.is_closed());
    /// ```
    pub fn close(self) {}
}
