//! What takes the events of a ring's consumer.
//!
//! [`EventConsumer`](event_consumer::EventConsumer) is the trait. [`ConsumerList`](consumer_list::ConsumerList) passes
//! each event to several consumers. `StreamSink` writes a log file to anything that takes bytes, and `FramedSink` frames,
//! for a wire that loses some. This folder uses only the public handles of a ring.

pub(crate) mod consumer_list;
pub(crate) mod event_consumer;
#[cfg(feature = "embedded-io-async")]
pub(crate) mod framed_async;
#[cfg(feature = "embedded-io")]
pub(crate) mod framed_sink;
#[cfg(feature = "embedded-io")]
pub(crate) mod framing;
#[cfg(feature = "embedded-io")]
pub(crate) mod stream_sink;
