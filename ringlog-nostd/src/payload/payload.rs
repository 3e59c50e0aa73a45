//! Structs as payloads, and views of payloads as structs.
#![forbid(unsafe_code)]

use crate::format::header::EventHeader;
use crate::format::records::Event;
use crate::payload::description::{Field, Tail};
use core::fmt;
use zerocopy::{ConvertError, Immutable, IntoBytes, KnownLayout, TryFromBytes};

/// A struct that is the payload of an event. The attribute [`event`](macro@crate::event) implements it.
///
/// The struct's bytes are the payload: writing copies them, and a view reads them in place.
///
/// ```
/// use ringlog_nostd::{EventHeader, Payload, event};
///
/// #[event(type = 7)]
/// struct Sample {
///     #[event(unit = "%")]
///     charge: u8,
/// }
///
/// assert_eq!((Sample::TYPE, Sample::NAME), (7, "sample"));
/// let sample = Sample::view(&EventHeader::new(1, 7, 1), &[90])?;
/// assert_eq!(sample.charge, 90);
/// # Ok::<(), ringlog_nostd::ViewError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the payload of an event",
    label = "no `#[event]`",
    note = "put `#[event(type = 1)]` on the struct, with a number that no other event of the log has"
)]
pub trait Payload: IntoBytes + TryFromBytes + Immutable + KnownLayout + Sized + 'static {
    /// The event's type: [`EventHeader::event_type`].
    const TYPE: u8;
    /// The event's name.
    const NAME: &'static str;
    /// What follows the struct in the payload.
    const TAIL: Tail;
    /// What the struct's bytes mean: the payload of a META record.
    const SCHEMA: &'static [u8];
    /// The described fields.
    #[doc(hidden)]
    const FIELDS: &'static [Field];

    /// Returns the payload as this struct, without copying.
    ///
    /// # Errors
    ///
    /// [`ViewError`] if the event has another type, or the payload is none of this struct.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, Payload, Ring, ViewError, event};
    /// #[event(type = 7)]
    /// struct Sample {
    ///     millivolts: u32,
    /// }
    ///
    /// #[event(type = 8)]
    /// struct Reset {}
    ///
    /// # let mut memory = AlignedBytes::<512>::new();
    /// # let (mut producer, mut consumer) = Ring::format(memory.as_mut(), 16).unwrap().into_ends();
    /// producer.write(1, &Sample { millivolts: 3_300 })?;
    /// let (header, payload) = consumer.read_event().unwrap();
    /// assert_eq!(Sample::view(&header, payload).unwrap().millivolts, 3_300);
    /// assert_eq!(Reset::view(&header, payload).err(), Some(ViewError::OtherType { found: 7, wanted: 8 }));
    /// # Ok::<(), ringlog_nostd::WriteError>(())
    /// ```
    #[inline]
    fn view<'a>(header: &EventHeader, payload: &'a [u8]) -> Result<&'a Self, ViewError> {
        Self::view_with_tail(header, payload).map(|(value, _)| value)
    }

    /// Does the same, and returns the tail too, which is empty for a struct without one.
    ///
    /// # Errors
    ///
    /// As [`view`](Self::view).
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, Payload, Ring, event};
    /// #[event(type = 9, tail = "text")]
    /// struct Message {
    ///     level: u8,
    /// }
    ///
    /// # let mut memory = AlignedBytes::<512>::new();
    /// # let (mut producer, mut consumer) = Ring::format(memory.as_mut(), 16).unwrap().into_ends();
    /// producer.write_with_tail(1, &Message { level: 3 }, b"too hot")?;
    /// let (header, payload) = consumer.read_event().unwrap();
    /// let (message, text) = Message::view_with_tail(&header, payload).unwrap();
    /// assert_eq!((message.level, text), (3, &b"too hot"[..]));
    /// # Ok::<(), ringlog_nostd::WriteError>(())
    /// ```
    #[inline]
    fn view_with_tail<'a>(
        header: &EventHeader,
        payload: &'a [u8],
    ) -> Result<(&'a Self, &'a [u8]), ViewError> {
        let (wanted, found) = (Self::TYPE, header.event_type);
        if header.is_gap() || header.is_meta() {
            return Err(ViewError::NoEvent);
        }
        if found != wanted {
            return Err(ViewError::OtherType { found, wanted });
        }
        let (len, size) = (payload.len(), size_of::<Self>());
        if len < size || (len > size && matches!(Self::TAIL, Tail::None)) {
            return Err(ViewError::Length { len, size });
        }
        Self::try_ref_from_prefix(payload).map_err(|error| match error {
            ConvertError::Alignment(_) => ViewError::Misaligned,
            ConvertError::Size(_) => ViewError::Length { len, size },
            ConvertError::Validity(_) => ViewError::InvalidValue,
        })
    }
}

