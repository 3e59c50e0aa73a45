//! The command lines as they are typed. What they come to is in `config`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::cli::feed::spec::{self, FeedSpec};
pub(crate) use crate::cli::import::guess::Format;
pub(crate) use crate::cli::import::table::options::TableOptions;
use crate::cli::options::log_args::LogArgs;
use crate::cli::output::CatFormat;
use crate::cli::values::{self, Rate, ReplayTo, Speed};
use crate::storage::Filter;

/// What the exit codes mean, after the help of each command that has more than two.
macro_rules! exit_codes {
    () => {
        "Exit codes:
  0  done, and nothing is missing; so also after --for, --max-bytes and Ctrl-C of serve
  1  not done: standard error says why, and what to do; of verify: not all of the log can be read
  2  the command line cannot be done
  3  done, but events are missing, and it was said which; an interrupted import
  4  serve stopped at its default limit of 4 GiB, which nobody asked for"
    };
}
const EXIT_CODES: &str = exit_codes!();

/// How values are written, after the help of each command that takes such.
macro_rules! values_help {
    () => {
        "Values:
  SIZE      4GiB, 500MB, 64k; a number without a unit counts bytes
  DURATION  5s, 1m30s, 250ms, 12h, 30d, 2w; a number without a unit counts seconds"
    };
}
const VALUES: &str = values_help!();
const VALUES_AND_EXIT_CODES: &str = concat!(values_help!(), "\n\n", exit_codes!());

/// Records events through a lock-free ring into a memory-mapped log, and reads such logs.
///
/// Without a command it records: see `ringlog serve --help`.
#[derive(Parser, Debug)]
#[command(name = "ringlog", version, args_conflicts_with_subcommands = true, after_help = VALUES_AND_EXIT_CODES)]
pub(crate) struct RinglogArgs {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Record events from a feed into a log, until the feed ends, a limit is reached or Ctrl-C
    #[command(after_help = VALUES_AND_EXIT_CODES)]
    Serve(ServeArgs),
    /// Record a packet capture, a table of ticks or a text file into a log
    #[command(after_help = VALUES_AND_EXIT_CODES)]
    Import(ImportArgs),
    /// Print the events of a log
    Cat(CatArgs),
    /// Print the last events of a log, and those that are written from now on
    #[command(after_help = EXIT_CODES)]
    Tail(TailArgs),
    /// Print the events of logs, or write them elsewhere, at the pace at which they happened
    #[command(after_help = VALUES)]
    Replay(ReplayArgs),
    /// Say what is in a log
    Info(InspectArgs),
    /// Read and check every record of a log: exit 0 clean, 3 readable with loss, 1 unreadable
    #[command(after_help = EXIT_CODES)]
    Verify(InspectArgs),
    /// Copy every valid record of a damaged log into a new one, with a GAP record where something is missing
    #[command(after_help = EXIT_CODES)]
    Salvage(SalvageArgs),
    /// Find the rings in a raw dump of memory, of any machine, and print their unread events
    RecoverImage(RecoverImageArgs),
}

/// Arguments of `ringlog serve`.
#[derive(Args, Clone, Debug)]
pub(crate) struct ServeArgs {
    /// demo (a generated order-flow-like stream, synthetic), - (lines of stdin), a FILE (its lines),
    /// udp://ADDR:PORT[?interface=NAME&buffer=64MiB] (a datagram is an event; a multicast group is joined),
    /// tcp://ADDR:PORT or unix:PATH[?framing=lines|length32be] (connections; a line is an event, or what follows its
    /// length: length16be, length16le, length32be, length32le), or unix:PATH?type=datagram
    #[arg(long, value_name = "FEED", default_value = "demo", value_parser = spec::feed)]
    pub(crate) feed: FeedSpec,
    /// Instead of a feed: drain the shared ring in this file, which another program writes into, until Ctrl-C;
    /// made if it is missing
    #[arg(long, value_name = "FILE", conflicts_with_all = ["feed", "rate", "seed"])]
    pub(crate) ring: Option<PathBuf>,
    /// Events a second (100000, 100k, 2M) or max [default: 100000 for demo and FILE, max for the others]
    #[arg(long, value_name = "N|max", value_parser = values::rate)]
    pub(crate) rate: Option<Rate>,
    /// Stop after this time, such as 5s, 1m30s or 2d
    #[arg(long = "for", value_name = "DURATION", value_parser = values::duration)]
    pub(crate) duration: Option<Duration>,
    /// Stop when this run has written this much. With --ring, what the ring holds then may exceed it
    /// [default: none with --ring, --keep-bytes, --keep-for, --keep-files or --full-disk recycle; else 4GiB, and exit
    /// code 4]
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    pub(crate) max_bytes: Option<u64>,
    /// The folder of the log; a run adds to what is there
    #[arg(long, value_name = "PATH", default_value = "./ringlog-data")]
    pub(crate) log: PathBuf,
    /// Size of the ring between feed and log, or of one that --ring makes, rounded up to a power of two
    #[arg(long, value_name = "SIZE", default_value = "8MiB", value_parser = values::size)]
    pub(crate) ring_size: u64,
    #[command(flatten)]
    pub(crate) how: LogArgs,
    /// Which demo stream: the same number gives the same events
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = values::count)]
    pub(crate) seed: u64,
    /// Print the summary as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Print a line of counts every two seconds although standard error is no terminal
    #[arg(long)]
    pub(crate) progress: bool,
}

