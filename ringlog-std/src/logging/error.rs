//! Why a log takes no messages.
#![forbid(unsafe_code)]

use crate::recorder::{ProducersError, RecorderError};
use crate::storage::SchemaTooLong;

/// Why a [`Sink`](crate::logging::Sink) could not be opened.
///
/// ```
/// use ringlog::logging::{Sink, SinkError, MessageTypes};
/// # let folder = tempfile::tempdir()?;
///
/// let types = MessageTypes { span_closed: 252, ..MessageTypes::default() };
/// let error = Sink::builder().types(types).open(folder.path()).unwrap_err();
/// assert!(matches!(error, SinkError::SameType { event_type: 252 }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// The recorder could not start.
    #[error(transparent)]
    Recorder(#[from] RecorderError),
    /// There is no ring for the panic hook.
    #[error(transparent)]
    Producers(#[from] ProducersError),
    /// The program describes other events of this type.
    #[error(
        "event type {event_type} is one of the log messages' and also one of the program's events; choose another one by \
         `SinkBuilder::types`, or give the event another type"
    )]
    TypeTaken {
        /// The type.
        event_type: u8,
    },
    /// Two kinds of messages have the same type.
    #[error(
        "event type {event_type} is that of two kinds of log messages; choose three by `SinkBuilder::types`"
    )]
    SameType {
        /// The type.
        event_type: u8,
    },
    /// The rings take only short payloads.
    #[error(
        "the rings take payloads of {max_payload} bytes, a log message needs up to 128; raise `RecorderBuilder::max_payload`"
    )]
    Payload {
        /// The longest payload in bytes.
        max_payload: usize,
    },
    /// A description is too long.
    #[error(transparent)]
    Schema(#[from] SchemaTooLong),
}
