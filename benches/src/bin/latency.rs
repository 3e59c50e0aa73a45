//! Measures latencies: of the hot path, from producer to consumer, of waking up, and of opening logs.
//!
//! ```text
//! cargo run --release -p ringlog-benches --bin latency -- --quick
//! cargo run --release -p ringlog-benches --bin latency -- --parts hot,storm --svg latency.svg
//! ```

use clap::Parser;
use ringlog_benches::chart::{Axis, LineChart, Scale, Series, duration, percent};
use ringlog_benches::latency::settings::{Args, Settings};
use ringlog_benches::latency::{other_process::record, report};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("latency: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), String> {
    if let Some([ring, log]) = args.record.as_deref() {
        return record(args, ring, log);
    }
    let program = std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
    let report = report(&Settings::new(args, Some(program)), &args.parts, command())?;
    print!("{}", report.to_text());
    write(args.markdown.as_deref(), || Ok(report.to_markdown()))?;
    write(args.json.as_deref(), || serde_json::to_string_pretty(&report).map_err(|error| error.to_string()))?;
    let chart = |kind| Ok(chart(kind, report.curves(kind)).to_svg());
    write(args.svg.as_deref(), || chart("Service"))?;
    write(args.svg_response.as_deref(), || chart("Response"))
}

/// Returns the command line as a user can type it again.
fn command() -> String {
    let arguments = std::env::args().skip(1).map(|argument| format!(" {argument}")).collect::<String>();
    format!("latency{arguments}")
}

fn write(path: Option<&Path>, text: impl FnOnce() -> Result<String, String>) -> Result<(), String> {
    let Some(path) = path else { return Ok(()) };
    std::fs::write(path, text()?).map_err(|error| format!("{}: {error}", path.display()))
}

fn chart(kind: &str, series: Vec<Series>) -> LineChart {
    LineChart {
        title: format!("{kind} time of one event on the hot path"),
        x: Axis { label: "percentile".to_owned(), scale: Scale::Nines, tick_text: percent },
        y: Axis { label: "time".to_owned(), scale: Scale::Log, tick_text: duration },
        series,
    }
}
