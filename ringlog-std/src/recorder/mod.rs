//! Ring, dispatcher and log on a separate thread.
#![forbid(unsafe_code)]

mod builder;
mod descriptions;
mod error;
mod handle;
mod late;
mod registrations;
mod resume;
mod schema_problem;
mod skipped;
mod work;

pub use builder::RecorderBuilder;
pub use error::RecorderError;
pub use handle::Recorder;
pub use schema_problem::{SchemaProblem, SchemaWatch};
pub use skipped::SkippedRing;
