//! Reports tests that cannot run on this machine, so that CI counts them.
//!
//! A test that passes has its output captured, so a line on standard error is not seen.

use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::Write;

/// Adds a line to the file that `RINGLOG_SKIPS` names: the name of the running test, and the reason why it was
/// skipped.
pub(crate) fn note_skip(reason: impl Display) {
    let thread = std::thread::current();
    let reason = reason.to_string();
    let line = format!("{}: {}\n", thread.name().unwrap_or("a test"), reason.trim().replace('\n', " "));
    eprint!("skipped: {line}");
    let Some(path) = std::env::var_os("RINGLOG_SKIPS") else { return };
    let mut file =
        OpenOptions::new().create(true).append(true).open(path).expect("the file of skipped tests");
    file.write_all(line.as_bytes()).expect("a line in the file of skipped tests");
}
