//! Turns arguments into what a command works with: fills in defaults, rounds sizes, guesses formats.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::descriptions::{list_in, number_for};
use crate::error::CliError;
use crate::feed::spec::FeedSpec;
use crate::import::exported::{SCHEMA_FILE, first_table};
use crate::import::table::options::TableOptions;
use crate::import::typed::{EventType, TypedOptions};
use crate::import::{Format, PACKET, guess};
use crate::input::{Compression, Input};
use crate::measure::pinning::{Pins, may_run_on};
use crate::options::args::{ImportArgs, ServeArgs, StressArgs};
use crate::options::log_args::{LogArgs, LogPlan, RetentionArgs};
use crate::options::ship_args::BesideArgs;
use crate::service::ServiceConfig;
use crate::terminal::standard_input::is_standard_input;
use crate::terminal::words::size;
use crate::values::{Rate, Show};
use ringlog::storage::{FullDisk, SchemaList};

const DEFAULT_RATE: u64 = 100_000;
/// Most bytes that `serve` writes if nothing else bounds its log, so that a forgotten demo does not fill the disk.
pub(crate) const DEFAULT_MAX_BYTES: u64 = 4 << 30;
/// From room for the largest event to what the memory of a machine can hold.
const RING_BYTES: std::ops::RangeInclusive<u64> = 128 * 1024..=16 << 30;
const STRESS_BYTES: u64 = 16 << 30;

/// The arguments of `serve`, complete.
#[derive(Clone, Debug)]
pub(crate) struct ServeConfig {
    pub(crate) feed: FeedSpec,
    /// A shared ring to drain instead of the feed.
    pub(crate) ring: Option<PathBuf>,
    /// Whether what is unread in the shared ring is given up.
    pub(crate) skips_to_head: bool,
    pub(crate) seed: u64,
    pub(crate) rate: Rate,
    pub(crate) duration: Option<Duration>,
    pub(crate) max_bytes: MaxBytes,
    /// Whether only the disk bounds the log: when it is full, the oldest file makes room.
    pub(crate) fills_disk: bool,
    pub(crate) log: LogPlan,
    pub(crate) ring_bytes: usize,
    pub(crate) json: bool,
    pub(crate) show: Show,
    /// Whether no summary in words is printed.
    pub(crate) is_quiet: bool,
    pub(crate) service: ServiceConfig,
    pub(crate) beside: BesideArgs,
    /// Whether the log is synced at its end only.
    #[cfg(feature = "nats")]
    pub(crate) is_never_synced: bool,
}

impl ServeConfig {
    /// Fills in the defaults.
    pub(crate) fn resolve(args: ServeArgs) -> Result<Self, CliError> {
        // Other feeds cannot be held back: a pipe would stall, datagrams would be dropped.
        let default_rate = match args.feed {
            FeedSpec::Demo | FeedSpec::File(_) => DEFAULT_RATE.try_into().map_or(Rate::Max, Rate::PerSecond),
            _ => Rate::Max,
        };
        let is_bounded = args.ring.is_some() || args.how.is_bounded();
        let default_max_bytes =
            if is_bounded { MaxBytes::Unlimited } else { MaxBytes::Default(DEFAULT_MAX_BYTES) };
        let schemas = args.schema.as_deref().map_or_else(|| Ok(SchemaList::new()), list_in)?;
        Ok(Self {
            rate: args.rate.unwrap_or(default_rate),
            feed: args.feed,
            ring: args.ring,
            skips_to_head: args.skip_to_head,
            seed: args.seed,
            duration: args.duration,
            max_bytes: args.max_bytes.map_or(default_max_bytes, MaxBytes::Asked),
            fills_disk: args.max_bytes.is_none() && args.how.is_bounded() && !args.how.keep.retires(),
            log: args.threads.apply(LogPlan::new(args.log, &args.how)?)?.describing(schemas),
            ring_bytes: ring_bytes(args.ring_size)?,
            json: args.json,
            beside: args.beside,
            #[cfg(feature = "nats")]
            is_never_synced: args.how.sync == Some(ringlog::storage::SyncPolicy::Never),
            service: args.service.resolve(args.how.sync.unwrap_or_default()),
            is_quiet: args.messages.quiet,
            show: match args.messages.log_file {
                _ if args.messages.quiet => Show::Nothing,
                Some(_) if args.progress => Show::Lines,
                _ => Show::on_stderr(args.progress),
            },
        })
    }
}

/// How much a run may write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum MaxBytes {
    /// Something else bounds the log: retention, the disk, or the program that fills a shared ring.
    Unlimited,
    /// The default; a run that reaches it exits with code 4.
    Default(u64),
    /// The value of `--max-bytes`.
    Asked(u64),
}

