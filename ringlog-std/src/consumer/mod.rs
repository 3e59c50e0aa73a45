//! From a source of events to everything that consumes them. Which type for which task:
//!
//! | task | use |
//! |---|---|
//! | handle events | implement [`EventConsumer`]; a log is one: [`LogWriter`](crate::storage::LogWriter) |
//! | hand each event to several consumers, at the speed of each | [`EventDispatcher`] |
//! | know how far each consumer is, and what it refused | [`ConsumerStatistics`] |
//! | give a log's events to consumers once more | [`LogReader::source`](crate::storage::LogReader::source) |
//! | drain something else than a ring or a log | implement [`EventSource`] |

mod dispatcher;
mod replay_source;
mod source;
mod statistics;

pub(crate) use dispatcher::Changes;
pub use dispatcher::EventDispatcher;
pub use ringlog_nostd::{EventConsumer, Run};
pub use source::{DrainError, EventSource};
pub use statistics::ConsumerStatistics;
