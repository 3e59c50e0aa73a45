//! Writing in place: reserve, fill, commit.
#![forbid(unsafe_code)]

use crate::error::WriteError;
use crate::format::header::EventHeader;
use crate::format::record::check_event;
use crate::handle::publisher::Publisher;
use crate::sync::Lent;

/// Room for one payload, in the ring's own memory.
///
/// Fill [`payload_mut`](Self::payload_mut), then [`commit`](Self::commit), which may be for fewer bytes.
/// Dropping the claim publishes nothing and wastes nothing; so does forgetting it.
#[derive(Debug)]
#[must_use = "a claim that is not committed publishes nothing"]
pub struct Claim<'p, 'r> {
    inner: &'p mut Publisher<'r>,
    at: usize,
    len: usize,
    /// Where to note the position after the record instead of publishing it: a batch's cursor.
    cursor: Option<&'p mut usize>,
    /// To the model, the claimed bytes are in use for as long as the claim is.
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

    /// The payload to fill. It holds old bytes until you write it.
    #[must_use]
    pub fn payload_mut(&mut self) -> &mut [u8] {
        // The room was reserved when the claim was made and cannot have gone: never empty unless claimed so.
        self.inner.end.payload_mut(self.at, self.len).unwrap_or_default()
    }

    /// Bytes claimed.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a claim is a reservation, not a container")]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Publishes the first `header.payload_len` bytes as an event (in a batch: with the batch).
    ///
    /// # Errors
    ///
    /// [`WriteError::LengthMismatch`] if that is more than was claimed, [`WriteError::Flags`] as for
    /// [`write_event`](crate::Producer::write_event). Nothing is published then.
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