impl MaxBytes {
    /// Returns the limit in bytes; `u64::MAX` for none.
    pub(crate) const fn get(self) -> u64 {
        match self {
            Self::Unlimited => u64::MAX,
            Self::Default(bytes) | Self::Asked(bytes) => bytes,
        }
    }
}

/// The arguments of `import`, complete.
#[derive(Clone, Debug)]
pub(crate) struct ImportConfig {
    pub(crate) file: PathBuf,
    pub(crate) compression: Option<Compression>,
    /// `None` if the file is compressed: the length of its content is not known.
    pub(crate) content_bytes: Option<u64>,
    pub(crate) format: Format,
    pub(crate) table: TableOptions,
    pub(crate) event_type: u8,
    /// The type of a table's events; `None` for rows as they are.
    pub(crate) typed: Option<EventType>,
    /// What describes the events of an export that does not describe them itself.
    pub(crate) schema: Option<PathBuf>,
    pub(crate) payload_only: bool,
    pub(crate) resumes: bool,
    pub(crate) log: LogPlan,
    pub(crate) ring_bytes: usize,
    pub(crate) json: bool,
    pub(crate) show: Show,
}

impl ImportConfig {
    /// Checks the file and fills in the defaults.
    pub(crate) fn resolve(args: &ImportArgs, file: &Path) -> Result<Self, CliError> {
        if args.resume && !matches!(args.how.full_disk, None | Some(FullDisk::Stop)) {
            return Err(CliError::Usage(
                "--resume continues after what the log has, and --full-disk drop or recycle leaves holes in it; give one of both"
                    .into(),
            ));
        }
        let first = first_table(file);
        let first = first.as_deref().unwrap_or(file);
        if file.join(SCHEMA_FILE).is_file() && first == file {
            return Err(CliError::Unreadable(format!(
                "{}: a folder with descriptions and no table; if it is an export, no record was chosen, so write another one",
                file.display()
            )));
        }
        let file_bytes = regular_file_bytes(first)?;
        let input = look(first)?;
        let compression = input.compression();
        let format = match args.format {
            Some(format) => format,
            None => guess(file, input.head())
                .map_err(|problem| CliError::Usage(format!("{}: {problem}", file.display())))?,
        };
        check_table_options(&args.table, format, file)?;
        if args.payload_only && format != Format::Pcap {
            return Err(CliError::Usage(format!(
                "--payload-only is for packet captures, but {} is read as {format}; leave it out, or give --format pcap",
                file.display()
            )));
        }
        check_typed_options(&args.typed, format, file)?;
        check_exported(args, file, format)?;
        let is_export = format == Format::Ringlog;
        let schema = args.typed.schema.clone().filter(|_| is_export);
        let typed = match is_export {
            true => None,
            false => {
                let name = if is_standard_input(file) { Path::new("stdin") } else { file };
                args.typed.resolve(name, args.event_type, &args.log)?
            }
        };
        let is_folder = file.is_dir();
        let event_type = match format {
            Format::Pcap if !args.payload_only => number_for(&args.log, PACKET, args.event_type)?,
            _ => args.event_type.unwrap_or(0),
        };
        Ok(Self {
            file: file.into(),
            compression,
            content_bytes: (compression.is_none() && !is_folder).then_some(file_bytes),
            format,
            table: args.table.clone(),
            event_type,
            typed,
            schema,
            payload_only: args.payload_only,
            resumes: args.resume,
            log: LogPlan::new(args.log.clone(), &args.how)?.rereading(args.resume),
            ring_bytes: ring_bytes(args.ring_size)?,
            json: args.json,
            show: Show::on_stderr(args.progress),
        })
    }
}

/// The arguments of `stress`, complete.
#[derive(Clone, Debug)]
pub(crate) struct StressConfig {
    pub(crate) duration: Duration,
    pub(crate) payload_len: u16,
    pub(crate) batch: u64,
    pub(crate) log: Option<PathBuf>,
    pub(crate) how: LogArgs,
    pub(crate) max_bytes: Option<u64>,
    pub(crate) ring_bytes: usize,
    pub(crate) pins: Pins,
    pub(crate) json: bool,
}

impl StressConfig {
    /// The size limit without `--max-bytes`.
    pub(crate) const DEFAULT_MAX_BYTES: u64 = STRESS_BYTES;

    /// Checks the arguments.
    pub(crate) fn resolve(args: StressArgs) -> Result<Self, CliError> {
        let StressArgs { keep_bytes, sync, uncached, .. } = args;
        let keep = RetentionArgs { keep_bytes, ..RetentionArgs::default() };
        let how = LogArgs { keep, sync, uncached, ..LogArgs::default() };
        how.check()?;
        Ok(Self {
            duration: args.seconds,
            payload_len: args.payload,
            batch: args.batch.get(),
            log: args.log,
            // What is kept bounds the log.
            max_bytes: args.max_bytes.or(args.keep_bytes.and(Some(u64::MAX))),
            how,
            ring_bytes: ring_bytes(args.ring_size)?,
            pins: args.pin.map_or(Ok(Pins::default()), pins)?,
            json: args.json,
        })
    }
}

