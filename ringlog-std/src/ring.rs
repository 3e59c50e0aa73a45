//! Rings on the heap: one for both ends in one hand, one to be split between two threads.
//!
//! The algorithm and the handles are those of `ringlog-nostd`; here is only where the memory comes from,
//! and how to wait.

mod heap;
mod idle;
mod notify;
mod ring_buffer;
mod spsc;

pub use heap::{HeapMemory, NewRingError};
pub use idle::Idle;
pub(crate) use idle::Waiter;
pub use notify::{NotifyConsumer, NotifyProducer, notify_pair};
pub use ring_buffer::RingBuffer;
pub use ringlog_nostd::{
    Batch, Claim, Delivery, Loss, Ring, RingError, RingFault, RingOptions, StaticRing, WriteError,
};
pub use spsc::{Consumer, LossyProducer, Producer, SpscRingBuffer};