/// A struct whose events may have a tail: `#[event(type = 1, tail = "text")]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no tail",
    label = "its attribute has no option `tail`",
    note = "write `#[event(type = ..., tail = \"text\")]`, \"bytes\" or \"cbor\", or use `write`"
)]
pub trait HasTail: Payload {}

/// Returns the header of an event with this struct and a tail of this length. A writer refuses what is longer than the
/// longest payload before it looks at the header's length.
#[inline(always)]
pub fn header_of<P: Payload>(timestamp: u64, tail_len: usize) -> EventHeader {
    EventHeader::new(timestamp, P::TYPE, size_of::<P>().saturating_add(tail_len) as u16)
}

/// Why an event is not viewed as a struct.
///
/// ```
/// use ringlog_nostd::{EventHeader, Payload, ViewError, event};
///
/// #[event(type = 7)]
/// struct Sample {
///     millivolts: u32,
/// }
///
/// let result = Sample::view(&EventHeader::new(1, 8, 4), &[0; 4]);
/// assert_eq!(result.err(), Some(ViewError::OtherType { found: 8, wanted: 7 }));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ViewError {
    /// The record is a GAP or a META record.
    NoEvent,
    /// The event has another type.
    OtherType {
        /// The event's type.
        found: u8,
        /// The struct's type.
        wanted: u8,
    },
    /// The struct of this type had other fields in the program that wrote the event.
    OtherLayout,
    /// The payload is shorter than the struct, or longer although the struct has no tail.
    Length {
        /// Length of the payload in bytes.
        len: usize,
        /// Length of the struct in bytes.
        size: usize,
    },
    /// A `bool` is neither 0 nor 1, or an enum has a value without a name.
    InvalidValue,
    /// The payload does not start at a multiple of the struct's alignment. Payloads in rings and logs do; copy others
    /// into an [`AlignedBytes`](crate::AlignedBytes).
    Misaligned,
}

impl fmt::Display for ViewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoEvent => f.write_str("a GAP or META record, which has no fields"),
            Self::OtherType { found, wanted } => write!(f, "event of type {found} instead of {wanted}"),
            Self::OtherLayout => {
                f.write_str("the program that wrote this event had other fields in this type")
            }
            Self::Length { len, size } => {
                write!(f, "payload of {} where the struct has {size}", crate::error::Bytes(*len))
            }
            Self::InvalidValue => {
                f.write_str("a bool that is neither 0 nor 1, or an enum's value without a name")
            }
            Self::Misaligned => {
                f.write_str("the payload does not start at a multiple of 8: copy it to such a place")
            }
        }
    }
}

impl core::error::Error for ViewError {}

impl<'a> Event<'a> {
    /// Returns the payload as a struct, without copying.
    ///
    /// # Errors
    ///
    /// As [`Payload::view`]; [`ViewError::OtherLayout`] if the event's segment describes the type in another way.
    ///
    /// ```
    /// # use ringlog_nostd::{EventHeader, event};
    /// # use ringlog_nostd::format::Event;
    /// #[event(type = 7)]
    /// struct Sample {
    ///     percent: u8,
    /// }
    ///
    /// let event = Event::new(EventHeader::new(1, 7, 1), &[50], 0, 64);
    /// assert_eq!(event.view::<Sample>()?.percent, 50);
    /// # Ok::<(), ringlog_nostd::ViewError>(())
    /// ```
    #[inline]
    pub fn view<P: Payload>(&self) -> Result<&'a P, ViewError> {
        self.view_with_tail().map(|(value, _)| value)
    }

    /// Does the same, and returns the tail too, which is empty for a struct without one.
    ///
    /// # Errors
    ///
    /// As [`view`](Self::view).
    ///
    /// ```
    /// # use ringlog_nostd::{EventHeader, event};
    /// # use ringlog_nostd::format::Event;
    /// #[event(type = 9, tail = "text")]
    /// struct Message {
    ///     level: u8,
    /// }
    ///
    /// let event = Event::new(EventHeader::new(1, 9, 4), b"\x03hot", 0, 64);
    /// let (message, text) = event.view_with_tail::<Message>()?;
    /// assert_eq!((message.level, text), (3, &b"hot"[..]));
    /// # Ok::<(), ringlog_nostd::ViewError>(())
    /// ```
    #[inline]
    pub fn view_with_tail<P: Payload>(&self) -> Result<(&'a P, &'a [u8]), ViewError> {
        let is_of_type = self.header.event_type == P::TYPE && !self.header.is_gap() && !self.header.is_meta();
        if is_of_type && self.layouts().is_some_and(|layouts| !layouts.accepts(P::TYPE, P::SCHEMA)) {
            return Err(ViewError::OtherLayout);
        }
        P::view_with_tail(&self.header, self.payload)
    }
}
