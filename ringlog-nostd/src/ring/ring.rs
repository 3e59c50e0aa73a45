//! A ring before it is split, and the options to make one.
#![forbid(unsafe_code)]

use crate::error::RingError;
use crate::format::header::RECORD_ALIGN;
use crate::handle::consumer::Consumer;
use crate::handle::producer::Producer;
use crate::protocol::control::{Birth, Control};
use crate::protocol::geometry::{Geometry, MAX_CAPACITY, overrun_for};
use crate::protocol::parts::Parts;
use crate::protocol::retained::Retained;

/// A ring over memory that lives for `'r`.
///
/// [`split`](Self::split) lends its two ends. [`into_ends`](Self::into_ends) gives them away.
///
/// ```
/// use ringlog_nostd::{AlignedBytes, EventHeader, Ring};
///
/// let mut memory = AlignedBytes::<1024>::new();
/// let mut ring = Ring::format(memory.as_mut(), 64)?;
/// let (mut producer, mut consumer) = ring.split();
///
/// producer.write_event(&EventHeader::new(1, 7, 5), b"hello").unwrap();
/// let (header, payload) = consumer.read_event().unwrap();
/// assert_eq!((header.event_type, payload), (7, &b"hello"[..]));
/// # Ok::<(), ringlog_nostd::RingError>(())
/// ```
///
/// The ring and its memory are borrowed for as long as an end lives:
///
/// ```compile_fail
/// # use ringlog_nostd::{AlignedBytes, Ring};
/// let mut memory = AlignedBytes::<1024>::new();
/// let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
/// let (producer, consumer) = ring.split();
/// let (second, _) = ring.split();
/// drop((producer, consumer, second));
/// ```
#[derive(Debug)]
pub struct Ring<'r> {
    parts: Parts<'r>,
    retention: Option<Retained>,
}

impl<'r> Ring<'r> {
    pub(crate) fn from_parts(parts: Parts<'r>, birth: &Birth) -> Self {
        Self { parts, retention: birth.retained.then(|| Retained::of(birth.identity)) }
    }

    /// Returns the ring that was made of these parts before, if its control words agree with each other.
    pub(crate) fn attached(parts: Parts<'r>) -> Result<Self, RingError> {
        let (geometry, birth) = parts.control().read_birth()?;
        if !parts.control().has_positions_of(&geometry) {
            return Err(RingError::Damaged);
        }
        Ok(Self::from_parts(parts, &birth))
    }

    /// Returns a ring that is not retained. A program that makes no other kind contains no checksum code.
    pub(crate) const fn plain(parts: Parts<'r>) -> Self {
        Self { parts, retention: None }
    }

