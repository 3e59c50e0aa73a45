//! The two ends of a ring: the protocol on positions, and every access to the bytes between them.
//!
//! Unsafe lives here because safety is decided here: a byte is only touched by an end that owns it at that
//! moment, and ownership is nothing but the two positions.
//!
//! # Who owns a byte
//!
//! Let `tail <= head <= tail + capacity` be the positions that the consumer released and the producer
//! published. A record at position `p` of length `n <= overrun` takes the data region's bytes
//! `index(p) .. index(p) + n`, running on into the overrun area if it starts near the end of the lap.
//!
//! - *Published*: records in `tail..head` belong to the consumer. It may read them; nobody writes them.
//! - *Free*: positions in `head..tail + capacity` belong to the producer.
//! - *No overlap*: two positions less than `capacity` apart have different indices, so a free record that
//!   ends inside the lap shares no byte with a published one. One that straddles the end of the lap at `L`
//!   uses the overrun area for what lies beyond `L`. The former straddler, of the lap before, reached beyond
//!   `L - capacity`; the new one fits below `tail + capacity` and ends beyond `L`, so `tail > L - capacity`,
//!   and as tails stand between records the former straddler is released. The bytes at the start of the lap
//!   that a straddler leaves unused belong to nobody.
//!
//! The tests go through every start and every length of small rings.

use crate::control::Control;
use crate::error::{RingFault, WriteError};
use crate::geometry::Geometry;
use crate::header::{EventHeader, HEADER_LEN, RECORD_ALIGN, flags, record_len};
use crate::record::is_stored_header;
use crate::retention::WriteBack;
use crate::run::RunContents;
use crate::sync::{Lent, Shadow};
use core::ptr::NonNull;

/// A run ends behind the record that reaches this length, in bytes: what is walked, copied and given back together
/// is still in the processor's nearest caches, and the producer gets its room back in time.
const RUN_BYTES: usize = 32 << 10;

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

/// The same in a dozen bytes of code: volatile, because the compiler would make a call of `memcpy` of a plain
/// loop, and that takes 600 bytes of flash where nothing else needs it.
#[cfg(feature = "small-copy")]
unsafe fn copy(payload: &[u8], to: *mut u8) {
    for (at, byte) in payload.iter().enumerate() {
        // SAFETY: the caller's promise; `at` is below the length.
        unsafe { to.wrapping_add(at).write_volatile(*byte) };
    }
}

/// A ring's control words, bytes and sizes. Whoever makes one vouches for all of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts<'r> {
    control: &'r Control,
    data: NonNull<u8>,
    shadow: Shadow<'r>,
    geometry: Geometry,
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
    /// - For all of `'r`, at most one [`WriteEnd`] and one [`ReadEnd`] in the world use `control` and `data`,
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

    /// The address of the byte at `position`.
    #[inline]
    fn at(&self, position: usize) -> NonNull<u8> {
        // SAFETY: an index is less than the capacity, so inside the data region.
        unsafe { self.data.add(self.geometry.index(position)) }
    }

    #[inline]
    fn touch_write(&self, from: usize, len: usize) {
        self.shadow.write(self.geometry.index(from), len);
    }

    #[inline]
    fn touch_read(&self, from: usize, len: usize) {
        self.shadow.read(self.geometry.index(from), len);
    }

    /// Zeroes the last 8 bytes of a record, which hold the padding. The payload is copied over the rest.
    ///
    /// Only for the write end that has reserved the record's `stride` bytes.
    #[inline]
    fn zero_last_word(self, at: usize, stride: usize) {
        let last = self.at(at).as_ptr().wrapping_add(stride - RECORD_ALIGN).cast::<u64>();
        // SAFETY: `reserve` made sure of `stride` free bytes at `at`; both are multiples of 8 and the data
        // region is 8-aligned.
        unsafe { last.write(0) };
    }

    /// Stores the header of a record, as committed. Only for the write end that has reserved it.
    #[inline]
    fn store_header(self, at: usize, header: &EventHeader) {
        let stored = EventHeader { flags: header.flags | flags::COMMITTED, checksum: 0, ..*header };
        let [first, second] = stored.to_words();
        let words = [first.to_le(), second.to_le()];
        let to = self.at(at).cast::<[u64; 2]>();
        // SAFETY: as in `zero_last_word`, for the first 16 bytes.
        unsafe { to.write(words) };
    }
}

