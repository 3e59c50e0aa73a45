//! Moves events from a feed into a ring, at a rate and up to limits.

use std::time::{Duration, Instant};

use crate::error::CliError;
use crate::feed::{Feed, Loss, Next, Skip};
use crate::options::config::MaxBytes;
use crate::record::pace::Pace;
use crate::terminal::messages::reopen_if_asked;
use crate::terminal::signals::Stop;
use ringlog::event::{EventHeader, Gap};
use ringlog::storage::SchemaList;

/// Steps between two checks of clock, signals and status; a pause checks them too.
const STEPS_PER_LOOK: u32 = 256;
const PAUSE_MIN: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_millis(20);
const SKIPS_SHOWN: u64 = 10;
/// Longest time after a stop in which events that had arrived are recorded.
const DRAIN_MOST: Duration = Duration::from_secs(1);
/// Longest time after that in which the rest is counted: enough to empty the buffer of a socket, and short if a sender
/// continues.
const COUNT_MOST: Duration = Duration::from_millis(200);

/// Where the pump puts events.
pub(crate) trait Sink {
    /// Writes an event; waits for room, because the feed cannot give the event again.
    fn write(&mut self, header: &EventHeader, payload: &[u8]) -> Result<(), CliError>;

    /// Writes a GAP record; waits for room.
    fn write_gap(&mut self, timestamp: u64, gap: Gap) -> Result<(), CliError>;

    /// Describes the events that follow in another way; an empty description is none.
    fn describe(&mut self, changes: &SchemaList) -> Result<(), CliError>;

    /// Shows the progress; called now and then.
    fn look(&mut self, progress: &Progress);

    /// Whether the sink takes no more events.
    fn has_failed(&self) -> bool;

    /// Says what of the input is skipped.
    fn say(&mut self, line: &str);
}

/// What the pump moved so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Progress {
    /// Events written.
    pub(crate) events: u64,
    /// Bytes of their records.
    pub(crate) bytes: u64,
    /// Events that the feed lost.
    pub(crate) lost: u64,
    /// Pieces of the input that cannot be events; `lost` counts them too.
    pub(crate) skipped: u64,
    /// Bytes of the input that were read.
    pub(crate) read_bytes: u64,
}

/// Why the pump stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ended {
    /// The feed has no more events.
    Feed,
    /// The time limit is reached.
    Time,
    /// The next event would exceed the size limit.
    Bytes,
    /// The next event would exceed the default size limit.
    DefaultBytes,
    /// A signal asked for it.
    Signal,
    /// The sink takes no more events.
    Sink,
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Feed => "the feed ended",
            Self::Time => "the time given by --for is over",
            Self::Bytes => "the size given by --max-bytes is reached",
            Self::DefaultBytes => "the default limit of 4 GiB is reached",
            Self::Signal => "asked to stop",
            Self::Sink => "the log failed",
        })
    }
}

/// When a run ends.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// After this time.
    pub(crate) duration: Option<Duration>,
    /// At this many bytes of records.
    pub(crate) max_bytes: MaxBytes,
    /// When this is set.
    pub(crate) stop: Stop,
}

/// Moves events from `feed` to `sink` until something ends it.
///
/// `progress` has what was moved until then, also after an error.
pub(crate) fn pump(
    feed: &mut dyn Feed,
    pace: Pace,
    limits: &Limits,
    sink: &mut impl Sink,
    progress: &mut Progress,
) -> Result<Ended, CliError> {
    let started = Instant::now();
    let (payload, steps_to_look) = (Vec::new(), 0);
    let (last_timestamp, unwritten, refused) = (0, None, None);
    let mut pump = Pump {
        feed,
        pace,
        limits,
        sink,
        progress,
        started,
        payload,
        steps_to_look,
        last_timestamp,
        unwritten,
        refused,
    };
    let ended = pump.run();
    pump.progress.read_bytes = pump.feed.read_bytes();
    ended
}

