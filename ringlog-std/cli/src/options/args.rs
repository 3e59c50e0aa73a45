//! The command lines as they are typed; `config` fills in the defaults.

use std::num::{NonZero, NonZeroU64};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::descriptions::Descriptions;
use crate::error::CliError;
use crate::feed::spec::{self, FeedSpec};
use crate::import::guess::Format;
use crate::import::table::options::TableOptions;
use crate::import::typed::TypedOptions;
use crate::options::copy_args::{BackupArgs, RestoreArgs, SplitArgs};
use crate::options::export_args::ExportArgs;
use crate::options::filter_args::{FilterArgs, with_expression, with_grep};
use crate::options::keep_args::{CompletionsArgs, CursorsArgs, DoctorArgs, ManArgs, PruneArgs};
use crate::options::log_args::{LogArgs, sync_policy};
use crate::options::look_args::{PlotArgs, ReportArgs};
use crate::options::message_args::MessageArgs;
use crate::options::print_args::PrintArgs;
use crate::options::receive_args::ReceiveArgs;
use crate::options::schema_args::SchemaArgs;
use crate::options::service_args::ServiceArgs;
use crate::options::ship_args::{BesideArgs, PullArgs, ShipArgs};
use crate::options::thread_args::ThreadArgs;
use crate::options::top_args::TopArgs;
use crate::values::{self, Bytes, Rate, ReplayTo, Speed};
use ringlog::storage::{Filter, SyncPolicy};

/// Explains the exit codes, after the help of each command that has more than three.
macro_rules! exit_codes {
    () => {
        "Exit codes:
  0  done, nothing is missing; also after --for, --max-bytes or Ctrl-C of serve
  1  failed; standard error says why and what to do
  2  the command line is wrong
  3  done, but events are missing and the output says which; also an interrupted import or replay
  4  serve stopped at its default limit of 4 GiB
  128+N  ended at once by a second signal, of number N; the log has what was published"
    };
}
macro_rules! export_exit_codes {
    () => {
        "Exit codes:
  0  OUT has all that was chosen
  1  failed or stopped; there is no OUT, and standard error says why and what to do
  2  the command line is wrong
  3  done, but the format cannot hold all of it; standard error counts what was left out"
    };
}
const EXIT_CODES: &str = exit_codes!();
const RING_EXIT_CODES: &str = "Exit codes:
  0  nothing is wrong with the ring
  1  the file cannot be read, or is no ring
  2  the command line is wrong
  3  the ring is corrupt";
const DOCTOR_EXIT_CODES: &str = "Exit codes:
  0  nothing that was looked at costs a promise; what may cost speed is said
  1  the folder cannot be looked at
  2  the command line is wrong
  3  something may cost a promise";
const COPY_EXIT_CODES: &str = "Exit codes:
  0  done, and all that was copied is whole
  1  failed; standard error says why and what to do
  2  the command line is wrong
  3  done, but something is damaged, and is so in the copy";
const PULL_EXIT_CODES: &str = "Exit codes:
  0  all that is in the stream is in the log, or with --follow the program was asked to stop
  1  failed; standard error says why and what to do
  2  the command line, the server or the stream will not do
  3  the stream has a GAP, lost messages, or has another log";
const VERIFY_EXIT_CODES: &str = "Exit codes:
  0  every event is there
  1  the log or one of its files cannot be read
  2  the command line is wrong
  3  readable, but events are missing or damaged";

/// Explains how values are written, after the help of each command that takes such values.
macro_rules! size_help {
    () => {
        "Values:
  SIZE      4GiB, 500MB, 64k; a number without a unit counts bytes"
    };
}
macro_rules! duration_help {
    () => {
        "
  DURATION  5s, 1m30s, 250ms, 12h, 30d, 2w; a number without a unit counts seconds"
    };
}
macro_rules! time_help {
    () => {
        "
  TIME      2026-11-28, '2026-11-28 21:05:20' or 21:05, in local time unless --utc is given
            2026-11-28T21:05:20Z, 2026-11-28T21:05:20+01:00
            10m or -1h: that long ago; now, today, yesterday
            @1700000000s, also with ms, us or ns: since 1970
            N: N of the log's clock, in most logs nanoseconds since 1970; @N counts seconds"
    };
}
macro_rules! feed_help {
    () => {
        "
  FEED      demo                     generated events that look like an exchange's order flow
            -                        lines of standard input
            FILE                     lines of a file
            udp://ADDR:PORT          datagrams; a multicast group is joined
            tcp://ADDR:PORT          connections; each line is an event
            unix:PATH                the same over a Unix socket
            unix:PATH?type=datagram  datagrams over a Unix socket
            Options of udp: ?interface=NAME&buffer=64MiB
            Options of tcp and unix: ?framing=lines, or the length that precedes each event:
            length16be, length16le, length32be, length32le"
    };
}
const COMPLETIONS: &str = "Where they go:
  bash  ringlog completions bash >~/.local/share/bash-completion/completions/ringlog
  zsh   ringlog completions zsh >FOLDER/_ringlog, with FOLDER in $fpath before compinit
  fish  ringlog completions fish >~/.config/fish/completions/ringlog.fish";
