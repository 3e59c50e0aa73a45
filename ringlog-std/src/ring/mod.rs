//! Rings: on the heap for one thread, on the heap to be split between two threads, and in a file between two
//! processes.
//!
//! The algorithm and the handles are those of `ringlog-nostd`. This folder has only where the memory comes from, and
//! how to wait. Which type for which task:
//!
//! | task | use |
//! |---|---|
//! | one thread writes and reads | [`RingBuffer`] |
//! | one thread writes, another one reads | [`SpscRingBuffer`], split into [`Producer`] and [`Consumer`] |
//! | the same, and the reader sleeps while there is nothing | [`SpscRingBuffer::split_notify`] |
//! | the same, and a task of any executor awaits the events | `SpscRingBuffer::split_async` (feature `async`) |
//! | two processes | [`SharedRing`], for a [`Producer`] in one and a [`Consumer`] in the other |
//! | lose events instead of waiting for a full ring, and have them counted | [`LossyProducer`], from `lossy()` of a producer |
//! | fill a payload in place | [`Claim`]; publish several events at once: [`Batch`] |
//! | the caller's memory | `Ring` and `StaticRing` of `ringlog-nostd` |

mod after_close;
#[cfg(feature = "async")]
mod awaited;
mod ends;
mod heap;
mod notify;
mod ring_buffer;
pub(crate) mod ring_file;
pub(crate) mod role;
mod schema_file;
pub(crate) mod shared;
mod shared_draft;
mod shared_error;
mod shared_memory;
mod spsc;

pub use crate::wait::Idle;
pub(crate) use crate::wait::Waiter;
pub(crate) use after_close::AfterClose;
#[cfg(feature = "async")]
pub use awaited::{AsyncConsumer, AsyncProducer};
pub use ends::{Consumer, LossyProducer, Producer};
pub use heap::NewRingError;
pub use notify::{NotifyConsumer, NotifyProducer};
pub use ring_buffer::RingBuffer;
pub(crate) use ringlog_nostd::SkipError;
pub use ringlog_nostd::{Batch, Claim, Delivery, Lent, Loss, RingError, RingFault, RingOptions, WriteError};
pub(crate) use role::RoleLock;
pub use shared::SharedRing;
pub(crate) use shared::{identity_after, new_identity};
pub use shared_error::{Role, SharedRingError};
pub use spsc::SpscRingBuffer;
pub(crate) use spsc::watched_ends;
