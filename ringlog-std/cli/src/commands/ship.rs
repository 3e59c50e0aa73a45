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
    use std::path::Path;
    use std::thread;
    use std::time::{Duration, Instant};

    use ringlog::ship::{Difference, LogShipper, ShipCheck, ShipError, ShipLag, ShipOptions, ShipStatus};
    use ringlog::storage::{LogWatermarks, WriterFile};
    use serde::Serialize;

    use crate::commands::ship_line::Line;

    use crate::commands::login::login_of;
    use crate::error::{CliError, Outcome};
    use crate::options::ship_args::ShipArgs;
    use crate::terminal::print::{eprint, print, print_json, print_line};
    use crate::terminal::signals::Stop;
    use crate::terminal::words::{counted, grouped, size, span};

    /// Time between two attempts to reach a server for the first time.
    const PAUSE: Duration = Duration::from_millis(500);
    /// How long something is waited for before the program says so.
    const PATIENCE: Duration = Duration::from_secs(3);
    /// Time between two looks at how much is left to ship.
    const LOOK_EVERY: Duration = Duration::from_secs(1);
    /// How long a log that nobody syncs may stay as it is.
    const UNSYNCED: Duration = Duration::from_secs(10);

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
        /// How often something was waited for.
        waits: u64,
        gaps: u64,
        pending_bytes: u64,
        /// What the log has and the stream has not acknowledged.
        lag_records: u64,
        lag_bytes: u64,
        /// What of that cannot be shipped yet.
        not_durable_bytes: u64,
        waits_for: String,
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
        if args.follow && durable_end_of_unsynced(&args.log) == Some(0) {
            return Err(never_synced(&args.log).into());
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
        let gaps = status.gaps;
        report(args, &shipper, status)?;
        result?;
        Ok(if gaps > 0 { Outcome::Loss } else { Outcome::Clean })
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

    fn feed(args: &ShipArgs, shipper: &mut LogShipper, stop: &Stop) -> Result<(), Failure> {
        let mut waits = Waits::default();
        let mut looks = args.follow.then(|| Looks::new(args));
        while !stop.is_set() {
            let is_busy = shipper.step()?;
            let status = shipper.status();
            waits.look(&status, looks.as_ref().map(|it| &it.line));
            if let Some(looks) = &mut looks {
                looks.look(args, shipper, status)?;
            }
            if !is_busy && !args.follow {
                break;
            }
        }
        Ok(())
    }

    /// Returns up to which position a log is durable whose writer is at work, and syncs nothing by itself; `None` for all others.
    fn durable_end_of_unsynced(log: &Path) -> Option<u64> {
        let writer = WriterFile::of(log);
        let is_unsynced = writer.is_never_synced && writer.end_sequence().is_none();
        is_unsynced.then(|| LogWatermarks::of(log).map_or(0, |it| it.durable))
    }

    fn never_synced(log: &Path) -> CliError {
        CliError::Usage(format!(
            "{}: its writer syncs nothing before it closes the log (`--sync never`), and only what is synced can be shipped; start it \
             with `--sync 1s`, or leave --follow out and ship the log once it was closed",
            log.display()
        ))
    }

    /// Looks now and then how much is left, and shows that.
    struct Looks {
        line: Line,
        looked_at: Option<Instant>,
        /// Since when the log is durable up to where it is, if nobody syncs it.
        unsynced: Option<(u64, Instant)>,
    }

    impl Looks {
        fn new(args: &ShipArgs) -> Self {
            Self { line: Line::new(args.json), looked_at: None, unsynced: None }
        }

        fn look(&mut self, args: &ShipArgs, shipper: &LogShipper, status: ShipStatus) -> Result<(), Failure> {
            if self.looked_at.is_some_and(|at| at.elapsed() < LOOK_EVERY) {
                return Ok(());
            }
            self.looked_at = Some(Instant::now());
            // Damage ends the shipping itself, with an error of its place.
            let Ok(lag) = shipper.lag() else { return Ok(()) };
            self.refuse_unsynced(&args.log, lag)?;
            if self.line.is_due(&status) {
                let words = words_of(&status, lag);
                self.line.show(&words, || print_line(&report_of(args, shipper, status, lag)))?;
            }
            Ok(())
        }

        fn refuse_unsynced(&mut self, log: &Path, lag: ShipLag) -> Result<(), CliError> {
            let durable = durable_end_of_unsynced(log).filter(|_| lag.not_durable_bytes > 0);
            self.unsynced = durable.map(|durable| match self.unsynced {
                Some((before, since)) if before == durable => (before, since),
                _ => (durable, Instant::now()),
            });
            match self.unsynced {
                Some((_, since)) if since.elapsed() >= UNSYNCED => Err(never_synced(log)),
                _ => Ok(()),
            }
        }
    }

    fn words_of(status: &ShipStatus, lag: ShipLag) -> String {
        let mut words = format!("acknowledged up to record {}", grouped(status.acknowledged));
        words += &match lag.records {
            0 => ", all of the log".into(),
            records => format!(", {} to go ({})", counted(records, "record"), size(lag.bytes)),
        };
        if lag.not_durable_bytes > 0 {
            words += &format!(", {} not durable yet", size(lag.not_durable_bytes));
        }
        words += &format!("; cursor at record {}", grouped(status.cursor));
        if !status.waits_for.is_empty() {
            words += &format!("; waiting for {}", status.waits_for);
        }
        words
    }

    /// Says what is waited for, once it takes long, and that it is there again.
    #[derive(Default)]
    struct Waits {
        since: Option<Instant>,
        is_said: bool,
    }

    impl Waits {
        fn look(&mut self, status: &ShipStatus, line: Option<&Line>) {
            let say = |text: &str| line.map_or_else(|| eprint(text), |line| line.say(text));
            if status.waits_for.is_empty() {
                if std::mem::take(&mut self.is_said) {
                    say(&format!(
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
                say(&format!(
                    "ringlog: waiting for {}; look at the server, Ctrl-C ends it",
                    status.waits_for
                ));
            }
        }
    }

    fn report_of<'a>(
        args: &ShipArgs,
        shipper: &'a LogShipper,
        status: ShipStatus,
        lag: ShipLag,
    ) -> Report<'a> {
        Report {
            log: args.log.display().to_string(),
            stream: shipper.stream(),
            messages: status.messages,
            bytes: status.bytes,
            position: status.position,
            acknowledged: status.acknowledged,
            cursor: status.cursor,
            restarts: status.restarts,
            waits: status.waits,
            gaps: status.gaps,
            pending_bytes: status.pending_bytes,
            lag_records: lag.records,
            lag_bytes: lag.bytes,
            not_durable_bytes: lag.not_durable_bytes,
            waits_for: status.waits_for,
        }
    }

    fn report(args: &ShipArgs, shipper: &LogShipper, status: ShipStatus) -> Result<(), CliError> {
        // Damage that ends the shipping may be damage for this look as well.
        let lag = shipper.lag().unwrap_or_default();
        if args.json {
            let report = report_of(args, shipper, status, lag);
            return if args.follow { print_line(&report) } else { print_json(&report) };
        }
        let log = args.log.display();
        let pending = match lag.not_durable_bytes {
            0 => String::new(),
            bytes => format!("; {} are not durable yet", size(bytes)),
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
