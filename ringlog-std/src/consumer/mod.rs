//! From a source of events to everything that consumes them.

mod dispatcher;
mod replay_source;
mod source;
mod statistics;

pub use dispatcher::{DrainError, Drained, EventDispatcher};
pub use replay_source::ReplaySource;
pub use ringlog_nostd::{EventConsumer, Run};
pub use source::{EventSource, SourceError, SourceId};
pub use statistics::ConsumerStatistics;
