//! The producer's handle.
#![forbid(unsafe_code)]

use crate::error::{RingFault, WriteError};
use crate::format::gap::Gap;
use crate::format::header::EventHeader;
use crate::format::record::check_event;
use crate::handle::batch::Batch;
use crate::handle::claim::Claim;
use crate::handle::publisher::Publisher;
use crate::protocol::parts::Parts;
use crate::protocol::retained::Retained;

/// Writes events into a ring. There is one for each ring.
///
/// Can be sent to another thread, not shared or cloned. Dropping it closes its side: the consumer still
/// gets every event that was written, then knows that no more will come.
///
/// `K` is whatever has to live as long as the handle does, such as the ring's memory: see
/// [`with_owner`](Self::with_owner).
///
/// ```compile_fail
/// fn shared<T: Sync>() {}
/// shared::<ringlog_nostd::Producer<'static>>();
/// ```
#[derive(Debug)]
pub struct Producer<'r, K = ()> {
    pub(crate) inner: Publisher<'r>,
    _owner: K,
}

impl<'r> Producer<'r> {
    pub(crate) fn new(parts: Parts<'r>, retention: Option<Retained>) -> Self {
        parts.control().resolve_pending_gap();
        Self { inner: Publisher::new(parts, retention), _owner: () }
    }

    /// Says which process this end belongs to: dropped in another one, a forked child say, it leaves the ring open.
    ///
    /// `is_here` tells whether the present process is this one.
    #[cfg(feature = "processes")]
    #[must_use]
    pub fn closes_in(mut self, process: u32, is_here: fn(u32) -> bool) -> Self {
        self.inner.closes_in(process, is_here);
        self
    }

    /// The same producer, which from now on also keeps `owner` alive: the owner of the ring's memory, say.
    #[must_use]
    pub fn with_owner<K>(self, owner: K) -> Producer<'r, K> {
        Producer { inner: self.inner, _owner: owner }
    }
}

impl<'r, K> Producer<'r, K> {
    /// Writes one event and publishes it.
    ///
    /// No lock, no system call, no allocation; loads and stores only.
    ///
    /// # Errors
    ///
    /// - [`WriteError::PayloadTooLarge`], [`WriteError::LengthMismatch`], [`WriteError::Flags`]: the event
    ///   will never be taken as it is.
    /// - [`WriteError::Full`]: it fits once the consumer has released some space.
    /// - [`WriteError::Fault`]: the ring is corrupt.
    // Where it is not inlined, a caller's header is put together by narrow stores and read back by wide loads,
    // which wait for them.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    #[cfg_attr(not(target_pointer_width = "64"), inline)]
    pub fn write_event(&mut self, header: &EventHeader, payload: &[u8]) -> Result<(), WriteError> {
        check_event(header, payload.len(), self.max_payload())?;
        let at = self.inner.end.head();
        let stride = self.inner.end.write(at, header, payload)?;
        match self.inner.retention {
            None => self.inner.end.publish(at.wrapping_add(stride)),
            Some(retention) => {
                self.inner.add_checksum(retention, at, stride)?;
                self.inner.publish(at.wrapping_add(stride));
            }
        }
        Ok(())
    }

    /// Writes a GAP record for events that never reached the ring, and publishes it. `timestamp` is that of the first
    /// of them.
    ///
    /// The record takes its place in the ring as an event does, so [`log_side`](Gap::log_side) is stored as `false`.
    /// What a [`LossyProducer`](crate::LossyProducer) has counted is another loss and stays as it is.
    ///
    /// # Errors
    ///
    /// [`WriteError::Full`]: it fits once the consumer has released some space. [`WriteError::Fault`]: the ring is
    /// corrupt.
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
    /// The claim borrows the producer; dropping it, or forgetting it, publishes nothing.
    ///
    /// # Errors
    ///
    /// As [`write_event`](Self::write_event).
    ///
    /// ```compile_fail
    /// # use ringlog_nostd::{Producer, EventHeader};
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

    /// Starts a batch: its events are published together, or not at all.
    pub fn batch(&mut self) -> Batch<'_, 'r> {
        Batch::new(&mut self.inner)
    }

    /// The longest payload that this ring takes, in bytes.
    #[must_use]
    #[inline]
    pub fn max_payload(&self) -> usize {
        self.inner.end.parts().geometry().max_payload
    }

    /// The ring's capacity in bytes.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.inner.end.parts().geometry().capacity()
    }

    /// Bytes in use. It may be less by the time you look, never more unless you write.
    #[must_use]
    pub fn used(&self) -> usize {
        self.inner.end.used()
    }

    /// Position of the next event: bytes published since the ring's start, wrapping.
    #[must_use]
    pub fn position(&self) -> usize {
        self.inner.end.head()
    }

    /// Whether the consumer has gone. Advice: it may be about to go, and another may come.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.inner.end.parts().control().consumer_closed()
    }

    /// The fault that this producer has met, if any.
    #[must_use]
    pub fn fault(&self) -> Option<RingFault> {
        self.inner.end.fault()
    }

    /// Closes this side, as dropping it does.
    pub fn close(self) {}
}
