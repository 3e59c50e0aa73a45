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
}

fn main() {
    match Arguments::parse().part {
        Part::Ring(arguments) => {
            ringlog_benches::compare::ring::run(&arguments);
        }
    }
}
