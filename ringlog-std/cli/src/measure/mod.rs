//! What `stress` measures besides the log itself: the limits, and where the time of the threads goes; `report` prints it.

pub(crate) mod bound;
pub(crate) mod events;
pub(crate) mod limits;
pub(crate) mod over_time;
pub(crate) mod pinning;
pub(crate) mod recorder_time;
pub(crate) mod report;
pub(crate) mod scratch;