/// The producer's end: writes into the free positions and publishes them.
#[derive(Debug)]
pub(crate) struct WriteEnd<'r> {
    parts: Parts<'r>,
    /// The published position; on the 8-grid, any value (it runs freely and wraps).
    head: usize,
    /// A tail that the consumer had at some time; `head - cached_tail <= capacity`.
    cached_tail: usize,
    fault: Option<RingFault>,
    /// What brings a tail into memory before the bytes below it are overwritten.
    write_back: Option<WriteBack>,
}

impl<'r> WriteEnd<'r> {
    /// Goes on where the control words say, at fault if they contradict each other. The ring's only write
    /// end, by the contract of [`Parts::new`].
    pub(crate) fn new(parts: Parts<'r>, write_back: Option<WriteBack>) -> Self {
        let (own, foreign) = (parts.control.own_head(), parts.control.foreign_tail());
        let fault = (!parts.geometry.fits(foreign, own)).then_some(RingFault::Position { own, foreign });
        let head = own & !(RECORD_ALIGN - 1);
        // An empty cache: the first write looks for itself, or meets the fault.
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

    /// Bytes in use as of now, for a look from the producer's side.
    pub(crate) fn used(&self) -> usize {
        self.head.wrapping_sub(self.parts.control.foreign_tail()).min(self.parts.geometry.capacity())
    }

    /// Makes sure that `stride` bytes at `at` are free. `at` is the head, or beyond it by records written
    /// but not published; `stride` is at most the overrun.
    #[inline]
    pub(crate) fn reserve(&mut self, at: usize, stride: usize) -> Result<(), WriteError> {
        if self.has_room(at, stride) { Ok(()) } else { self.reserve_after_look(at, stride) }
    }

    #[inline]
    fn has_room(&self, at: usize, stride: usize) -> bool {
        self.parts.geometry.has_room(at.wrapping_sub(self.cached_tail), stride)
    }

    #[cold]
    #[inline(never)]
    fn reserve_after_look(&mut self, at: usize, stride: usize) -> Result<(), WriteError> {
        if let Some(fault) = self.fault {
            return Err(fault.into());
        }
        let tail = self.parts.control.foreign_tail();
        // Never behind what was seen: records of a batch may have been written on the strength of it.
        if !self.parts.geometry.fits(tail, self.head)
            || self.head.wrapping_sub(tail) > self.head.wrapping_sub(self.cached_tail)
        {
            let fault = RingFault::Position { own: self.head, foreign: tail };
            self.fault = Some(fault);
            // Nothing is free any more, so that every later write comes here.
            self.cached_tail = self.head.wrapping_sub(self.parts.geometry.capacity());
            return Err(fault.into());
        }
        self.cached_tail = tail;
        if let Some(write_back) = self.write_back {
            // Else a reset could find overwritten records above an old tail.
            let (start, len) = self.parts.control.consumer_line();
            write_back(start, len);
        }
        if self.has_room(at, stride) { Ok(()) } else { Err(WriteError::Full) }
    }

    /// Writes a whole record at `at`, if there is room, and returns its length. Publishes nothing.
    ///
    /// `header` and `payload` have been checked: same length, at most the maximum.
    #[inline]
    pub(crate) fn write(
        &mut self,
        at: usize,
        header: &EventHeader,
        payload: &[u8],
    ) -> Result<usize, WriteError> {
        debug_assert!(payload.len() <= self.parts.geometry.overrun - HEADER_LEN);
        let stride = record_len(payload.len());
        self.reserve(at, stride)?;
        // A copy: the stores below cannot change it, so that nothing of it is loaded again after them.
        let parts = self.parts;
        parts.touch_write(at, stride);
        parts.zero_last_word(at, stride);
        parts.store_header(at, header);
        // Last, because it may be a call of `memcpy`, which forgets registers.
        // SAFETY: (1) `reserve` made sure that the `stride` bytes from `at` on are free, so nobody else
        // touches them; (2) they are inside the data region, as `stride <= overrun`; (3) the payload ends
        // within them; (4) `payload` cannot overlap with them, as no reference to free bytes is out while
        // `self` is borrowed mutably.
        unsafe { copy(payload, parts.at(at).as_ptr().wrapping_add(HEADER_LEN)) };
        Ok(stride)
    }

    /// Hands out the payload bytes of a record of `payload_len` bytes at `at`.
    #[inline]
    pub(crate) fn payload_mut(&mut self, at: usize, payload_len: usize) -> Result<&mut [u8], WriteError> {
        debug_assert!(payload_len <= self.parts.geometry.overrun - HEADER_LEN);
        self.body_mut(at, record_len(payload_len), payload_len)
    }

    /// The first `len` bytes behind the header of a record of `stride` bytes at `at`; `len <= stride - HEADER_LEN`.
    #[inline]
    fn body_mut(&mut self, at: usize, stride: usize, len: usize) -> Result<&mut [u8], WriteError> {
        debug_assert!(len <= stride - HEADER_LEN && stride <= self.parts.geometry.overrun);
        self.reserve(at, stride)?;
        self.parts.touch_write(at, stride);
        let start = self.parts.at(at).as_ptr().wrapping_add(HEADER_LEN);
        // SAFETY: as for `write`, (1) to (3); the bytes are initialised by the contract of `Parts::new`; the
        // slice borrows `self` mutably, so nothing is published or written elsewhere while it lives.
        Ok(unsafe { core::slice::from_raw_parts_mut(start, len) })
    }

    /// Completes a record whose payload was filled in place: header and padding. Returns its length.
    ///
    /// The room was reserved by [`payload_mut`](Self::payload_mut) with at least this payload length.
    pub(crate) fn complete(&mut self, at: usize, header: &EventHeader) -> Result<usize, WriteError> {
        let len = header.payload_len as usize;
        let stride = record_len(len);
        // Whether it still fits is asked again: cheap, and nothing has to be believed.
        // Payload and padding together may be longer than any payload.
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

    /// Zeroes all that is free, so that nothing of an earlier life or behind a cut passes for a record.
    pub(crate) fn wipe_free(&mut self) {
        let published = self.head.wrapping_sub(self.parts.control.foreign_tail());
        let free = self.parts.geometry.capacity().saturating_sub(published);
        for skip in (0..free).step_by(RECORD_ALIGN) {
            let at = self.head.wrapping_add(skip);
            self.parts.touch_write(at, RECORD_ALIGN);
            let word = self.parts.at(at).cast::<u64>();
            // SAFETY: a free position, so no published record has its index (see above); 8 bytes that start
            // at an index on the 8-grid are inside the lap.
            unsafe { word.write(0) };
        }
    }

    /// Tells the model that the `stride` bytes at `at`, which were reserved, are in use until the answer goes.
    #[inline]
    pub(crate) fn lend(&self, at: usize, stride: usize) -> Lent<'r> {
        self.parts.shadow.lend(self.parts.geometry.index(at), stride)
    }

    /// The bytes of a record that was written at `at` and is not published: for its checksum.
    pub(crate) fn written_mut(&mut self, at: usize, stride: usize) -> Result<&mut [u8], WriteError> {
        self.reserve(at, stride)?;
        self.parts.touch_write(at, stride);
        // SAFETY: as in `payload_mut`, header included.
        Ok(unsafe { core::slice::from_raw_parts_mut(self.parts.at(at).as_ptr(), stride) })
    }
}

/// The consumer's end: reads what is published and releases it.
#[derive(Debug)]
pub(crate) struct ReadEnd<'r> {
    parts: Parts<'r>,
    /// The released position, on the 8-grid.
    tail: usize,
    /// A head that the producer had at some time; `cached_head - tail <= capacity`.
    cached_head: usize,
    /// The capacity in units of 8 bytes; 0 once there is a fault.
    most_news: usize,
    fault: Option<RingFault>,
}

