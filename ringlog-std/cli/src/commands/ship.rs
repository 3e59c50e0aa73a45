//! `ringlog ship`: ships a log to a stream of NATS JetStream.
#![forbid(unsafe_code)]

use crate::error::{CliError, Outcome};
use crate::options::ship_args::ShipArgs;

/// Says how to build a program that has the command.
#[cfg(not(feature = "nats"))]
pub(crate) fn run(_args: &ShipArgs) -> Result<Outcome, CliError> {
    Err(CliError::Usage(
        "this program was built without the command `ship`; build one with `cargo build --release -p ringlog-cli --features nats`, \
         or with `--features full`"
            .into(),
    ))
}

/// Exit 0: all that is durable was acknowledged, or it was asked to stop. Exit 3: the stream is not of this log, or there is a GAP.
#[cfg(feature = "nats")]
pub(crate) fn run(args: &ShipArgs) -> Result<Outcome, CliError> {
    shipping::run(args)
}

#[cfg(feature = "nats")]
mod shipping {
    use std::thread;
    use std::time::{Duration, Instant};

    use ringlog::ship::{Difference, LogShipper, ShipCheck, ShipError, ShipOptions, ShipStatus};
    use serde::Serialize;

    use crate::commands::login::login_of;
    use crate::error::{CliError, Outcome};
    use crate::options::ship_args::ShipArgs;
    use crate::terminal::print::{eprint, print, print_json};
    use crate::terminal::signals::Stop;
    use crate::terminal::words::{counted, grouped, size, span};

    /// Time between two attempts to reach a server for the first time.
    const PAUSE: Duration = Duration::from_millis(500);
    /// How long something is waited for before the program says so.
    const PATIENCE: Duration = Duration::from_secs(3);

