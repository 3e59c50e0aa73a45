//! From a source of events to everything that wants them.

mod dispatcher;
mod replay_source;
mod source;
mod statistics;

pub use self::dispatcher::{DrainError, Drained, EventDispatcher};
pub use self::replay_source::ReplaySource;
pub use self::source::{EventSource, SourceError, SourceId};
pub use self::statistics::ConsumerStatistics;
pub use ringlog_nostd::{EventConsumer, Run};
