//! The way of events into a log, as the commands see it.
//!
//! The one place of the tools that knows how a log is written: into a ring, from which a recorder on a
//! thread of its own fills the log.

use std::path::{Path, PathBuf};

use super::error::CliError;
use super::output::{CatFormat, Printer};
use super::pump::{Progress, Sink};
use super::signals::Stop;
use super::source::LogSource;
use super::status::{Gauges, Status};
use super::tally::Tally;
use crate::event::EventHeader;
use crate::recorder::{Recorder, RecorderError};
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
    /// Where the log failed before, what it had taken is there, with the error that says why it is not more.
    pub(crate) fn finish(self) -> Result<Recorded, CliError> {
        if let Some(status) = &self.status {
            status.finish();
        }
        Recorded::of(self.log, self.recorder.shutdown(self.producer))
    }

    /// Waits for room, until there is some, never will be, or somebody asks to stop.
    fn write_when_room(
        &mut self,
        header: &EventHeader,
        payload: &[u8],
        stop: &Stop,
    ) -> Result<bool, CliError> {
        let mut waiter = Waiter::new(Idle::default());
        loop {
            if self.recorder.has_stopped() {
                return Err(CliError::Stopped);
            }
            if stop.is_set() {
                return Ok(false);
            }
            waiter.wait();
            match self.producer.write_event(header, payload) {
                Err(WriteError::Full) => {}
                other => return Ok(other.map(|()| true)?),
            }
        }
    }
}

impl Sink for Recording {
    #[inline]
    fn write(&mut self, header: &EventHeader, payload: &[u8], stop: &Stop) -> Result<bool, CliError> {
        match self.producer.write_event(header, payload) {
            Err(WriteError::Full) => self.write_when_room(header, payload, stop),
            other => Ok(other.map(|()| true)?),
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
    /// Why the log did not take the rest.
    failure: Option<CliError>,
}

/// What was found of a run by reading its log.
#[derive(Debug, Default)]
pub(crate) struct ReadBack {
    pub(crate) tally: Tally,
    /// The first events, a line each.
    pub(crate) sample: String,
}

impl Recorded {
    /// A run whose recorder has ended so. Where the log failed, what it had taken before counts.
    pub(crate) fn of(log: PathBuf, ended: Result<LogSummary, RecorderError>) -> Result<Self, CliError> {
        let (summary, failure) = match ended {
            Ok(summary) => (summary, None),
            Err(error) => match error.written() {
                Some(written) => (written, Some(error.into())),
                None => return Err(error.into()),
            },
        };
        Ok(Self { events: summary.events, log, summary, failure })
    }

    /// Events that came out of the ring, in the log or told of as lost.
    pub(crate) const fn taken(&self) -> u64 {
        self.summary.events + self.summary.lost
    }

    /// Gives the error that ended the log, if one did, once.
    pub(crate) fn take_failure(&mut self) -> Option<CliError> {
        self.failure.take()
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
        // What stands behind, if anything, is not of this run.
        while source.next_sequence() < next_sequence {
            let clock = source.clock();
            let Some(event) = source.next_event()? else { break };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_asked_to_stop_does_not_wait_for_room() {
        let folder = tempfile::tempdir().unwrap();
        let mut recording = Recording::start_silent(folder.path(), 128 * 1024).unwrap();
        let stop = Stop::default();
        stop.set();
        let payload = vec![1; 60_000];
        let mut written = 0;
        // Two of them fill the ring, and the recorder sleeps between its looks.
        while recording.write(&EventHeader::new(written, 0, 60_000), &payload, &stop).unwrap() {
            written += 1;
            assert!(written < 10_000, "the ring is never full");
        }
        let recorded = recording.finish().unwrap();
        assert_eq!(recorded.events, written, "what was taken before is recorded");
    }
}
