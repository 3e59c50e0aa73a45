//! The work for every ring: the same records, written in order and checked when they are read.

use ringlog_nostd::EventHeader;
use ringlog_nostd::format::HEADER_LEN;

/// Payload lengths that are measured, in bytes.
pub const PAYLOAD_LENS: [usize; 4] = [16, 64, 256, 1024];

/// Number of different payloads, which take turns.
const PAYLOADS: u64 = 16;

/// Makes the records: each carries its number as timestamp, and one of sixteen payloads.
///
/// The payloads are ready-made. If one were stored into just before it is copied, the copy's wide loads would
/// wait until that store, and all stores before it, have left the processor's store buffer. The benchmark would
/// measure that wait, the same for every ring.
#[derive(Clone, Debug)]
pub struct Source {
    payloads: Vec<u8>,
    payload_len: usize,
    next_number: u64,
}

impl Source {
    /// Makes records with payloads of this many bytes.
    ///
    /// # Panics
    /// If the length is no multiple of 8, is 0, or is over 65535.
    #[must_use]
    pub fn new(payload_len: usize) -> Self {
        assert!(payload_len > 0 && payload_len.is_multiple_of(8) && u16::try_from(payload_len).is_ok());
        let bytes = payload_len * PAYLOADS as usize;
        Self { payloads: (0..bytes).map(|index| (index % 251) as u8).collect(), payload_len, next_number: 0 }
    }

    /// Offers the next record to `write`, and counts it if that returns that it was taken.
    #[inline]
    pub fn offer(&mut self, write: impl FnOnce(&EventHeader, &[u8]) -> bool) -> bool {
        let (header, payload) = self.record();
        let taken = write(&header, payload);
        self.next_number += u64::from(taken);
        taken
    }

    /// Returns the next record. It stays the next one until it is [`taken`](Self::taken).
    #[inline]
    #[must_use]
    pub fn record(&self) -> (EventHeader, &[u8]) {
        let start = (self.next_number % PAYLOADS) as usize * self.payload_len;
        // `new` made sure of the length.
        let header = EventHeader::new(self.next_number, 1, self.payload_len as u16);
        (header, &self.payloads[start..start + self.payload_len])
    }

    /// Notes that the record was written.
    #[inline]
    pub fn taken(&mut self) {
        self.next_number += 1;
    }

    /// Returns what a tally of the first `events` records must be.
    #[must_use]
    pub fn expected(&self, events: u64) -> Tally {
        let payloads = (0_u64..).zip(self.payloads.chunks(self.payload_len));
        let sum = payloads.fold(0_u64, |sum, (number, payload)| {
            let times = (events + PAYLOADS - 1 - number) / PAYLOADS;
            sum.wrapping_add(sum_of_words(payload).wrapping_mul(times))
        });
        Tally { events, sum, in_order: true }
    }
}

/// What was read: the number of records, the sum over all words of all payloads, and whether the numbers rose
/// by one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tally {
    /// Records read.
    pub events: u64,
    sum: u64,
    in_order: bool,
}

impl Tally {
    /// Makes an empty tally.
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

/// Returns the sum of the whole words of a payload.
#[inline]
#[must_use]
pub fn sum_of_words(payload: &[u8]) -> u64 {
    let (words, _) = payload.as_chunks::<8>();
    words.iter().fold(0, |sum, word| sum.wrapping_add(u64::from_le_bytes(*word)))
}

/// Returns a record's bytes for rings of bytes, split where its payload begins.
#[inline]
pub fn put(to: &mut [u8], header: &EventHeader, payload: &[u8]) {
    if let Some((head, body)) = to.split_first_chunk_mut::<HEADER_LEN>() {
        *head = header.to_bytes();
        body.copy_from_slice(payload);
    }
}

/// Reads a record back from such bytes; `None` for bytes that are too short.
#[inline]
#[must_use]
pub fn get(from: &[u8]) -> Option<(EventHeader, &[u8])> {
    let (head, body) = from.split_first_chunk::<HEADER_LEN>()?;
    Some((EventHeader::from_bytes(head), body))
}
