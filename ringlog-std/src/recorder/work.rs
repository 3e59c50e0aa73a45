//! What the recorder's thread does: ring, dispatcher, log.
#![forbid(unsafe_code)]

use super::RecorderError;
use crate::consumer::{Drained, EventConsumer, EventDispatcher};
use crate::ring::{Idle, SharedRing, Waiter};
use crate::storage::{AppendError, LogSummary, LogWriter};
use ringlog_nostd::{Consumer, Gap, GapReason};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What the recorder's thread and its handle have in common.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Given back to the ring.
    pub(super) bytes: AtomicU64,
    /// Losses that the ring counts and no GAP record reports.
    pub(super) pending_loss: AtomicU64,
    /// The thread has ended.
    pub(super) stopped: AtomicBool,
    /// The thread is to end.
    pub(super) stop: AtomicBool,
}

/// As many bytes are worth a drain of their own.
const GATHERED_BYTES: usize = 16 << 10;

/// What the recorder's thread owns besides the log.
pub(super) struct Work<K> {
    pub(super) source: Consumer<'static, K>,
    /// The ring that `source` belongs to, if it is in a file.
    pub(super) ring: Option<SharedRing>,
    pub(super) idle: Idle,
    pub(super) ends_with_producer: bool,
    pub(super) consumers: Vec<Box<dyn EventConsumer + Send>>,
    pub(super) on_thread_start: Option<Box<dyn FnOnce() + Send>>,
    pub(super) shared: Arc<Shared>,
}

impl<K> Work<K> {
    pub(super) fn run(mut self, mut log: LogWriter) -> Result<LogSummary, RecorderError> {
        let _stopped = SetOnDrop(Arc::clone(&self.shared));
        if let Some(start) = self.on_thread_start.take() {
            start();
        }
        let drained = self.drain(&mut log);
        if let Some(source) = log.take_error() {
            return Err(failed(log, source));
        }
        if let (None, Some(loss)) = (&self.ring, self.source.pending_loss()) {
            let gap = Gap { log_side: true, ..Gap::new(GapReason::RingFull, loss.count_to_tell()) };
            if let Err(source) = log.append_gap(loss.first_timestamp, gap) {
                return Err(failed(log, source));
            }
        }
        let written = Box::new(log.summary());
        let summary = log.close().map_err(|source| RecorderError::Close { source, written })?;
        drained.map(|()| summary)
    }

    fn drain(&mut self, log: &mut LogWriter) -> Result<(), RecorderError> {
        let mut consumers = std::mem::take(&mut self.consumers);
        let mut dispatcher = EventDispatcher::new();
        dispatcher.add_required(log);
        for consumer in &mut consumers {
            dispatcher.add_consumer(consumer.as_mut());
        }
        self.drain_until_finished(&mut dispatcher)?;
        if self.publish_losses() {
            self.drain_once(&mut dispatcher)?;
        }
        Ok(())
    }

    fn drain_until_finished(&mut self, dispatcher: &mut EventDispatcher<'_>) -> Result<(), RecorderError> {
        let mut waiter = Waiter::new(self.idle);
        loop {
            // Looked at before the drain: what was written before the close is drained after it.
            let closed = self.ends_with_producer && self.source.is_closed();
            // ORDERING: Relaxed. Nothing is handed over with it.
            let stop = self.shared.stop.load(Ordering::Relaxed);
            let drained = self.drain_once(dispatcher)?;
            match drained.released_bytes {
                // One drain takes all that a ring can hold, so all that was there before the stop.
                _ if drained.stalled || stop => return Ok(()),
                0 if closed => return Ok(()),
                0 => {
                    self.note_pending_loss();
                    dispatcher.idle();
                    waiter.wait();
                }
                1..GATHERED_BYTES => waiter.let_gather(),
                _ => waiter.reset(),
            }
        }
    }

    fn drain_once(&mut self, dispatcher: &mut EventDispatcher<'_>) -> Result<Drained, RecorderError> {
        let drained = dispatcher.drain(&mut self.source)?;
        // ORDERING: Relaxed. For a display.
        self.shared.bytes.fetch_add(drained.released_bytes as u64, Ordering::Relaxed);
        if drained.released_bytes > 0 {
            // A GAP record may have been among them. Looking takes the producer's line away from it.
            // ORDERING: Relaxed. For a display.
            self.shared.pending_loss.store(0, Ordering::Relaxed);
        }
        Ok(drained)
    }

    fn note_pending_loss(&self) {
        let pending = self.source.pending_loss().map_or(0, |loss| loss.count);
        // ORDERING: Relaxed. For a display.
        self.shared.pending_loss.store(pending, Ordering::Relaxed);
    }

    /// Has the ring tell losses that the producer of a shared one left untold when it went.
    fn publish_losses(&self) -> bool {
        if self.source.pending_loss().is_none() {
            return false;
        }
        // A producer that is there tells of them itself, or leaves them to its successor.
        let producer = self.ring.as_ref().map(SharedRing::claim_producer);
        producer.is_some_and(|claimed| claimed.is_ok_and(|producer| producer.lossy().flush() == Ok(true)))
    }
}

/// What is in the log is sealed all the same; the first error is the one to tell.
fn failed(log: LogWriter, source: AppendError) -> RecorderError {
    let written = Box::new(log.summary());
    let _ = log.close();
    RecorderError::Append { source, written }
}

struct SetOnDrop(Arc<Shared>);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        // ORDERING: Relaxed. Whoever sees it joins the thread.
        self.0.stopped.store(true, Ordering::Relaxed);
    }
}
