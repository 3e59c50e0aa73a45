//! `ringlog pull`: makes a log of a stream again.
#![forbid(unsafe_code)]

use crate::error::{CliError, Outcome};
use crate::options::ship_args::PullArgs;

/// Says how to build a program that has the command.
#[cfg(not(feature = "nats"))]
pub(crate) fn run(_args: &PullArgs) -> Result<Outcome, CliError> {
    Err(CliError::Usage(
        "this program was built without the command `pull`; build one with `cargo build --release -p ringlog-cli --features nats`, \
         or with `--features full`"
            .into(),
    ))
}

/// Exit 3: the stream does not have all of its log, or is of another one. What comes after a GAP becomes a log in another folder.
#[cfg(feature = "nats")]
pub(crate) fn run(args: &PullArgs) -> Result<Outcome, CliError> {
    pulling::run(args)
}

#[cfg(feature = "nats")]
mod pulling {
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    use ringlog::ship::{LogPuller, PullError, ShipError};
    use serde::Serialize;

    use crate::commands::login::login_of;
    use crate::error::{CliError, Outcome};
    use crate::options::ship_args::PullArgs;
    use crate::terminal::print::{eprint, print, print_json};
    use crate::terminal::signals::Stop;
    use crate::terminal::words::{counted, grouped};

    /// Time between two attempts to reach a server.
    const PAUSE: Duration = Duration::from_millis(500);

    #[derive(Serialize)]
    struct Report {
        log: String,
        messages: u64,
        next_sequence: u64,
    }

    pub(super) fn run(args: &PullArgs) -> Result<Outcome, CliError> {
        let stop = Stop::on_signals().map_err(CliError::Signals)?;
        match pull(args, &stop) {
            Ok(outcome) => outcome,
            Err(PullError::Ship(ShipError::Wrong(why))) => Err(CliError::Usage(why)),
            Err(
                error @ (PullError::Io { .. }
                | PullError::Log(_)
                | PullError::Ship(_)
                | PullError::Closed { .. }),
            ) => Err(CliError::Unreadable(error.to_string())),
            Err(error) => {
                eprint(&format!("ringlog: {error}"));
                Ok(Outcome::Loss)
            }
        }
    }

    fn pull(args: &PullArgs, stop: &Stop) -> Result<Result<Outcome, CliError>, PullError> {
        let login = match login_of(&args.server) {
            Ok(login) => login,
            Err(error) => return Ok(Err(error)),
        };
        let folder = args.log.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let stream = args.stream.as_ref().unwrap_or(&folder);
        let (mut log, mut from, mut outcome) = (args.log.clone(), args.from_record, Outcome::Clean);
        loop {
            let mut puller = LogPuller::start(&args.server.servers, &login, stream, &log)?;
            if let Some(sequence) = from {
                puller = puller.from_record(sequence);
            }
            let result = feed(args, &mut puller, stop);
            puller.sync()?;
            let report = Report {
                log: log.display().to_string(),
                messages: puller.messages(),
                next_sequence: puller.next_sequence(),
            };
            let after = match result {
                Err(PullError::Gap { first, next }) => Some((first, next)),
                other => other.map(|()| None)?,
            };
            if args.close {
                puller.close()?;
            }
            let printed = if args.json { print_json(&report) } else { print(&words(&report)) };
            let (Some((first, next)), Ok(())) = (after, &printed) else {
                return Ok(printed.map(|()| outcome));
            };
            // Sequences in a log never jump.
            log = folder_after(&args.log, next);
            (from, outcome) = (Some(next), Outcome::Loss);
            eprint(&format!(
                "ringlog: the log had deleted records {} to {} before they were shipped; what comes after them goes to {}",
                grouped(first),
                grouped(next - 1),
                log.display()
            ));
        }
    }

    /// Returns the folder for what comes after a GAP: always the same, so that a later run continues it.
    fn folder_after(log: &Path, next: u64) -> PathBuf {
        let mut name = log.file_name().unwrap_or_default().to_os_string();
        name.push(format!(".from-{next}"));
        log.with_file_name(name)
    }

    fn words(report: &Report) -> String {
        let Report { log, messages, next_sequence } = report;
        format!(
            "{log}: pulled {}; it ends before record {}\n",
            counted(*messages, "message"),
            grouped(*next_sequence)
        )
    }

    fn feed(args: &PullArgs, puller: &mut LogPuller, stop: &Stop) -> Result<(), PullError> {
        let mut is_said = false;
        while !stop.is_set() {
            match puller.step() {
                Ok(true) => is_said = false,
                Ok(false) if args.follow => {}
                Ok(false) => break,
                Err(PullError::Ship(ShipError::Away(why))) if args.follow => {
                    if !is_said {
                        eprint(&format!("ringlog: waiting for {why}; look at the server, Ctrl-C ends it"));
                        is_said = true;
                    }
                    std::thread::sleep(PAUSE);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
