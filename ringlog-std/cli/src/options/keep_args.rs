//! The options of the commands that keep a log and its programs in order.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

use crate::options::log_args::RetentionArgs;
use crate::values;

/// Arguments of `ringlog cursors`.
#[derive(Args, Clone, Debug)]
pub(crate) struct CursorsArgs {
    /// Folder of a log
    pub(crate) log: PathBuf,
    /// Delete this cursor, also a damaged one: its next reader starts at the oldest event
    #[arg(long, value_name = "NAME")]
    pub(crate) delete: Vec<String>,
    /// Set this cursor to a sequence, which its reader gets next; made if it is missing
    #[arg(long, value_name = "NAME=SEQUENCE", value_parser = values::cursor_position)]
    pub(crate) set: Vec<(String, u64)>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `ringlog prune`.
#[derive(Args, Clone, Debug)]
pub(crate) struct PruneArgs {
    /// Folder of a log
    pub(crate) log: PathBuf,
    #[command(flatten)]
    pub(crate) keep: RetentionArgs,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `ringlog doctor`.
#[derive(Args, Clone, Debug)]
pub(crate) struct DoctorArgs {
    /// Folder of a log, or where one will be
    #[arg(default_value = ".")]
    pub(crate) folder: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `ringlog completions`.
#[derive(Args, Clone, Debug)]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: Shell,
}

/// Arguments of `ringlog man`.
#[derive(Args, Clone, Debug)]
pub(crate) struct ManArgs {
    /// Folder of the pages, such as ~/.local/share/man/man1; created if it is missing
    pub(crate) folder: PathBuf,
}
