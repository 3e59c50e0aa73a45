//! `ringlog` under another name, for the tests to read logs with.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    ringlog_cli::ringlog()
}
