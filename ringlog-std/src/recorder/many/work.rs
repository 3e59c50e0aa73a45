//! What the thread of a recorder with several producers does.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ringlog_nostd::{Gap, GapReason};

use super::rings::Rings;
use crate::consumer::{DrainError, EventConsumer, EventDispatcher};
use crate::os::sync::{now, yield_now};
use crate::recorder::descriptions::Descriptions;
use crate::recorder::error::RecorderError;
use crate::recorder::registrations::Registration;
use crate::recorder::work::{GATHERED_BYTES, NOTE_PERIOD, SetOnDrop, Shared, StartFunction, start_thread};
use crate::ring::{Idle, RingFault, Waiter};
use crate::storage::{AppendError, LogSummary, LogWriter};

/// How long the recorder waits for producers that are inside when it stops.
const LEAVE_LIMIT: Duration = Duration::from_secs(1);

/// What the recorder's thread owns besides the log.
pub(crate) struct ManyWork {
    pub(crate) rings: Rings,
    pub(crate) descriptions: Descriptions,
    pub(crate) idle: Idle,
    pub(crate) consumers: Vec<Box<dyn EventConsumer + Send>>,
    pub(crate) on_thread_start: Option<StartFunction>,
    pub(crate) shared: Arc<Shared>,
}

/// How the drains ended, unless with an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ended {
    /// The log has everything.
    Drained,
    /// A producer did not leave. What it has written since is not in the log.
    Left,
    /// The log takes no more.
    Stalled,
}

impl ManyWork {
    pub(crate) fn run(mut self, mut log: LogWriter) -> Result<LogSummary, RecorderError> {
        let _stopped = SetOnDrop(Arc::clone(&self.shared));
        let has_panicked = start_thread(&mut self.on_thread_start, &self.shared).is_err();
        let drained = self.drain(&mut log);
        let recorded = self.record_losses(&mut log);
        if matches!((&drained, &recorded), (Ok(Ended::Drained), Ok(()))) {
            log.note_drained_ring();
        }
        let written = Box::new(log.summary());
        let closed = log.close();
        let damaged =
            |source| RecorderError::Damaged { ring: None, source, cause: None, written: written.clone() };
        let unreadable = RingFault::Record { position: 0 };
        let result = match (recorded, closed, drained) {
            (Err(AppendError::Run(_)), _, _) => Err(damaged(unreadable)),
            (Err(source), _, _) => Err(RecorderError::Append { source, written }),
            (Ok(()), Err(source), _) => Err(RecorderError::Close { source, written }),
            // The log reported no error, so the bytes of a ring stopped it.
            (Ok(()), Ok(_), Ok(Ended::Stalled)) => Err(damaged(unreadable)),
            (Ok(()), Ok(_), Err(DrainError::Ring(fault))) => Err(damaged(fault)),
            (Ok(()), Ok(_), Err(error)) => Err(error.into()),
            (Ok(()), Ok(summary), Ok(Ended::Drained | Ended::Left)) => Ok(summary),
        };
        if has_panicked { Err(RecorderError::Panicked) } else { result }
    }

    /// Records the losses that no GAP record reports. The error is the first that the log met.
    fn record_losses(&self, log: &mut LogWriter) -> Result<(), AppendError> {
        if let Some(error) = log.take_error() {
            return Err(error);
        }
        for loss in self.rings.losses() {
            log.append_gap(loss.first_timestamp, Gap::new(GapReason::RingFull, loss.count_to_report()))?;
        }
        Ok(())
    }

    fn drain(&mut self, log: &mut LogWriter) -> Result<Ended, DrainError> {
        let mut consumers = std::mem::take(&mut self.consumers);
        let mut dispatcher = EventDispatcher::new();
        dispatcher.add_required(log);
        for consumer in &mut consumers {
            dispatcher.add_consumer(consumer.as_mut());
        }
        dispatcher.describe(&self.descriptions.at_start(None));
        let ended = self.drain_until_stopped(&mut dispatcher);
        // After an error too, so that nobody writes in vain.
        let are_seats_final = self.rings.shut();
        if ended? {
            return Ok(Ended::Stalled);
        }
        let have_left = self.wait_for_producers(&mut dispatcher)? && are_seats_final;
        self.drain_the_rest(&mut dispatcher, have_left)
    }

