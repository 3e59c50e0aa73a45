//! Many producers, one log: a ring for each producer, a pool of rings, and the thread that drains them all.

pub(super) mod error;
pub(super) mod group;
mod kept;
pub(super) mod merge;
pub(super) mod order;
pub(super) mod pooled;
pub(super) mod producers;
pub(super) mod rings;
#[cfg(all(test, ringlog_shuttle))]
mod schedules;
pub(super) mod work;
