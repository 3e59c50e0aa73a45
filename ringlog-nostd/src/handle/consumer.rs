//! The consumer's handle.
#![forbid(unsafe_code)]

use crate::error::{RingFault, SkipError};
use crate::format::header::EventHeader;
use crate::format::run::Run;
use crate::protocol::closer::Closer;
use crate::protocol::losses::Loss;
use crate::protocol::parts::Parts;
use crate::protocol::read_end::ReadEnd;

/// Reads events out of a ring. There is one for each ring.
///
/// It can be sent to another thread, but not shared or cloned. Dropping it closes its side, which
/// [`Producer::is_closed`](crate::Producer::is_closed) shows.
///
/// ```
/// use ringlog_nostd::{AlignedBytes, EventHeader, Ring};
///
/// let mut memory = AlignedBytes::<512>::new();
/// let (mut producer, mut consumer) = Ring::format(memory.as_mut(), 16).unwrap().into_ends();
/// for time in 0..3 {
///     producer.write_event(&EventHeader::new(time, 7, 0), b"").unwrap();
/// }
/// drop(producer);
/// let mut times = Vec::new();
/// while !consumer.is_finished() {
///     consumer.drain(usize::MAX, |header, _payload| times.push(header.timestamp)).unwrap();
/// }
/// assert_eq!(times, [0, 1, 2]);
/// ```
///
/// ```compile_fail
/// fn shared<T: Sync>() {}
/// shared::<ringlog_nostd::Consumer<'static>>();
/// ```
#[derive(Debug)]
pub struct Consumer<'r, K = ()> {
    pub(crate) inner: ConsumerInner<'r>,
    pub(crate) owner: K,
}

#[derive(Debug)]
pub(crate) struct ConsumerInner<'r> {
    end: ReadEnd<'r>,
    /// Position after the record that `read_event` lends; the tail if none is lent.
    next: usize,
    closer: Closer,
}

impl ConsumerInner<'_> {
    /// Releases everything below `to`. Nothing is lent then.
    fn release(&mut self, to: usize) {
        self.end.release(to);
        self.next = to;
    }
}

impl Drop for ConsumerInner<'_> {
    fn drop(&mut self) {
        if self.closer.closes() {
            self.end.parts().control().close_consumer();
        }
    }
}

impl<'r> Consumer<'r> {
    pub(crate) fn new(parts: Parts<'r>) -> Self {
        let end = ReadEnd::new(parts);
        let next = end.tail();
        Self { inner: ConsumerInner { end, next, closer: Closer::default() }, owner: () }
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
    /// drop(consumer.closes_in(1, |process| process == 2)); // as in a forked child
    /// assert!(!producer.is_closed());
    /// ```
    #[cfg(feature = "processes")]
    #[must_use]
    pub fn closes_in(mut self, process: u32, is_here: fn(u32) -> bool) -> Self {
        self.inner.closer.process = Some(crate::protocol::closer::Process { id: process, is_here });
        self
    }

    /// Returns the same consumer, which also keeps `owner` alive, such as the owner of the ring's memory.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// # use std::sync::Arc;
    /// let (_producer, consumer) = ring.split();
    /// let owner = Arc::new(());
    /// let consumer = consumer.with_owner(Arc::clone(&owner));
    /// assert_eq!(Arc::strong_count(&owner), 2);
    /// drop(consumer);
    /// assert_eq!(Arc::strong_count(&owner), 1);
    /// ```
    #[must_use]
    pub fn with_owner<K>(self, owner: K) -> Consumer<'r, K> {
        Consumer { inner: self.inner, owner }
    }
}

