//! Compares ringlog with other rings, and with the cheapest code that moves the same bytes.

use clap::{Parser, Subcommand};

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    part: Part,
}

#[derive(Subcommand)]
enum Part {
    /// The ring between two threads, beside other rings.
    Ring(ringlog_benches::compare::ring::Arguments),
    /// From an event to a log file, beside bare copies.
    Log(ringlog_benches::compare::log::Arguments),
}

fn main() {
    match Arguments::parse().part {
        Part::Log(arguments) => {
            for table in ringlog_benches::compare::log::run(&arguments) {
                println!("{}", table.markdown());
            }
        }
        Part::Ring(arguments) => {
            ringlog_benches::compare::ring::run(&arguments);
        }
    }
}
