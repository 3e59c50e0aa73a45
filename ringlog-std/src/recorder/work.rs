//! What the recorder's thread does: ring, dispatcher, log.
#![forbid(unsafe_code)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ringlog_nostd::{Gap, GapReason, Loss, RingFault};

use super::counts::{Noted, Notes, RingFill};
use super::descriptions::Descriptions;
use super::error::RecorderError;
use super::late::LateEvents;
use super::registrations::{Registration, Registrations};
use super::schema_problem::SchemaWatch;
use crate::consumer::{DrainError, EventConsumer, EventDispatcher};
use crate::ring::ring_file::cause_words;
use crate::ring::{Consumer, Idle, SharedRing, SharedRingError, Waiter};
use crate::storage::{AppendError, LogSummary, LogWriter};

/// What the recorder's thread and its handle share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// Bytes that were given back to the ring.
    pub(super) bytes: AtomicU64,
    /// Events that were sorted too late.
    pub(super) late: AtomicU64,
    /// Losses that the ring counts and that no GAP record reports.
    pub(super) pending_loss: AtomicU64,
    /// Turns of the thread, counted when it notes what a display may ask for.
    pub(super) turns: AtomicU64,
    /// The thread has ended.
    pub(super) stopped: AtomicBool,
    /// The thread must end.
    pub(super) stop: AtomicBool,
    /// Descriptions that wait for the thread.
    pub(super) registrations: Registrations,
    /// Descriptions that the log does not have.
    pub(super) schemas: SchemaWatch,
    /// For a display.
    pub(super) noted: Notes,
}

impl Shared {
    /// Asks the thread to end, once it has taken what was published before.
    pub(super) fn ask_to_stop(&self) {
        // ORDERING: Release, STOP. Pairs with the Acquire in `is_to_stop`: the drain after it finds all that was published
        // before the call.
        self.stop.store(true, Ordering::Release);
    }

    pub(super) fn has_stopped(&self) -> bool {
        // ORDERING: Acquire, STOPPED. Pairs with the Release in the drop of `SetOnDrop`: who sees it finds the log as the thread
        // left it.
        self.stopped.load(Ordering::Acquire)
    }

    /// Notes what a display may ask for, and that the thread is at work.
    pub(super) fn note(&self, change: impl FnOnce(&mut Noted)) {
        // ORDERING: Relaxed. The number is for a display only.
        self.turns.fetch_add(1, Ordering::Relaxed);
        self.noted.set(change);
    }

    pub(super) fn is_to_stop(&self) -> bool {
        // ORDERING: Acquire, STOP. Pairs with the Release in `ask_to_stop`.
        self.stop.load(Ordering::Acquire)
    }
}

/// Runs on the recorder's thread before anything else.
pub(super) type StartFunction = Box<dyn FnOnce() + Send>;

/// A drain waits until this many bytes have come together.
pub(super) const GATHERED_BYTES: usize = 16 << 10;

/// How often it is noted how full the ring is and what the consumers have had.
pub(super) const NOTE_PERIOD: Duration = Duration::from_millis(50);

/// How often the file of a shared ring and that of the consumer's role are checked.
const CHECK_PERIOD: Duration = Duration::from_secs(1);

/// What the recorder's thread owns besides the log.
pub(super) struct Work {
    pub(super) source: Consumer,
    /// The ring that `source` belongs to, if it is in a file.
    pub(super) ring: Option<SharedRing>,
    /// For a ring in this process: handles events that come too late.
    pub(super) late: Option<LateEvents>,
    pub(super) descriptions: Descriptions,
    pub(super) idle: Idle,
    pub(super) ends_with_producer: bool,
    pub(super) consumers: Vec<Box<dyn EventConsumer + Send>>,
    pub(super) on_thread_start: Option<StartFunction>,
    pub(super) shared: Arc<Shared>,
}

/// Why a drain ended early.
#[derive(Debug)]
enum Interrupted {
    Drain(DrainError),
    /// The files of the ring no longer belong to this process alone.
    Ring(SharedRingError),
}

impl From<DrainError> for Interrupted {
    fn from(error: DrainError) -> Self {
        Self::Drain(error)
    }
}

impl From<SharedRingError> for Interrupted {
    fn from(error: SharedRingError) -> Self {
        Self::Ring(error)
    }
}

