//! The consumer's end: checks published records, lends and releases them. `parts` explains who owns which byte.

use crate::error::RingFault;
use crate::format::header::{EventHeader, HEADER_LEN, RECORD_ALIGN};
use crate::format::record::is_ring_header;
use crate::protocol::parts::Parts;

/// A run ends with the record that reaches this length, in bytes: what is walked, copied and released together is then
/// still in the processor's nearest caches.
const RUN_BYTES: usize = 32 << 10;

/// Returns the length of a ring's longest runs, but for the last record, in bytes. On 64-bit hosts a file takes longer runs
/// by fewer calls; a quarter of the ring leaves the producer its room.
const fn max_run_bytes(capacity: usize) -> usize {
    match capacity / 4 {
        _ if cfg!(not(target_pointer_width = "64")) => RUN_BYTES,
        ..RUN_BYTES => RUN_BYTES,
        quarter if quarter / 8 < RUN_BYTES => quarter,
        _ => RUN_BYTES.saturating_mul(8),
    }
}

/// The consumer's end: reads what is published and releases it.
#[derive(Debug)]
pub(crate) struct ReadEnd<'r> {
    parts: Parts<'r>,
    /// The released position, a multiple of 8.
    tail: usize,
    /// A head that the producer had before; `cached_head - tail <= capacity`.
    cached_head: usize,
    /// The capacity in units of 8 bytes; 0 once there is a fault.
    max_advance: usize,
    fault: Option<RingFault>,
}

impl<'r> ReadEnd<'r> {
    /// Continues at the tail in the control words, with a fault if the words contradict each other. It is the ring's
    /// only read end, by the contract of [`Parts::new`].
    pub(crate) fn new(parts: Parts<'r>) -> Self {
        let (own, foreign) = (parts.control.own_tail(), parts.control.foreign_head());
        let fault = (!parts.geometry.fits(own, foreign)).then_some(RingFault::Position { own, foreign });
        let tail = own & !(RECORD_ALIGN - 1);
        let max_advance = if fault.is_none() { parts.geometry.capacity() / RECORD_ALIGN } else { 0 };
        Self { parts, tail, cached_head: tail, max_advance, fault }
    }