    pub(crate) const fn parts(&self) -> &Parts<'r> {
        &self.parts
    }

    pub(crate) const fn retention(&self) -> Option<&Retained> {
        self.retention.as_ref()
    }

    /// Returns the bytes of memory that a ring of this capacity and largest payload takes, both in bytes.
    ///
    /// They hold the control words, one lap of records and the overrun area.
    ///
    /// ```
    /// use ringlog_nostd::{AlignedBytes, Ring};
    ///
    /// let mut memory = AlignedBytes::<{ Ring::required_len(256, 16) }>::new();
    /// assert_eq!(Ring::format(memory.as_mut(), 16).unwrap().capacity(), 256);
    /// ```
    #[must_use]
    pub const fn required_len(capacity: usize, max_payload: usize) -> usize {
        size_of::<Control>() + capacity + overrun_for(max_payload)
    }

    /// Makes the ends of a [retained](RingOptions::retained) ring write back what they store, by calling `hook`.
    ///
    /// For memory that loses what a cache or a write buffer still holds when the machine is reset. The hook writes
    /// `len` bytes from `start` on back to that memory and waits for it. It cleans the data cache for these addresses,
    /// say, or writes the words that push the last ones out of an ECC memory's buffer, and ends with the barrier that
    /// the machine needs. It may touch more than these bytes, but must leave every byte as it is.
    ///
    /// A ring that is not retained never calls the hook. A retained one calls it:
    ///
    /// - now, for the whole ring: first its data, so that bytes zeroed by the making of the ring or after a cut are
    ///   zero in memory too, then all control words;
    /// - for each event, in an order that leaves whole events in memory at any reset: the payload, the record's
    ///   header, the producer's position;
    /// - for each event that a [lossy producer](crate::LossyProducer) counts as lost or a
    ///   [flight recorder](crate::FlightRecorder) overwrites, so that memory never has an older count;
    /// - before the first write of a flight recorder, for the words that mark the ring as one.
    ///
    /// ```
    /// use ringlog_nostd::{AlignedBytes, EventHeader, Ring, RingOptions};
    /// use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    ///
    /// static CALLS: AtomicUsize = AtomicUsize::new(0);
    /// fn clean_cache(_start: *const u8, _len: usize) {
    ///     CALLS.fetch_add(1, Relaxed); // on a machine: clean the cache lines, then a barrier
    /// }
    ///
    /// let mut memory = AlignedBytes::<1024>::new();
    /// let options = RingOptions { retained: true, ..RingOptions::default() };
    /// let mut ring = Ring::format_with(memory.as_mut(), &options)?.write_back(clean_cache);
    /// assert_eq!(CALLS.load(Relaxed), 2);
    /// let (mut producer, _consumer) = ring.split();
    /// producer.write_event(&EventHeader::new(1, 7, 2), b"ab").unwrap();
    /// assert!(CALLS.load(Relaxed) > 2);
    /// # Ok::<(), ringlog_nostd::RingError>(())
    /// ```
    #[must_use]
    pub fn write_back(mut self, hook: fn(start: *const u8, len: usize)) -> Self {
        if let Some(retention) = &mut self.retention {
            retention.write_back = Some(hook);
            // The data first: memory never has the words of a new ring above records of an older one.
            for (start, len) in [self.parts.data_region(), self.parts.control().all_words()] {
                hook(start, len);
            }
        }
        self
    }

    /// Marks the ring as one that overwrites its oldest records, or not; a write-back comes before the next event.
    pub(crate) fn set_overwriting(&self, overwriting: bool) {
        let is_new = self.parts.control().set_overwriting(overwriting);
        if is_new && let Some(retention) = &self.retention {
            retention.constants_stored(self.parts.control());
        }
    }

    pub(crate) fn has_sizes_of(&self, wanted: &Geometry) -> bool {
        let own = self.parts.geometry();
        (own.capacity(), own.overrun) == (wanted.capacity(), wanted.overrun)
    }

    /// Lends the two ends, open. Events that an earlier pair left are still there.
    ///
    /// A ring that was a [flight recorder](crate::FlightRecorder) no longer is one. Events that it overwrote and has
    /// not reported become a loss as any other: a [lossy producer](crate::LossyProducer) writes their GAP record after
    /// the events in the ring.
    ///
    /// ```
    /// use ringlog_nostd::{AlignedBytes, EventHeader, Ring};
    ///
    /// let mut memory = AlignedBytes::<512>::new();
    /// let mut ring = Ring::format(memory.as_mut(), 16)?;
    /// let (mut producer, _) = ring.split();
    /// producer.write_event(&EventHeader::new(1, 7, 0), b"").unwrap();
    /// drop(producer);
    /// let (_, mut consumer) = ring.split();
    /// assert_eq!(consumer.read_event().unwrap().0.timestamp, 1);
    /// # Ok::<(), ringlog_nostd::RingError>(())
    /// ```
    #[must_use]
    pub fn split(&mut self) -> (Producer<'_>, Consumer<'_>) {
        self.set_overwriting(false);
        self.parts.control().reopen();
        (Producer::new(self.parts, self.retention), Consumer::new(self.parts))
    }

    /// Gives the two ends away, open. They borrow the memory, not the ring; otherwise as [`split`](Self::split).
    ///
    /// ```
    /// use ringlog_nostd::{AlignedBytes, Consumer, Producer, Ring};
    ///
    /// fn make(memory: &mut [u8]) -> (Producer<'_>, Consumer<'_>) {
    ///     Ring::format(memory, 16).expect("large enough").into_ends()
    /// }
    ///
    /// let mut memory = AlignedBytes::<512>::new();
    /// let (producer, mut consumer) = make(memory.as_mut());
    /// producer.close();
    /// assert!(consumer.is_finished());
    /// ```
    #[must_use]
    pub fn into_ends(self) -> (Producer<'r>, Consumer<'r>) {
        self.set_overwriting(false);
        self.ends()
    }

    /// Returns the two ends, open. The ring's words already say whether it is a flight recorder.
    pub(crate) fn ends(self) -> (Producer<'r>, Consumer<'r>) {
        self.parts.control().reopen();
        (Producer::new(self.parts, self.retention), Consumer::new(self.parts))
    }

    /// Returns the producer's end alone, open. The consumer is elsewhere, attached to the same memory.
    ///
    /// It continues after the last event that was published. If the previous producer died, events that it had not
    /// published are void, and losses whose GAP record it was writing are reported once. About a flight recorder see
    /// [`split`](Self::split).
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, EventHeader, Ring};
    /// let mut memory = AlignedBytes::<512>::new();
    /// let mut producer = Ring::format(memory.as_mut(), 16)?.into_producer();
    /// producer.write_event(&EventHeader::new(1, 7, 0), b"").unwrap();
    /// assert_eq!(producer.used(), 16);
    /// # Ok::<(), ringlog_nostd::RingError>(())
    /// ```
    #[must_use]
    pub fn into_producer(self) -> Producer<'r> {
        self.set_overwriting(false);
        self.parts.control().reopen_producer();
        Producer::new(self.parts, self.retention)
    }

    /// Returns the consumer's end alone, open. The producer is elsewhere, attached to the same memory.
    ///
    /// It continues after the last event that was released.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, Ring};
    /// let mut memory = AlignedBytes::<512>::new();
    /// let mut consumer = Ring::format(memory.as_mut(), 16)?.into_consumer();
    /// assert!(consumer.is_empty());
    /// # Ok::<(), ringlog_nostd::RingError>(())
    /// ```
    #[must_use]
    pub fn into_consumer(self) -> Consumer<'r> {
        self.parts.control().reopen_consumer();
        Consumer::new(self.parts)
    }

    /// Returns which list describes the ring's events, as [`set_schemas_word`](Self::set_schemas_word) stored it; 0 if
    /// none does.
    #[doc(hidden)]
    #[must_use]
    pub fn schemas_word(&self) -> usize {
        self.parts.control().schemas()
    }

    /// Stores which list describes the events that are published from now on. Only for the owner of the producer's role.
    ///
    /// # Errors
    ///
    /// As [`check_schemas_word`](Self::check_schemas_word). Nothing is stored then.
    #[doc(hidden)]
    pub fn set_schemas_word(&self, word: usize) -> Result<(), SchemasRefused> {
        self.check_schemas_word(word)?;
        if self.schemas_word() != word {
            self.parts.control().set_schemas(word);
        }
        Ok(())
    }

    /// Checks that the ring takes this word. To the owner of the producer's role it stays so until an event is published.
    ///
    /// # Errors
    ///
    /// The word is another one, and events are unread, or the ring has no such word.
    #[doc(hidden)]
    pub fn check_schemas_word(&self, word: usize) -> Result<(), SchemasRefused> {
        let control = self.parts.control();
        match control.unread() {
            _ if control.schemas() == word => Ok(()),
            _ if !control.has_schemas() => Err(SchemasRefused::NoWord),
            0 => Ok(()),
            bytes => Err(SchemasRefused::Unread { bytes }),
        }
    }

    /// Returns the capacity in bytes.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, Ring};
    /// let mut memory = AlignedBytes::<1024>::new();
    /// let ring = Ring::format(memory.as_mut(), 64)?;
    /// assert_eq!((ring.capacity(), ring.max_payload()), (512, 64));
    /// # Ok::<(), ringlog_nostd::RingError>(())
    /// ```
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.parts.geometry().capacity()
    }

    /// Returns the longest payload that the ring takes, in bytes.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, Ring, RingOptions};
    /// let mut memory = AlignedBytes::<1024>::new();
    /// let options = RingOptions { capacity: Some(256), ..RingOptions::default() };
    /// assert_eq!(Ring::format_with(memory.as_mut(), &options)?.max_payload(), 240);
    /// # Ok::<(), ringlog_nostd::RingError>(())
    /// ```
    #[must_use]
    pub const fn max_payload(&self) -> usize {
        self.parts.geometry().max_payload
    }
}

