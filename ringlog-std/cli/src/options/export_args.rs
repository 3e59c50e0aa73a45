//! The command line of `ringlog export`.
#![forbid(unsafe_code)]

use std::num::NonZero;
use std::path::PathBuf;

use clap::Args;

use crate::export::ExportFormat;
use crate::options::filter_args::FilterArgs;

/// Arguments of `ringlog export`.
#[derive(Args, Clone, Debug)]
pub(crate) struct ExportArgs {
    /// A log: a folder or one file
    pub(crate) log: PathBuf,
    /// Format of the output
    #[arg(long, value_enum)]
    pub(crate) to: ExportFormat,
    /// File to write; for tables, the ending of the format means one file, with --type, and any other name a folder
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Replace what is there
    #[arg(long)]
    pub(crate) force: bool,
    /// Parquet, Arrow: threads that encode; the order does not change [default: one for each processor]
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<NonZero<usize>>,
    /// Print a line of counts every 2 seconds even if standard error is no terminal
    #[arg(long)]
    pub(crate) progress: bool,
}
