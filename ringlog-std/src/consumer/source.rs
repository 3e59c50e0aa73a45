//! Where a dispatcher takes events from.
#![forbid(unsafe_code)]

use crate::ring::RingBuffer;
use crate::storage::ReadError;
use ringlog_nostd::{Consumer, RingFault, Run};

/// Tells one source from another, so that a dispatcher remembers who got how much of which.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SourceId(pub u64);

/// Why a source has nothing more to give.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The ring is corrupt.
    #[error(transparent)]
    Ring(#[from] RingFault),
    /// The log cannot be read on.
    #[error(transparent)]
    Log(#[from] ReadError),
}

/// Events in runs, kept until they are released: a ring's consumer, or a [`RingBuffer`].
pub trait EventSource {
    /// Tells this source from any other that is drained by the same dispatcher.
    fn id(&self) -> SourceId;

    /// The whole records that start `skip_bytes` behind the first one not released, as far as they lie in one
    /// piece; `None` at the end.
    ///
    /// # Errors
    ///
    /// [`SourceError`] if the source is damaged.
    fn peek_run(&mut self, skip_bytes: usize) -> Result<Option<Run<'_>>, SourceError>;

    /// The first `bytes` bytes that were not released are no longer needed.
    fn release_bytes(&mut self, bytes: usize);

    /// Bytes after which one drain ends although there may be more, so that it ends beside a busy producer.
    fn drain_limit_bytes(&self) -> usize;
}

impl<K> EventSource for Consumer<'_, K> {
    fn id(&self) -> SourceId {
        SourceId(self.identity())
    }

    fn peek_run(&mut self, skip_bytes: usize) -> Result<Option<Run<'_>>, SourceError> {
        Ok(Consumer::peek_run(self, skip_bytes)?)
    }

    fn release_bytes(&mut self, bytes: usize) {
        Consumer::release_bytes(self, bytes);
    }

    fn drain_limit_bytes(&self) -> usize {
        self.capacity()
    }
}

impl EventSource for RingBuffer {
    fn id(&self) -> SourceId {
        EventSource::id(&self.consumer)
    }

    fn peek_run(&mut self, skip_bytes: usize) -> Result<Option<Run<'_>>, SourceError> {
        EventSource::peek_run(&mut self.consumer, skip_bytes)
    }

    fn release_bytes(&mut self, bytes: usize) {
        EventSource::release_bytes(&mut self.consumer, bytes);
    }

    fn drain_limit_bytes(&self) -> usize {
        self.consumer.drain_limit_bytes()
    }
}
