//! Options of a log that takes messages.
#![forbid(unsafe_code)]

use std::path::Path;

use super::error::SinkError;
use super::guard::Guard;
use super::message_types::MessageTypes;
use super::sink::Sink;
use crate::recorder::{Recorder, RecorderBuilder};

/// Options of a [`Sink`].
///
/// ```
/// use ringlog::logging::{Sink, MessageTypes};
/// use ringlog::recorder::Recorder;
/// # let folder = tempfile::tempdir()?;
///
/// let (sink, guard) = Sink::builder()
///     .recorder(Recorder::builder().max_producers(16))
///     .types(MessageTypes { record: 10, span_opened: 11, span_closed: 12 })
///     .open(folder.path())?;
/// # guard.finish()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SinkBuilder {
    recorder: RecorderBuilder,
    types: MessageTypes,
}

impl Sink {
    /// Opens the log in the folder `log`, with the defaults of [`builder`](Self::builder).
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// let (sink, guard) = ringlog::logging::Sink::open(folder.path())?;
    /// assert_eq!(sink.dropped(), 0);
    /// guard.finish()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`SinkBuilder::open`].
    pub fn open(log: impl AsRef<Path>) -> Result<(Self, Guard), SinkError> {
        Self::builder().open(log)
    }

    /// Returns the default options: those of [`Recorder::builder`](crate::recorder::Recorder::builder), and types from 252 on.
    ///
    /// ```
    /// use ringlog::{logging::Sink, recorder::Recorder};
    /// # let folder = tempfile::tempdir()?;
    ///
    /// let recorder = Recorder::builder().ring_bytes(1 << 20);
    /// let (sink, guard) = Sink::builder().recorder(recorder).open(folder.path())?;
    /// # guard.finish()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn builder() -> SinkBuilder {
        SinkBuilder::new()
    }
}

impl SinkBuilder {
    pub(super) fn new() -> Self {
        Self { recorder: Recorder::builder(), types: MessageTypes::default() }
    }

    /// Sets the options of the recorder and its log: sizes, retention, events of the program beside its messages. The
    /// ring for panics and for threads without a ring is one more than [`max_producers`](RecorderBuilder::max_producers).
    ///
    /// ```
    /// use ringlog::{logging::Sink, recorder::Recorder, storage::LogWriter};
    /// # let folder = tempfile::tempdir()?;
    ///
    /// let recorder = Recorder::builder().log(LogWriter::options().segment_bytes(1 << 20));
    /// let (sink, guard) = Sink::builder().recorder(recorder).open(folder.path())?;
    /// # guard.finish()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn recorder(mut self, recorder: RecorderBuilder) -> Self {
        self.recorder = recorder;
        self
    }

    /// Sets the types of the events that messages become.
    ///
    /// ```
    /// use ringlog::logging::{Sink, MessageTypes};
    /// # let folder = tempfile::tempdir()?;
    ///
    /// let types = MessageTypes { record: 10, span_opened: 11, span_closed: 12 };
    /// let (sink, guard) = Sink::builder().types(types).open(folder.path())?;
    /// assert_eq!(sink.types(), types);
    /// # guard.finish()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn types(mut self, types: MessageTypes) -> Self {
        self.types = types;
        self
    }

    /// Opens the log in the folder `log`, and starts its recorder.
    ///
    /// ```
    /// use ringlog::event::MetaTopic;
    /// use ringlog::{logging::{Sink, SinkError}, recorder::Recorder, storage::SchemaList};
    /// # let folder = tempfile::tempdir()?;
    ///
    /// let mut schemas = SchemaList::new();
    /// schemas.insert(MetaTopic::EventType(252), &br#"{"type":252,"name":"order","size":0,"fields":[]}"#[..])?;
    /// let recorder = Recorder::builder().schemas(schemas);
    /// let error = Sink::builder().recorder(recorder).open(folder.path()).unwrap_err();
    /// assert!(matches!(error, SinkError::TypeTaken { event_type: 252 }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SinkError::TypeTaken`] if the recorder's options describe an event of one of these [types](Self::types),
    /// [`SinkError::SameType`] if two of them are equal, [`SinkError::Payload`] if the rings take less than 128 bytes,
    /// [`SinkError::Recorder`] if the log cannot be opened or the recorder cannot start.
    pub fn open(self, log: impl AsRef<Path>) -> Result<(Sink, Guard), SinkError> {
        let descriptions = self.types.descriptions(|event_type| self.recorder.is_described(event_type))?;
        let (producers, recorder) =
            self.recorder.schemas(descriptions).with_spare_producer().start_many(log)?;
        let sink = Sink::new(producers, self.types, &recorder)?;
        Ok((sink.clone(), Guard::new(recorder, sink)))
    }
}