const SIZES: &str = size_help!();
const PRUNE_VALUES: &str = concat!(size_help!(), duration_help!());
const TIMES: &str = concat!("Values:", time_help!());
const SPLIT_VALUES: &str = concat!("Values:", duration_help!(), time_help!());
const TAIL_VALUES: &str = concat!("Values:", time_help!(), "\n\n", exit_codes!());
const TOP_VALUES: &str = concat!("Values:", duration_help!(), time_help!());
const REPLAY_VALUES: &str = concat!("Values:", duration_help!(), time_help!(), "\n\n", exit_codes!());
const EXPORT_VALUES: &str = concat!("Values:", time_help!(), "\n\n", export_exit_codes!());
const VALUES: &str = concat!(size_help!(), duration_help!(), "\n\n", exit_codes!());
const SHIP_VALUES: &str = concat!(
    size_help!(),
    duration_help!(),
    "\n\nExit codes:
  0  all that is durable was acknowledged, or with --follow the program was asked to stop
  1  failed; standard error says why and what to do
  2  the command line, the server or the stream will not do
  3  the stream does not end with what the log has, or it got a GAP"
);
const FEEDS: &str = concat!(size_help!(), duration_help!(), feed_help!(), "\n\n", exit_codes!());

/// Records events through a lock-free ring into a memory-mapped log, and reads such logs.
///
/// Without a command, it records as `ringlog serve` does.
#[derive(Parser, Debug)]
#[command(name = "ringlog", bin_name = "ringlog", version, args_conflicts_with_subcommands = true)]
pub(crate) struct RinglogArgs {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Record a feed into a log until the feed ends, a limit is reached or Ctrl-C
    #[command(after_help = FEEDS)]
    Serve(Box<ServeArgs>),
    /// Record a file into a log: packet capture, CSV, lines of JSON or lines of text
    #[command(after_help = VALUES)]
    Import(ImportArgs),
    /// Record what a device sends over a serial line into a log: frames, or a stream, and GAP records for what is missing
    #[command(after_help = VALUES)]
    Receive(ReceiveArgs),
    /// Print the events of a log
    #[command(after_help = TIMES)]
    Cat(CatArgs),
    /// Print the last events of a log; with --follow, also new ones as they are written
    #[command(after_help = TAIL_VALUES)]
    Tail(TailArgs),
    /// Replay events at the pace at which they happened: print them or write them elsewhere
    #[command(after_help = REPLAY_VALUES)]
    Replay(ReplayArgs),
    /// Write the events of a log for other programs: Parquet, Arrow, CSV, JSON, MCAP, a trace for Perfetto, a capture
    #[command(after_help = EXPORT_VALUES)]
    Export(ExportArgs),
    /// Show what a log holds: counts, times and files
    Info(InspectArgs),
    /// Write one page of HTML with charts of a log: rates, gaps, sizes, latencies, fields over time
    #[command(after_help = TAIL_VALUES)]
    Report(Box<ReportArgs>),
    /// Draw a field over time in the terminal
    #[command(after_help = TIMES)]
    Plot(PlotArgs),
    /// Check every record of a log: exit 0 if clean, 3 if events are missing, 1 if unreadable
    #[command(after_help = VERIFY_EXIT_CODES)]
    Verify(VerifyArgs),
    /// Copy the valid records of a damaged log into a new log; GAP records mark what is missing
    #[command(after_help = EXIT_CODES)]
    Salvage(SalvageArgs),
    /// Show, check or write the descriptions of a log's events
    #[command(after_help = EXIT_CODES)]
    Schema(SchemaArgs),
    /// Show the state of a shared ring: positions, fill, owners, damage; changes nothing
    #[command(after_help = RING_EXIT_CODES)]
    Ring(RingArgs),
    /// Watch a log or a shared ring on the terminal: rates by type, disk, durability, cursors, last events
    #[command(after_help = TOP_VALUES)]
    Top(Box<TopArgs>),
    /// Find rings in a raw memory dump of any machine and print their unread events
    #[command(after_help = EXIT_CODES)]
    RecoverImage(RecoverImageArgs),
    /// List the cursors of a log, with how far each is; delete them or set them
    Cursors(CursorsArgs),
    /// Delete the oldest files of a log that nobody records; serve has the same limits for one at work
    #[command(after_help = PRUNE_VALUES)]
    Prune(PruneArgs),
    /// Look for what may cost a log speed or a promise on this machine: kernel, clock, limits, file system, disk
    #[command(after_help = DOCTOR_EXIT_CODES)]
    Doctor(DoctorArgs),
    /// Copy a log, or what is new in it since the last backup; the log may be at work
    #[command(after_help = COPY_EXIT_CODES)]
    Backup(BackupArgs),
    /// Make a log of a backup: the same files, decompressed
    #[command(after_help = COPY_EXIT_CODES)]
    Restore(RestoreArgs),
    /// Copy a log into several, each of a stretch of time
    #[command(after_help = SPLIT_VALUES)]
    Split(SplitArgs),
    /// Ship a log to a stream of NATS JetStream: each durable event once, in order
    #[command(after_help = SHIP_VALUES)]
    Ship(Box<ShipArgs>),
    /// Make a log of a stream again: the same records, sequences and files
    #[command(after_help = PULL_EXIT_CODES)]
    Pull(Box<PullArgs>),
    /// Print what completes command lines in a shell
    #[command(after_help = COMPLETIONS)]
    Completions(CompletionsArgs),
    /// Write manual pages: one of the program and one of each command
    Man(ManArgs),
}

