//! An event that was copied out of a log.
#![forbid(unsafe_code)]

use crate::event::{ClockKind, Event, EventHeader};

/// An event of a log that owns its payload: the item of [`LogStream`](crate::storage::LogStream).
///
/// ```
/// use ringlog::event::{ClockKind, Event, EventHeader};
/// use ringlog::storage::OwnedLogEvent;
///
/// let lent = Event::new(EventHeader::new(1, 7, 3), b"abc", 9, 64);
/// let owned = OwnedLogEvent::copy_of(&lent, ClockKind::UnixNanos, 240);
/// assert_eq!((owned.sequence, owned.event()), (9, lent));
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct OwnedLogEvent {
    /// The stored header, with the system's flag bits.
    pub header: EventHeader,
    /// The payload.
    pub payload: Vec<u8>,
    /// Index of the record in its log, from 0, GAP records included.
    pub sequence: u64,
    /// Start of the record in its file, in bytes.
    pub offset: u64,
    /// The clock of its timestamp.
    pub clock: ClockKind,
    /// The log's position after the record, in bytes: see [`LogFollower::position`](crate::storage::LogFollower::position).
    pub position: u64,
}

impl OwnedLogEvent {
    /// Copies an event. `clock` and `position` as in the fields of that name.
    ///
    /// ```
    /// # use ringlog::event::{ClockKind, Event, EventHeader};
    /// # use ringlog::storage::OwnedLogEvent;
    /// let lent = Event::new(EventHeader::new(1, 7, 3), b"abc", 9, 64);
    /// assert_eq!(OwnedLogEvent::copy_of(&lent, ClockKind::UnixNanos, 240).payload, b"abc");
    /// ```
    #[must_use]
    pub fn copy_of(event: &Event<'_>, clock: ClockKind, position: u64) -> Self {
        let Event { header, payload, sequence, offset, .. } = *event;
        Self { header, payload: payload.to_vec(), sequence, offset, clock, position }
    }

    /// Lends the event. The descriptions of its segment are not copied, so `view` does not compare layouts.
    ///
    /// ```
    /// # use ringlog::event::{ClockKind, Event, EventHeader};
    /// # use ringlog::storage::OwnedLogEvent;
    /// # let lent = Event::new(EventHeader::new(1, 7, 3), b"abc", 9, 64);
    /// let owned = OwnedLogEvent::copy_of(&lent, ClockKind::UnixNanos, 240);
    /// assert!(owned.event().gap().is_none() && owned.event().layouts().is_none());
    /// ```
    #[must_use]
    pub fn event(&self) -> Event<'_> {
        Event::new(self.header, &self.payload, self.sequence, self.offset)
    }
}