/// How a drain ended, unless with an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ended {
    /// The producer has closed, and the log has all that it wrote.
    Drained,
    /// It was asked to end. There may be more.
    Early,
    /// The log takes no more.
    Stalled,
}

impl Work {
    pub(super) fn run(mut self, mut log: LogWriter) -> Result<LogSummary, RecorderError> {
        let _stopped = SetOnDrop(Arc::clone(&self.shared));
        let has_panicked = start_thread(&mut self.on_thread_start, &self.shared).is_err();
        let drained = self.drain(&mut log);
        let recorded = self.record_pending_loss(&mut log);
        if matches!((&drained, &recorded), (Ok(Ended::Drained), Ok(_))) {
            log.note_drained_ring();
            self.late = None;
        }
        let reported = *recorded.as_ref().unwrap_or(&None);
        let written = Box::new(log.summary());
        let closed = log.close();
        let has_closed = closed.is_ok();
        let result = match (recorded, closed) {
            (Err(source), _) => Err(self.refused(source, written)),
            (Ok(_), Err(source)) => Err(RecorderError::Close { source, written }),
            // The log reported no error, so the ring's bytes stopped it.
            (Ok(_), Ok(_)) if matches!(drained, Ok(Ended::Stalled)) => Err(self.damaged_here(written)),
            (Ok(_), Ok(summary)) => drained.map(|_| summary).map_err(|error| self.failed(error, written)),
        };
        // A log that could not be closed stays marked: the next writer assumes that events are missing.
        if let Some(late) = self.late.filter(|_| has_closed) {
            late.watch(self.source, reported);
        }
        if has_panicked { Err(RecorderError::Panicked) } else { result }
    }

    /// Records the losses of a ring in this process that no GAP record reports, and returns them. The error is the
    /// first that the log met.
    fn record_pending_loss(&self, log: &mut LogWriter) -> Result<Option<Loss>, AppendError> {
        if let Some(error) = log.take_error() {
            return Err(error);
        }
        let (None, Some(loss)) = (&self.ring, self.source.pending_loss()) else { return Ok(None) };
        let gap = Gap { log_side: true, ..Gap::new(GapReason::RingFull, loss.count_to_report()) };
        log.append_gap(loss.first_timestamp, gap)?;
        Ok(Some(loss))
    }

    /// Returns why the log took no more. Bytes that are no record are the ring's fault.
    fn refused(&self, source: AppendError, written: Box<LogSummary>) -> RecorderError {
        match source {
            AppendError::Run(_) => self.damaged_here(written),
            source => RecorderError::Append { source, written },
        }
    }

    fn failed(&self, why: Interrupted, written: Box<LogSummary>) -> RecorderError {
        match why {
            Interrupted::Drain(DrainError::Ring(fault)) => self.damaged(fault, written),
            Interrupted::Drain(error) => error.into(),
            Interrupted::Ring(error) => error.into(),
        }
    }

    fn damaged_here(&self, written: Box<LogSummary>) -> RecorderError {
        self.damaged(RingFault::Record { position: self.source.position() }, written)
    }

    fn damaged(&self, source: RingFault, written: Box<LogSummary>) -> RecorderError {
        let ring = self.ring.as_ref().map(|ring| ring.path().to_path_buf());
        let cause = ring.as_deref().map(|ring| cause_words(ring, source));
        RecorderError::Damaged { ring, source, cause, written }
    }

    fn drain(&mut self, log: &mut LogWriter) -> Result<Ended, Interrupted> {
        let mut consumers = std::mem::take(&mut self.consumers);
        let mut dispatcher = EventDispatcher::new();
        dispatcher.add_required(log);
        for consumer in &mut consumers {
            dispatcher.add_consumer(consumer.as_mut());
        }
        dispatcher.describe(&self.descriptions.at_start(self.ring.as_ref()));
        let ended = self.drain_until_finished(&mut dispatcher)?;
        if self.publish_losses() {
            self.drain_once(&mut dispatcher)?;
        }
        self.note(&dispatcher);
        Ok(ended)
    }

