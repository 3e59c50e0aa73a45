//! Events as C sees them.
#![forbid(unsafe_code)]

use core::ffi::c_void;
use ringlog_nostd::{EventHeader, Gap};

/// An event that was read. Its payload is lent: see the function that filled it in.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct RingEvent {
    /// When the event happened, in the unit that its producer chose.
    /// Of a GAP record: that of the first missing event, or 0 if nobody knows.
    pub timestamp: u64,
    /// The payload, at a multiple of 8. Never null, also if it is empty.
    pub payload: *const c_void,
    /// The length of the payload in bytes, 0 to 65,535.
    pub payload_len: usize,
    /// The kind of the event, 0 to 255: the application's.
    pub event_type: u8,
    /// The four flag bits of the application.
    pub flags: u8,
    /// Whether this is no event but a GAP record, which says how many are missing: see `ringlog_gap_of`.
    pub is_gap: bool,
}

impl RingEvent {
    /// Returns the event of this header. The caller knows how long the payload stays.
    #[inline]
    #[must_use]
    pub fn of(header: &EventHeader, payload: &[u8]) -> Self {
        Self {
            timestamp: header.timestamp,
            payload: payload.as_ptr().cast(),
            payload_len: payload.len(),
            event_type: header.event_type,
            flags: header.user_flags(),
            is_gap: header.is_gap(),
        }
    }
}

/// Returns the header of a GAP record that was read.
pub(crate) fn header_of(event: &RingEvent) -> EventHeader {
    Gap::header(event.timestamp).with_flags(Gap::header(0).flags | event.flags)
}

/// What a GAP record says.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct LoggedGap {
    /// How many events are missing; 0 if nobody knows.
    pub count: u64,
    /// Why: 1 ring full, 2 disk full, 3 recovery cut, 4 reader overrun, 5 too long, 6 receiver full, 7 not readable,
    /// 8 recorder ended, 9 lost on the wire, 10 device reset. A newer version may have others.
    pub reason: u32,
    /// Missing bytes divided by 8; 0 if nobody knows.
    pub extent: u32,
    /// Whether the log's side added the record. Then it never was in a ring.
    pub log_side: bool,
}

impl From<Gap> for LoggedGap {
    fn from(gap: Gap) -> Self {
        Self { count: gap.count, reason: gap.reason.code(), extent: gap.extent, log_side: gap.log_side }
    }
}
