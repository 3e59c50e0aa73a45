//! Ring, dispatcher and log on a thread of their own.
#![forbid(unsafe_code)]

mod builder;
mod error;
mod handle;
mod late;
mod resume;
mod skipped;
mod work;

pub use self::builder::RecorderBuilder;
pub use self::error::RecorderError;
pub use self::handle::Recorder;
pub use self::resume::ResumeError;
pub use self::skipped::SkippedRing;
