//! Merges several logs into one, in the order of their timestamps.
#![forbid(unsafe_code)]

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::event::Event;
use crate::storage::error::ReadError;

/// Merges the events of several logs by timestamp.
#[derive(Debug)]
struct Merge<'a, I> {
    logs: Vec<I>,
    /// The next event of each log that has one.
    heads: Vec<Option<Event<'a>>>,
    order: HeadOrder,
    /// The logs whose next event was not read yet.
    to_read: Vec<usize>,
    is_done: bool,
}

/// Merges iterators over logs by timestamp. Each event comes with the number of its log, from 0.
///
/// Of equal timestamps, the record of the log that was given first comes first.
/// Each log stays in order, even where its timestamps go backwards. GAP records are merged like other records.
/// The logs should have the same clock, as timestamps are compared as numbers. After an error the iterator
/// ends.
///
/// ```
/// use ringlog::event::EventHeader;
/// use ringlog::storage::{LogReader, LogWriter, merge};
///
/// # let folder = tempfile::tempdir()?;
/// let paths = [folder.path().join("a"), folder.path().join("b")];
/// for (path, timestamps) in paths.iter().zip([[10, 30], [10, 20]]) {
///     let mut writer = LogWriter::open(path)?;
///     for timestamp in timestamps {
///         writer.write_event(&EventHeader::new(timestamp, 0, 0), b"")?;
///     }
///     writer.close()?;
/// }
/// let (a, b) = (LogReader::open(&paths[0])?, LogReader::open(&paths[1])?);
/// let merged: Vec<(usize, u64)> = merge([a.events(), b.events()])
///     .map(|merged| merged.map(|(log, event)| (log, event.header.timestamp)))
///     .collect::<Result<_, _>>()?;
/// assert_eq!(merged, [(0, 10), (1, 10), (1, 20), (0, 30)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn merge<'a, I>(
    logs: impl IntoIterator<Item = I>,
) -> impl Iterator<Item = Result<(usize, Event<'a>), ReadError>>
where
    I: Iterator<Item = Result<Event<'a>, ReadError>>,
{
    let logs: Vec<I> = logs.into_iter().collect();
    Merge {
        heads: vec![None; logs.len()],
        // Read in the given order, so that the first error is that of the first log.
        to_read: (0..logs.len()).rev().collect(),
        order: HeadOrder::default(),
        is_done: false,
        logs,
    }
}

impl<'a, I: Iterator<Item = Result<Event<'a>, ReadError>>> Merge<'a, I> {
    /// Reads the next event of each log that lacks one.
    fn fill(&mut self) -> Result<(), ReadError> {
        while let Some(log) = self.to_read.pop() {
            let next = self.logs.get_mut(log).and_then(Iterator::next).transpose()?;
            if let Some(event) = next {
                self.order.push(log, event.header.timestamp);
            }
            self.heads[log] = next;
        }
        Ok(())
    }
}

impl<'a, I: Iterator<Item = Result<Event<'a>, ReadError>>> Iterator for Merge<'a, I> {
    type Item = Result<(usize, Event<'a>), ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        if let Err(error) = self.fill() {
            self.is_done = true;
            return Some(Err(error));
        }
        let log = self.order.pop()?;
        self.to_read.push(log);
        let event = self.heads.get_mut(log)?.take()?;
        Some(Ok((log, event)))
    }
}

/// Finds the log with the next event: the smallest timestamp, and of equal ones the first log.
#[derive(Debug, Default)]
pub struct HeadOrder(BinaryHeap<Reverse<(u64, usize)>>);

impl HeadOrder {
    /// Notes the timestamp of a log's next event. A log may have one at a time.
    #[doc(hidden)]
    pub fn push(&mut self, log: usize, timestamp: u64) {
        self.0.push(Reverse((timestamp, log)));
    }

    /// Removes and returns the log that is next.
    #[doc(hidden)]
    pub fn pop(&mut self) -> Option<usize> {
        self.0.pop().map(|Reverse((_, log))| log)
    }
}