    #[inline]
    pub(crate) const fn parts(&self) -> &Parts<'r> {
        &self.parts
    }

    #[inline]
    pub(crate) const fn tail(&self) -> usize {
        self.tail
    }

    #[inline]
    pub(crate) const fn fault(&self) -> Option<RingFault> {
        self.fault
    }

    /// Returns the published bytes from `at` on, as far as known. Reads the producer's position if none are known.
    #[inline]
    pub(crate) fn available(&mut self, at: usize) -> Result<usize, RingFault> {
        match self.cached_head.wrapping_sub(at) {
            0 => self.refresh_head(at),
            known => Ok(known),
        }
    }

    /// Reads the producer's position and returns the published bytes from `at` on.
    #[inline]
    pub(crate) fn refresh_head(&mut self, at: usize) -> Result<usize, RingFault> {
        let head = self.parts.control.foreign_head();
        // Compared with the released tail, which the producer uses. A head before the one seen last would be a larger
        // advance than is possible, as the difference wraps.
        let news = head.wrapping_sub(self.cached_head);
        let known = self.cached_head.wrapping_sub(self.tail);
        if self.is_valid_advance(news, known) {
            self.cached_head = head;
        } else {
            self.no_news(head, at)?;
        }
        Ok(self.cached_head.wrapping_sub(at))
    }

    /// Returns whether a producer can have published `news` more bytes, at least one, after `known` bytes.
    #[inline]
    fn is_valid_advance(&self, news: usize, known: usize) -> bool {
        // In units of 8 bytes. Any other number of bytes becomes larger than every capacity.
        let units = news.rotate_right(RECORD_ALIGN.trailing_zeros());
        units.wrapping_sub(1) < self.max_advance.saturating_sub(known / RECORD_ALIGN)
    }

    /// Returns an error unless there is just nothing new: the producer's position is impossible, or the ring has a
    /// fault already. After a fault reading ends at `at`.
    #[inline]
    fn no_news(&mut self, head: usize, at: usize) -> Result<(), RingFault> {
        match self.fault {
            None if head == self.cached_head => Ok(()),
            None => Err(self.set_fault(RingFault::Position { own: self.tail, foreign: head }, at)),
            Some(fault) => Err(fault),
        }
    }

    /// Stops all reading: everything up to `at` counts as read, and no advance is valid. What was lent before can still
    /// be released.
    #[cold]
    fn set_fault(&mut self, fault: RingFault, at: usize) -> RingFault {
        self.fault = Some(fault);
        self.cached_head = at;
        self.max_advance = 0;
        fault
    }

    /// Reads the header of the record at `at` once and checks it; `available` bytes are published there.
    ///
    /// If it is no valid header, reading ends at `rest`: at this record, or at the tail if the records before it are
    /// not given out.
    #[inline]
    fn header(&mut self, at: usize, available: usize, rest: usize) -> Result<EventHeader, RingFault> {
        debug_assert!(available > 0);
        if available < HEADER_LEN {
            // A caller has released, or asks for, less than a record, or a foreign head is inside a record.
            return Err(self.set_fault(RingFault::Record { position: at }, rest));
        }
        let header = self.read_header(at);
        if !self.is_whole(&header, available) {
            return Err(self.set_fault(RingFault::Record { position: at }, rest));
        }
        Ok(header)
    }

    /// Returns whether a record with this header ends within `available` bytes, and a ring stores such headers.
    #[inline]
    fn is_whole(&self, header: &EventHeader, available: usize) -> bool {
        let stride = header.stride();
        stride <= available && stride <= self.parts.geometry.overrun && is_ring_header(header)
    }

    /// Reads the 16 bytes at `at`, which the caller knows to be published.
    #[inline]
    fn read_header(&self, at: usize) -> EventHeader {
        self.parts.touch_read(at, HEADER_LEN);
        // SAFETY: 16 bytes from `at` on are inside the data region, because the overrun is at least 32, and
        // 8-aligned. They are published, and nobody writes them while the tail is below.
        let words = unsafe { self.parts.at(at).cast::<[u64; 2]>().read() };
        EventHeader::from_words([u64::from_le(words[0]), u64::from_le(words[1])])
    }

    /// Lends the event at the tail, if one is published. Does what [`event`](Self::event) does, with less to compute.
    #[inline]
    pub(crate) fn first_event(&mut self) -> Result<Option<(EventHeader, &[u8])>, RingFault> {
        let at = self.tail;
        if self.cached_head == at {
            let head = self.parts.control.foreign_head();
            if !self.is_valid_advance(head.wrapping_sub(at), 0) {
                return self.no_news(head, at).map(|()| None);
            }
            self.cached_head = head;
        }
        let available = self.cached_head.wrapping_sub(at);
        self.event_within(at, available, at).map(Some)
    }

    /// Lends the event at `at`, if one is published.
    #[inline]
    pub(crate) fn event(&mut self, at: usize) -> Result<Option<(EventHeader, &[u8])>, RingFault> {
        match self.available(at)? {
            0 => Ok(None),
            available => self.event_within(at, available, self.tail).map(Some),
        }
    }

    /// Lends the event at `at`, where `available` bytes, more than 0, are published. If no valid event is there,
    /// reading ends at `rest`.
    #[inline]
    pub(crate) fn event_within(
        &mut self,
        at: usize,
        available: usize,
        rest: usize,
    ) -> Result<(EventHeader, &[u8]), RingFault> {
        let header = self.header(at, available, rest)?;
        let len = header.payload_len as usize;
        self.parts.touch_read(at, header.stride());
        let start = self.parts.at(at).as_ptr().wrapping_add(HEADER_LEN);
        // SAFETY: `header` made sure that the whole record is published and inside the data region; it stays
        // until `release`, which needs `&mut self` and so waits for this borrow to end.
        let payload = unsafe { core::slice::from_raw_parts(start, len) };
        Ok((header, payload))
    }

    /// Lends the whole records from `at` to the end of the lap or of what is published, as one slice.
    ///
    /// The slice ends before bytes that are no record. If it would begin with such bytes, the ring has a fault.
    pub(crate) fn run(&mut self, at: usize) -> Result<Option<&[u8]>, RingFault> {
        let available = self.available(at)?;
        let capacity = self.parts.geometry.capacity();
        let to_lap_end = capacity - self.parts.geometry.index(at);
        let end = available.min(to_lap_end).min(max_run_bytes(capacity));
        let mut len = 0;
        // Ends where the straddling record ends, not at the capacity.
        while len < end {
            let record = at.wrapping_add(len);
            let left = available - len;
            let header = (left >= HEADER_LEN).then(|| self.read_header(record));
            let is_valid = |header: &EventHeader| {
                self.is_whole(header, left) && self.is_padded_with_zeros(record, header)
            };
            match header.filter(is_valid) {
                Some(header) => len += header.stride(),
                None if len > 0 => break,
                None => return Err(self.set_fault(RingFault::Record { position: at }, self.tail)),
            }
        }
        if len == 0 {
            return Ok(None);
        }
        self.parts.touch_read(at, len);
        // SAFETY: whole published records, contiguous because only the last one may reach beyond the lap,
        // and that by less than the overrun; they stay until `release`, as in `event`.
        let records = unsafe { core::slice::from_raw_parts(self.parts.at(at).as_ptr(), len) };
        Ok(Some(records))
    }

    /// Returns whether zeros follow the payload of the record at `at`, whose header [`event`](Self::event) or
    /// [`header`](Self::header) has just checked. A copy of whole records contains these bytes.
    pub(crate) fn is_padded_with_zeros(&self, at: usize, header: &EventHeader) -> bool {
        let stride = header.stride();
        let padding_bytes = stride - HEADER_LEN - header.payload_len as usize;
        if padding_bytes == 0 {
            // The record's end may be on a line that is still the producer's.
            return true;
        }
        self.parts.touch_read(at, stride);
        let last = self.parts.at(at).as_ptr().wrapping_add(stride - RECORD_ALIGN).cast::<u64>();
        // SAFETY: the last 8 bytes of a whole published record, 8-aligned; they stay as in `event`.
        let word = u64::from_le(unsafe { last.read() });
        word >> (u64::BITS as usize - 8 * padding_bytes) == 0
    }

    /// Releases everything below `to` to the producer.
    #[inline]
    pub(crate) fn release(&mut self, to: usize) {
        debug_assert!(to.wrapping_sub(self.tail) <= self.cached_head.wrapping_sub(self.tail));
        self.tail = to;
        self.parts.control.release_tail(to);
    }

    /// Returns the producer's position as its control word has it, possible or not.
    pub(crate) fn published(&self) -> usize {
        self.parts.control.foreign_head()
    }

    /// Releases everything below `to`, readable or not, and continues there without a fault. Does nothing and returns
    /// `false` if `to` is neither among the published positions nor at their end.
    pub(crate) fn restart(&mut self, to: usize) -> bool {
        let (tail, head) = (self.tail, self.published());
        let is_published =
            self.parts.geometry.fits(tail, head) && to.wrapping_sub(tail) <= head.wrapping_sub(tail);
        if !to.is_multiple_of(RECORD_ALIGN) || !(is_published || to == head) {
            return false;
        }
        self.parts.control.release_tail(to);
        (self.tail, self.cached_head, self.fault) = (to, to, None);
        self.max_advance = self.parts.geometry.capacity() / RECORD_ALIGN;
        true
    }

    /// Shows the model that lent records, those in the lap of `at`, were being read until now.
    #[inline]
    pub(crate) fn end_of_lend(&self, at: usize, len: usize) {
        let to_data_end = self.parts.geometry.data_len() - self.parts.geometry.index(at);
        self.parts.touch_read(at, len.min(to_data_end));
    }
}
