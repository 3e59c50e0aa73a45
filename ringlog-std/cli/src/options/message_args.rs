//! The options for a service's own messages.

use std::path::PathBuf;

use clap::Args;
use log::LevelFilter;

use crate::error::CliError;
use crate::terminal::messages::Output;
use crate::values;

/// The variable that has the level where no option does. Only `serve` reads it. An empty one is as none.
const VARIABLE: &str = "RINGLOG_LOG";

/// Where messages go, and which.
#[derive(Args, Clone, Debug)]
pub(crate) struct MessageArgs {
    /// Append the messages of this program to a file instead of writing them to standard error
    #[arg(long, value_name = "FILE")]
    pub(crate) log_file: Option<PathBuf>,
    /// Which messages there are: error, warn, info, debug or trace, each with those before it, or off
    /// [default: that of RINGLOG_LOG, or info]
    #[arg(long, value_name = "LEVEL", value_parser = values::level)]
    pub(crate) log_level: Option<LevelFilter>,
    /// Say warnings and errors only, and print no summary unless --json asks for it
    #[arg(long, conflicts_with = "progress")]
    pub(crate) quiet: bool,
}

impl MessageArgs {
    /// Sends messages where the options say.
    pub(crate) fn start(&self) -> Result<(), CliError> {
        let quiet = self.quiet.then_some(LevelFilter::Warn);
        let level = self.log_level.or(quiet).map_or_else(level_of_variable, Ok)?;
        Output::of_service(self.log_file.as_deref())?.start(level);
        Ok(())
    }
}

fn level_of_variable() -> Result<LevelFilter, CliError> {
    let word = std::env::var_os(VARIABLE).filter(|word| !word.is_empty());
    let Some(word) = word else { return Ok(LevelFilter::Info) };
    let word = word.to_string_lossy();
    values::level(&word).map_err(|expected| {
        CliError::Usage(format!("{VARIABLE}={word}: {expected}; correct the variable, or give --log-level"))
    })
}