struct Pump<'a, S> {
    feed: &'a mut dyn Feed,
    pace: Pace,
    limits: &'a Limits,
    sink: &'a mut S,
    progress: &'a mut Progress,
    started: Instant,
    payload: Vec<u8>,
    steps_to_look: u32,
    last_timestamp: u64,
    /// Losses of one reason in a row, and the time of the first; they become one GAP record.
    unwritten: Option<(u64, Gap)>,
    /// The time of the event that the size limit refused.
    refused: Option<u64>,
}

impl<S: Sink> Pump<'_, S> {
    fn run(&mut self) -> Result<Ended, CliError> {
        match self.take_all() {
            Ok(Ended::Sink) => Ok(Ended::Sink),
            Ok(ended) => self.write_last_losses().map(|()| ended),
            Err(CliError::Feed(error)) => {
                self.lose(Loss::rest())?;
                self.write_last_losses()?;
                Err(error.into())
            }
            Err(error) => Err(error),
        }
    }

    fn take_all(&mut self) -> Result<Ended, CliError> {
        let ended = loop {
            if let Some(ended) = self.step()? {
                break ended;
            }
        };
        match ended {
            Ended::Feed | Ended::Sink => {}
            Ended::Bytes | Ended::DefaultBytes => self.drain(false)?,
            Ended::Time | Ended::Signal => self.drain(true)?,
        }
        Ok(ended)
    }

    /// Takes what had arrived at the feed when the run stopped, without a pace. Counts what the limits refuse as lost.
    fn drain(&mut self, mut has_room: bool) -> Result<(), CliError> {
        if !self.feed.stop() {
            return Ok(());
        }
        if let Some(timestamp) = self.refused {
            self.lose(Loss::left(1, Some(timestamp)))?;
        }
        let stopped = Instant::now();
        while stopped.elapsed() < DRAIN_MOST + COUNT_MOST {
            match self.feed.next_event(&mut self.payload)? {
                Next::Event { timestamp, event_type } => {
                    has_room = has_room && stopped.elapsed() < DRAIN_MOST;
                    has_room = has_room && self.write(EventHeader::new(timestamp, event_type, 0))?.is_none();
                    if !has_room {
                        self.lose(Loss::left(1, Some(timestamp)))?;
                    }
                }
                Next::Lost(loss) => self.lose(loss)?,
                Next::Kept(header) if header.is_gap() => {
                    if let Some(gap) = Gap::from_payload(&self.payload) {
                        self.write_kept_gap(header.timestamp, gap)?;
                    }
                }
                Next::Kept(header) => {
                    has_room = has_room && stopped.elapsed() < DRAIN_MOST;
                    has_room = has_room && self.write(header)?.is_none();
                    if !has_room {
                        self.lose(Loss::left(1, Some(header.timestamp)))?;
                    }
                }
                Next::Described(changes) => {
                    self.write_losses()?;
                    self.sink.describe(&changes)?;
                }
                Next::Idle => {}
                Next::End => return Ok(()),
            }
        }
        self.lose(Loss::left(0, None))
    }

    fn step(&mut self) -> Result<Option<Ended>, CliError> {
        let wait = self.pace.wait();
        if wait.is_some() || self.steps_to_look == 0 {
            self.steps_to_look = STEPS_PER_LOOK;
            self.write_losses()?;
            self.progress.read_bytes = self.feed.read_bytes();
            self.sink.look(self.progress);
            if let Some(ended) = self.limits.ended(self.started, self.sink.has_failed()) {
                return Ok(Some(ended));
            }
            if let Some(ended) = self.limits.ended_by_size(self.progress.bytes) {
                return Ok(Some(ended));
            }
        }
        if let Some(wait) = wait {
            std::thread::sleep(wait.clamp(PAUSE_MIN, PAUSE_MAX));
            return Ok(None);
        }
        self.steps_to_look -= 1;
        self.take_one()
    }

    fn take_one(&mut self) -> Result<Option<Ended>, CliError> {
        match self.feed.next_event(&mut self.payload)? {
            Next::Event { timestamp, event_type } => {
                return self.write(EventHeader::new(timestamp, event_type, 0));
            }
            Next::Kept(header) => match Gap::from_payload(&self.payload).filter(|_| header.is_gap()) {
                Some(gap) => self.write_kept_gap(header.timestamp, gap)?,
                None => return self.write(header),
            },
            Next::Described(changes) => {
                self.write_losses()?;
                self.sink.describe(&changes)?;
            }
            Next::Idle => self.steps_to_look = 0,
            Next::Lost(loss) => self.lose(loss)?,
            Next::End => return Ok(Some(Ended::Feed)),
        }
        Ok(None)
    }

    /// Writes a GAP record of another log as it is.
    fn write_kept_gap(&mut self, timestamp: u64, gap: Gap) -> Result<(), CliError> {
        self.write_losses()?;
        self.progress.lost = self.progress.lost.saturating_add(gap.count);
        self.unwritten = Some((timestamp, gap));
        self.write_losses()
    }

    /// Writes an event with the payload in the buffer.
    fn write(&mut self, header: EventHeader) -> Result<Option<Ended>, CliError> {
        if self.unwritten.is_some() {
            self.write_losses()?;
        }
        let payload_len = u16::try_from(self.payload.len()).unwrap_or(u16::MAX);
        let (timestamp, header) = (header.timestamp, EventHeader { payload_len, ..header });
        let bytes = self.progress.bytes + header.stride() as u64;
        if let Some(ended) = self.limits.ended_by_size(bytes) {
            self.refused = Some(timestamp);
            return Ok(Some(ended));
        }
        self.sink.write(&header, &self.payload)?;
        self.last_timestamp = timestamp;
        self.pace.sent();
        self.progress.bytes = bytes;
        self.progress.events += 1;
        Ok(None)
    }

    #[cold]
    fn lose(&mut self, loss: Loss) -> Result<(), CliError> {
        let Loss { gap, timestamp, skip } = loss;
        if let Some(skip) = skip {
            self.report_skip(&skip);
        }
        self.progress.lost = self.progress.lost.saturating_add(gap.count);
        match &mut self.unwritten {
            Some((_, before)) if before.reason == gap.reason && before.count > 0 && gap.count > 0 => {
                before.count = before.count.saturating_add(gap.count);
            }
            _ => {
                self.write_losses()?;
                self.unwritten = Some((timestamp.unwrap_or(self.last_timestamp), gap));
            }
        }
        Ok(())
    }

    /// Writes the losses so far as a GAP record in their place; no limit refuses it.
    fn write_losses(&mut self) -> Result<(), CliError> {
        let Some((timestamp, gap)) = self.unwritten.take() else { return Ok(()) };
        self.sink.write_gap(timestamp, gap)?;
        self.progress.bytes += Gap::header(timestamp).stride() as u64;
        Ok(())
    }

    /// Asks the feed for a last loss, and writes the losses.
    fn write_last_losses(&mut self) -> Result<(), CliError> {
        if let Some(loss) = self.feed.look_for_loss() {
            self.lose(loss)?;
        }
        self.write_losses()
    }

    fn report_skip(&mut self, skip: &Skip) {
        self.progress.skipped += 1;
        if self.progress.skipped <= SKIPS_SHOWN {
            self.sink.say(&format!("skipped at byte {}: {}", skip.offset, skip.what));
        }
        if self.progress.skipped == SKIPS_SHOWN {
            self.sink.say("more of these are counted, not shown");
        }
    }
}

impl Limits {
    /// Returns what ends a run that started at `started`, other than its feed or its size.
    pub(crate) fn ended(&self, started: Instant, has_failed: bool) -> Option<Ended> {
        reopen_if_asked();
        if self.stop.is_set() {
            return Some(Ended::Signal);
        }
        if has_failed {
            return Some(Ended::Sink);
        }
        self.duration.filter(|&duration| started.elapsed() >= duration).map(|_| Ended::Time)
    }

    /// Returns the end of the run if it may not write this many bytes.
    pub(crate) fn ended_by_size(&self, bytes: u64) -> Option<Ended> {
        let is_default = matches!(self.max_bytes, MaxBytes::Default(_));
        let ended = if is_default { Ended::DefaultBytes } else { Ended::Bytes };
        (bytes > self.max_bytes.get()).then_some(ended)
    }
}

#[cfg(test)]
mod tests;
