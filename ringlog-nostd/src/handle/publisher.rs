//! The producer's side of the ring as a producer, a claim and a batch share it. No user sees it.
#![forbid(unsafe_code)]

use crate::error::WriteError;
use crate::format::header::{EventHeader, record_len};
use crate::protocol::closer::Closer;
use crate::protocol::parts::Parts;
use crate::protocol::retained::Retained;
use crate::protocol::write_end::WriteEnd;

/// The part whose drop closes the ring. It is a field of its handle, so the owner of the memory is dropped after it.
#[derive(Debug)]
pub(crate) struct Publisher<'r> {
    pub(crate) end: WriteEnd<'r>,
    pub(crate) retention: Option<Retained>,
    closer: Closer,
}

impl Drop for Publisher<'_> {
    fn drop(&mut self) {
        if self.closer.closes() {
            self.end.parts().control().close_producer();
        }
    }
}

impl<'r> Publisher<'r> {
    pub(crate) fn new(parts: Parts<'r>, retention: Option<Retained>) -> Self {
        let end = WriteEnd::new(parts, retention.and_then(|retention| retention.write_back));
        Self { end, retention, closer: Closer::default() }
    }

    #[cfg(feature = "processes")]
    pub(crate) fn closes_in(&mut self, process: u32, is_here: fn(u32) -> bool) {
        self.closer.process = Some(crate::protocol::closer::Process { id: process, is_here });
    }

    /// Writes a record at `at` without publishing it.
    #[inline]
    pub(crate) fn write(
        &mut self,
        at: usize,
        header: &EventHeader,
        payload: &[u8],
    ) -> Result<usize, WriteError> {
        self.write_parts(at, header, payload, &[])
    }

    /// Does the same with a payload that is in two slices.
    #[inline]
    pub(crate) fn write_parts(
        &mut self,
        at: usize,
        header: &EventHeader,
        first: &[u8],
        second: &[u8],
    ) -> Result<usize, WriteError> {
        let stride = self.end.write_parts(at, header, first, second)?;
        self.add_checksum_if_retained(at, stride)?;
        Ok(stride)
    }

    /// Completes a record that was filled in place.
    pub(crate) fn complete(&mut self, at: usize, header: &EventHeader) -> Result<usize, WriteError> {
        let stride = self.end.complete(at, header)?;
        self.add_checksum_if_retained(at, stride)?;
        Ok(stride)
    }

    /// Publishes everything up to `head`.
    #[inline]
    pub(crate) fn publish(&mut self, head: usize) {
        self.end.publish(head);
        self.words_stored();
    }

    /// Called after the producer's words were stored: in a retained ring they must reach memory.
    #[inline]
    pub(crate) fn words_stored(&self) {
        if let Some(retention) = &self.retention {
            retention.words_stored(self.end.parts().control());
        }
    }

    pub(crate) fn claimed_len(&self, len: usize) -> Result<usize, WriteError> {
        let max = self.end.parts().geometry().max_payload;
        // Compared before anything is added to it, so that no length wraps.
        if len > max { Err(WriteError::PayloadTooLarge { len, max }) } else { Ok(record_len(len)) }
    }

    #[inline]
    pub(crate) fn add_checksum_if_retained(&mut self, at: usize, stride: usize) -> Result<(), WriteError> {
        match self.retention {
            None => Ok(()),
            Some(retention) => self.add_checksum(retention, at, stride),
        }
    }

    /// Adds the record's checksum, which each record of a retained ring carries.
    #[cold]
    #[inline(never)]
    pub(crate) fn add_checksum(
        &mut self,
        retention: Retained,
        at: usize,
        stride: usize,
    ) -> Result<(), WriteError> {
        retention.add_checksum(self.end.written_mut(at, stride)?, at);
        Ok(())
    }
}
