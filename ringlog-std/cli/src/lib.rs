//! The programs `ringlog` and `stress`.
#![forbid(unsafe_code)]

mod commands;
pub(crate) mod descriptions;
#[cfg(test)]
#[path = "../../tests/integration/dice.rs"]
mod dice;
mod doctor;
mod error;
mod export;
mod feed;
mod image;
mod import;
mod input;
#[cfg(test)]
#[path = "../../tests/integration/many_segments.rs"]
mod many_segments;
pub(crate) mod measure;
mod moment;
pub(crate) mod options;
mod output;
pub(crate) mod read;
pub(crate) mod record;
mod report;
mod service;
pub(crate) mod terminal;
#[cfg(feature = "top")]
mod top;
mod unreadable;
mod values;
mod wire;

use std::borrow::Cow;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser};
use error::{CliError, Outcome};
use log::LevelFilter;
use options::args::{Command, RinglogArgs, StressArgs};
use options::config::ServeConfig;
use options::config_file;
use options::given_file::explained;
use options::overview::with_overview;
use options::standard;

use terminal::messages::Output;
use terminal::print::{eprint, print};
use terminal::words::printable_lines;

/// Runs the program `ringlog`.
#[must_use]
pub fn ringlog() -> ExitCode {
    let args = started().and_then(|()| ringlog_args());
    match args.and_then(|args| args.map_or(Ok(Outcome::Clean), run)) {
        Ok(outcome) => outcome.into(),
        Err(error) => error.report("ringlog"),
    }
}

/// Runs the program `stress`.
#[must_use]
pub fn stress() -> ExitCode {
    Output::Plain.start(LevelFilter::Info);
    match started().and_then(|()| Ok(StressArgs::try_parse()?)).and_then(commands::stress::run) {
        Ok(outcome) => outcome.into(),
        Err(error) => error.report("stress"),
    }
}

fn started() -> Result<(), CliError> {
    terminal::signals::survive_file_size_limit().map_err(CliError::Signals)
}

/// Returns what was asked for; nothing if that was to print it.
fn ringlog_args() -> Result<Option<RinglogArgs>, CliError> {
    let command = with_overview(RinglogArgs::command());
    let (mut command, words) = config_file::with_file(command, std::env::args_os().collect())?;
    let mut matches = command.try_get_matches_from_mut(words).map_err(explained)?;
    let printed = config_file::printed(&command, &matches)?;
    let args = RinglogArgs::from_arg_matches_mut(&mut matches);
    let args = args.map_err(|error| error.format(&mut command))?;
    let Some(text) = printed else { return Ok(Some(args)) };
    // What is printed would also run.
    let serve = match args.command {
        Some(Command::Serve(serve)) => *serve,
        _ => args.serve,
    };
    ServeConfig::resolve(serve)?;
    print(&text)?;
    Ok(None)
}

fn run(args: RinglogArgs) -> Result<Outcome, CliError> {
    let mut command = args.command.unwrap_or(Command::Serve(Box::new(args.serve)));
    standard::resolve(&mut command)?;
    // A service has options for its messages.
    if !matches!(command, Command::Serve(_)) {
        Output::Plain.start(LevelFilter::Info);
    }
    match command {
        Command::Serve(args) => commands::serve::run(*args),
        Command::Import(args) => commands::import::run(&args),
        Command::Receive(args) => commands::receive::run(&args),
        Command::Cat(args) => commands::cat::run(&args),
        Command::Tail(args) => commands::tail::run(&args),
        Command::Replay(args) => commands::replay::run(&args),
        Command::Export(args) => commands::export::run(&args),
        Command::Info(args) => commands::info::run(&args),
        Command::Report(args) => commands::report::run(&args),
        Command::Plot(args) => commands::plot::run(&args),
        Command::Verify(args) => commands::verify::run(&args),
        Command::Salvage(args) => commands::salvage::run(&args),
        Command::Schema(args) => commands::schema::run(&args),
        Command::Ring(args) => commands::ring::run(&args),
        Command::Top(args) => commands::top::run(&args),
        Command::RecoverImage(args) => commands::recover_image::run(&args),
        Command::Cursors(args) => commands::cursors::run(&args),
        Command::Prune(args) => commands::prune::run(&args),
        Command::Doctor(args) => commands::doctor::run(&args),
        Command::Backup(args) => commands::backup::run(&args),
        Command::Restore(args) => commands::restore::run(&args),
        Command::Split(args) => commands::split::run(&args),
        Command::Pull(args) => commands::pull::run(&args),
        Command::Ship(args) => commands::ship::run(&args),
        Command::Completions(args) => commands::install::completions(&args),
        Command::Man(args) => commands::install::man(&args),
    }
}

impl CliError {
    /// Prints the error to standard error and returns the exit code.
    pub(crate) fn report(&self, program: &str) -> ExitCode {
        match self {
            Self::Arguments(error) => {
                // Help and version are not errors: they go to standard output.
                match printable_lines(&error.render().to_string()) {
                    Cow::Borrowed(_) => drop(error.print()),
                    Cow::Owned(text) => eprint(text.trim_end()),
                }
                ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
            }
            // The reader of the output has seen enough: `ringlog cat LOG | head` is no failure.
            _ if self.is_closed_pipe() => ExitCode::SUCCESS,
            Self::Usage(_) => {
                eprint(&format!("{program}: {self}"));
                ExitCode::from(2)
            }
            _ => {
                eprint(&format!("{program}: {self}"));
                ExitCode::FAILURE
            }
        }
    }
}
