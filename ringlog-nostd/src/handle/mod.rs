//! What a user holds of a ring: [`Producer`](producer::Producer), [`Consumer`](consumer::Consumer) and what they lend.
//!
//! Each handle is safe to call and owns its end of the ring; a claim, a batch or an event borrows it. `ring` makes
//! the handles. They know `protocol` and `format`, never where the memory comes from.

pub(crate) mod batch;
pub(crate) mod claim;
pub(crate) mod consumer;
pub(crate) mod lossy;
pub(crate) mod producer;
pub(crate) mod publisher;