    #[derive(Serialize)]
    struct Report<'a> {
        log: String,
        stream: &'a str,
        messages: u64,
        bytes: u64,
        /// The stream's last sequence.
        position: u64,
        /// The sequence after the last record that was acknowledged.
        acknowledged: u64,
        /// Where the cursor is.
        cursor: u64,
        /// How often the end of the stream was read again.
        restarts: u64,
        gaps: u64,
        pending_bytes: u64,
    }

    pub(super) fn run(args: &ShipArgs) -> Result<Outcome, CliError> {
        let stop = Stop::on_signals().map_err(CliError::Signals)?;
        match ship(args, &stop) {
            Ok(outcome) => Ok(outcome),
            Err(Failure::Cli(error)) => Err(error),
            Err(Failure::Ship(error)) => ended(error),
        }
    }

    enum Failure {
        Cli(CliError),
        Ship(ShipError),
    }

    impl From<CliError> for Failure {
        fn from(error: CliError) -> Self {
            Self::Cli(error)
        }
    }

    impl From<ShipError> for Failure {
        fn from(error: ShipError) -> Self {
            Self::Ship(error)
        }
    }

    /// A stream that is not of this log ends with exit 3, as other losses do.
    fn ended(error: ShipError) -> Result<Outcome, CliError> {
        match error {
            ShipError::Mismatch { .. } | ShipError::OtherLog { .. } => {
                eprint(&format!("ringlog: {error}"));
                Ok(Outcome::Loss)
            }
            ShipError::Wrong(_) | ShipError::NoIdentity { .. } => Err(CliError::Usage(error.to_string())),
            other => Err(CliError::Unreadable(other.to_string())),
        }
    }

    fn ship(args: &ShipArgs, stop: &Stop) -> Result<Outcome, Failure> {
        let options = options_of(args)?;
        if args.verify {
            return verify(args, &options.verify(&args.log)?);
        }
        let Some(mut shipper) = start(args, &options, stop)? else { return Ok(Outcome::Clean) };
        eprint(&format!(
            "ringlog: shipping {} to the stream {}; the log keeps what the server has acknowledged for less than {}, so a server that \
             is away fills the disk, unless the log's writer has a limit (`--cursor-bytes`)",
            args.log.display(),
            shipper.stream(),
            span(args.hold),
        ));
        let result = feed(args, &mut shipper, stop);
        let status = shipper.status();
        report(args, &shipper, &status)?;
        result?;
        Ok(if status.gaps > 0 { Outcome::Loss } else { Outcome::Clean })
    }

    fn verify(args: &ShipArgs, check: &ShipCheck) -> Result<Outcome, Failure> {
        for difference in &check.differences {
            let Difference { first_message, last_message, why, .. } = difference;
            let range = match last_message - first_message {
                0 => format!("message {first_message}"),
                _ => format!("messages {first_message} to {last_message}"),
            };
            eprint(&format!("ringlog: {range} of the stream: {why}; compare both with a backup"));
        }
        let older = match check.older {
            0 => String::new(),
            older => {
                format!("; {} from before the log's start cannot be compared", counted(older, "message"))
            }
        };
        print(&format!(
            "{}: {} as in the log, up to record {}{older}\n",
            args.log.display(),
            counted(check.same, "message"),
            grouped(check.next_sequence)
        ))?;
        Ok(if check.differences.is_empty() { Outcome::Clean } else { Outcome::Loss })
    }

    /// Connects; with --follow it waits for a server. Returns nothing if it was asked to stop.
    fn start(args: &ShipArgs, options: &ShipOptions, stop: &Stop) -> Result<Option<LogShipper>, Failure> {
        let mut is_said = false;
        while !stop.is_set() {
            match options.start(&args.log) {
                Err(ShipError::Away(why)) if args.follow => {
                    if !is_said {
                        eprint(&format!("ringlog: waiting for {why}; start the server, or Ctrl-C ends it"));
                        is_said = true;
                    }
                    thread::sleep(PAUSE);
                }
                other => return Ok(Some(other?)),
            }
        }
        Ok(None)
    }

    fn feed(args: &ShipArgs, shipper: &mut LogShipper, stop: &Stop) -> Result<(), ShipError> {
        let mut waits = Waits::default();
        while !stop.is_set() {
            let is_busy = shipper.step()?;
            waits.look(&shipper.status());
            if !is_busy && !args.follow {
                break;
            }
        }
        Ok(())
    }

    /// Says what is waited for, once it takes long, and that it is there again.
    #[derive(Default)]
    struct Waits {
        since: Option<Instant>,
        is_said: bool,
    }

    impl Waits {
        fn look(&mut self, status: &ShipStatus) {
            if status.waits_for.is_empty() {
                if std::mem::take(&mut self.is_said) {
                    eprint(&format!(
                        "ringlog: shipping again, from message {} on; no action is needed",
                        status.position + 1
                    ));
                }
                self.since = None;
                return;
            }
            let since = *self.since.get_or_insert_with(Instant::now);
            if !self.is_said && since.elapsed() >= PATIENCE {
                self.is_said = true;
                eprint(&format!(
                    "ringlog: waiting for {}; look at the server, Ctrl-C ends it",
                    status.waits_for
                ));
            }
        }
    }

    fn report(args: &ShipArgs, shipper: &LogShipper, status: &ShipStatus) -> Result<(), CliError> {
        let log = args.log.display().to_string();
        if args.json {
            return print_json(&Report {
                log,
                stream: shipper.stream(),
                messages: status.messages,
                bytes: status.bytes,
                position: status.position,
                acknowledged: status.acknowledged,
                cursor: status.cursor,
                restarts: status.restarts,
                gaps: status.gaps,
                pending_bytes: status.pending_bytes,
            });
        }
        let pending = match status.pending_bytes {
            0 => String::new(),
            bytes => format!("; {} of its last file are not durable yet", size(bytes)),
        };
        print(&format!(
            "{log}: sent {} ({}); the stream {} ends at message {}, before record {}; the cursor is at record {}{pending}\n",
            counted(status.messages, "message"),
            size(status.bytes),
            shipper.stream(),
            grouped(status.position),
            grouped(status.acknowledged),
            grouped(status.cursor),
        ))
    }

    fn options_of(args: &ShipArgs) -> Result<ShipOptions, CliError> {
        let mut options = ShipOptions::new(&args.server.servers)
            .login(login_of(&args.server)?)
            .window(args.window as usize)
            .ack_timeout(args.ack_timeout)
            .linger(args.linger)
            .hold(args.hold)
            .cursor(&args.cursor);
        if let Some(stream) = &args.stream {
            options = options.stream(stream);
        }
        if args.create {
            options = options.create(args.replicas, args.stream_bytes);
        }
        if let Some(sequence) = args.resume_at {
            options = options.resume_at(sequence);
        }
        Ok(options)
    }
}
