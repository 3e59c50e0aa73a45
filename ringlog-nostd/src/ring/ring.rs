//! A ring that has not been taken apart yet, and how it is to be made.
#![forbid(unsafe_code)]

use crate::error::RingError;
use crate::format::header::RECORD_ALIGN;
use crate::handle::consumer::Consumer;
use crate::handle::producer::Producer;
use crate::protocol::control::{Birth, Control};
use crate::protocol::geometry::{Geometry, MAX_CAPACITY, overrun_for};
use crate::protocol::parts::Parts;
use crate::protocol::retained::{Retained, WriteBack};

/// Bytes of memory for a ring of this capacity and largest payload: control words, one lap, overrun.
#[must_use]
pub const fn required_len(capacity: usize, max_payload: usize) -> usize {
    size_of::<Control>() + capacity + overrun_for(max_payload)
}

/// A ring over memory that lives for `'r`.
///
/// [`split`](Self::split) lends its two ends; [`into_ends`](Self::into_ends) gives them away.
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
/// While an end is out, the ring, and so its memory, is borrowed:
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

    /// The ring that somebody else made of these parts, if its control words agree with each other.
    pub(crate) fn attached(parts: Parts<'r>) -> Result<Self, RingError> {
        let (geometry, birth) = parts.control().read_birth()?;
        if !parts.control().has_positions_of(&geometry) {
            return Err(RingError::Damaged);
        }
        Ok(Self::from_parts(parts, &birth))
    }

    /// A ring that is not retained: a program that makes no other kind contains no checksum.
    pub(crate) const fn plain(parts: Parts<'r>) -> Self {
        Self { parts, retention: None }
    }

    pub(crate) const fn parts(&self) -> &Parts<'r> {
        &self.parts
    }

    pub(crate) const fn retention(&self) -> Option<&Retained> {
        self.retention.as_ref()
    }

    /// The same ring, a [retained](RingOptions::retained) one, over memory that loses what a cache or a
    /// write buffer still holds when the machine is reset.
    ///
    /// `hook` is called for the whole ring now: its data, so that what was zeroed when the ring was made, or
    /// behind a cut, is zero in memory too, then all control words. Then the producer calls it for what it wrote, in an
    /// order that leaves whole events in memory whenever the reset comes: the payload, the record's header, the
    /// producer's position. A [lossy](crate::LossyProducer) producer also calls it for each event that it counts as
    /// lost, a [flight recorder](crate::FlightRecorder) for each that it overwrites, so that the count is never
    /// behind, and before the first for the words that say what it is. Without `retained` it does nothing.
    #[must_use]
    pub fn write_back(mut self, hook: WriteBack) -> Self {
        if let Some(retention) = &mut self.retention {
            retention.write_back = Some(hook);
            // The data first: memory never has the words of a new ring above records of an older one.
            for (start, len) in [self.parts.data_region(), self.parts.control().all_words()] {
                hook(start, len);
            }
        }
        self
    }

    /// From now on the oldest records are overwritten, or not, and memory says so before the next event is written.
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
    /// A ring that was a [flight recorder](crate::FlightRecorder) is none any more. What that had overwritten and not
    /// told yet is from now on a loss as any other: a [lossy](crate::LossyProducer) producer tells of it, behind the events
    /// that are there.
    #[must_use]
    pub fn split(&mut self) -> (Producer<'_>, Consumer<'_>) {
        self.set_overwriting(false);
        self.parts.control().reopen();
        (Producer::new(self.parts, self.retention), Consumer::new(self.parts))
    }

    /// Gives the two ends away, open. See [`split`](Self::split).
    #[must_use]
    pub fn into_ends(self) -> (Producer<'r>, Consumer<'r>) {
        self.set_overwriting(false);
        self.ends()
    }

    /// The two ends, open, of a ring whose words say already whether it is a flight recorder.
    pub(crate) fn ends(self) -> (Producer<'r>, Consumer<'r>) {
        self.parts.control().reopen();
        (Producer::new(self.parts, self.retention), Consumer::new(self.parts))
    }

    /// Becomes the producer's end alone, open: the consumer is elsewhere, attached to the same memory.
    ///
    /// Goes on behind what the last producer published. If that one died, what it had claimed, written or
    /// batched without publishing it is void, and a GAP record that it died over is told once. See also
    /// [`split`](Self::split) about a flight recorder.
    #[must_use]
    pub fn into_producer(self) -> Producer<'r> {
        self.set_overwriting(false);
        self.parts.control().reopen_producer();
        Producer::new(self.parts, self.retention)
    }

    /// Becomes the consumer's end alone, open: the producer is elsewhere, attached to the same memory.
    ///
    /// Goes on behind what the last consumer released.
    #[must_use]
    pub fn into_consumer(self) -> Consumer<'r> {
        self.parts.control().reopen_consumer();
        Consumer::new(self.parts)
    }

    /// The capacity in bytes.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.parts.geometry().capacity()
    }

    /// The longest payload that it takes, in bytes.
    #[must_use]
    pub const fn max_payload(&self) -> usize {
        self.parts.geometry().max_payload
    }
}

