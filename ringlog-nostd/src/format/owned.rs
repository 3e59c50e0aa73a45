//! An event that owns its payload.
#![forbid(unsafe_code)]

use crate::format::header::EventHeader;
use heapless::Vec;

/// A copy of an event, with a payload of up to `N` bytes. Keeps an event after its space is released, without an
/// allocator.
///
/// ```
/// use ringlog_nostd::{EventHeader, OwnedEvent};
///
/// let kept: OwnedEvent<8> = OwnedEvent::copy_from(&EventHeader::new(1, 2, 3), b"abc").unwrap();
/// assert_eq!(&kept.payload[..], b"abc");
/// assert!(OwnedEvent::<2>::copy_from(&EventHeader::new(1, 2, 3), b"abc").is_none());
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OwnedEvent<const N: usize> {
    /// The header as it was read.
    pub header: EventHeader,
    /// The payload.
    pub payload: Vec<u8, N>,
}

impl<const N: usize> OwnedEvent<N> {
    /// Copies an event. Returns `None` if its payload is longer than `N` bytes.
    ///
    /// ```
    /// use ringlog_nostd::{EventHeader, OwnedEvent};
    ///
    /// let header = EventHeader::new(1, 7, 3);
    /// assert_eq!(OwnedEvent::<8>::copy_from(&header, b"abc").unwrap().header, header);
    /// assert_eq!(OwnedEvent::<2>::copy_from(&header, b"abc"), None);
    /// ```
    #[must_use]
    pub fn copy_from(header: &EventHeader, payload: &[u8]) -> Option<Self> {
        let payload = Vec::from_slice(payload).ok()?;
        Some(Self { header: *header, payload })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_kept_whole_or_not_at_all() {
        let header = EventHeader::new(1, 2, 3).with_flags(5);
        let kept = OwnedEvent::<3>::copy_from(&header, b"abc").unwrap();
        assert_eq!((kept.header, &kept.payload[..]), (header, &b"abc"[..]));
        assert_eq!(OwnedEvent::<2>::copy_from(&header, b"abc"), None);
    }
}
