//! The work that every ring is given: the same records, written in order and checked when they are read.

use ringlog_nostd::{EventHeader, HEADER_LEN};

/// Payload lengths that are measured, in bytes.
pub const PAYLOAD_LENS: [usize; 4] = [16, 64, 256, 1024];

/// Makes the records: each carries its number as timestamp and in the first word of its payload.
#[derive(Clone, Debug)]
pub struct Source {
    payload: Vec<u8>,
    next_number: u64,
}

impl Source {
    /// Records with payloads of this many bytes.
    ///
    /// # Panics
    /// If the length is no multiple of 8, is 0, or is over 65535.
    #[must_use]
    pub fn new(payload_len: usize) -> Self {
        assert!(payload_len > 0 && payload_len.is_multiple_of(8) && u16::try_from(payload_len).is_ok());
        Self { payload: (0..payload_len).map(|index| (index % 251) as u8).collect(), next_number: 0 }
    }

    /// Offers the next record to `write`, and counts it if that says it was taken.
    #[inline]
    pub fn offer(&mut self, write: impl FnOnce(&EventHeader, &[u8]) -> bool) -> bool {
        let (header, payload) = self.record();
        let taken = write(&header, payload);
        self.next_number += u64::from(taken);
        taken
    }

    /// The next record. It stays the next one until it is [`taken`](Self::taken).
    #[inline]
    pub fn record(&mut self) -> (EventHeader, &[u8]) {
        if let Some(word) = self.payload.first_chunk_mut() {
            *word = self.next_number.to_le_bytes();
        }
        // `new` made sure of the length.
        (EventHeader::new(self.next_number, 1, self.payload.len() as u16), &self.payload)
    }

    /// The record was written.
    #[inline]
    pub fn taken(&mut self) {
        self.next_number += 1;
    }

    /// What a tally of the first `events` records has to be.
    #[must_use]
    pub fn expected(&self, events: u64) -> Tally {
        let rest = self.payload.get(8..).unwrap_or_default();
        let numbers = (0..events).fold(0_u64, u64::wrapping_add);
        Tally { events, sum: numbers.wrapping_add(sum_of_words(rest).wrapping_mul(events)), in_order: true }
    }
}

/// What was read: how many, the sum over all words of all payloads, and whether the numbers rose by one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tally {
    /// Records read.
    pub events: u64,
    sum: u64,
    in_order: bool,
}

impl Tally {
    /// Nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { events: 0, sum: 0, in_order: true }
    }

    /// Counts a record.
    #[inline]
    pub fn take(&mut self, header: &EventHeader, payload: &[u8]) {
        self.in_order &= header.timestamp == self.events;
        self.events += 1;
        self.sum = self.sum.wrapping_add(sum_of_words(payload));
    }
}

impl Default for Tally {
    fn default() -> Self {
        Self::new()
    }
}

/// The sum of the whole words of a payload.
#[inline]
#[must_use]
pub fn sum_of_words(payload: &[u8]) -> u64 {
    let (words, _) = payload.as_chunks::<8>();
    words.iter().fold(0, |sum, word| sum.wrapping_add(u64::from_le_bytes(*word)))
}

/// A record's bytes for rings that take bytes, split where its payload begins.
#[inline]
pub fn put(to: &mut [u8], header: &EventHeader, payload: &[u8]) {
    if let Some((head, body)) = to.split_first_chunk_mut::<HEADER_LEN>() {
        *head = header.to_bytes();
        body.copy_from_slice(payload);
    }
}

/// The other way round. `None` for bytes that are too short.
#[inline]
#[must_use]
pub fn get(from: &[u8]) -> Option<(EventHeader, &[u8])> {
    let (head, body) = from.split_first_chunk::<HEADER_LEN>()?;
    Some((EventHeader::from_bytes(head), body))
}