/// Options to make a ring. The default uses all of the memory and takes payloads up to the capacity less 16 bytes.
///
/// ```
/// use ringlog_nostd::{AlignedBytes, Ring, RingOptions};
///
/// let options = RingOptions {
///     capacity: Some(256),
///     max_payload: Some(40),
///     identity: 0x1234,
///     boot: 7,
///     start: 4096,
///     retained: true,
/// };
/// let mut memory = AlignedBytes::<1024>::new();
/// let (_producer, consumer) = Ring::format_with(memory.as_mut(), &options)?.into_ends();
/// assert_eq!((consumer.capacity(), consumer.identity(), consumer.position()), (256, 0x1234, 4096));
/// # Ok::<(), ringlog_nostd::RingError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RingOptions {
    /// Capacity in bytes, a power of two. `None` takes the largest that fits into the memory.
    pub capacity: Option<usize>,
    /// The longest payload in bytes, at most 65,535. `None` takes what the capacity allows.
    pub max_payload: Option<usize>,
    /// A number that no other ring has. A log remembers the identity of the ring that fed it.
    pub identity: u64,
    /// A number that no other run of the machine has.
    pub boot: u64,
    /// Position of the first event, a multiple of 8 (lower bits are ignored): where the log that the ring feeds ends.
    pub start: usize,
    /// Gives every record a checksum, so that [`Ring::recover`] recognises whole records after a reset.
    pub retained: bool,
}

