//! The way of events into a log, as the commands see it.
//!
//! The one place of the tools that knows how a log is written: into a ring, from which a recorder on a
//! thread of its own fills the log.

use std::path::{Path, PathBuf};

use super::error::CliError;
use super::output::{CatFormat, Printer};
use super::pump::{Progress, Sink};
use super::source::LogSource;
use super::status::{Gauges, Status};
use super::tally::Tally;
use crate::event::EventHeader;
use crate::recorder::Recorder;
use crate::ring::{Idle, Producer, Waiter, WriteError};
use crate::storage::LogSummary;

const SAMPLE_EVENTS: u64 = 3;

/// A run of recording: takes events until it is finished.
#[derive(Debug)]
pub(crate) struct Recording {
    log: PathBuf,
    producer: Producer,
    recorder: Recorder,
    status: Option<Status>,
}

impl Recording {
    /// Begins a run that shows its status.
    pub(crate) fn start(log: &Path, ring_bytes: usize, status: Status) -> Result<Self, CliError> {
        Ok(Self { status: Some(status), ..Self::start_silent(log, ring_bytes)? })
    }

    /// Begins a run that shows nothing.
    pub(crate) fn start_silent(log: &Path, ring_bytes: usize) -> Result<Self, CliError> {
        let (producer, recorder) = Recorder::builder().ring_bytes(ring_bytes).start(log)?;
        Ok(Self { log: log.into(), producer, recorder, status: None })
    }

    /// Has everything written, synced and sealed.
    ///
    /// Where the recorder stopped before, this is the error that says why.
    pub(crate) fn finish(self) -> Result<Recorded, CliError> {
        if let Some(status) = &self.status {
            status.finish();
        }
        let summary = self.recorder.shutdown(self.producer)?;
        Ok(Recorded::new(self.log, summary))
    }

    /// Waits for room, until there is some or never will be.
    fn write_when_room(&mut self, header: &EventHeader, payload: &[u8]) -> Result<(), CliError> {
        let mut waiter = Waiter::new(Idle::default());
        loop {
            if self.recorder.has_stopped() {
                return Err(CliError::Stopped);
            }
            waiter.wait();
            match self.producer.write_event(header, payload) {
                Err(WriteError::Full) => {}
                other => return Ok(other?),
            }
        }
    }
}

impl Sink for Recording {
    #[inline]
    fn write(&mut self, header: &EventHeader, payload: &[u8]) -> Result<(), CliError> {
        match self.producer.write_event(header, payload) {
            Err(WriteError::Full) => self.write_when_room(header, payload),
            other => Ok(other?),
        }
    }

    fn look(&mut self, progress: &Progress) {
        let ring = Some((self.producer.used() as u64, self.producer.capacity() as u64));
        if let Some(status) = self.status.as_mut().filter(|status| status.is_due()) {
            // This producer waits where there is no room: nothing is lost on the way into the ring.
            status.show(progress, Gauges { ring, lost: 0 });
        }
    }

    fn has_failed(&self) -> bool {
        self.recorder.has_stopped()
    }

    fn say(&mut self, line: &str) {
        if let Some(status) = &self.status {
            status.say(line);
        }
    }
}

/// A finished run.
#[derive(Debug)]
pub(crate) struct Recorded {
    /// Events that were written, as counted by the writer.
    pub(crate) events: u64,
    log: PathBuf,
    summary: LogSummary,
}

/// What was found of a run by reading its log.
#[derive(Debug)]
pub(crate) struct ReadBack {
    pub(crate) tally: Tally,
    /// The first events, a line each.
    pub(crate) sample: String,
}

impl Recorded {
    /// A run whose recorder has ended with this summary.
    pub(crate) fn new(log: PathBuf, summary: LogSummary) -> Self {
        Self { events: summary.events, log, summary }
    }

    /// Reads and checks every record of the run, and none of the runs before it.
    pub(crate) fn read_back(&self) -> Result<ReadBack, CliError> {
        let LogSummary { first_sequence, next_sequence, .. } = self.summary;
        let mut tally = Tally::default();
        let mut sample = Printer::new(CatFormat::Text, Vec::new()).map_err(CliError::Output)?;
        if first_sequence == next_sequence {
            // Then the log need not have any file.
            return Ok(ReadBack { tally, sample: sample.into_text() });
        }
        let mut source = LogSource::open(&self.log)?;
        source.seek(first_sequence)?;
        loop {
            let clock = source.clock();
            let Some(event) = source.next_event()? else { break };
            if event.sequence >= next_sequence {
                break;
            }
            if event.sequence < first_sequence {
                continue;
            }
            if tally.events < SAMPLE_EVENTS {
                sample.print(&event, clock).map_err(CliError::Output)?;
            }
            tally.add(&event);
        }
        Ok(ReadBack { tally, sample: sample.into_text() })
    }
}
