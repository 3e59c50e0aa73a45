//! Descriptions of events that are handed to the recorder's thread.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::os::sync::{Mutex, MutexGuard, lock};
use crate::storage::{CreateError, SchemaList};

/// Descriptions to add, and where to send the result.
#[derive(Debug)]
pub(super) struct Registration {
    pub(super) schemas: SchemaList,
    pub(super) answer: SyncSender<Result<(), CreateError>>,
}

/// What waits for the recorder's thread.
#[derive(Debug, Default)]
pub(super) struct Registrations {
    /// Whether anything waits.
    is_any: AtomicBool,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<Registration>,
    is_closed: bool,
}

impl Registrations {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        lock(&self.queue)
    }

    /// Hands descriptions to the thread, and returns where the result will come; `None` if the thread has ended.
    pub(super) fn ask(&self, schemas: SchemaList) -> Option<Receiver<Result<(), CreateError>>> {
        let (answer, result) = sync_channel(1);
        let mut queue = self.queue();
        if queue.is_closed {
            return None;
        }
        queue.waiting.push(Registration { schemas, answer });
        // ORDERING: Relaxed. The lock hands over what waits; a stale value is seen a turn later.
        self.is_any.store(true, Ordering::Relaxed);
        Some(result)
    }

    pub(super) fn is_any(&self) -> bool {
        // ORDERING: Relaxed. As in `ask`.
        self.is_any.load(Ordering::Relaxed)
    }

    pub(super) fn take(&self) -> Vec<Registration> {
        let mut queue = self.queue();
        // ORDERING: Relaxed. As in `ask`.
        self.is_any.store(false, Ordering::Relaxed);
        std::mem::take(&mut queue.waiting)
    }

    /// Takes nothing any more. Those who wait get no answer.
    pub(super) fn close(&self) {
        let mut queue = self.queue();
        queue.is_closed = true;
        queue.waiting.clear();
    }
}