fn pins((producer, recorder): (usize, usize)) -> Result<Pins, CliError> {
    match [producer, recorder].into_iter().find(|&it| !may_run_on(it)) {
        Some(processor) => Err(CliError::Usage(format!(
            "--pin: this process may not run on processor {processor}; `taskset -p $$` shows the allowed ones as a mask"
        ))),
        None => Ok(Pins { producer: Some(producer), recorder: Some(recorder) }),
    }
}

fn ring_bytes(asked: u64) -> Result<usize, CliError> {
    let rounded = asked.checked_next_power_of_two().filter(|bytes| RING_BYTES.contains(bytes));
    rounded.and_then(|bytes| usize::try_from(bytes).ok()).ok_or_else(|| {
        CliError::Usage(format!(
            "--ring-size {}: a ring takes 128 KiB to 16 GiB; give a size in this range",
            size(asked)
        ))
    })
}

/// Refuses options that do not apply to a file of this format.
fn check_table_options(options: &TableOptions, format: Format, file: &Path) -> Result<(), CliError> {
    let usage = |problem: String| Err(CliError::Usage(problem));
    let odd = |option: &str, kind: &str, remedy: &str| {
        usage(format!("{option} is for {kind}, but {} is read as {format}; {remedy}", file.display()))
    };
    match (format, options.csv_option(), options.time_field.as_ref().map(|_| "--time-field")) {
        (Format::Csv, _, Some(option)) => {
            odd(option, "lines of JSON", "give --time-column, or --format json")
        }
        (Format::Json, Some(option @ ("--time-column" | "--date-column")), _) => {
            odd(option, "CSV", "give --time-field, or --format csv")
        }
        (Format::Json, Some(option), _) => odd(option, "CSV", "leave it out, or give --format csv"),
        (Format::Pcap | Format::Lines | Format::Ringlog, csv, json) => match csv
            .or(json)
            .or(options.time_option())
        {
            Some(option) => odd(option, "CSV or lines of JSON", "leave it out, or give --format csv or json"),
            None => Ok(()),
        },
        _ => options.check().map_or(Ok(()), |problem| usage(problem.into())),
    }
}

/// Refuses to make typed events of a file that has no columns.
fn check_typed_options(options: &TypedOptions, format: Format, file: &Path) -> Result<(), CliError> {
    let Some(option) = options.option() else { return Ok(()) };
    let remedy = match format {
        Format::Csv | Format::Json => return Ok(()),
        Format::Pcap => "leave it out, packets have a type without it",
        Format::Ringlog if option == "--schema" => return Ok(()),
        Format::Lines | Format::Ringlog => "give --format csv or json",
    };
    Err(CliError::Usage(format!(
        "{option} is for CSV or lines of JSON, but {} is read as {format}; {remedy}",
        file.display()
    )))
}

/// Refuses options that decide what an export says itself.
fn check_exported(args: &ImportArgs, file: &Path, format: Format) -> Result<(), CliError> {
    match (format, args.event_type) {
        (Format::Ringlog, Some(_)) => Err(CliError::Usage(format!(
            "--event-type: {} is read as {format}, which says the type of each event; leave it out, or give --format csv or json",
            file.display()
        ))),
        _ if file.is_dir() && format != Format::Ringlog => Err(CliError::Unreadable(format!(
            "{}: a folder of tables that `ringlog export` did not write, or that another program saved with other commas; give one of \
             its files",
            file.display()
        ))),
        _ => Ok(()),
    }
}

fn regular_file_bytes(path: &Path) -> Result<u64, CliError> {
    let metadata = path.metadata().map_err(CliError::io("open", path))?;
    let problem = match metadata.file_type() {
        kind if kind.is_file() => return Ok(metadata.len()),
        kind if kind.is_dir() => "a folder; give a file, or copy a log with `ringlog replay --to`",
        _ => "not a regular file; read lines from pipes and devices with `ringlog serve --feed`",
    };
    Err(CliError::Unreadable(format!("{}: {problem}", path.display())))
}

fn not_read(error: std::io::Error, path: &Path) -> CliError {
    match error.kind() {
        ErrorKind::Unsupported => CliError::Unreadable(format!("{}: {error}", path.display())),
        _ => CliError::io("read", path)(error),
    }
}

