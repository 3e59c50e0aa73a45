//! The options of `report` and `plot`, as typed.

use std::path::PathBuf;

use clap::Args;

use crate::options::filter_args::FilterArgs;
use crate::values;

/// Arguments of `ringlog report`.
#[derive(Args, Clone, Debug)]
pub(crate) struct ReportArgs {
    /// A log: a folder or one file
    pub(crate) log: PathBuf,
    /// File to write, or - for standard output; one that is there is replaced
    #[arg(short, long, value_name = "FILE", default_value = "report.html")]
    pub(crate) out: PathBuf,
    /// Chart the time of the event minus this field, such as sent or order_add.sent: a time of the log's clock, or an
    /// integer with the unit s, ms, us or ns
    #[arg(long, value_name = "FIELD")]
    pub(crate) latency: Option<String>,
    /// Chart this number over time, such as price, order_add.price, payload_size or interarrival; repeat it for several
    #[arg(long = "plot", value_name = "FIELD")]
    pub(crate) plots: Vec<String>,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}

/// Arguments of `ringlog plot`.
#[derive(Args, Clone, Debug)]
pub(crate) struct PlotArgs {
    /// A log: a folder or one file
    pub(crate) log: PathBuf,
    /// The number to draw: a field of any type or of one, such as price or order_add.price; payload_size; interarrival
    pub(crate) field: String,
    /// Rows of the chart
    #[arg(long, value_name = "N", default_value = "16", value_parser = values::chart_size)]
    pub(crate) height: usize,
    /// Columns of the chart [default: those of the terminal, 80 without one]
    #[arg(long, value_name = "N", value_parser = values::chart_size)]
    pub(crate) width: Option<usize>,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}
