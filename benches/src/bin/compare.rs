//! Compares ringlog with other rings, and with the cheapest code that moves or reads the same bytes.
//!
//! All contestants are measured in turn, round by round, in one process. The figures are medians, the ratios
//! are medians of the rounds' ratios, and beside each are the quartiles of the rounds.

use clap::{Parser, Subcommand};
use ringlog_benches::chart::LineChart;
use ringlog_benches::compare::{Table, c, choosing, grep, log, logging, many, read, ring, verify};
use ringlog_benches::machine::Machine;
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Parser)]
#[command(about = "Compares ringlog with other rings and with bare copies", version)]
struct Arguments {
    #[command(subcommand)]
    part: Option<Part>,
    /// Also write the tables to this file, as Markdown
    #[arg(long, global = true)]
    markdown: Option<PathBuf>,
    /// Write all figures to this file, as JSON
    #[arg(long, global = true)]
    json: Option<PathBuf>,
    /// Write the chart of throughput by payload size to this file, as SVG
    #[arg(long, global = true)]
    svg: Option<PathBuf>,
}

#[derive(Subcommand, Clone)]
enum Part {
    /// Everything, with the defaults
    All,
    /// The ring between two threads, beside other rings
    Ring(ring::Arguments),
    /// From an event to a log file, beside bare copies
    Log(log::Arguments),
    /// Reading logs, beside reading memory
    Read(read::Arguments),
    /// Verifying many segments one by one, and several at a time
    Verify(verify::Arguments),
    /// Reading the events that an expression chooses, beside reading all; not part of `all`
    Choosing(choosing::Arguments),
    /// Several threads into one log, beside a channel and a mutex; not part of `all`
    Many(many::Arguments),
    /// The functions for C, beside the same calls inlined in Rust; not part of `all`
    C(c::Arguments),
    /// Searching a log for bytes, beside ripgrep on the same files; not part of `all`
    Grep(grep::Arguments),
    /// A message of `tracing` with three fields, beside `fmt`; not part of `all`
    Logging(logging::Arguments),
}

#[derive(Serialize)]
struct Report {
    command: String,
    machine: Machine,
    tables: Vec<Table>,
}

/// Returns the default arguments of a part.
#[derive(Parser)]
struct Defaults<A: clap::Args> {
    #[command(flatten)]
    arguments: A,
}

fn defaults<A: clap::Args>() -> A {
    Defaults::<A>::parse_from([""]).arguments
}

fn measure(part: &Part) -> Result<(Vec<Table>, Option<LineChart>), String> {
    Ok(match part {
        Part::All => {
            let (mut tables, chart) = ring::run(&defaults())?;
            tables.extend(log::run(&defaults())?);
            tables.extend(read::run(&defaults()));
            tables.extend(verify::run(&defaults()));
            (tables, Some(chart))
        }
        Part::Ring(arguments) => {
            let (tables, chart) = ring::run(arguments)?;
            (tables, Some(chart))
        }
        Part::Log(arguments) => (log::run(arguments)?, None),
        Part::Read(arguments) => (read::run(arguments), None),
        Part::Verify(arguments) => (verify::run(arguments), None),
        Part::Choosing(arguments) => (choosing::run(arguments)?, None),
        Part::Many(arguments) => (many::run(arguments)?, None),
        Part::C(arguments) => (c::run(arguments), None),
        Part::Grep(arguments) => (grep::run(arguments)?, None),
        Part::Logging(arguments) => (logging::run(arguments)?, None),
    })
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    let given: Vec<String> = std::env::args().skip(1).collect();
    let command = format!("cargo run --release -p ringlog-benches --bin compare -- {}", given.join(" "));
    // Called before any thread is pinned: it counts the processors.
    let machine = Machine::ask();
    let (tables, chart) = measure(arguments.part.as_ref().unwrap_or(&Part::All))?;
    let report = Report { command: command.trim_end_matches(" -- ").to_owned(), machine, tables };
    let mut text = format!("`{}`\n\n{}\n", report.command, report.machine);
    for table in &report.tables {
        text += "\n";
        text += &table.markdown();
    }
    print!("{text}");
    if let Some(path) = arguments.markdown {
        std::fs::write(path, &text)?;
    }
    if let Some(path) = arguments.json {
        std::fs::write(path, serde_json::to_string_pretty(&report)?)?;
    }
    if let (Some(path), Some(chart)) = (arguments.svg, chart) {
        std::fs::write(path, chart.to_svg())?;
    }
    Ok(())
}