impl<K> Consumer<'_, K> {
    /// Reads the next event: the header by value, the payload borrowed from the ring.
    ///
    /// The next call that reads, or [`release`](Self::release), gives the event's space back to the producer. Returns
    /// `None` if nothing is published, and in a corrupt ring: see [`fault`](Self::fault), or use
    /// [`try_read_event`](Self::try_read_event).
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, EventHeader, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// let (mut producer, mut consumer) = ring.split();
    /// producer.write_event(&EventHeader::new(1, 7, 2), b"ab").unwrap();
    ///
    /// let (header, payload) = consumer.read_event().unwrap();
    /// assert_eq!((header.timestamp, header.event_type, payload), (1, 7, &b"ab"[..]));
    /// assert_eq!(consumer.read_event(), None);
    /// ```
    #[inline]
    pub fn read_event(&mut self) -> Option<(EventHeader, &[u8])> {
        self.try_read_event().unwrap_or_default()
    }

    /// Reads the next event as [`read_event`](Self::read_event) does, and reports a corrupt ring.
    ///
    /// # Errors
    ///
    /// [`RingFault`] if the ring is corrupt; every later call then returns it too.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, EventHeader, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// let (mut producer, mut consumer) = ring.split();
    /// producer.write_event(&EventHeader::new(1, 7, 2), b"ab").unwrap();
    ///
    /// match consumer.try_read_event() {
    ///     Ok(Some((header, payload))) => assert_eq!((header.timestamp, payload), (1, &b"ab"[..])),
    ///     Ok(None) => unreachable!("one event was written"),
    ///     Err(fault) => panic!("{fault}"),
    /// }
    /// ```
    #[inline]
    pub fn try_read_event(&mut self) -> Result<Option<(EventHeader, &[u8])>, RingFault> {
        self.release();
        let next = &mut self.inner.next;
        let Some((header, payload)) = self.inner.end.first_event()? else {
            return Ok(None);
        };
        *next = next.wrapping_add(header.stride());
        Ok(Some((header, payload)))
    }

    /// Gives the space of the event that was read last back to the producer.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, EventHeader, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// let (mut producer, mut consumer) = ring.split();
    /// producer.write_event(&EventHeader::new(1, 7, 2), b"ab").unwrap();
    ///
    /// consumer.read_event().unwrap();
    /// assert_eq!(producer.used(), 24);
    /// consumer.release();
    /// assert_eq!(producer.used(), 0);
    /// ```
    #[inline]
    pub fn release(&mut self) {
        let (tail, next) = (self.inner.end.tail(), self.inner.next);
        if next != tail {
            self.inner.end.end_of_lend(tail, next.wrapping_sub(tail));
            self.inner.end.release(next);
        }
    }

    /// Passes up to `limit` events to `f`, releases them all at once, and returns their number.
    ///
    /// Takes the events that are published when the call begins, so it ends even if the producer continues to write.
    /// If `f` panics, the earlier events are released, and the event that it panicked over is the next one.
    ///
    /// # Errors
    ///
    /// [`RingFault`] if the ring is corrupt. The events before the fault were passed to `f` and are released.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, EventHeader, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// let (mut producer, mut consumer) = ring.split();
    /// producer.write_event(&EventHeader::new(1, 7, 2), b"ab").unwrap();
    ///
    /// let mut bytes = Vec::new();
    /// assert_eq!(consumer.drain(usize::MAX, |_header, payload| bytes.extend_from_slice(payload)), Ok(1));
    /// assert_eq!(bytes, b"ab");
    /// ```
    #[inline]
    pub fn drain(
        &mut self,
        limit: usize,
        mut f: impl FnMut(&EventHeader, &[u8]),
    ) -> Result<usize, RingFault> {
        self.release();
        let start = self.inner.end.tail();
        let mut left = self.inner.end.refresh_head(start)?;
        let inner = &mut self.inner;
        let done = ReleaseOnDrop { end: &mut inner.end, start, next: &mut inner.next };
        let (mut at, mut events) = (start, 0);
        while left > 0 && events < limit {
            let (header, payload) = done.end.event_within(at, left, at)?;
            f(&header, payload);
            let stride = header.stride();
            done.end.end_of_lend(at, stride);
            at = at.wrapping_add(stride);
            *done.next = at;
            left -= stride;
            events += 1;
        }
        Ok(events)
    }

    /// Lends the whole records that start `skip_bytes` after the next event, as far as they are contiguous.
    ///
    /// `skip_bytes` is 0, or the sum of the lengths of runs (or records) that earlier calls lent and nobody released.
    /// Any other value is a mistake, which a fault reports at best. An event lent by `read_event` is released first.
    ///
    /// # Errors
    ///
    /// [`RingFault`] if the ring is corrupt.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, EventHeader, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// let (mut producer, mut consumer) = ring.split();
    /// producer.write_event(&EventHeader::new(1, 7, 2), b"ab").unwrap();
    ///
    /// let run = consumer.peek_run(0).unwrap().unwrap();
    /// let bytes = run.remaining().len(); // copied as they are, say
    /// assert_eq!(bytes, 24);
    /// assert!(consumer.peek_run(bytes).unwrap().is_none());
    /// consumer.release_bytes(bytes);
    /// assert!(consumer.is_empty());
    /// ```
    pub fn peek_run(&mut self, skip_bytes: usize) -> Result<Option<Run<'_>>, RingFault> {
        self.release();
        let tail = self.inner.end.tail();
        let available = self.inner.end.available(tail)?;
        if skip_bytes >= available && self.inner.end.refresh_head(tail)? <= skip_bytes {
            return Ok(None);
        }
        let run = self.inner.end.run(tail.wrapping_add(skip_bytes & !7))?;
        Ok(run.map(Run::trusted))
    }

    /// Does what [`peek_run`](Self::peek_run) does, and also returns which list describes the events of the run, as
    /// [`Ring::set_schemas_word`](crate::Ring::set_schemas_word) stored it.
    ///
    /// # Errors
    ///
    /// As `peek_run`.
    #[doc(hidden)]
    pub fn peek_described_run(&mut self, skip_bytes: usize) -> Result<Option<(Run<'_>, usize)>, RingFault> {
        let parts = *self.inner.end.parts();
        let run = self.peek_run(skip_bytes)?;
        // After the head that published the run, and before anybody releases the run.
        Ok(run.map(|run| (run, parts.control().schemas())))
    }

    /// Returns which list describes the events in the ring. While none is unread it may change.
    #[doc(hidden)]
    #[must_use]
    pub fn schemas_word(&self) -> usize {
        self.inner.end.parts().control().schemas()
    }

    /// Gives the next `bytes` bytes back to the producer: whole records that [`peek_run`](Self::peek_run) has lent.
    ///
    /// More bytes than the consumer knows to be published release just those.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, EventHeader, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// let (mut producer, mut consumer) = ring.split();
    /// producer.write_event(&EventHeader::new(1, 7, 2), b"ab").unwrap();
    ///
    /// let bytes = consumer.peek_run(0).unwrap().unwrap().remaining().len();
    /// consumer.release_bytes(bytes);
    /// assert_eq!((consumer.position(), producer.used()), (24, 0));
    /// ```
    pub fn release_bytes(&mut self, bytes: usize) {
        self.release();
        let tail = self.inner.end.tail();
        let known = self.inner.end.available(tail).unwrap_or(0);
        let bytes = bytes.min(known);
        if bytes > 0 {
            self.inner.end.end_of_lend(tail, bytes);
            self.inner.release(tail.wrapping_add(bytes & !7));
        }
    }

    /// Releases the unread events before `position` and returns their number.
    ///
    /// For a consumer whose predecessor died between storing events and releasing them. It knows from the end of the
    /// log, say, how far the predecessor had come.
    ///
    /// # Errors
    ///
    /// [`SkipError`] if no published event starts or ends at `position`, or the ring is corrupt. Then nothing is
    /// released.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, EventHeader, Ring, SkipError};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// let (mut producer, mut consumer) = ring.split();
    /// producer.write_event(&EventHeader::new(1, 7, 2), b"ab").unwrap();
    ///
    /// assert_eq!(consumer.skip_to(8), Err(SkipError::InsideRecord { position: 8, start: 0 }));
    /// assert_eq!(consumer.skip_to(24), Ok(1));
    /// assert!(consumer.is_empty());
    /// ```
    pub fn skip_to(&mut self, position: usize) -> Result<u64, SkipError> {
        self.release();
        let tail = self.inner.end.tail();
        let published = self.inner.end.refresh_head(tail)?;
        let skipped = position.wrapping_sub(tail);
        if skipped > published {
            return Err(SkipError::Outside { position, tail, head: tail.wrapping_add(published) });
        }
        let (mut done, mut events) = (0, 0);
        while done < skipped {
            let at = tail.wrapping_add(done);
            let stride = self.inner.end.event(at)?.map_or(usize::MAX, |(header, _)| header.stride());
            if stride > skipped - done {
                return Err(SkipError::InsideRecord { position, start: at });
            }
            self.inner.end.end_of_lend(at, stride);
            done += stride;
            events += 1;
        }
        if done > 0 {
            self.inner.release(position);
        }
        Ok(events)
    }

    /// Returns the position after the last published event, from the producer's control word. In a corrupt ring it is
    /// any number.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, EventHeader, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// let (mut producer, mut consumer) = ring.split();
    /// producer.write_event(&EventHeader::new(1, 7, 2), b"ab").unwrap();
    ///
    /// assert_eq!(consumer.published_position(), 24);
    /// ```
    #[must_use]
    pub fn published_position(&self) -> usize {
        self.inner.end.published()
    }

    /// Releases everything before `position`, readable or not, and continues there without a [`fault`](Self::fault).
    /// Unread events before `position` are lost.
    ///
    /// For a consumer that takes over a ring with damaged records: `position` is what
    /// [`published_position`](Self::published_position) returns.
    ///
    /// # Errors
    ///
    /// [`SkipError::Outside`] if the position is neither among the published ones nor at their end, or no multiple
    /// of 8. Then nothing is released.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, EventHeader, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// let (mut producer, mut consumer) = ring.split();
    /// producer.write_event(&EventHeader::new(1, 7, 2), b"ab").unwrap();
    ///
    /// let end = consumer.published_position();
    /// assert_eq!(consumer.skip_damage(end), Ok(()));
    /// assert!(consumer.is_empty() && consumer.fault().is_none());
    /// ```
    pub fn skip_damage(&mut self, position: usize) -> Result<(), SkipError> {
        self.release();
        if !self.inner.end.restart(position) {
            let (tail, head) = (self.inner.end.tail(), self.inner.end.published());
            return Err(SkipError::Outside { position, tail, head });
        }
        self.inner.next = position;
        Ok(())
    }

    /// Returns whether nothing is left to read. `true` may be stale, since the producer can publish at any moment;
    /// `false` holds until you read.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, EventHeader, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// let (mut producer, mut consumer) = ring.split();
    /// assert!(consumer.is_empty());
    /// producer.write_event(&EventHeader::new(1, 7, 2), b"ab").unwrap();
    /// assert!(!consumer.is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&mut self) -> bool {
        self.unread() == 0
    }

    /// Returns the bytes that are published and not read yet. The producer may have published more since. It is 0 in a
    /// corrupt ring.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, EventHeader, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// let (mut producer, mut consumer) = ring.split();
    /// producer.write_event(&EventHeader::new(1, 7, 2), b"ab").unwrap();
    ///
    /// assert_eq!(consumer.unread(), 24);
    /// consumer.read_event().unwrap();
    /// assert_eq!(consumer.unread(), 0);
    /// ```
    #[must_use]
    pub fn unread(&mut self) -> usize {
        self.inner.end.refresh_head(self.inner.next).unwrap_or(0)
    }

    /// Returns whether the producer has closed its side. There may still be events to read.
    ///
    /// The ring is finished if this was true *before* a look found the ring empty: see
    /// [`is_finished`](Self::is_finished).
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, EventHeader, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// let (mut producer, mut consumer) = ring.split();
    /// producer.write_event(&EventHeader::new(1, 7, 2), b"ab").unwrap();
    ///
    /// producer.close();
    /// assert!(consumer.is_closed() && !consumer.is_empty());
    /// ```
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.inner.end.parts().control().producer_closed()
    }

    /// Returns whether the producer has closed its side and every event was read.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, EventHeader, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// let (mut producer, mut consumer) = ring.split();
    /// producer.write_event(&EventHeader::new(1, 7, 2), b"ab").unwrap();
    ///
    /// producer.close();
    /// assert!(!consumer.is_finished());
    /// consumer.read_event().unwrap();
    /// assert!(consumer.is_finished());
    /// ```
    #[must_use]
    pub fn is_finished(&mut self) -> bool {
        self.is_closed() && self.is_empty()
    }

    /// Returns the fault that this consumer has met, if any.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// let (_producer, mut consumer) = ring.split();
    /// assert_eq!(consumer.read_event(), None);
    /// assert_eq!(consumer.fault(), None, "the ring is empty, not corrupt");
    /// ```
    #[must_use]
    pub fn fault(&self) -> Option<RingFault> {
        self.inner.end.fault()
    }

    /// Returns the losses of a [`LossyProducer`](crate::LossyProducer) that no GAP record reports yet.
    ///
    /// Exact once [`is_closed`](Self::is_closed) has returned `true`. Before that it may be stale; but losses that
    /// were seen and no longer are have their GAP record in the ring.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, EventHeader, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// let (producer, consumer) = ring.split();
    /// let mut producer = producer.lossy();
    /// for time in 0..40 {
    ///     producer.write_event(&EventHeader::new(time, 7, 0), b"").unwrap();
    /// }
    /// drop(producer);
    /// let loss = consumer.pending_loss().unwrap();
    /// assert_eq!((loss.count, loss.first_timestamp), (8, 32));
    /// ```
    #[must_use]
    pub fn pending_loss(&self) -> Option<Loss> {
        self.inner.end.parts().control().foreign_loss()
    }

    /// Returns the ring's capacity in bytes.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// let (_producer, consumer) = ring.split();
    /// assert_eq!(consumer.capacity(), 512);
    /// ```
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.inner.end.parts().geometry().capacity()
    }

    /// Returns the number that the ring was made with: see [`RingOptions::identity`](crate::RingOptions::identity).
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, Ring, RingOptions};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// let options = RingOptions { identity: 42, ..RingOptions::default() };
    /// let (_producer, consumer) = Ring::format_with(memory.as_mut(), &options).unwrap().into_ends();
    /// assert_eq!(consumer.identity(), 42);
    /// ```
    #[must_use]
    pub fn identity(&self) -> u64 {
        self.inner.end.parts().control().identity()
    }

    /// Returns the position of the oldest event that was not released: bytes since the ring was made, wrapping.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, EventHeader, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// let (mut producer, mut consumer) = ring.split();
    /// producer.write_event(&EventHeader::new(1, 7, 2), b"ab").unwrap();
    ///
    /// consumer.read_event().unwrap();
    /// assert_eq!(consumer.position(), 0, "the event is lent");
    /// consumer.release();
    /// assert_eq!(consumer.position(), 24);
    /// ```
    #[must_use]
    pub fn position(&self) -> usize {
        self.inner.end.tail()
    }
}

/// Releases what was handed out, also if the closure panics.
struct ReleaseOnDrop<'c, 'r> {
    end: &'c mut ReadEnd<'r>,
    start: usize,
    /// Position after the last event that was handed out.
    next: &'c mut usize,
}

impl Drop for ReleaseOnDrop<'_, '_> {
    fn drop(&mut self) {
        if *self.next != self.start {
            self.end.release(*self.next);
        }
    }
}
