//! The recorder's side of all rings: turns, and rings whose producer has ended.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use ringlog_nostd::{EventHeader, Run};

use super::group::{FreeRing, Group, NewRing, News, SharedSeat};
use super::merge::{Merged, Waiting};
use super::order::Order;
use crate::consumer::{DrainError, EventDispatcher, EventSource};
use crate::os::sync::now;
use crate::recorder::counts::RingFill;
use crate::ring::{Consumer, Loss, WriteError};

/// A ring's turn ends with the record that reaches this length, in bytes.
const TURN_BYTES: usize = 64 << 10;

/// All rings of a group.
#[derive(Debug)]
pub(crate) struct Rings {
    group: Arc<Group>,
    parts: Vec<Part>,
    sorting: Option<Sorting>,
}

/// One ring.
#[derive(Debug)]
struct Part {
    seat: SharedSeat,
    source: Consumer,
    /// The producer's side, from the end of a producer until the ring is drained.
    ended: Option<FreeRing>,
    waiting: Waiting,
    /// Up to here it was published when [`Rings::mark`] was called.
    mark: usize,
    /// Whether its seat was free after the gate was shut.
    has_left: bool,
}

#[derive(Debug)]
struct Sorting {
    window: Duration,
    merged: Merged,
}

/// One turn of a ring: a single run.
struct Turn<'c> {
    source: &'c mut Consumer,
    bytes: usize,
}

impl EventSource for Turn<'_> {
    fn id(&self) -> u64 {
        EventSource::id(self.source)
    }

    fn peek_run(&mut self, skip_bytes: usize) -> Result<Option<Run<'_>>, DrainError> {
        if self.bytes > 0 {
            return Ok(None);
        }
        let run = EventSource::peek_run(self.source, skip_bytes)?.map(first_of);
        self.bytes = run.as_ref().map_or(0, |run| run.remaining().len());
        Ok(run)
    }

    fn release_bytes(&mut self, bytes: usize) {
        EventSource::release_bytes(self.source, bytes);
    }

    fn drain_limit_bytes(&self) -> usize {
        usize::MAX
    }
}

