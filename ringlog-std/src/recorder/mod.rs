//! Ring, dispatcher and log on a separate thread.
#![forbid(unsafe_code)]

mod builder;
mod error;
mod handle;
mod late;
mod resume;
mod skipped;
mod work;

pub use builder::RecorderBuilder;
pub use error::RecorderError;
pub use handle::Recorder;
pub use skipped::SkippedRing;