/// Refuses an empty file, or one that cannot be imported, before a log is created for it.
fn look(path: &Path) -> Result<Input, CliError> {
    let input = Input::open(path).map_err(|error| not_read(error, path))?;
    if !input.is_empty() {
        return Ok(input);
    }
    let what = match input.compression() {
        None => "empty (0 bytes)".into(),
        Some(compression) => format!("empty: its {compression} data decompresses to 0 bytes"),
    };
    let problem = format!("{}: {what}; check that it was written completely", path.display());
    Err(CliError::Unreadable(problem))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::args::{Command, RinglogArgs};
    use clap::Parser;

    fn serve(line: &str) -> Result<ServeConfig, CliError> {
        let args = RinglogArgs::try_parse_from(std::iter::once("ringlog").chain(line.split_whitespace()));
        ServeConfig::resolve(args.unwrap().serve)
    }

    fn import(line: &str) -> Result<ImportConfig, CliError> {
        let words = ["ringlog", "import"].into_iter().chain(line.split_whitespace());
        match RinglogArgs::try_parse_from(words).unwrap().command {
            Some(Command::Import(args)) => ImportConfig::resolve(&args, &args.files[0]),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_default_rate_depends_on_the_feed() {
        assert!(matches!(serve("").unwrap().rate, Rate::PerSecond(n) if n.get() == DEFAULT_RATE));
        assert_eq!(serve("--feed -").unwrap().rate, Rate::Max);
        assert_eq!(serve("--feed udp://127.0.0.1:0").unwrap().rate, Rate::Max);
        assert!(matches!(serve("--feed - --rate 5").unwrap().rate, Rate::PerSecond(n) if n.get() == 5));
    }

    #[test]
    fn the_default_limit_holds_only_where_nothing_else_bounds_the_log() {
        let limit = |line: &str| serve(line).unwrap().max_bytes;
        assert_eq!(limit(""), MaxBytes::Default(4 << 30));
        assert_eq!(limit("--full-disk recycle --cursor-bytes 1GiB --keep-for 2d"), MaxBytes::Unlimited);
        assert_eq!(limit("--full-disk stop"), limit(""));
        assert_eq!(limit("--full-disk drop"), limit(""));
        let recycle = "--full-disk recycle";
        for bounded in ["--keep-bytes 1GiB", "--keep-for 30d", "--keep-files 9", "--ring r", recycle] {
            assert_eq!(limit(bounded), MaxBytes::Unlimited, "{bounded}");
            assert_eq!(limit(&format!("{bounded} --max-bytes 1MiB")), MaxBytes::Asked(1 << 20));
            let fills_disk = |line: &str| serve(line).unwrap().fills_disk;
            assert_eq!(fills_disk(bounded), bounded == recycle, "{bounded}");
            assert!(!fills_disk(&format!("{bounded} --max-bytes 1MiB")), "{bounded}");
        }
        assert!(!serve("--full-disk recycle --keep-files 3").unwrap().fills_disk);
    }

    #[test]
    fn rings_are_rounded_up_and_bounded() {
        assert_eq!(serve("--ring-size 5MiB").unwrap().ring_bytes, 8 << 20);
        for bad in ["1KiB", "1TiB", "16EiB"] {
            assert!(matches!(serve(&format!("--ring-size {bad}")), Err(CliError::Usage(_))), "{bad}");
        }
    }

    #[test]
    fn imports_are_guessed_and_checked() {
        let folder = tempfile::tempdir().unwrap();
        let table = folder.path().join("ticks.csv");
        std::fs::write(&table, "time,price\n").unwrap();
        let line = format!("{} --log x", table.display());
        assert_eq!(import(&line).unwrap().format, Format::Csv);
        assert_eq!(import(&format!("{line} --format lines")).unwrap().format, Format::Lines);
        assert!(import(&format!("{line} --format lines --time-unit ms")).is_err());
        let error = import(&format!("{} --log x", folder.path().display())).unwrap_err().to_string();
        assert!(error.contains("a folder of tables"), "{error}");
        std::fs::create_dir(folder.path().join("none")).unwrap();
        let error =
            import(&format!("{} --log x", folder.path().join("none").display())).unwrap_err().to_string();
        assert!(error.contains("a folder; give a file"), "{error}");
        assert!(import("/dev/null --log x").unwrap_err().to_string().contains("`ringlog serve --feed`"));
        for (name, bytes, named) in [("a.zip", &b"PK\x03\x04\0"[..], "zip"), ("b.csv", b"", "empty")] {
            let file = folder.path().join(name);
            std::fs::write(&file, bytes).unwrap();
            for more in ["", "--format lines", "--format csv", "--format pcap"] {
                let error = import(&format!("{} --log x {more}", file.display())).unwrap_err();
                assert!(error.to_string().contains(named), "{error}");
            }
        }
    }
}