impl RingOptions {
    pub(crate) fn birth(&self) -> Birth {
        let Self { identity, boot, retained, .. } = *self;
        Birth { identity, boot, retained }
    }

    /// Returns the position of the first event, a multiple of 8.
    pub(crate) const fn first_position(&self) -> usize {
        self.start & !(RECORD_ALIGN - 1)
    }

    /// Returns the bytes of memory that a ring of these options takes. Without a capacity it is the smallest ring.
    ///
    /// # Errors
    ///
    /// [`RingError::Capacity`] or [`RingError::MaxPayload`] if no ring has these sizes.
    ///
    /// ```
    /// use ringlog_nostd::{Ring, RingError, RingOptions};
    ///
    /// let options = RingOptions { max_payload: Some(100), ..RingOptions::default() };
    /// assert_eq!(options.required_len(), Ok(Ring::required_len(128, 100)));
    /// let odd = RingOptions { capacity: Some(100), max_payload: Some(16), ..options };
    /// assert_eq!(odd.required_len(), Err(RingError::Capacity { asked: 100, min: 32 }));
    /// ```
    pub const fn required_len(&self) -> Result<usize, RingError> {
        let capacity = match self.capacity {
            Some(capacity) => capacity,
            None => self.smallest_capacity(),
        };
        match Geometry::new(capacity, self.max_payload) {
            Ok(geometry) => Ok(Ring::required_len(geometry.capacity(), geometry.max_payload)),
            Err(error) => Err(error),
        }
    }

    /// Returns the smallest capacity for the largest payload. [`Geometry::new`] refuses a payload that is too long.
    const fn smallest_capacity(&self) -> usize {
        overrun_for(match self.max_payload {
            Some(asked) if asked <= crate::MAX_PAYLOAD => asked,
            _ => 0,
        })
        .next_power_of_two()
    }

    /// Returns the sizes of a ring in `len` bytes.
    pub(crate) fn geometry(&self, len: usize) -> Result<Geometry, RingError> {
        let geometry = match self.capacity {
            Some(capacity) => Geometry::new(capacity, self.max_payload)?,
            None => self.largest(len)?,
        };
        let needed = Ring::required_len(geometry.capacity(), geometry.max_payload);
        if len < needed { Err(RingError::TooSmall { len, needed }) } else { Ok(geometry) }
    }