    /// Waits until no producer is inside the gate, which is shut. Returns whether that is so.
    fn wait_for_producers(&mut self, dispatcher: &mut EventDispatcher<'_>) -> Result<bool, DrainError> {
        let end = now() + LEAVE_LIMIT;
        while !self.rings.have_left() {
            if now() >= end || dispatcher.is_stalled() {
                return Ok(false);
            }
            // One of them may wait for room in its ring.
            self.round(dispatcher, false)?;
            yield_now();
        }
        Ok(true)
    }

    /// Returns whether the log takes no more.
    fn drain_until_stopped(&mut self, dispatcher: &mut EventDispatcher<'_>) -> Result<bool, DrainError> {
        let mut waiter = Waiter::new(self.idle);
        let mut noted = Instant::now();
        loop {
            if self.shared.is_to_stop() || self.rings.is_abandoned() {
                return Ok(false);
            }
            self.rings.take_news();
            self.register(dispatcher)?;
            let came = self.round(dispatcher, false)?;
            if dispatcher.is_stalled() {
                return Ok(true);
            }
            if noted.elapsed() >= NOTE_PERIOD {
                self.note(dispatcher);
                noted = Instant::now();
            }
            match came {
                0 => {
                    dispatcher.idle();
                    waiter.wait();
                }
                1..GATHERED_BYTES => waiter.let_gather(),
                _ => waiter.reset(),
            }
        }
    }

    /// Takes what is left in the rings. Where a producer did not leave, that is what it has written by now: it may never end
    /// to write.
    fn drain_the_rest(
        &mut self,
        dispatcher: &mut EventDispatcher<'_>,
        have_left: bool,
    ) -> Result<Ended, DrainError> {
        self.register(dispatcher)?;
        self.rings.mark();
        loop {
            self.round(dispatcher, true)?;
            if dispatcher.is_stalled() {
                return Ok(Ended::Stalled);
            }
            // The round may have made a ring report a loss.
            if self.rings.is_drained() {
                self.note(dispatcher);
                return Ok(if have_left { Ended::Drained } else { Ended::Left });
            }
            if !have_left && self.rings.is_past_mark() && self.rings.is_sorted() {
                self.note(dispatcher);
                return Ok(Ended::Left);
            }
        }
    }

    /// Gives each ring a turn. Returns the bytes that moved.
    fn round(&mut self, dispatcher: &mut EventDispatcher<'_>, all: bool) -> Result<usize, DrainError> {
        let (came, taken) = self.rings.round(dispatcher, all)?;
        let late = self.rings.take_late();
        // ORDERING: Relaxed, both. The numbers are for a display only.
        self.shared.bytes.fetch_add(taken as u64, Ordering::Relaxed);
        self.shared.late.fetch_add(late, Ordering::Relaxed);
        Ok(came.max(taken))
    }

    /// Adds the descriptions that somebody waits for.
    fn register(&mut self, dispatcher: &mut EventDispatcher<'_>) -> Result<(), DrainError> {
        if !self.shared.registrations.is_any() {
            return Ok(());
        }
        let asked = self.shared.registrations.take();
        // What was written before keeps its descriptions.
        self.rings.take_news();
        self.rings.mark();
        while !(dispatcher.is_stalled() || self.rings.is_past_mark() && self.rings.is_sorted()) {
            self.round(dispatcher, true)?;
        }
        for Registration { schemas, answer } in asked {
            let added = self.descriptions.add(&schemas, None).map(|changes| dispatcher.describe(&changes));
            // Nobody waits any more if the process is ending.
            let _ = answer.send(added);
        }
        Ok(())
    }

    /// Notes what a display may ask for.
    fn note(&mut self, dispatcher: &EventDispatcher<'_>) {
        let pending = self.rings.losses().map(|loss| loss.count).fold(0, u64::saturating_add);
        // ORDERING: Relaxed. The number is for a display only.
        self.shared.pending_loss.store(pending, Ordering::Relaxed);
        let rings = &mut self.rings;
        self.shared.note(|noted| {
            rings.note_fill(&mut noted.rings);
            noted.consumers = dispatcher.statistics();
        });
    }
}