/// How a ring is to be made. The default takes all of the memory, and payloads up to the capacity less 16.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RingOptions {
    /// Capacity in bytes, a power of two; `None`: the largest that fits.
    pub capacity: Option<usize>,
    /// The longest payload in bytes; `None`: what the capacity allows, at most 65,535.
    pub max_payload: Option<usize>,
    /// Tells this ring from any other: a log remembers which one it was fed from.
    pub identity: u64,
    /// Tells this run of the machine from any other.
    pub boot: u64,
    /// Position of the first event, a multiple of 8 (lower bits are ignored): the end of the log it feeds.
    pub start: usize,
    /// Every record carries its checksum, so that [`Ring::recover`] can tell whole ones after a reset.
    pub retained: bool,
}

impl RingOptions {
    pub(crate) fn birth(&self) -> Birth {
        let Self { identity, boot, retained, .. } = *self;
        Birth { identity, boot, retained }
    }

    /// Where the first event stands, on the 8-grid.
    pub(crate) const fn first_position(&self) -> usize {
        self.start & !(RECORD_ALIGN - 1)
    }

    /// Bytes of memory that a ring of these options takes.
    ///
    /// # Errors
    ///
    /// [`RingError::Capacity`] or [`RingError::MaxPayload`]; without a capacity, the smallest is meant.
    pub const fn required_len(&self) -> Result<usize, RingError> {
        let capacity = match self.capacity {
            Some(capacity) => capacity,
            None => overrun_for(match self.max_payload {
                Some(asked) if asked <= crate::MAX_PAYLOAD => asked,
                _ => 0,
            })
            .next_power_of_two(),
        };
        match Geometry::new(capacity, self.max_payload) {
            Ok(geometry) => Ok(size_of::<Control>() + geometry.data_len()),
            Err(error) => Err(error),
        }
    }

    /// The sizes of a ring in `len` bytes.
    pub(crate) fn geometry(&self, len: usize) -> Result<Geometry, RingError> {
        let geometry = match self.capacity {
            Some(capacity) => Geometry::new(capacity, self.max_payload)?,
            None => self.largest(len)?,
        };
        let needed = required_len(geometry.capacity(), geometry.max_payload);
        if len < needed { Err(RingError::TooSmall { len, needed }) } else { Ok(geometry) }
    }

    fn largest(&self, len: usize) -> Result<Geometry, RingError> {
        let smallest = overrun_for(self.max_payload.unwrap_or(0).min(crate::MAX_PAYLOAD)).next_power_of_two();
        let mut best = Geometry::new(smallest, self.max_payload)?;
        while best.capacity() < MAX_CAPACITY
            && let Ok(next) = Geometry::new(best.capacity() * 2, self.max_payload)
            && required_len(next.capacity(), next.max_payload) <= len
        {
            best = next;
        }
        Ok(best)
    }
}

/// What a ring was made with, and what never changes while it lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct RingStamp {
    /// See [`RingOptions::identity`].
    pub identity: u64,
    /// See [`RingOptions::boot`].
    pub boot: u64,
    /// The capacity in bytes.
    pub capacity: usize,
    /// The longest payload that it takes, in bytes.
    pub max_payload: usize,
}

/// What [`Ring::recover`] found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Recovery {
    /// The ring goes on with this many events.
    Recovered {
        /// Whole records, GAP records included.
        events: u64,
        /// Whether records behind them were not whole and are gone.
        cut: bool,
    },
    /// The ring is new and empty.
    Fresh(Fresh),
}

/// Why [`Ring::recover`] made a new ring.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Fresh {
    /// There was none: first start, or the memory was cleared.
    NoRing,
    /// The control words contradicted each other.
    Damaged,
    /// There was one whose records carry no checksums.
    NotRetained,
    /// There was one of other sizes.
    OtherSizes,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_tells_its_sizes() {
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
            let needed = required_len(capacity, max_payload);
            assert_eq!(options.required_len(), Ok(needed));
            assert_eq!(options.geometry(needed).map(|sizes| sizes.capacity()), Ok(capacity));
            assert_eq!(options.geometry(needed - 1), Err(RingError::TooSmall { len: needed - 1, needed }));
        }
        let smallest = RingOptions { max_payload: Some(100), ..RingOptions::default() };
        assert_eq!(smallest.required_len(), Ok(required_len(128, 100)));
        assert!(RingOptions { max_payload: Some(65_536), ..smallest }.required_len().is_err());
    }
}
