//! Event log for code that cannot wait.

pub mod clock;
pub mod consumer;
pub mod event;
pub mod recorder;
pub mod ring;
pub mod storage;

#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