/// Returns the records of the run that fit a turn.
fn first_of(run: Run<'_>) -> Run<'_> {
    let records = run.remaining();
    let mut end = 0;
    while let Some(header) = records.get(end..).and_then(<[u8]>::first_chunk).filter(|_| end < TURN_BYTES) {
        end += EventHeader::from_bytes(header).stride();
    }
    match records.get(..end) {
        Some(first) if first.len() < records.len() => Run::new(first).unwrap_or(run),
        _ => run,
    }
}

impl Rings {
    pub(crate) fn new(group: Arc<Group>, order: Order) -> Self {
        let sorting = match order {
            Order::Arrival => None,
            Order::Timestamp { window } => Some(Sorting { window, merged: Merged::default() }),
        };
        Self { group, parts: Vec::new(), sorting }
    }

    /// Returns whether no producer is left and none can come.
    pub(super) fn is_abandoned(&mut self) -> bool {
        // The count is only read: `get_mut` stores to a word that shares a line with what each write of a producer reads.
        Arc::strong_count(&self.group) == 1 && Arc::get_mut(&mut self.group).is_some()
    }

    /// Returns whether nothing waits to be sorted.
    pub(super) fn is_sorted(&self) -> bool {
        self.parts.iter().all(|part| part.waiting.len() == 0)
            && self.sorting.as_ref().is_none_or(|sorting| sorting.merged.is_empty())
    }

    /// Returns whether everything has gone on to the dispatcher.
    pub(super) fn is_drained(&mut self) -> bool {
        self.is_sorted() && self.parts.iter_mut().all(|part| part.source.is_empty())
    }

    /// Notes how far each ring is published.
    pub(super) fn mark(&mut self) {
        self.parts.iter_mut().for_each(|part| part.mark = part.source.published_position());
    }

    /// Returns whether all that was published when [`mark`](Self::mark) was called has gone on to the dispatcher.
    pub(super) fn is_past_mark(&self) -> bool {
        let is_past = |part: &Part| part.source.position().wrapping_sub(part.mark).cast_signed() >= 0;
        self.parts.iter().all(is_past)
    }

    /// Takes over new rings, and those whose producer has ended.
    pub(super) fn take_news(&mut self) {
        if let Some(news) = self.group.news() {
            self.learn(news);
        }
    }

    fn learn(&mut self, News { made, ended }: News) {
        self.parts.extend(made.into_iter().map(|NewRing { seat, source }| Part {
            seat,
            source,
            ended: None,
            waiting: Waiting::default(),
            mark: 0,
            has_left: false,
        }));
        for ring in ended {
            if let Some(part) = self.parts.iter_mut().find(|part| Arc::ptr_eq(&part.seat, &ring.seat)) {
                part.ended = Some(ring);
            }
        }
    }

    /// Lets nobody write any more. Returns whether a producer whose seat is free from now on does not enter again.
    pub(super) fn shut(&mut self) -> bool {
        let are_seats_final = self.group.shut();
        let news = self.group.last_news();
        self.learn(news);
        are_seats_final
    }

    /// Returns whether all producers have left since the gate was shut: what they wrote is in the rings then, and nothing comes
    /// after it.
    pub(super) fn have_left(&mut self) -> bool {
        // One free seat is enough for each: a producer that tries again takes it for a moment.
        self.parts.iter_mut().for_each(|part| part.has_left |= !part.seat.is_taken());
        self.parts.iter().all(|part| part.has_left)
    }

    /// Gives each ring a turn. Returns the bytes that came and the bytes that the dispatcher took. If `all`, events wait for
    /// no others.
    pub(super) fn round(
        &mut self,
        dispatcher: &mut EventDispatcher<'_>,
        all: bool,
    ) -> Result<(usize, usize), DrainError> {
        match self.sorting.is_some() {
            true => self.sorted_round(dispatcher, all),
            false => self.round_as_they_come(dispatcher),
        }
    }

    fn round_as_they_come(
        &mut self,
        dispatcher: &mut EventDispatcher<'_>,
    ) -> Result<(usize, usize), DrainError> {
        let mut taken = 0;
        for part in &mut self.parts {
            taken += dispatcher.drain(&mut Turn { source: &mut part.source, bytes: 0 })?;
            if dispatcher.is_stalled() {
                break;
            }
            part.end(&self.group)?;
        }
        Ok((taken, taken))
    }

    fn sorted_round(
        &mut self,
        dispatcher: &mut EventDispatcher<'_>,
        all: bool,
    ) -> Result<(usize, usize), DrainError> {
        let Some(Sorting { window, merged }) = &mut self.sorting else { return Ok((0, 0)) };
        let now = now();
        let (mut came, mut most_waiting) = (0, usize::MAX);
        for part in &mut self.parts {
            let half = part.source.capacity() / 2;
            most_waiting = most_waiting.min(half);
            if part.waiting.len() <= half {
                came += part.take_run(now)?;
                part.end(&self.group)?;
            }
            if let Some(time) = if all { Some(now) } else { now.checked_sub(*window) } {
                part.waiting.note_due(time);
            }
        }
        let mut waiting: Vec<_> = self.parts.iter_mut().map(|part| &mut part.waiting).collect();
        let mut taken = 0;
        loop {
            let is_more = merged.take(&mut waiting, most_waiting);
            taken += dispatcher.drain(merged)?;
            if !is_more || dispatcher.is_stalled() {
                return Ok((came, taken));
            }
        }
    }

    /// Returns the number of events that were sorted too late, since the last call.
    pub(super) fn take_late(&mut self) -> u64 {
        self.sorting.as_mut().map_or(0, |sorting| sorting.merged.take_late())
    }

    /// Returns the losses that no GAP record reports.
    pub(super) fn losses(&self) -> impl Iterator<Item = Loss> {
        self.parts.iter().filter_map(|part| part.source.pending_loss())
    }

    /// Writes how full each ring is.
    pub(super) fn note_fill(&mut self, fill: &mut Vec<RingFill>) {
        fill.clear();
        fill.extend(self.parts.iter_mut().map(|part| RingFill {
            capacity_bytes: part.source.capacity(),
            unread_bytes: part.source.unread() + part.waiting.len(),
        }));
    }
}

impl Drop for Rings {
    fn drop(&mut self) {
        // Also after a panic: who writes gets an error, and does not fill a ring that nobody drains.
        self.group.shut();
    }
}

impl Part {
    /// Moves one run to what waits. Returns its length in bytes.
    fn take_run(&mut self, now: Instant) -> Result<usize, DrainError> {
        let Some(run) = self.source.peek_run(0)? else { return Ok(0) };
        let bytes = run.remaining().len();
        self.waiting.push(run.remaining(), now);
        self.source.release_bytes(bytes);
        Ok(bytes)
    }

    /// If the producer has ended and all that it wrote is taken: makes the ring report what was lost, and gives it back once
    /// that is taken too.
    fn end(&mut self, group: &Group) -> Result<(), DrainError> {
        // The look at the ring takes a cache line away from a producer, so it is the second one.
        if self.ended.is_none() || !self.source.is_empty() {
            return Ok(());
        }
        let Some(FreeRing { seat, producer }) = self.ended.take() else { return Ok(()) };
        let mut producer = producer.lossy();
        let flushed = producer.flush();
        let ring = FreeRing { seat, producer: producer.into_inner() };
        match flushed {
            Ok(_) if !self.source.is_empty() => self.ended = Some(ring),
            Ok(_) => group.pool(ring),
            Err(WriteError::Fault(fault)) => return Err(fault.into()),
            // A GAP record fits an empty ring.
            Err(_) => self.ended = Some(ring),
        }
        Ok(())
    }
}