/// Arguments of `ringlog serve`.
#[derive(Args, Clone, Debug)]
pub(crate) struct ServeArgs {
    /// Where events come from: see FEED below
    #[arg(long, value_name = "FEED", default_value = "demo", value_parser = spec::feed)]
    pub(crate) feed: FeedSpec,
    /// Record the shared ring in this file instead of a feed; created if it is missing
    #[arg(long, value_name = "FILE", conflicts_with_all = ["feed", "rate", "seed"])]
    pub(crate) ring: Option<PathBuf>,
    /// Give up what is unread in the ring before recording; a GAP record reports it
    #[arg(long, requires = "ring")]
    pub(crate) skip_to_head: bool,
    /// Events per second, such as 100k or 2M, or max [default: 100k for demo and FILE, max for other feeds]
    #[arg(long, value_name = "N|max", value_parser = values::rate)]
    pub(crate) rate: Option<Rate>,
    /// Stop after this time
    #[arg(long = "for", value_name = "DURATION", value_parser = values::duration)]
    pub(crate) duration: Option<Duration>,
    /// Stop after writing this much; with --ring, what the ring still holds is added
    /// [default: 4GiB, with exit code 4; none with --ring, --keep-bytes, --keep-for, --keep-files or --full-disk
    /// recycle]
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    pub(crate) max_bytes: Option<u64>,
    /// Folder of the log; a run appends to the log that is there
    #[arg(long, value_name = "PATH", default_value = "./ringlog-data")]
    pub(crate) log: PathBuf,
    /// Size of the ring before the log, or of a ring that --ring creates; rounded up to a power of two
    #[arg(long, value_name = "SIZE", default_value = "8MiB", value_parser = values::size)]
    pub(crate) ring_size: u64,
    #[command(flatten)]
    pub(crate) how: LogArgs,
    #[command(flatten)]
    pub(crate) threads: ThreadArgs,
    /// File that describes events: what the log says of types that the feed or the ring does not describe
    #[arg(long, value_name = "FILE")]
    pub(crate) schema: Option<PathBuf>,
    /// Number of the demo stream; the same number gives the same events
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = values::count)]
    pub(crate) seed: u64,
    /// Print the summary as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Write a message with counts every 2 seconds even if standard error is no terminal, or with --log-file
    #[arg(long)]
    pub(crate) progress: bool,
    #[command(flatten)]
    pub(crate) messages: MessageArgs,
    #[command(flatten)]
    pub(crate) service: ServiceArgs,
    #[command(flatten)]
    pub(crate) beside: BesideArgs,
}

