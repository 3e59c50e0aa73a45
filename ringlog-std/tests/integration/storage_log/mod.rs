//! Logs as folders of segments: writing, rolling, recovery, and both ways of reading.

mod damage;
mod ending;
mod files;
mod maintenance;
mod recovery;
mod refusals;
pub(crate) mod support;
mod workers;
mod writing;
