//! What takes the events that a consumer reads.
//!
//! [`EventConsumer`](event_consumer::EventConsumer) is the trait, [`ConsumerList`](consumer_list::ConsumerList) hands
//! each event to several, and `StreamSink` writes a log file to anything that takes bytes. Nothing here knows how a
//! ring works; it sees the public handles only.

pub(crate) mod consumer_list;
pub(crate) mod event_consumer;
#[cfg(feature = "embedded-io")]
pub(crate) mod stream_sink;
