//! For libraries in languages without borrows and owners: what the compiler knows of a handle, promised by the caller instead.
//!
//! Unsafe because a wrong promise lets two ends use the same bytes, or an end use memory that is gone.

use crate::handle::batch::Batch;
use crate::handle::consumer::Consumer;
use crate::handle::producer::Producer;

/// How far a batch has come that is continued later. Its events are written and not published.
#[derive(Clone, Copy, Debug)]
pub struct SuspendedBatch {
    next: usize,
    events: usize,
}

impl Batch<'_, '_> {
    /// Ends the borrow of the producer, which [`Producer::resume_batch`](crate::Producer::resume_batch) takes up again.
    #[doc(hidden)]
    #[must_use]
    pub fn suspend(self) -> SuspendedBatch {
        SuspendedBatch { next: self.next, events: self.events }
    }
}

impl<'r, K> Producer<'r, K> {
    /// Continues a batch.
    ///
    /// # Safety
    ///
    /// - `suspended` is what the last batch of this producer has left, and nothing was published or written since.
    #[doc(hidden)]
    pub unsafe fn resume_batch(&mut self, suspended: SuspendedBatch) -> Batch<'_, 'r> {
        let SuspendedBatch { next, events } = suspended;
        Batch { inner: &mut self.inner, next, events }
    }

    /// Returns the same producer with what `f` makes of the value that it keeps alive.
    ///
    /// # Safety
    ///
    /// - What `f` returns keeps alive what its argument does.
    #[doc(hidden)]
    #[must_use]
    pub unsafe fn map_owner<L>(self, f: impl FnOnce(K) -> L) -> Producer<'r, L> {
        Producer { inner: self.inner, owner: f(self.owner) }
    }
}

impl<'r, K> Consumer<'r, K> {
    /// Returns the same consumer with what `f` makes of the value that it keeps alive.
    ///
    /// # Safety
    ///
    /// - What `f` returns keeps alive what its argument does.
    #[doc(hidden)]
    #[must_use]
    pub unsafe fn map_owner<L>(self, f: impl FnOnce(K) -> L) -> Consumer<'r, L> {
        Consumer { inner: self.inner, owner: f(self.owner) }
    }
}
