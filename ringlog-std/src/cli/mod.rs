//! The programs `ringlog` and `stress`.
#![forbid(unsafe_code)]

mod args;
mod commands;
mod config;
mod error;
mod feed;
mod import;
mod input;
mod last;
mod limit;
mod log_args;
mod merged;
mod output;
mod pace;
mod print;
mod pump;
mod recording;
mod replay_target;
mod retention_watch;
mod ring_service;
mod scratch;
mod session;
mod signals;
mod source;
mod status;
mod survey;
mod tally;
mod text;
mod values;

use std::process::ExitCode;

use clap::Parser;

use args::{Command, RinglogArgs, StressArgs};
use error::{CliError, Outcome};

/// The program `ringlog`.
#[must_use]
pub fn ringlog() -> ExitCode {
    match started(RinglogArgs::try_parse()).and_then(run) {
        Ok(outcome) => outcome.into(),
        Err(error) => error.report("ringlog"),
    }
}

/// The program `stress`.
#[must_use]
pub fn stress() -> ExitCode {
    match started(StressArgs::try_parse()).and_then(commands::stress::run) {
        Ok(outcome) => outcome.into(),
        Err(error) => error.report("stress"),
    }
}

fn started<A>(args: Result<A, clap::Error>) -> Result<A, CliError> {
    signals::survive_file_size_limit().map_err(CliError::Signals)?;
    args.map_err(CliError::from)
}

fn run(args: RinglogArgs) -> Result<Outcome, CliError> {
    match args.command.unwrap_or(Command::Serve(args.serve)) {
        Command::Serve(args) => commands::serve::run(args),
        Command::Import(args) => commands::import::run(args),
        Command::Cat(args) => commands::cat::run(&args),
        Command::Tail(args) => commands::tail::run(&args),
        Command::Replay(args) => commands::replay::run(&args),
        Command::Info(args) => commands::info::run(&args),
        Command::Verify(args) => commands::verify::run(&args),
        Command::Salvage(args) => commands::salvage::run(&args),
        Command::RecoverImage(args) => commands::recover_image::run(&args),
    }
}
