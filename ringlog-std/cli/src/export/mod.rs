//! Writes the events of a log in the formats of other programs.
//!
//! Each format is a [`Target`], which takes the records one by one and says at its end what it could not hold. A [`Draft`] is the
//! file or folder under a temporary name: it gets its own name once everything is written, and is removed otherwise. Nothing is
//! left out in silence: the command prints the counts of [`Done`], and ends with another code if there is one. What each format
//! holds is in docs/exports.md.

mod chrome_trace;
mod described;
pub(crate) mod draft;
pub(crate) mod lines;
#[cfg(feature = "mcap")]
mod mcap;
#[cfg(feature = "mcap")]
mod mcap_json;
mod pcapng;
pub(crate) mod place;
#[cfg(feature = "parquet")]
mod table;
mod times;

use std::io::{self, IsTerminal};
use std::num::NonZero;
use std::path::Path;

use clap::ValueEnum;

use crate::error::CliError;
use crate::output::PrintStyle;
use crate::terminal::standard_input::is_standard;
use draft::Draft;
use ringlog::event::{ClockKind, Event};
use ringlog::schema::SchemaSet;

/// The formats of exports.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum ExportFormat {
    /// Apache Parquet: a table for each type, for pandas, polars and DuckDB
    Parquet,
    /// Apache Arrow's file format: the same tables
    Arrow,
    /// CSV: a table for each type; `import` reads it back
    Csv,
    /// Lines of JSON; `import` reads them back
    Json,
    /// MCAP with messages in JSON, for Foxglove
    Mcap,
    /// Chrome's trace events, for the UI of Perfetto
    ChromeTrace,
    /// Packets of captures, for Wireshark; `import` reads them back
    Pcapng,
}

impl ExportFormat {
    /// Endings of the name of a file of this format.
    const fn endings(self) -> &'static [&'static str] {
        match self {
            Self::Parquet => &["parquet"],
            Self::Arrow => &["arrow", "feather", "ipc"],
            Self::Csv => &["csv"],
            Self::Json => &["json", "jsonl", "ndjson"],
            Self::Mcap => &["mcap"],
            Self::ChromeTrace => &["json"],
            Self::Pcapng => &["pcapng"],
        }
    }

    /// Whether this output is a folder with a file for each type: the name of a file that is one table has its ending.
    pub(crate) fn is_folder(self, out: &Path) -> bool {
        matches!(self, Self::Parquet | Self::Arrow | Self::Csv)
            && !is_standard(out)
            && !self.endings().contains(&&*ending_of(out))
    }

    /// Fails if the name of the output is that of another format, or of a terminal that would get bytes.
    pub(crate) fn check_name(self, out: &Path) -> Result<(), CliError> {
        let usage = |words: &str| Err(CliError::Usage(format!("{}: {words}", out.display())));
        if is_standard(out) {
            let is_binary = !matches!(self, Self::Csv | Self::Json | Self::ChromeTrace);
            return match is_binary && io::stdout().is_terminal() {
                true => usage("this format is no text for a terminal; pipe it on, or name a file"),
                false => Ok(()),
            };
        }
        let ending = ending_of(out);
        let is_known = |format: &Self| format.endings().contains(&&*ending);
        if is_known(&self) || !Self::value_variants().iter().any(is_known) {
            return Ok(());
        }
        usage(&format!(
            "the ending .{ending} is that of another format; give --to that format, or a name with .{}",
            self.endings().join(" or .")
        ))
    }

    /// Fails if this program was built without what the format needs.
    pub(crate) fn check_built(self) -> Result<(), CliError> {
        let (feature, is_built) = match self {
            Self::Parquet | Self::Arrow => ("parquet", cfg!(feature = "parquet")),
            Self::Mcap => ("mcap", cfg!(feature = "mcap")),
            _ => return Ok(()),
        };
        if is_built {
            return Ok(());
        }
        let name = if self == Self::Arrow { "arrow" } else { feature };
        Err(CliError::Usage(format!(
            "--to {name}: this program was built without the feature `{feature}`; build it with \
             `cargo build --release -p ringlog-cli --features {feature}`, or with `--features full`"
        )))
    }
}

/// Returns the ending of a name in lower case.
fn ending_of(out: &Path) -> String {
    out.extension().map_or_else(String::new, |ending| ending.to_string_lossy().to_ascii_lowercase())
}

/// What an export is made of.
pub(crate) struct Request {
    pub(crate) format: ExportFormat,
    pub(crate) style: PrintStyle,
    /// All that is said of the events.
    pub(crate) described: SchemaSet,
    #[cfg_attr(not(feature = "parquet"), expect(dead_code, reason = "for the columns of typed tables"))]
    pub(crate) clock: ClockKind,
    pub(crate) is_folder: bool,
    #[cfg_attr(not(feature = "parquet"), expect(dead_code, reason = "for the threads of typed tables"))]
    pub(crate) jobs: NonZero<usize>,
}

/// What was written, and what was not.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// What the output has, and how many.
    pub(crate) has: (&'static str, u64),
    /// What the format could not hold: how many, one of them, and why.
    pub(crate) left_out: Vec<(u64, &'static str, String)>,
    /// Whether something was left out that was already said.
    pub(crate) is_lossy: bool,
    pub(crate) notes: Vec<String>,
}

impl Done {
    fn of(what: &'static str, count: usize) -> Self {
        Self { has: (what, count as u64), ..Self::default() }
    }

    /// Notes that this many could not be held; nothing for 0.
    fn leave_out(&mut self, count: u64, what: &'static str, why: impl Into<String>) {
        if count > 0 {
            self.left_out.push((count, what, why.into()));
        }
    }
}

/// Takes the records of a log.
pub(crate) trait Target {
    /// Writes an event or a GAP record.
    fn take(&mut self, event: &Event<'_>, clock: ClockKind) -> Result<(), CliError>;

    /// Writes what is left.
    fn finish(self: Box<Self>) -> Result<Done, CliError>;
}

/// Begins an export into a draft.
pub(crate) fn begin(request: Request, draft: &Draft) -> Result<Box<dyn Target + '_>, CliError> {
    #[cfg(feature = "parquet")]
    if matches!(request.format, ExportFormat::Parquet | ExportFormat::Arrow) {
        return table::Tables::begin(request, draft).map(|tables| Box::new(tables) as Box<dyn Target + '_>);
    }
    let Request { format, style, described, is_folder, .. } = request;
    Ok(match format {
        ExportFormat::Csv if is_folder => Box::new(lines::Folder::begin(draft, style, &described)?),
        ExportFormat::Csv | ExportFormat::Json => Box::new(lines::Lines::begin(draft, style, &described)?),
        #[cfg(feature = "mcap")]
        ExportFormat::Mcap => Box::new(mcap::Recording::begin(draft, style.descriptions)?),
        ExportFormat::ChromeTrace => Box::new(chrome_trace::Trace::begin(draft, style.descriptions)?),
        ExportFormat::Pcapng => Box::new(pcapng::Capture::begin(draft, style.descriptions, &described)?),
        other => {
            other.check_built()?;
            return Err(CliError::Usage("no such format".into()));
        }
    })
}
