//! The oracle: a ring as a queue of events and a count of bytes in use, so simple that it cannot be wrong.

use ringlog_nostd::{EventHeader, RingOptions};
use std::collections::VecDeque;

pub(crate) fn stride_of(payload_len: usize) -> usize {
    (16 + payload_len).div_ceil(8) * 8
}

pub(crate) fn payload_of(number: u64, len: usize) -> Vec<u8> {
    (0..len as u64).map(|i| (number.wrapping_mul(37) ^ i.wrapping_mul(11)) as u8).collect()
}

pub(crate) fn header_of(number: u64, len: usize) -> EventHeader {
    EventHeader::new(number, number as u8, u16::try_from(len).unwrap()).with_flags((number & 15) as u8)
}

pub(crate) fn options(capacity: usize, max_payload: usize, start: usize) -> RingOptions {
    RingOptions { capacity: Some(capacity), max_payload: Some(max_payload), start, ..RingOptions::default() }
}

/// The whole specification of a ring in one thread.
pub(crate) struct Oracle {
    pub(crate) events: VecDeque<(EventHeader, Vec<u8>)>,
    pub(crate) capacity: usize,
    pub(crate) used: usize,
}

impl Oracle {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { events: VecDeque::new(), capacity, used: 0 }
    }

    pub(crate) fn fits(&self, payload_len: usize) -> bool {
        stride_of(payload_len) <= self.capacity - self.used
    }

    pub(crate) fn push(&mut self, header: EventHeader, payload: Vec<u8>) {
        self.used += stride_of(payload.len());
        self.events.push_back((header, payload));
    }

    pub(crate) fn pop(&mut self) -> Option<(EventHeader, Vec<u8>)> {
        let event = self.events.pop_front()?;
        self.used -= stride_of(event.1.len());
        Some(event)
    }
}
