//! The command line of `ringlog top`.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::options::filter_args::FilterArgs;
use crate::values;

/// A look at a log takes time: more often than this makes no sense.
const SHORTEST: Duration = Duration::from_millis(100);

/// Arguments of `ringlog top`.
#[derive(Args, Clone, Debug)]
pub(crate) struct TopArgs {
    /// A log, a folder or one file, or the file of a shared ring
    #[arg(value_name = "LOG|RING")]
    pub(crate) target: PathBuf,
    /// With a log: also show this shared ring, such as the one from which it is recorded
    #[arg(long, value_name = "FILE")]
    pub(crate) ring: Option<PathBuf>,
    /// Time between two looks, at least 100ms
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = interval)]
    pub(crate) interval: Duration,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}

fn interval(text: &str) -> Result<Duration, String> {
    match values::duration(text)? {
        interval if interval < SHORTEST => Err("expected 100ms or more".into()),
        interval => Ok(interval),
    }
}
