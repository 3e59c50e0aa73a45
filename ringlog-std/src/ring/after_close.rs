//! Work that the producer of a heap ring does when it is dropped.
#![forbid(unsafe_code)]

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ringlog_nostd::Consumer;

use crate::os::ownership::OwnerProcess;

/// Work that a consumer leaves for the time after the producer has closed.
#[derive(Clone)]
pub(crate) struct AfterClose {
    left: Arc<Mutex<Option<LeftWork>>>,
    process: OwnerProcess,
}

type LeftWork = Box<dyn FnOnce() + Send>;

impl AfterClose {
    /// Runs the work on the producer's side, after it has closed.
    pub(super) fn run_left(&self) {
        // A forked child has a copy of the ring; the work belongs to the parent.
        if !self.process.is_here() {
            return;
        }
        let left = self.lock().take();
        if let Some(run) = left {
            run();
        }
    }

    pub(super) fn new() -> Self {
        Self { left: Arc::default(), process: OwnerProcess::this() }
    }

    /// Runs `f` with the ring's consumer once the producer has closed: now, or on the producer's thread.
    pub(crate) fn run<K: Send + 'static>(
        &self,
        source: Consumer<'static, K>,
        f: impl FnOnce(Consumer<'static, K>) + Send + 'static,
    ) {
        let mut left = self.lock();
        // The producer closes before it takes the lock, so one of the two sides sees what the other did.
        if source.is_closed() {
            drop(left);
            f(source);
        } else {
            *left = Some(Box::new(move || f(source)));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<LeftWork>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for AfterClose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AfterClose")
    }
}

#[cfg(test)]
mod tests {
    use super::super::spsc::watched_ends;
    use ringlog_nostd::{EventHeader, RingOptions};
    use std::sync::mpsc;

    #[test]
    fn it_runs_once_and_with_all_that_the_producer_published() {
        let options = RingOptions { capacity: Some(1024), ..RingOptions::default() };
        for closes_first in [false, true] {
            let (mut producer, consumer, after_close) = watched_ends(&options).unwrap();
            let (drained_events, received) = mpsc::channel();
            let _ = producer.write_event(&EventHeader::new(1, 0, 0), b"");
            let mut producer = Some(producer).filter(|_| !closes_first);
            after_close.run(consumer, move |consumer| {
                drained_events.send({ consumer }.drain(usize::MAX, |_, _| ()).unwrap()).unwrap();
            });
            assert_eq!(received.try_recv().ok(), closes_first.then_some(1));
            if let Some(mut producer) = producer.take() {
                let _ = producer.write_event(&EventHeader::new(2, 0, 0), b"");
                drop(producer);
                assert_eq!(received.try_recv(), Ok(2));
            }
        }
    }
}
