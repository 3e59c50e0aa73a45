//! Command lines of what keeps logs: backups, and the parts of a log.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::moment::{Moment, moment};
use crate::values;

/// Arguments of `ringlog backup`.
#[derive(Args, Clone, Debug)]
pub(crate) struct BackupArgs {
    /// Folder of a log, also of one at work: then all that is on its disk is copied
    pub(crate) log: PathBuf,
    /// Folder of the backup; created if it is missing, brought up to date if it holds one of this log
    pub(crate) dest: PathBuf,
    /// Give finished files a second name instead of copying them, where both are on one file system
    #[arg(long, conflicts_with = "zstd")]
    pub(crate) link: bool,
    /// Delete from the backup what the log does not have any more
    #[arg(long)]
    pub(crate) mirror: bool,
    /// Compress each file; all commands that read logs read such a backup
    #[arg(long)]
    pub(crate) zstd: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `ringlog restore`.
#[derive(Args, Clone, Debug)]
pub(crate) struct RestoreArgs {
    /// Folder of a backup
    pub(crate) backup: PathBuf,
    /// Folder of the log; must be empty or missing
    pub(crate) dest: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `ringlog split`.
#[derive(Args, Clone, Debug)]
pub(crate) struct SplitArgs {
    /// Folder of a log; it is not changed
    pub(crate) log: PathBuf,
    /// Folder of the new logs; must be empty or missing
    #[arg(long, value_name = "FOLDER")]
    pub(crate) to: PathBuf,
    #[command(flatten)]
    pub(crate) cuts: CutArgs,
    /// Read times without a zone as UTC
    #[arg(long)]
    pub(crate) utc: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where `ringlog split` cuts.
#[derive(Args, Clone, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct CutArgs {
    /// Begin a log with each of these stretches of time, counted from 1970 in UTC
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub(crate) every: Option<Duration>,
    /// Begin a log at this time; repeat it for more than two logs
    #[arg(long, value_name = "TIME", value_parser = moment, allow_hyphen_values = true)]
    pub(crate) at: Vec<Moment>,
}
