//! What a dispatcher knows of a consumer.
#![forbid(unsafe_code)]

/// Counts of one consumer, over all sources.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct ConsumerStatistics {
    /// Its name.
    pub name: String,
    /// Whether sources keep events until it has taken them.
    pub required: bool,
    /// Records that it accepted.
    pub events: u64,
    /// Bytes of those records, headers and padding included.
    pub bytes: u64,
    /// Offers that it refused: for an optional consumer, events that it missed.
    pub refused: u64,
    /// Whether it panicked, and is not called any more.
    pub failed: bool,
}
