//! From a source of events to everything that consumes them. Which type for which task:
//!
//! | task | use |
//! |---|---|
//! | handle events | implement [`EventConsumer`]; a log is one: [`LogWriter`](crate::storage::LogWriter) |
//! | hand each event to several consumers, at the speed of each | [`EventDispatcher`] |
//! | know how far each consumer is, and what it refused | [`ConsumerStatistics`] |
//! | drain something else than a ring or a log | implement [`EventSource`]; a log that is read once more: [`ReplaySource`] |

mod dispatcher;
mod replay_source;
mod source;
mod statistics;

pub use dispatcher::{DrainError, Drained, EventDispatcher};
pub use replay_source::ReplaySource;
pub use ringlog_nostd::{EventConsumer, Run};
pub use source::{EventSource, SourceError, SourceId};
pub use statistics::ConsumerStatistics;