/// Arguments of `ringlog import`.
#[derive(Args, Clone, Debug)]
pub(crate) struct ImportArgs {
    /// The file to import
    pub(crate) file: PathBuf,
    /// The folder of the log; an import adds to what is there
    #[arg(long, value_name = "PATH")]
    pub(crate) log: PathBuf,
    /// What the file is [default: by its first bytes and its name]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
    #[command(flatten)]
    pub(crate) table: TableOptions,
    /// The event type to give to all events
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = values::event_type)]
    pub(crate) event_type: u8,
    /// Size of the ring between file and log, rounded up to a power of two
    #[arg(long, value_name = "SIZE", default_value = "8MiB", value_parser = values::size)]
    pub(crate) ring_size: u64,
    #[command(flatten)]
    pub(crate) how: LogArgs,
    /// Print the summary as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Print a line of counts every two seconds although standard error is no terminal
    #[arg(long)]
    pub(crate) progress: bool,
}

/// Arguments of `ringlog cat`.
#[derive(Args, Clone, Debug)]
pub(crate) struct CatArgs {
    /// A log: a folder or one file
    pub(crate) log: PathBuf,
    /// How to print an event
    #[arg(long, value_enum, default_value_t = CatFormat::Text)]
    pub(crate) format: CatFormat,
    /// CSV: put an apostrophe in front of payloads that a spreadsheet would compute (= + - @ tab CR)
    #[arg(long)]
    pub(crate) csv_safe: bool,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Stop after so many
    #[arg(long, value_name = "N", value_parser = values::count)]
    pub(crate) limit: Option<u64>,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
}

/// Which events of a log are wanted.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct FilterArgs {
    /// Only events of this type (and gaps, which may stand for such events); may be given several times
    #[arg(long = "type", value_name = "N", value_parser = values::event_type)]
    pub(crate) event_types: Vec<u8>,
    /// Start with the record that has this sequence number
    #[arg(long, value_name = "N", value_parser = values::count)]
    pub(crate) from_seq: Option<u64>,
    /// Stop before the record that has this sequence number
    #[arg(long, value_name = "N", value_parser = values::count)]
    pub(crate) to_seq: Option<u64>,
    /// Only events at or after this time: RFC 3339 or nanoseconds
    #[arg(long, value_name = "TIME", value_parser = values::timestamp)]
    pub(crate) since: Option<u64>,
    /// Only events before this time: RFC 3339 or nanoseconds
    #[arg(long, value_name = "TIME", value_parser = values::timestamp)]
    pub(crate) until: Option<u64>,
}

impl FilterArgs {
    /// What they come to.
    pub(crate) fn to_filter(&self) -> Filter {
        let Self { event_types, from_seq, to_seq, since, until } = self;
        let sequences = from_seq.unwrap_or(0)..to_seq.unwrap_or(u64::MAX);
        let filter = Filter::new().sequences(sequences).since(since.unwrap_or(0));
        let filter = event_types.iter().fold(filter, |filter, event_type| filter.event_type(*event_type));
        match until {
            Some(until) => filter.until(*until),
            None => filter,
        }
    }
}

/// Arguments of `ringlog tail`.
#[derive(Args, Clone, Debug)]
pub(crate) struct TailArgs {
    /// A log: a folder or one file
    pub(crate) log: PathBuf,
    /// Go on with what is written from now on, until Ctrl-C
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// How many of the last events to print first [default: 10]
    #[arg(short = 'n', long = "lines", value_name = "N", value_parser = values::count, conflicts_with = "cursor")]
    pub(crate) lines: Option<u64>,
    /// Print what this cursor has not seen yet, and have it remember; a new one starts with the oldest event
    #[arg(long, value_name = "NAME")]
    pub(crate) cursor: Option<String>,
    /// How to print an event
    #[arg(long, value_enum, default_value_t = CatFormat::Text)]
    pub(crate) format: CatFormat,
    /// CSV: put an apostrophe in front of payloads that a spreadsheet would compute (= + - @ tab CR)
    #[arg(long)]
    pub(crate) csv_safe: bool,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}

