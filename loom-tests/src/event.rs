//! Events whose bytes show whether they are whole.
#![forbid(unsafe_code)]

use ringlog_nostd::{EventHeader, WriteError};

/// Returns header and payload of event `id`. Every byte follows from the id and the length.
fn event(id: u64, payload_len: u16) -> (EventHeader, Vec<u8>) {
    let payload = (0..payload_len).map(|index| byte(id, index)).collect();
    (EventHeader::new(id, byte(id, payload_len), payload_len), payload)
}

#[expect(clippy::cast_possible_truncation, reason = "any byte that depends on both will do")]
const fn byte(id: u64, index: u16) -> u8 {
    (id as u8).wrapping_mul(59).wrapping_add(index as u8).wrapping_add(1)
}

/// Passes event `id` to one of the ring's `write_event` functions.
///
/// # Errors
///
/// As that function.
pub fn write<T>(
    id: u64,
    payload_len: u16,
    write_event: impl FnOnce(&EventHeader, &[u8]) -> Result<T, WriteError>,
) -> Result<T, WriteError> {
    let (header, payload) = event(id, payload_len);
    write_event(&header, &payload)
}

/// Returns the id of an event that was read.
///
/// # Panics
///
/// If any byte of the event is not the one that was written.
#[must_use]
pub fn read_id(header: &EventHeader, payload: &[u8]) -> u64 {
    let (expected_header, expected_payload) = event(header.timestamp, header.payload_len);
    assert_eq!((header.as_user(), payload), (expected_header, &expected_payload[..]));
    header.timestamp
}
