//! Rings: on the heap for both ends in one hand, on the heap to be split between two threads, and in a file
//! between two processes.
//!
//! The algorithm and the handles are those of `ringlog-nostd`; here is only where the memory comes from,
//! and how to wait.

mod after_close;
mod heap;
mod notify;
mod ring_buffer;
mod role;
mod shared;
mod shared_draft;
mod shared_error;
mod shared_memory;
mod spsc;

pub(crate) use self::after_close::AfterClose;
pub use self::heap::{Consumer, HeapKeeper, LossyProducer, NewRingError, Producer};
pub use self::notify::{NotifyConsumer, NotifyProducer, notify_pair};
pub use self::ring_buffer::RingBuffer;
pub use self::role::RoleLock;
pub use self::shared::SharedRing;
pub(crate) use self::shared::{identity_after, new_identity};
pub use self::shared_error::{Role, SharedRingError};
pub use self::shared_memory::{SharedConsumer, SharedKeeper, SharedLossyProducer, SharedProducer};
pub use self::spsc::SpscRingBuffer;
pub(crate) use self::spsc::watched_ends;
pub use crate::wait::Idle;
pub(crate) use crate::wait::Waiter;
pub use ringlog_nostd::{
    Batch, Claim, Delivery, Loss, Ring, RingError, RingFault, RingOptions, SkipError, StaticRing, WriteError,
};