impl<'r> ReadEnd<'r> {
    /// Goes on where the control words say, at fault if they contradict each other. The ring's only read
    /// end, by the contract of [`Parts::new`].
    pub(crate) fn new(parts: Parts<'r>) -> Self {
        let (own, foreign) = (parts.control.own_tail(), parts.control.foreign_head());
        let fault = (!parts.geometry.fits(own, foreign)).then_some(RingFault::Position { own, foreign });
        let tail = own & !(RECORD_ALIGN - 1);
        let most_news = if fault.is_none() { parts.geometry.capacity() / RECORD_ALIGN } else { 0 };
        Self { parts, tail, cached_head: tail, most_news, fault }
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

    /// Published bytes from `at` on, as far as known; looks again when there seem to be none.
    #[inline]
    pub(crate) fn available(&mut self, at: usize) -> Result<usize, RingFault> {
        match self.cached_head.wrapping_sub(at) {
            0 => self.look(at),
            known => Ok(known),
        }
    }

    /// Published bytes from `at` on, after a fresh look at the producer's position.
    #[inline]
    pub(crate) fn look(&mut self, at: usize) -> Result<usize, RingFault> {
        let head = self.parts.control.foreign_head();
        // Against the released tail, which is what the producer goes by, and never behind what was seen: that
        // would be more news than there can be, as the difference wraps.
        let news = head.wrapping_sub(self.cached_head);
        let known = self.cached_head.wrapping_sub(self.tail);
        if self.can_be_news(news, known) {
            self.cached_head = head;
        } else {
            self.no_news(head, at)?;
        }
        Ok(self.cached_head.wrapping_sub(at))
    }

    /// Whether a producer can have published `news` bytes, not none, while `known` were published before.
    #[inline]
    fn can_be_news(&self, news: usize, known: usize) -> bool {
        // In units of 8 bytes: what is not a multiple of 8 becomes a number larger than any capacity.
        let units = news.rotate_right(RECORD_ALIGN.trailing_zeros());
        units.wrapping_sub(1) < self.most_news.saturating_sub(known / RECORD_ALIGN)
    }

    /// There is nothing new; or else the producer's position is impossible, or the ring at fault already.
    /// Reading is to end at `at`.
    #[inline]
    fn no_news(&mut self, head: usize, at: usize) -> Result<(), RingFault> {
        match self.fault {
            None if head == self.cached_head => Ok(()),
            None => Err(self.set_fault(RingFault::Position { own: self.tail, foreign: head }, at)),
            Some(fault) => Err(fault),
        }
    }

    /// From now on nothing is read: all seems to be read up to `at`, and nothing can be news. What was lent or
    /// handed out before still goes back.
    #[cold]
    fn set_fault(&mut self, fault: RingFault, at: usize) -> RingFault {
        self.fault = Some(fault);
        self.cached_head = at;
        self.most_news = 0;
        fault
    }

    /// The header of the record at `at`, where `available` bytes are published, read once and checked. If it
    /// is none, reading is to end at `rest`: at this record, or at the tail if the records before are not given out.
    #[inline]
    fn header(&mut self, at: usize, available: usize, rest: usize) -> Result<EventHeader, RingFault> {
        debug_assert!(available > 0);
        self.parts.touch_read(at, HEADER_LEN);
        // SAFETY: 16 bytes from `at` on are inside the data region, because the overrun is at least 32, and
        // 8-aligned. They are published, as whole records are, and nobody writes them while the tail is below.
        // (Where a foreign head stands inside of a header, against the contract of `attach`, what is read
        // may be anything, and is refused below: no record is shorter than its header.)
        let words = unsafe { self.parts.at(at).cast::<[u64; 2]>().read() };
        let header = EventHeader::from_words([u64::from_le(words[0]), u64::from_le(words[1])]);
        let stride = header.stride();
        let bound = self.parts.geometry.overrun;
        if stride > available || stride > bound || !is_stored_header(&header) {
            return Err(self.set_fault(RingFault::Record { position: at }, rest));
        }
        Ok(header)
    }

    /// The event at the tail, if one is published: as [`event`](Self::event), with less to compute.
    #[inline]
    pub(crate) fn first_event(&mut self) -> Result<Option<(EventHeader, &[u8])>, RingFault> {
        let at = self.tail;
        if self.cached_head == at {
            let head = self.parts.control.foreign_head();
            if !self.can_be_news(head.wrapping_sub(at), 0) {
                return self.no_news(head, at).map(|()| None);
            }
            self.cached_head = head;
        }
        let available = self.cached_head.wrapping_sub(at);
        self.event_within(at, available, at).map(Some)
    }

    /// The event at `at`, if one is published.
    #[inline]
    pub(crate) fn event(&mut self, at: usize) -> Result<Option<(EventHeader, &[u8])>, RingFault> {
        match self.available(at)? {
            0 => Ok(None),
            available => self.event_within(at, available, self.tail).map(Some),
        }
    }

    /// The event at `at`, from where on `available` bytes, more than 0, are published. If there is none, reading
    /// is to end at `rest`.
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

    /// The whole records from `at` to the end of the lap or of what is published, as one slice, and what they are.
    pub(crate) fn run(&mut self, at: usize) -> Result<Option<(&[u8], RunContents)>, RingFault> {
        let available = self.available(at)?;
        let to_lap_end = self.parts.geometry.capacity() - self.parts.geometry.index(at);
        let end = available.min(to_lap_end).min(RUN_BYTES);
        let (mut len, mut contents) = (0, RunContents::default());
        // Ends at the end of the record that straddles, not at the capacity.
        while len < end {
            let record = at.wrapping_add(len);
            let header = self.header(record, available - len, self.tail)?;
            if !self.is_padded_with_zeros(record, &header) {
                return Err(self.set_fault(RingFault::Record { position: record }, self.tail));
            }
            contents.add(&header);
            len += header.stride();
        }
        if len == 0 {
            return Ok(None);
        }
        self.parts.touch_read(at, len);
        // SAFETY: whole published records, contiguous because only the last one may reach beyond the lap,
        // and that by less than the overrun; they stay until `release`, as in `event`.
        let records = unsafe { core::slice::from_raw_parts(self.parts.at(at).as_ptr(), len) };
        Ok(Some((records, contents)))
    }

    /// Whether zeros follow the payload of the record at `at`, whose header [`event`](Self::event) or
    /// [`header`](Self::header) has just checked. Whoever copies whole records copies these bytes too.
    pub(crate) fn is_padded_with_zeros(&self, at: usize, header: &EventHeader) -> bool {
        let stride = header.stride();
        let padding_bytes = stride - HEADER_LEN - header.payload_len as usize;
        self.parts.touch_read(at, stride);
        let last = self.parts.at(at).as_ptr().wrapping_add(stride - RECORD_ALIGN).cast::<u64>();
        // SAFETY: the last 8 bytes of a whole published record, 8-aligned; they stay as in `event`.
        let word = u64::from_le(unsafe { last.read() });
        padding_bytes == 0 || word >> (u64::BITS as usize - 8 * padding_bytes) == 0
    }

    /// Gives everything below `to` back to the producer.
    #[inline]
    pub(crate) fn release(&mut self, to: usize) {
        debug_assert!(to.wrapping_sub(self.tail) <= self.cached_head.wrapping_sub(self.tail));
        self.tail = to;
        self.parts.control.release_tail(to);
    }

    /// Tells the model that lent records were being read until now: those in the lap of `at`.
    #[inline]
    pub(crate) fn end_of_lend(&self, at: usize, len: usize) {
        let to_data_end = self.parts.geometry.data_len() - self.parts.geometry.index(at);
        self.parts.touch_read(at, len.min(to_data_end));
    }
}
