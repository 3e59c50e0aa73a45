//! Threads that encode batches, while the log is read.
#![forbid(unsafe_code)]

use std::num::NonZero;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use arrow_array::RecordBatch;

use super::file::TableFile;
use crate::error::CliError;

/// Most threads: each has a batch in memory.
const THREADS_MAX: usize = 6;

struct Shared {
    state: Mutex<State>,
    is_free: Condvar,
}

struct State {
    free: usize,
    failure: Option<CliError>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to have a batch in memory, until it is written.
pub(super) struct Ticket(Arc<Shared>);

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.lock().free += 1;
        self.0.is_free.notify_one();
    }
}

/// A batch for a file.
struct Job {
    file: Arc<TableFile<Ticket>>,
    number: u64,
    batch: RecordBatch,
    ticket: Ticket,
}

/// The threads. One that is dropped before its end leaves no thread at work.
pub(super) struct Pool {
    shared: Arc<Shared>,
    jobs: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    pub(super) fn start(jobs: NonZero<usize>) -> Result<Self, CliError> {
        let count = jobs.get().min(THREADS_MAX);
        let state = Mutex::new(State { free: count + 1, failure: None });
        let shared = Arc::new(Shared { state, is_free: Condvar::new() });
        let (sender, receiver) = channel();
        let receiver = Arc::new(Mutex::new(receiver));
        let spawn = |_| {
            let (receiver, shared) = (Arc::clone(&receiver), Arc::clone(&shared));
            thread::Builder::new().name("ringlog-encode".into()).spawn(move || work(&receiver, &shared)).ok()
        };
        // Where the system gives no more threads, those that are there do all.
        let threads: Vec<_> = (0..count).map_while(spawn).collect();
        if threads.is_empty() {
            return Err(CliError::Unreadable(
                "the system gives no thread to encode tables; end other programs".into(),
            ));
        }
        Ok(Self { shared, jobs: Some(sender), threads })
    }

    /// Hands a batch to a thread; waits while too many are in memory. Returns the first failure of an earlier one.
    pub(super) fn submit(
        &self,
        file: &Arc<TableFile<Ticket>>,
        number: u64,
        batch: RecordBatch,
    ) -> Result<(), CliError> {
        let mut state = self.shared.lock();
        while state.free == 0 && state.failure.is_none() {
            state = self.shared.is_free.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if let Some(failure) = state.failure.take() {
            return Err(failure);
        }
        state.free -= 1;
        drop(state);
        let ticket = Ticket(Arc::clone(&self.shared));
        if let Some(jobs) = &self.jobs {
            // The receiver lives as long as a thread.
            let _ = jobs.send(Job { file: Arc::clone(file), number, batch, ticket });
        }
        Ok(())
    }

    /// Waits for all batches.
    pub(super) fn finish(mut self) -> Result<(), CliError> {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
        self.shared.lock().failure.take().map_or(Ok(()), Err)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.jobs = None;
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}

fn work(jobs: &Mutex<Receiver<Job>>, shared: &Shared) {
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { file, number, batch, ticket }) = next else { return };
        if let Err(failure) = file.add(number, batch, ticket) {
            shared.lock().failure.get_or_insert(failure);
            shared.is_free.notify_all();
        }
    }
}