    fn drain_until_finished(&mut self, dispatcher: &mut EventDispatcher<'_>) -> Result<Ended, Interrupted> {
        let mut waiter = Waiter::new(self.idle);
        let (mut checked, mut noted) = (Instant::now(), Instant::now());
        loop {
            self.check_ring(&mut checked)?;
            if noted.elapsed() >= NOTE_PERIOD {
                self.note(dispatcher);
                noted = Instant::now();
            }
            self.register(dispatcher)?;
            // Read before the drain, so that what was written before the close is drained after it.
            let closed = self.ends_with_producer && self.source.is_closed();
            let stop = self.shared.is_to_stop();
            match self.drain_once(dispatcher)? {
                _ if dispatcher.is_stalled() => return Ok(Ended::Stalled),
                // One drain takes all that a ring can hold, and so all that was there before the stop.
                _ if stop => return Ok(if closed { Ended::Drained } else { Ended::Early }),
                0 if closed => return Ok(Ended::Drained),
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

    /// Checks now and then whether the consumer's role in a shared ring still belongs to this process alone.
    fn check_ring(&mut self, checked: &mut Instant) -> Result<(), Interrupted> {
        let Some(ring) = self.ring.as_ref().filter(|_| checked.elapsed() >= CHECK_PERIOD) else {
            return Ok(());
        };
        *checked = Instant::now();
        self.descriptions.read_again_if_missing();
        Ok(ring.check()?)
    }

    /// Adds the descriptions that somebody waits for.
    fn register(&mut self, dispatcher: &mut EventDispatcher<'_>) -> Result<(), DrainError> {
        if !self.shared.registrations.is_any() {
            return Ok(());
        }
        let asked = self.shared.registrations.take();
        // One drain takes all that a ring can hold, and so all that was there before they were asked for.
        self.drain_once(dispatcher)?;
        for Registration { schemas, answer } in asked {
            let added = self
                .descriptions
                .add(&schemas, self.ring.as_ref())
                .map(|changes| dispatcher.describe(&changes));
            // Nobody waits any more if the process is ending.
            let _ = answer.send(added);
        }
        Ok(())
    }

    fn drain_once(&mut self, dispatcher: &mut EventDispatcher<'_>) -> Result<usize, DrainError> {
        let Self { source, ring, descriptions, .. } = self;
        let released_bytes =
            dispatcher.drain_described(source, |word| descriptions.under(word, ring.as_ref()))?;
        // ORDERING: Relaxed. The number is for a display only.
        self.shared.bytes.fetch_add(released_bytes as u64, Ordering::Relaxed);
        if released_bytes > 0 {
            // A GAP record may have been among them. Reading the ring's count here would take the cache line away
            // from the producer.
            // ORDERING: Relaxed. The number is for a display only.
            self.shared.pending_loss.store(0, Ordering::Relaxed);
        }
        Ok(released_bytes)
    }

    /// Notes what a display may ask for.
    fn note(&mut self, dispatcher: &EventDispatcher<'_>) {
        let (capacity_bytes, unread_bytes) = (self.source.capacity(), self.source.unread());
        self.shared.note(|noted| {
            noted.rings = vec![RingFill { capacity_bytes, unread_bytes }];
            noted.consumers = dispatcher.statistics();
        });
    }

    fn note_pending_loss(&self) {
        let pending = self.source.pending_loss().map_or(0, |loss| loss.count);
        // ORDERING: Relaxed. The number is for a display only.
        self.shared.pending_loss.store(pending, Ordering::Relaxed);
    }

    /// Makes the ring publish losses that the producer of a shared ring left unreported when it ended.
    fn publish_losses(&self) -> bool {
        if self.source.pending_loss().is_none() {
            return false;
        }
        // A live producer reports them itself, or leaves them to the next one.
        let producer = self.ring.as_ref().map(SharedRing::claim_producer_as_described);
        producer.is_some_and(|claimed| claimed.is_ok_and(|producer| producer.lossy().flush() == Ok(true)))
    }
}

/// Runs the start-up function. If that panics, what is published by now is still recorded.
pub(super) fn start_thread(start: &mut Option<StartFunction>, shared: &Shared) -> std::thread::Result<()> {
    let Some(start) = start.take() else { return Ok(()) };
    let started = catch_unwind(AssertUnwindSafe(start));
    if started.is_err() {
        shared.ask_to_stop();
    }
    started
}

/// Notes at the end that the thread has ended.
pub(super) struct SetOnDrop(pub(super) Arc<Shared>);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        // ORDERING: Release, STOPPED. Pairs with the Acquire in `Shared::has_stopped`: what this thread stored comes before.
        self.0.stopped.store(true, Ordering::Release);
        self.0.registrations.close();
        self.0.noted.end_followers();
    }
}
