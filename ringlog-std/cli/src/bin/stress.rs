//! `stress`: writes at full speed through a ring into a log, and counts what arrived.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    ringlog_cli::stress()
}
