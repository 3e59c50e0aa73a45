//! Reads several logs as one, in the order of their timestamps.

use std::path::PathBuf;

use crate::error::CliError;
use crate::read::source::LogSource;
use crate::terminal::words::clock_name;
use ringlog::event::{ClockKind, Event};
use ringlog::programs::HeadOrder;
use ringlog::storage::Filter;

/// Lends the records of several logs that pass a filter: see [`ringlog::storage::read::merge`].
#[derive(Debug)]
pub(crate) struct MergedSource {
    logs: Vec<PathBuf>,
    sources: Vec<LogSource>,
    /// For each log: they may describe their events in different ways.
    filters: Vec<Filter>,
    order: HeadOrder,
    /// The logs whose next record must still be read.
    to_read: Vec<usize>,
    clock: ClockKind,
}

impl MergedSource {
    /// Opens all logs; [`advance`](Self::advance) fails if they have different clocks.
    pub(crate) fn open(logs: &[PathBuf]) -> Result<Self, CliError> {
        let sources = logs.iter().map(|log| LogSource::open_or_empty(log)).collect::<Result<Vec<_>, _>>()?;
        let to_read = (0..sources.len()).rev().collect();
        let filters = vec![Filter::new(); sources.len()];
        let (order, clock) = (HeadOrder::default(), ClockKind::Unspecified);
        let mut merged = Self { logs: logs.into(), sources, filters, order, to_read, clock };
        merged.clock = merged.known_clock().unwrap_or(clock);
        Ok(merged)
    }

    /// Returns the number of events that an expression could not choose so far: see [`Filter::undescribed`].
    pub(crate) fn undescribed(&self) -> u64 {
        self.filters.iter().map(Filter::undescribed).sum()
    }

    /// Goes to the first record of each log that may pass the filter, and leaves out the others. To be called first.
    pub(crate) fn seek(&mut self, filter: &Filter) -> Result<(), CliError> {
        for (source, log) in self.sources.iter_mut().zip(&self.logs) {
            source.seek_first(log, filter)?;
        }
        self.clock = self.known_clock().unwrap_or(self.clock);
        self.filters.fill(filter.clone());
        Ok(())
    }

    /// Returns what the timestamps count; `None` if no log has a file.
    pub(crate) fn known_clock(&self) -> Option<ClockKind> {
        self.sources.iter().find_map(LogSource::known_clock)
    }

    /// Returns what the timestamps count.
    pub(crate) fn clock(&self) -> ClockKind {
        self.clock
    }

    /// Returns the log with the next record, which [`event`](Self::event) then lends; `None` after the last one.
    pub(crate) fn advance(&mut self) -> Result<Option<usize>, CliError> {
        while let Some(log) = self.to_read.pop() {
            self.read(log)?;
        }
        let log = self.order.pop();
        self.to_read.extend(log);
        Ok(log)
    }

    fn read(&mut self, log: usize) -> Result<(), CliError> {
        let (Some(source), Some(filter)) = (self.sources.get_mut(log), self.filters.get_mut(log)) else {
            return Ok(());
        };
        if !source.advance(filter)? {
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

    /// Returns the record that was found in this log.
    pub(crate) fn event(&self, log: usize) -> Option<Event<'_>> {
        self.sources.get(log).and_then(LogSource::found_event)
    }
}
