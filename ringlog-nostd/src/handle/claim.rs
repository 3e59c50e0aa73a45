//! Writes in place: reserve, fill, commit.
#![forbid(unsafe_code)]

use crate::error::WriteError;
use crate::format::header::EventHeader;
use crate::format::record::check_event;
use crate::handle::publisher::Publisher;
use crate::sync::Lent;

/// Room for one payload in the ring's memory, for writing without a copy.
///
/// Fill [`payload_mut`](Self::payload_mut), then [`commit`](Self::commit), also for fewer bytes. Dropping or forgetting
/// the claim publishes nothing and takes no room.
///
/// ```
/// # use ringlog_nostd::{AlignedBytes, EventHeader, Ring};
/// # let mut memory = AlignedBytes::<1024>::new();
/// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
/// let (mut producer, mut consumer) = ring.split();
/// let mut claim = producer.claim(64).unwrap();
/// claim.payload_mut()[..5].copy_from_slice(b"hello");
/// claim.commit(&EventHeader::new(1, 7, 5)).unwrap();
/// assert_eq!(consumer.read_event().unwrap().1, b"hello");
/// ```
#[derive(Debug)]
#[must_use = "a claim that is not committed publishes nothing"]
pub struct Claim<'p, 'r> {
    inner: &'p mut Publisher<'r>,
    at: usize,
    len: usize,
    /// A batch's cursor, which takes the position after the record. Without one, the commit publishes that position.
    cursor: Option<&'p mut usize>,
    /// Shows the model that the claimed bytes are in use as long as the claim lives.
    lent: Lent<'r>,
}

impl<'p, 'r> Claim<'p, 'r> {
    pub(crate) fn new(inner: &'p mut Publisher<'r>, at: usize, len: usize) -> Result<Self, WriteError> {
        let stride = inner.claimed_len(len)?;
        inner.end.reserve(at, stride)?;
        let lent = inner.end.lend(at, stride);
        Ok(Self { inner, at, len, cursor: None, lent })
    }

    pub(crate) fn with_cursor(mut self, cursor: &'p mut usize) -> Self {
        self.cursor = Some(cursor);
        self
    }

    /// Returns the payload to fill. It starts at a multiple of 8 and holds old bytes until you write it.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// let (mut producer, _consumer) = ring.split();
    /// let mut claim = producer.claim(3).unwrap();
    /// claim.payload_mut().copy_from_slice(b"abc");
    /// assert_eq!(claim.payload_mut(), b"abc");
    /// ```
    #[must_use]
    pub fn payload_mut(&mut self) -> &mut [u8] {
        // The room was reserved when the claim was made and cannot have gone: never empty unless claimed so.
        self.inner.end.payload_mut(self.at, self.len).unwrap_or_default()
    }

    /// Returns the number of claimed bytes.
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, Ring};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// let (mut producer, _consumer) = ring.split();
    /// assert_eq!(producer.claim(3).unwrap().len(), 3);
    /// ```
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a claim is a reservation, not a container")]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Publishes the first `header.payload_len` bytes as an event. The claim of a batch is published with the batch.
    ///
    /// # Errors
    ///
    /// Nothing is published on an error.
    ///
    /// - [`WriteError::LengthMismatch`]: `header.payload_len` is more than was claimed.
    /// - [`WriteError::Flags`]: as for [`write_event`](crate::Producer::write_event).
    ///
    /// ```
    /// # use ringlog_nostd::{AlignedBytes, EventHeader, Ring, WriteError};
    /// # let mut memory = AlignedBytes::<1024>::new();
    /// # let mut ring = Ring::format(memory.as_mut(), 64).unwrap();
    /// let (mut producer, mut consumer) = ring.split();
    /// let result = producer.claim(3).unwrap().commit(&EventHeader::new(1, 7, 4));
    /// assert_eq!(result, Err(WriteError::LengthMismatch { header: 4, payload: 3 }));
    /// producer.claim(3).unwrap().commit(&EventHeader::new(1, 7, 2)).unwrap();
    /// assert_eq!(consumer.read_event().unwrap().1.len(), 2);
    /// ```
    pub fn commit(self, header: &EventHeader) -> Result<(), WriteError> {
        let len = header.payload_len as usize;
        if len > self.len {
            return Err(WriteError::LengthMismatch { header: header.payload_len, payload: self.len });
        }
        check_event(header, len, self.len)?;
        let stride = self.inner.complete(self.at, header)?;
        self.lent.end();
        let next = self.at.wrapping_add(stride);
        match self.cursor {
            Some(cursor) => *cursor = next,
            None => self.inner.publish(next),
        }
        Ok(())
    }
}
