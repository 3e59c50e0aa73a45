//! Several logs read as one, in the order of their timestamps.

use std::path::PathBuf;

use crate::cli::error::CliError;
use crate::cli::read::source::LogSource;
use crate::cli::terminal::words::clock_name;
use crate::event::{ClockKind, Event};
use crate::storage::{Filter, HeadOrder};

/// Lends the wanted records of some logs: see [`crate::storage::read::merge`].
#[derive(Debug)]
pub(crate) struct MergedSource {
    logs: Vec<PathBuf>,
    sources: Vec<LogSource>,
    filter: Filter,
    order: HeadOrder,
    /// The logs whose next record is not known yet.
    to_read: Vec<usize>,
    clock: ClockKind,
}

impl MergedSource {
    /// Opens all logs, which have to have the same clock.
    pub(crate) fn open(logs: &[PathBuf], filter: Filter) -> Result<Self, CliError> {
        let mut sources = Vec::new();
        for log in logs {
            let mut source = LogSource::open_or_empty(log)?;
            source.seek_first(log, &filter)?;
            sources.push(source);
        }
        let clock =
            sources.iter().find(|source| !source.is_empty()).map_or(ClockKind::Unspecified, LogSource::clock);
        let to_read = (0..sources.len()).rev().collect();
        Ok(Self { logs: logs.into(), sources, filter, order: HeadOrder::default(), to_read, clock })
    }

    /// What the timestamps count.
    pub(crate) fn clock(&self) -> ClockKind {
        self.clock
    }

    /// The log that has the next record, which [`event`](Self::event) then lends; `None` behind the last one.
    pub(crate) fn advance(&mut self) -> Result<Option<usize>, CliError> {
        while let Some(log) = self.to_read.pop() {
            self.read(log)?;
        }
        let log = self.order.pop();
        self.to_read.extend(log);
        Ok(log)
    }

    fn read(&mut self, log: usize) -> Result<(), CliError> {
        let Some(source) = self.sources.get_mut(log) else { return Ok(()) };
        if !source.advance(&self.filter)? {
            return Ok(());
        }
        if source.clock() != self.clock {
            let clock = source.clock();
            return Err(self.other_clock(log, clock));
        }
        let timestamp = source.found_event().map_or(0, |event| event.header.timestamp);
        self.order.push(log, timestamp);
        Ok(())
    }

    fn other_clock(&self, log: usize, clock: ClockKind) -> CliError {
        let path =
            |log: Option<usize>| log.and_then(|log| self.logs.get(log)).map(|log| log.display().to_string());
        let first = self.sources.iter().position(|source| !source.is_empty());
        CliError::Usage(format!(
            "{}: counts {}, and {} counts {}, so their times cannot be compared; replay them one by one",
            path(Some(log)).unwrap_or_default(),
            clock_name(clock),
            path(first).unwrap_or_default(),
            clock_name(self.clock)
        ))
    }

    /// The record that was found in this log.
    pub(crate) fn event(&self, log: usize) -> Option<Event<'_>> {
        self.sources.get(log).and_then(LogSource::found_event)
    }
}
