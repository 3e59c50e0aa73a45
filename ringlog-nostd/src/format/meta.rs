//! META records: what the payloads of a segment's events mean.
#![forbid(unsafe_code)]

use crate::format::header::{EventHeader, flags};

/// User flag bit 1 of a META record that is about the whole log.
const LOG: u8 = 0b0000_0010;

/// What a META record is about. Its payload is one JSON object: `docs/format.md` in the repository describes it.
///
/// ```
/// use ringlog_nostd::format::MetaTopic;
///
/// let header = MetaTopic::EventType(7).header(2);
/// assert_eq!(MetaTopic::of(&header), Some(MetaTopic::EventType(7)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MetaTopic {
    /// The schema of the events of this type.
    EventType(u8),
    /// The log as a whole.
    Log,
}

impl MetaTopic {
    /// Returns the header of a META record with a payload of `payload_len` bytes.
    ///
    /// ```
    /// use ringlog_nostd::format::MetaTopic;
    ///
    /// let header = MetaTopic::Log.header(9);
    /// assert!(header.is_meta());
    /// assert_eq!((header.timestamp, header.event_type, header.payload_len), (0, 0, 9));
    /// ```
    #[must_use]
    pub const fn header(self, payload_len: u16) -> EventHeader {
        let (event_type, user) = match self {
            Self::EventType(event_type) => (event_type, 0),
            Self::Log => (0, LOG),
        };
        EventHeader::new(0, event_type, payload_len).with_flags(flags::META | user)
    }

    /// Returns what a record is about; `None` if it is no META record.
    ///
    /// ```
    /// use ringlog_nostd::EventHeader;
    /// use ringlog_nostd::format::MetaTopic;
    ///
    /// assert_eq!(MetaTopic::of(&MetaTopic::Log.header(9)), Some(MetaTopic::Log));
    /// assert_eq!(MetaTopic::of(&EventHeader::new(1, 7, 9)), None);
    /// ```
    #[must_use]
    pub const fn of(header: &EventHeader) -> Option<Self> {
        match (header.is_meta(), header.flags & LOG != 0) {
            (false, _) => None,
            (true, false) => Some(Self::EventType(header.event_type)),
            (true, true) => Some(Self::Log),
        }
    }
}