/// Arguments of `ringlog replay`.
#[derive(Args, Clone, Debug)]
pub(crate) struct ReplayArgs {
    /// Logs, folders or single files; several are merged by their timestamps
    #[arg(required = true, value_name = "LOG")]
    pub(crate) logs: Vec<PathBuf>,
    /// 1 is the pace at which the events happened, 10 is ten times as fast, max is without any wait
    #[arg(long, value_name = "N|max", default_value = "1", value_parser = values::speed)]
    pub(crate) speed: Speed,
    /// Wait no longer than this for any event, such as 10s: shortens silences and steps of the clock
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub(crate) max_wait: Option<Duration>,
    /// Write the events into a new log in this folder, or into a shared ring (ring:FILE), instead of printing them
    #[arg(long, value_name = "FOLDER|ring:FILE", value_parser = values::replay_target)]
    pub(crate) to: Option<ReplayTo>,
    /// How to print an event
    #[arg(long, value_enum, default_value_t = CatFormat::Text, conflicts_with = "to")]
    pub(crate) format: CatFormat,
    /// CSV: put an apostrophe in front of payloads that a spreadsheet would compute (= + - @ tab CR)
    #[arg(long, conflicts_with = "to")]
    pub(crate) csv_safe: bool,
    /// The same as --format json
    #[arg(long, conflicts_with_all = ["format", "to"])]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}

/// Arguments of `ringlog info` and `ringlog verify`.
#[derive(Args, Clone, Debug)]
pub(crate) struct InspectArgs {
    /// A log: a folder or one file
    pub(crate) log: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `ringlog salvage`.
#[derive(Args, Clone, Debug)]
pub(crate) struct SalvageArgs {
    /// The damaged log: a folder or one file; it is not changed
    pub(crate) log: PathBuf,
    /// The folder of the new log, which must not exist or be empty
    pub(crate) out: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `ringlog recover-image`.
#[derive(Args, Clone, Debug)]
pub(crate) struct RecoverImageArgs {
    /// The dump: the bytes of the memory as they stood there
    pub(crate) image: PathBuf,
    /// Make a log file of each ring in this folder, named by its offset, instead of printing the events
    #[arg(long, value_name = "FOLDER")]
    pub(crate) to: Option<PathBuf>,
    /// How to print an event
    #[arg(long, value_enum, default_value_t = CatFormat::Text)]
    pub(crate) format: CatFormat,
    /// CSV: put an apostrophe in front of payloads that a spreadsheet would compute (= + - @ tab CR)
    #[arg(long, conflicts_with_all = ["json", "to"])]
    pub(crate) csv_safe: bool,
    /// Print what was found as JSON, instead of the events
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
}

/// Writes events through a ring into a log at full speed, and counts what arrived by reading it back.
///
/// The producer waits while the ring is full: nothing may be lost, and the run fails if anything is.
#[derive(Parser, Clone, Debug)]
#[command(name = "stress", version, after_help = VALUES)]
pub(crate) struct StressArgs {
    /// How long to write
    #[arg(long, value_name = "N", default_value = "5", value_parser = values::seconds)]
    pub(crate) seconds: Duration,
    /// Length of every payload in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 64, value_parser = values::payload_len)]
    pub(crate) payload: u16,
    /// Keep the log in this folder [default: a temporary one, deleted at the end]
    #[arg(long, value_name = "PATH")]
    pub(crate) log: Option<PathBuf>,
    /// Stop earlier when so much has been written [default: 16GiB, at most half of the free space]
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    pub(crate) max_bytes: Option<u64>,
    /// Size of the ring, rounded up to a power of two
    #[arg(long, value_name = "SIZE", default_value = "8MiB", value_parser = values::size)]
    pub(crate) ring_size: u64,
    /// Print the report as JSON
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

    /// Nobody should have to try what `--for 1` means.
    #[test]
    fn the_help_of_each_command_says_what_a_number_without_a_unit_is() {
        let ringlog = RinglogArgs::command();
        let mut commands: Vec<_> = ringlog.get_subcommands().cloned().collect();
        commands.extend([ringlog, StressArgs::command()]);
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
    fn a_ring_stands_for_the_feed() {
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
