//! Ring, dispatcher and log on a separate thread.
#![forbid(unsafe_code)]

mod builder;
mod counts;
mod descriptions;
mod error;
#[cfg(feature = "log")]
mod flush;
mod follow;
mod handle;
mod late;
mod many;
mod metrics;
#[cfg(feature = "prometheus")]
pub(crate) mod prometheus;
mod registrations;
mod resume;
mod schema_problem;
mod skipped;
mod work;

pub use builder::RecorderBuilder;
pub use counts::{RecorderCounts, RingFill};
pub use error::RecorderError;
#[cfg(feature = "log")]
pub(crate) use flush::Flusher;
pub use follow::{FollowError, Follower, FollowerCounts};
pub use handle::Recorder;
pub use many::error::ProducersError;
pub use many::order::Order;
pub use many::pooled::{LossyPooledProducer, Pooled, PooledProducer, ProducerKind};
pub use many::producers::Producers;
pub use metrics::{RecorderMetrics, RecorderMonitor};
pub use schema_problem::{SchemaProblem, SchemaWatch};
pub use skipped::SkippedRing;
