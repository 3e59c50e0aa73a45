//! A log as a source for a dispatcher.
#![forbid(unsafe_code)]

use super::source::{DrainError, EventSource};
use crate::storage::{LogReader, MmapReader, ReadError};
use ringlog_nostd::Run;
use ringlog_nostd::format::{Event, encode};
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that are read before the dispatcher asks for them.
const WINDOW_BYTES: usize = 64 * 1024;

impl MmapReader {
    /// Returns the events of the file as a source for a dispatcher, from the first one on.
    ///
    /// ```
    /// use ringlog::{consumer::{EventDispatcher, EventSource}, event::EventHeader};
    /// use ringlog::storage::{MmapReader, MmapWriter};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("events.log");
    /// let mut writer = MmapWriter::create(&path, 1 << 20)?;
    /// assert!(MmapReader::open(&path)?.source().peek_run(0)?.is_none(), "an empty file");
    /// writer.write_event(&EventHeader::new(1, 2, 3), b"abc")?;
    /// writer.close()?;
    ///
    /// let reader = MmapReader::open(&path)?;
    /// assert_eq!(EventDispatcher::new().drain(&mut reader.source())?, 24);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn source(&self) -> impl EventSource {
        ReplaySource::new(Box::new(self.events()))
    }
}

impl LogReader {
    /// Returns the events of the log as a source for a dispatcher, from the first one on.
    ///
    /// ```
    /// use ringlog::consumer::EventDispatcher;
    /// use ringlog::{event::EventHeader, storage::{LogReader, LogWriter}};
    /// # let folder = tempfile::tempdir()?;
    ///
    /// let mut writer = LogWriter::open(folder.path())?;
    /// writer.write_event(&EventHeader::new(1, 2, 3), b"abc")?;
    /// writer.close()?;
    ///
    /// let reader = LogReader::open(folder.path())?;
    /// assert_eq!(EventDispatcher::new().drain(&mut reader.source())?, 24);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn source(&self) -> impl EventSource {
        ReplaySource::new(Box::new(self.events()))
    }
}

/// The events of a log, in order.
struct ReplaySource<'a> {
    id: u64,
    events: Box<dyn Iterator<Item = Result<Event<'a>, ReadError>> + 'a>,
    /// Whole records that were not released yet.
    window: Vec<u8>,
    /// An error after the window. It is reported once the window is released.
    error: Option<ReadError>,
}

impl<'a> ReplaySource<'a> {
    fn new(events: Box<dyn Iterator<Item = Result<Event<'a>, ReadError>> + 'a>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        // ORDERING: Relaxed. All that matters is that no two sources get the same number.
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { id, events, window: Vec::new(), error: None }
    }

    fn fill(&mut self, wanted: usize) {
        while self.window.len() < wanted && self.error.is_none() {
            match self.events.next() {
                Some(Ok(event)) => self.push(&event),
                Some(Err(error)) => self.error = Some(error),
                None => return,
            }
        }
    }

    fn push(&mut self, event: &Event<'_>) {
        let start = self.window.len();
        self.window.resize(start + event.header.stride(), 0);
        let written = encode(&mut self.window[start..], &event.header, event.payload);
        debug_assert_eq!(written, Some(event.header.stride()));
    }
}

impl EventSource for ReplaySource<'_> {
    fn id(&self) -> u64 {
        self.id
    }

    fn peek_run(&mut self, skip_bytes: usize) -> Result<Option<Run<'_>>, DrainError> {
        self.fill(skip_bytes.saturating_add(WINDOW_BYTES));
        if skip_bytes >= self.window.len() {
            return match self.error.take() {
                Some(error) => Err(error.into()),
                None => Ok(None),
            };
        }
        // What was encoded here is whole. A caller's `skip_bytes` that is not a record's start reads as the end.
        Ok(self.window.get(skip_bytes..).and_then(|bytes| Run::new(bytes).ok()))
    }

    fn release_bytes(&mut self, bytes: usize) {
        self.window.drain(..bytes.min(self.window.len()));
    }

    fn drain_limit_bytes(&self) -> usize {
        usize::MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consumer::{EventConsumer, EventDispatcher};
    use crate::storage::LogWriter;
    use ringlog_nostd::EventHeader;

    struct Sum(u64);

    impl EventConsumer for Sum {
        fn consume(&mut self, header: &EventHeader, payload: &[u8]) -> bool {
            assert_eq!(payload, header.timestamp.to_le_bytes());
            self.0 += header.timestamp;
            true
        }

        fn name(&self) -> &str {
            "sum"
        }
    }

    #[test]
    fn a_log_of_many_windows_is_drained_whole() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = LogWriter::open(folder.path()).unwrap();
        for time in 0..20_000_u64 {
            writer.write_event(&EventHeader::new(time, 0, 8), &time.to_le_bytes()).unwrap();
        }
        writer.close().unwrap();
        let reader = LogReader::open(folder.path()).unwrap();
        let mut sum = Sum(0);
        let mut dispatcher = EventDispatcher::new();
        dispatcher.add_required(&mut sum);
        let drained = dispatcher.drain(&mut reader.source()).unwrap();
        assert_eq!(drained, 20_000 * 24);
        drop(dispatcher);
        assert_eq!(sum.0, (0..20_000_u64).sum::<u64>());
    }
}