/// Arguments of `ringlog import`.
#[derive(Args, Clone, Debug)]
pub(crate) struct ImportArgs {
    /// Files to import, one after the other in this order
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Folder of the log; an import appends to the log that is there
    #[arg(long, value_name = "PATH")]
    pub(crate) log: PathBuf,
    /// Format of the file [default: from its first bytes and its name]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
    #[command(flatten)]
    pub(crate) table: TableOptions,
    /// Event type of every event, 0 to 255 [default: that of --schema, or the lowest that the log does not describe; 0
    /// without a description]
    #[arg(long, value_name = "N", value_parser = values::event_type)]
    pub(crate) event_type: Option<u8>,
    #[command(flatten)]
    pub(crate) typed: TypedOptions,
    /// Record only what the log does not have yet of each file, which an import with --resume began
    #[arg(long, conflicts_with_all = ["keep_bytes", "keep_for", "keep_files"])]
    pub(crate) resume: bool,
    /// Captures: record the bytes of each packet alone, without the fields of the type `packet`
    #[arg(long)]
    pub(crate) payload_only: bool,
    /// Size of the ring between file and log; rounded up to a power of two
    #[arg(long, value_name = "SIZE", default_value = "8MiB", value_parser = values::size)]
    pub(crate) ring_size: u64,
    #[command(flatten)]
    pub(crate) how: LogArgs,
    /// Print the summary as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Print a line of counts every 2 seconds even if standard error is no terminal
    #[arg(long)]
    pub(crate) progress: bool,
}

/// Arguments of `ringlog cat`.
#[derive(Args, Clone, Debug)]
pub(crate) struct CatArgs {
    /// A log: a folder or one file
    pub(crate) log: PathBuf,
    #[command(flatten)]
    pub(crate) print: PrintArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Print at most this many records
    #[arg(long, value_name = "N", value_parser = values::count)]
    pub(crate) limit: Option<u64>,
    /// With --format csv: write a table for each type into this folder, which must be empty or missing
    #[arg(long, value_name = "FOLDER", conflicts_with = "json")]
    pub(crate) to: Option<PathBuf>,
    /// Text, JSON: print what each segment says of its events, before its first one
    #[arg(long, conflicts_with = "to")]
    pub(crate) meta: bool,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
}

/// Arguments of `ringlog tail`.
#[derive(Args, Clone, Debug)]
pub(crate) struct TailArgs {
    /// A log: a folder or one file
    pub(crate) log: PathBuf,
    /// Wait for new events and print them, until Ctrl-C; also for a log that is not there yet
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Print this many of the last events first [default: 10]
    #[arg(short = 'n', long = "lines", value_name = "N", value_parser = values::count, conflicts_with = "cursor")]
    pub(crate) lines: Option<u64>,
    /// Print what this cursor has not seen yet and advance it; a new cursor starts at the oldest event
    #[arg(long, value_name = "NAME")]
    pub(crate) cursor: Option<String>,
    /// Stop after printing this many records
    #[arg(long, value_name = "N", value_parser = values::count)]
    pub(crate) limit: Option<u64>,
    #[command(flatten)]
    pub(crate) print: PrintArgs,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}

/// Arguments of `ringlog replay`.
#[derive(Args, Clone, Debug)]
pub(crate) struct ReplayArgs {
    /// Logs: folders or single files; several are merged by timestamp
    #[arg(required = true, value_name = "LOG")]
    pub(crate) logs: Vec<PathBuf>,
    /// Pace: 1 as it happened, 10 ten times as fast, max without waiting
    #[arg(long, value_name = "N|max", default_value = "1", value_parser = values::speed)]
    pub(crate) speed: Speed,
    /// Wait no longer than this for any event; shortens silences and steps of the clock
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub(crate) max_wait: Option<Duration>,
    /// Stop after this many records
    #[arg(long, value_name = "N", value_parser = values::count)]
    pub(crate) limit: Option<u64>,
    /// Write to a new log in this folder, or to a shared ring, instead of printing
    #[arg(long, value_name = "FOLDER|ring:FILE", value_parser = values::replay_target,
        conflicts_with_all = ["format", "csv_safe", "payload", "separator"])]
    pub(crate) to: Option<ReplayTo>,
    #[command(flatten)]
    pub(crate) print: PrintArgs,
    /// The same as --format json
    #[arg(long, conflicts_with_all = ["format", "to"])]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}

