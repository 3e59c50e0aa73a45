//! What a user holds of a ring: [`Producer`](producer::Producer), [`Consumer`](consumer::Consumer) and what they lend.
//!
//! Each handle is safe to call and owns its end of the ring. A claim, a batch or an event borrows the handle. `ring`
//! makes the handles. They use `protocol` and `format`, and do not know where the memory comes from.

pub(crate) mod batch;
pub(crate) mod claim;
pub(crate) mod consumer;
pub(crate) mod foreign;
pub(crate) mod lent;
pub(crate) mod lossy;
pub(crate) mod producer;
pub(crate) mod publisher;
#[cfg(feature = "macros")]
pub(crate) mod typed;
