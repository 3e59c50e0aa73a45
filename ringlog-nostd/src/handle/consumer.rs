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
/// Can be sent to another thread, not shared or cloned. Dropping it closes its side, which the producer may
/// take as advice.
///
/// ```compile_fail
/// fn shared<T: Sync>() {}
/// shared::<ringlog_nostd::Consumer<'static>>();
/// ```
#[derive(Debug)]
pub struct Consumer<'r, K = ()> {
    inner: ConsumerInner<'r>,
    _owner: K,
}

#[derive(Debug)]
struct ConsumerInner<'r> {
    end: ReadEnd<'r>,
    /// Behind the record at the tail that is lent by `read_event`; the tail if none is.
    next: usize,
    closer: Closer,
}

impl ConsumerInner<'_> {
    /// Gives everything below `to` back; nothing is lent.
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
        Self { inner: ConsumerInner { end, next, closer: Closer::default() }, _owner: () }
    }

    /// Says which process this end belongs to: dropped in another one, a forked child say, it leaves the ring open.
    ///
    /// `is_here` tells whether the present process is this one.
    #[cfg(feature = "processes")]
    #[must_use]
    pub fn closes_in(mut self, process: u32, is_here: fn(u32) -> bool) -> Self {
        self.inner.closer.process = Some(crate::protocol::closer::Process { id: process, is_here });
        self
    }

    /// The same consumer, which from now on also keeps `owner` alive: the owner of the ring's memory, say.
    #[must_use]
    pub fn with_owner<K>(self, owner: K) -> Consumer<'r, K> {
        Consumer { inner: self.inner, _owner: owner }
    }
}

impl<K> Consumer<'_, K> {
    /// The next event: header by value, payload borrowed from the ring.
    ///
    /// The event's space goes back to the producer at the next call on this consumer that reads, or at
    /// [`release`](Self::release). `None` where nothing is published, and in a corrupt ring: see
    /// [`fault`](Self::fault), or use [`try_read_event`](Self::try_read_event).
    #[inline]
    pub fn read_event(&mut self) -> Option<(EventHeader, &[u8])> {
        self.try_read_event().unwrap_or_default()
    }

    /// The next event, or why there will never be one.
    ///
    /// # Errors
    ///
    /// [`RingFault`] if the ring is corrupt; from then on always.
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

    /// Gives the event that was read last back to the producer.
    #[inline]
    pub fn release(&mut self) {
        let (tail, next) = (self.inner.end.tail(), self.inner.next);
        if next != tail {
            self.inner.end.end_of_lend(tail, next.wrapping_sub(tail));
            self.inner.end.release(next);
        }
    }

    /// Hands up to `limit` events to `f`, releases them all at once, and returns how many they were.
    ///
    /// Takes what was published when it looked, not what is added meanwhile, so it ends. If `f` panics, the
    /// events before that one are released, and that one is the next.
    ///
    /// # Errors
    ///
    /// [`RingFault`] if the ring is corrupt. What was handed out before is released.
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

    /// The whole records that start `skip_bytes` behind the next event, as far as they lie in one piece.
    ///
    /// `skip_bytes` is 0, or the sum of the lengths of runs (or records) that this gave before and that were
    /// not released; anything else reads as a fault at best. Releases an event lent by `read_event` first.
    ///
    /// # Errors
    ///
    /// [`RingFault`] if the ring is corrupt.
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

    /// Gives the next `bytes` bytes back to the producer: whole records that [`peek_run`](Self::peek_run)
    /// has shown. More than is published is taken as all that is known to be.
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

    /// Releases unread events up to `position`, where the next one is to start, and says how many they were.
    ///
    /// For a consumer that takes over and knows from elsewhere, the end of a log say, how far the one before
    /// had come when it died between keeping events and releasing them.
    ///
    /// # Errors
    ///
    /// [`SkipError`] if no event that is published starts or ends there, or the ring is corrupt; then nothing
    /// is released.
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

    /// Position up to which the producer has published, as its control word says now: in a corrupt ring any number.
    #[must_use]
    pub fn published_position(&self) -> usize {
        self.inner.end.published()
    }

    /// Releases everything up to `position`, whether it can be read or not, and starts there without a
    /// [`fault`](Self::fault). All events before it that were not read are lost.
    ///
    /// For a consumer that takes over a ring whose records are damaged: `position` is what
    /// [`published_position`](Self::published_position) says.
    ///
    /// # Errors
    ///
    /// [`SkipError::Outside`] if the position is neither among the published ones nor at their end, or no multiple
    /// of 8; then nothing is released.
    pub fn skip_damage(&mut self, position: usize) -> Result<(), SkipError> {
        self.release();
        if !self.inner.end.restart(position) {
            let (tail, head) = (self.inner.end.tail(), self.inner.end.published());
            return Err(SkipError::Outside { position, tail, head });
        }
        self.inner.next = position;
        Ok(())
    }

    /// Whether nothing is left to read. An event may be published the next moment; `false` stays true until
    /// you read.
    #[must_use]
    pub fn is_empty(&mut self) -> bool {
        self.unread() == 0
    }

    /// Bytes published and not read yet; more may be there the next moment. 0 in a corrupt ring.
    #[must_use]
    pub fn unread(&mut self) -> usize {
        self.inner.end.refresh_head(self.inner.next).unwrap_or(0)
    }

    /// Whether the producer has closed. There may still be events to read: the end has come when this was
    /// true *before* a look that found the ring empty, as in [`is_finished`](Self::is_finished).
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.inner.end.parts().control().producer_closed()
    }

    /// Whether the producer has closed and every event was read.
    #[must_use]
    pub fn is_finished(&mut self) -> bool {
        self.is_closed() && self.is_empty()
    }

    /// The fault that this consumer has met, if any.
    #[must_use]
    pub fn fault(&self) -> Option<RingFault> {
        self.inner.end.fault()
    }

    /// Losses of a [`LossyProducer`](crate::LossyProducer) that no GAP record tells of. Exact once
    /// [`is_closed`](Self::is_closed) has said yes; before, losses that are seen no more have their GAP record in
    /// the ring.
    #[must_use]
    pub fn pending_loss(&self) -> Option<Loss> {
        self.inner.end.parts().control().foreign_loss()
    }

    /// The ring's capacity in bytes.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.inner.end.parts().geometry().capacity()
    }

    /// The number that the ring was made with: see [`RingOptions::identity`](crate::RingOptions::identity).
    #[must_use]
    pub fn identity(&self) -> u64 {
        self.inner.end.parts().control().identity()
    }

    /// Position of the oldest event that was not released: bytes since the ring's start, wrapping.
    #[must_use]
    pub fn position(&self) -> usize {
        self.inner.end.tail()
    }
}

/// Releases what was handed out, also when the closure panics.
struct ReleaseOnDrop<'c, 'r> {
    end: &'c mut ReadEnd<'r>,
    start: usize,
    /// Behind the last event that was handed out.
    next: &'c mut usize,
}

impl Drop for ReleaseOnDrop<'_, '_> {
    fn drop(&mut self) {
        if *self.next != self.start {
            self.end.release(*self.next);
        }
    }
}
