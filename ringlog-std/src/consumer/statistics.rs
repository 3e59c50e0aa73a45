//! What a dispatcher counts for a consumer.
#![forbid(unsafe_code)]

/// Counts of one consumer, over all sources: see
/// [`EventDispatcher::statistics`](crate::consumer::EventDispatcher::statistics).
///
/// ```
/// # use ringlog::{consumer::{EventConsumer, EventDispatcher}, event::EventHeader, ring::RingBuffer};
/// # struct Counter;
/// # impl EventConsumer for Counter {
/// #     fn consume(&mut self, _: &EventHeader, _: &[u8]) -> bool { true }
/// #     fn name(&self) -> &str { "counter" }
/// # }
/// # let mut ring = RingBuffer::new(1024);
/// # ring.write_event(&EventHeader::new(1, 2, 3), b"abc")?;
/// let mut dispatcher = EventDispatcher::new();
/// dispatcher.add_required(Counter).drain(&mut ring)?;
/// let counts = &dispatcher.statistics()[0];
/// assert_eq!((counts.name.as_str(), counts.required, counts.failed), ("counter", true, false));
/// assert_eq!((counts.events, counts.bytes, counts.refused), (1, 24, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
    /// Offers that it refused. An optional consumer missed these events.
    pub refused: u64,
    /// Whether it panicked and is no longer called.
    pub failed: bool,
}
