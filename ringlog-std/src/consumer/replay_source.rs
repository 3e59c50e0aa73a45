//! A log as a source for a dispatcher.
#![forbid(unsafe_code)]

use super::source::{DrainError, EventSource};
use crate::storage::{LogReader, MmapReader, ReadError, SchemaList, SegmentSchemas};
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
    /// Returns the events of the log as a source for a dispatcher, from the first one on. The consumers get the descriptions
    /// of each segment too, so a copy of the log has them.
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
    /// Whole records that were not released yet. The same descriptions are in force for all of them.
    window: Vec<u8>,
    /// What describes them.
    schemas: SchemaList,
    /// An event after the window that something else describes.
    next: Option<Event<'a>>,
    /// An error after the window. It is reported once the window is released.
    error: Option<ReadError>,
}

impl<'a> ReplaySource<'a> {
    fn new(events: Box<dyn Iterator<Item = Result<Event<'a>, ReadError>> + 'a>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        // ORDERING: Relaxed. All that matters is that no two sources get the same number.
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { id, events, window: Vec::new(), schemas: SchemaList::new(), next: None, error: None }
    }

    fn fill(&mut self, wanted: usize) {
        if self.window.is_empty()
            && let Some(event) = self.next.take()
        {
            self.schemas = schemas_of(&event).clone();
            self.push(&event);
        }
        while self.window.len() < wanted && self.error.is_none() && self.next.is_none() {
            match self.events.next() {
                Some(Ok(event)) if *schemas_of(&event) == self.schemas => self.push(&event),
                Some(Ok(event)) if self.window.is_empty() => {
                    self.schemas = schemas_of(&event).clone();
                    self.push(&event);
                }
                Some(Ok(event)) => self.next = Some(event),
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

fn schemas_of<'a>(event: &Event<'a>) -> &'a SchemaList {
    static NONE: SchemaList = SchemaList::new();
    SegmentSchemas::of(event).map_or(&NONE, SegmentSchemas::list)
}

impl EventSource for ReplaySource<'_> {
    fn id(&self) -> u64 {
        self.id
    }

    fn schemas(&mut self, skip_bytes: usize) -> Option<&SchemaList> {
        self.fill(skip_bytes.saturating_add(WINDOW_BYTES));
        Some(&self.schemas)
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
    use ringlog_nostd::format::MetaTopic;

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

    /// Takes every third event at the first offer only.
    struct Reluctant<'a>(&'a mut LogWriter, u64);

    impl EventConsumer for Reluctant<'_> {
        fn consume(&mut self, header: &EventHeader, payload: &[u8]) -> bool {
            self.1 += 1;
            !self.1.is_multiple_of(3) && self.0.consume(header, payload)
        }

        fn name(&self) -> &str {
            "reluctant"
        }

        fn meta(&mut self, topic: MetaTopic, json: &[u8]) {
            EventConsumer::meta(self.0, topic, json);
        }
    }

    #[test]
    fn a_copy_by_a_dispatcher_has_the_descriptions_that_each_event_had() {
        let folder = tempfile::tempdir().unwrap();
        let list = |types: &[(u8, &str)]| {
            let mut list = SchemaList::new();
            for (event_type, json) in types {
                list.insert(MetaTopic::EventType(*event_type), json.as_bytes()).unwrap();
            }
            list
        };
        let lists = [
            list(&[]),
            list(&[(1, "one"), (2, "two")]),
            list(&[(1, "another one")]),
            list(&[]),
            list(&[(1, "one"), (2, "two")]),
        ];
        let log = folder.path().join("log");
        for (run, list) in (0_u64..).zip(&lists) {
            let mut writer = LogWriter::options().schemas(list.clone()).open(&log).unwrap();
            for time in 10 * run..10 * (run + 1) {
                writer.write_event(&EventHeader::new(time, 1, 8), &time.to_le_bytes()).unwrap();
            }
            writer.close().unwrap();
        }
        let reader = LogReader::open(&log).unwrap();
        for is_reluctant in [false, true] {
            let copy = folder.path().join(is_reluctant.to_string());
            let mut writer = LogWriter::open(&copy).unwrap();
            let (mut source, mut drained) = (reader.source(), 0);
            let mut dispatcher = EventDispatcher::new();
            if is_reluctant {
                dispatcher.add_required(Reluctant(&mut writer, 0));
            } else {
                dispatcher.add_required(&mut writer);
            }
            dispatcher.add_consumer(Sum(0));
            while drained < 50 * 24 {
                drained += dispatcher.drain(&mut source).unwrap();
            }
            assert_eq!(dispatcher.statistics()[1].events, 50);
            drop(dispatcher);
            writer.close().unwrap();
            let copied = LogReader::open(&copy).unwrap();
            let found: Vec<_> = copied.events().map(Result::unwrap).collect();
            assert_eq!(found.len(), 50);
            for (time, event) in (0_usize..).zip(&found) {
                assert_eq!(schemas_of(event), &lists[time / 10], "event {time}, {is_reluctant}");
            }
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