/// Arguments of `ringlog verify`.
#[derive(Args, Clone, Debug)]
pub(crate) struct VerifyArgs {
    /// A log: a folder or one file
    pub(crate) log: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Files that are read at a time [default: one for each processor]
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<NonZero<usize>>,
}

/// Arguments of `ringlog info`.
#[derive(Args, Clone, Debug)]
pub(crate) struct InspectArgs {
    /// A log: a folder or one file
    pub(crate) log: PathBuf,
    /// File that describes the types that the log does not describe [default: schema.json in its folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) schema: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `ringlog ring`.
#[derive(Args, Clone, Debug)]
pub(crate) struct RingArgs {
    /// A shared ring's file
    #[arg(value_name = "FILE")]
    pub(crate) ring: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `ringlog salvage`.
#[derive(Args, Clone, Debug)]
pub(crate) struct SalvageArgs {
    /// Damaged log: a folder or one file; it is not changed
    pub(crate) log: PathBuf,
    /// Folder of the new log; must be empty or missing
    pub(crate) out: PathBuf,
    /// Copy only events whose payload holds these bytes, and all GAP records: as with `cat`
    #[arg(long, value_name = "BYTES", value_parser = values::bytes)]
    pub(crate) grep: Option<Bytes>,
    /// Copy only events for which this holds, and all GAP records: as with `cat`
    #[arg(long = "where", value_name = "EXPRESSION", allow_hyphen_values = true)]
    pub(crate) expression: Option<String>,
    /// File that describes the types that the log does not describe [default: schema.json in its folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) schema: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Files whose records are looked for at a time [default: one for each processor]
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<NonZero<usize>>,
}

impl SalvageArgs {
    /// Returns which events are copied.
    pub(crate) fn filter(&self) -> Result<Filter, CliError> {
        let filter = with_grep(Filter::new(), self.grep.as_ref());
        let Some(expression) = &self.expression else { return Ok(filter) };
        let descriptions = Descriptions::of(std::slice::from_ref(&self.log), self.schema.as_deref())?;
        let instead = "give the names by --schema FILE, or leave out --where";
        with_expression(filter, expression, &descriptions, Some(instead))
    }
}

/// Arguments of `ringlog recover-image`.
#[derive(Args, Clone, Debug)]
pub(crate) struct RecoverImageArgs {
    /// Dump of memory: its raw bytes
    pub(crate) image: PathBuf,
    /// Write each ring to a log file in this folder, named by its offset, instead of printing its events
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["csv_safe", "payload", "separator"])]
    pub(crate) to: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) print: PrintArgs,
    /// File that describes the events, such as the ring's own; with --to, the files that are written describe them
    #[arg(long, value_name = "FILE")]
    pub(crate) schema: Option<PathBuf>,
    /// Print a report as JSON instead of the events
    #[arg(long, conflicts_with_all = ["format", "csv_safe", "payload", "separator"])]
    pub(crate) json: bool,
}

