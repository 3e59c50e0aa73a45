//! Wakes a task that awaits the events of a ring.
//!
//! The producer and the consumer here wrap those of `handle`, and share an [`AsyncSignal`](signal::AsyncSignal). The
//! plain ends know nothing of it: they stay loads and stores.

pub(crate) mod async_consumer;
pub(crate) mod async_producer;
pub(crate) mod connect;
pub(crate) mod signal;
