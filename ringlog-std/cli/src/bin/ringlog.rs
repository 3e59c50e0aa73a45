//! `ringlog`: records events into a log, and reads such logs.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    ringlog_cli::ringlog()
}