/// Writes events through a ring into a log at full speed, says what bounded it, then reads the log back and compares.
///
/// The producer waits while the ring is full, so nothing may be lost; the run fails if anything is. A line a second
/// shows the rate, how full the ring was, how long the producer waited for room, and where the recorder's time went:
/// copying and checksums, calls of the kernel, blocked by the kernel, queued for a processor, idle. Before and after the
/// run, each part of the way is measured alone with the same bytes.
#[derive(Parser, Clone, Debug)]
#[command(name = "stress", bin_name = "stress", version, after_help = SIZES)]
pub(crate) struct StressArgs {
    /// How long to write, in seconds
    #[arg(long, value_name = "N", default_value = "8", value_parser = values::seconds)]
    pub(crate) seconds: Duration,
    /// Length of each payload, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 64, value_parser = values::payload_len)]
    pub(crate) payload: u16,
    /// Number of events that are published together
    #[arg(long, value_name = "N", default_value = "1", value_parser = values::positive)]
    pub(crate) batch: NonZeroU64,
    /// Keep the log in this folder [default: a temporary one, deleted at the end]
    #[arg(long, value_name = "PATH")]
    pub(crate) log: Option<PathBuf>,
    /// Stop after writing this much [default: 16GiB, at most half of the free space; no limit with --keep-bytes]
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    pub(crate) max_bytes: Option<u64>,
    /// Recycle the oldest files when the log takes more than this; at least two files of 64 MiB
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    pub(crate) keep_bytes: Option<u64>,
    /// When to sync to disk: never, every-event, after a time (1s) or after an amount (16MiB) [default: 1s]
    #[arg(long, value_name = "WHEN", value_parser = sync_policy)]
    pub(crate) sync: Option<SyncPolicy>,
    /// Let what is written leave the system's cache once it is on the disk (since Linux 6.14)
    #[arg(long)]
    pub(crate) uncached: bool,
    /// Size of the ring; rounded up to a power of two
    #[arg(long, value_name = "SIZE", default_value = "8MiB", value_parser = values::size)]
    pub(crate) ring_size: u64,
    /// Processors for the producer and the recorder, such as 0,1 [default: the system chooses]
    #[arg(long, value_name = "CPU,CPU", value_parser = values::two_processors)]
    pub(crate) pin: Option<(usize, usize)>,
    /// Print the report as JSON, and nothing before it
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &str) -> Result<RinglogArgs, clap::Error> {
        RinglogArgs::try_parse_from(std::iter::once("ringlog").chain(line.split_whitespace()))
    }

    #[test]
    fn the_definitions_are_sound() {
        RinglogArgs::command().debug_assert();
        StressArgs::command().debug_assert();
    }

    /// Otherwise a user would have to try what `--for 1` means.
    #[test]
    fn the_help_of_each_command_says_what_a_number_without_a_unit_is() {
        let ringlog = RinglogArgs::command();
        // Without a command the help is an overview.
        let mut commands: Vec<_> = ringlog.get_subcommands().cloned().collect();
        commands.push(StressArgs::command());
        let mut found = 0;
        for mut command in commands {
            let help = command.render_help().to_string();
            for name in ["SIZE", "DURATION"] {
                let is_taken = help.contains(&format!("<{name}>"));
                let meaning = help.lines().find(|line| line.trim_start().starts_with(&format!("{name} ")));
                assert!(!is_taken || meaning.is_some_and(|line| line.contains("without a unit")), "{help}");
                found += usize::from(is_taken);
            }
        }
        assert!(found >= 8, "{found}");
        assert_eq!(parse("--for 1").unwrap().serve.duration, Some(Duration::from_secs(1)));
        assert_eq!(parse("--max-bytes 4096").unwrap().serve.max_bytes, Some(4096));
    }

    #[test]
    fn no_arguments_mean_serve_with_its_defaults() {
        let args = parse("").unwrap();
        assert!(args.command.is_none());
        assert_eq!(args.serve.feed, FeedSpec::Demo);
        assert_eq!((args.serve.max_bytes, args.serve.ring), (None, None));
        assert_eq!(args.serve.log, PathBuf::from("./ringlog-data"));
    }

    #[test]
    fn options_of_serve_work_without_its_name() {
        assert_eq!(parse("--for 2s").unwrap().serve.duration, Some(Duration::from_secs(2)));
        assert!(matches!(parse("serve --for 2s").unwrap().command, Some(Command::Serve(_))));
        assert!(parse("--for 2s cat x").is_err());
    }

    #[test]
    fn a_ring_replaces_the_feed() {
        assert_eq!(parse("--ring /dev/shm/r").unwrap().serve.ring, Some(PathBuf::from("/dev/shm/r")));
        for with in ["--feed demo", "--rate max", "--seed 2"] {
            assert_eq!(parse(&format!("--ring r {with}")).unwrap_err().exit_code(), 2, "{with}");
        }
    }

    #[test]
    fn missing_and_wrong_arguments_are_usage_errors() {
        for line in [
            "cat",
            "import x",
            "info",
            "verify",
            "salvage x",
            "frobnicate",
            "cat x --format yaml",
            "--rate 0",
            "replay",
            "tail",
            "tail x -n 3 --cursor y",
        ] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }
}