    fn largest(&self, len: usize) -> Result<Geometry, RingError> {
        let mut best = Geometry::new(self.smallest_capacity(), self.max_payload)?;
        while best.capacity() < MAX_CAPACITY
            && let Ok(next) = Geometry::new(best.capacity() * 2, self.max_payload)
            && Ring::required_len(next.capacity(), next.max_payload) <= len
        {
            best = next;
        }
        Ok(best)
    }
}

/// Why a ring gets no other list of descriptions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SchemasRefused {
    /// Events that the present list describes are unread.
    Unread {
        /// Their length in bytes.
        bytes: usize,
    },
    /// The ring has smaller words than 64 bits, or an older layout.
    NoWord,
}

/// What a ring was made with. It never changes while the ring lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct RingStamp {
    /// See [`RingOptions::identity`].
    pub identity: u64,
    /// See [`RingOptions::boot`].
    pub boot: u64,
    /// Capacity in bytes.
    pub capacity: usize,
    /// The longest payload that the ring takes, in bytes.
    pub max_payload: usize,
}

/// What [`Ring::recover`] found: the ring, or why it made a new one.
///
/// ```
/// use ringlog_nostd::{AlignedBytes, Recovery, Ring, RingOptions};
/// use std::ptr::NonNull;
///
/// let mut memory = AlignedBytes::<1024>::new();
/// let start = NonNull::from(memory.as_mut()).cast();
/// let options = RingOptions { retained: true, ..RingOptions::default() };
/// // SAFETY: the memory lives to the end of the example, and each ring is gone before the next is made.
/// let (_, first) = unsafe { Ring::recover(start, 1024, &options) }?;
/// assert_eq!(first, Recovery::NoRing);
/// // SAFETY: as above.
/// let (_, second) = unsafe { Ring::recover(start, 1024, &options) }?;
/// assert_eq!(second, Recovery::Recovered { events: 0, cut: false });
/// # Ok::<(), ringlog_nostd::RingError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Recovery {
    /// The ring continues with the events that were in it.
    Recovered {
        /// Number of whole records, GAP records included.
        events: u64,
        /// Whether the records after them were not whole and were cut off.
        cut: bool,
    },
    /// The ring is new. The memory held none: this is the first start, or the memory was cleared.
    NoRing,
    /// The ring is new. The control words of the one before contradicted each other.
    Damaged,
    /// The ring is new. The records of the one before carry no checksums.
    NotRetained,
    /// The ring is new. The one before had other sizes.
    OtherSizes,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_returns_its_sizes() {
        let mut memory = crate::AlignedBytes::<1024>::new();
        let options = RingOptions { capacity: Some(256), max_payload: Some(40), ..RingOptions::default() };
        let ring = Ring::format_with(memory.as_mut(), &options).unwrap();
        assert_eq!((ring.capacity(), ring.max_payload()), (256, 40));
    }

    #[test]
    fn a_ring_takes_what_its_options_ask_for() {
        for (capacity, max_payload) in [(32, 16), (64, 5), (1024, 1008), (1 << 18, 65_535)] {
            let options = RingOptions {
                capacity: Some(capacity),
                max_payload: Some(max_payload),
                ..RingOptions::default()
            };
            let needed = Ring::required_len(capacity, max_payload);
            assert_eq!(options.required_len(), Ok(needed));
            assert_eq!(options.geometry(needed).map(|sizes| sizes.capacity()), Ok(capacity));
            assert_eq!(options.geometry(needed - 1), Err(RingError::TooSmall { len: needed - 1, needed }));
        }
        let smallest = RingOptions { max_payload: Some(100), ..RingOptions::default() };
        assert_eq!(smallest.required_len(), Ok(Ring::required_len(128, 100)));
        assert!(RingOptions { max_payload: Some(65_536), ..smallest }.required_len().is_err());
    }
}
