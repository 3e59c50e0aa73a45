//! What a shipper asks of the place that a log is shipped to.
#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use crate::ship::header::RunHeader;

/// A number of the target's for each message, from 1 without holes.
pub(crate) type Position = u64;

/// Bytes with their header.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Run {
    pub(crate) header: RunHeader,
    /// Whole records.
    pub(crate) bytes: Vec<u8>,
}

/// The end of what is stored, as the one who decides it says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct End {
    /// When the target was made, in its words: another value means another target.
    pub(crate) created: String,
    /// Position of the last message that was ever stored; 0 for none.
    pub(crate) position: Position,
    /// The last message, if it is still there.
    pub(crate) last: Option<Last>,
}

/// The last message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Last {
    Run(Run),
    /// It has no header of ours, or one that cannot be read: what it has in its place.
    Foreign(String),
}

/// How storing a run ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// It is stored at this position.
    Stored(Position),
    /// The last message is another one than expected.
    Refused,
    /// It may be stored later: why not now.
    Busy(String),
    /// It will never be stored: why.
    Never(String),
}

/// Why the target did not answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Silence {
    /// It cannot be reached now: what is waited for.
    Away(String),
    /// It will not work without a change: what is wrong, and what to do.
    Wrong(String),
}

/// Stores runs one after another, each only if the one before is the last.
///
/// JetStream is one; a store of objects with create-if-absent could be another.
pub(crate) trait Target {
    /// Returns the end of what is stored, from the one replica that decides.
    fn last(&mut self) -> Result<End, Silence>;

    /// Begins to store a run after the message at `after`. The number `token` comes back with the outcome.
    fn put(&mut self, token: u64, run: &Run, after: Position) -> Result<(), Silence>;

    /// Waits for the next outcome, of any run; `None` if none came in this time.
    fn outcome(&mut self, wait: Duration) -> Result<Option<(u64, Outcome)>, Silence>;

    /// Returns how often the connection was made: what was sent over an earlier one may be lost.
    fn connections(&self) -> u64;

    /// Returns the time, which tests make up.
    fn now(&self) -> Instant;
}
