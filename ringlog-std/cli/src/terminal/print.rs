//! Standard output and standard error.

use std::borrow::Cow;
use std::io::Write;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Serialize;

use crate::error::CliError;
use crate::terminal::standard_input::named;
use crate::terminal::words::{printable_json, printable_lines};

/// Prints a line to standard error, and ignores that nobody may read it.
///
/// Escapes what could control a terminal: the line may quote an input or the name of a file.
pub(crate) fn eprint(line: &str) {
    let _ = writeln!(anstream::stderr(), "{}", printable_lines(&named(line)));
}

/// Prints lines to standard output; escapes what could control a terminal.
pub(crate) fn print(text: &str) -> Result<(), CliError> {
    write_out(&printable_lines(&named(text)))
}

fn write_out(text: &str) -> Result<(), CliError> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(CliError::Output)
}

/// Returns a value as one line of JSON.
pub(crate) fn json_line(value: &impl Serialize) -> std::io::Result<String> {
    let json = serde_json::to_string(value)?;
    match printable_json(&json) {
        Cow::Owned(escaped) => Ok(escaped),
        Cow::Borrowed(_) => Ok(json),
    }
}

/// Prints one JSON object and a newline.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), CliError> {
    let mut text = serde_json::to_string_pretty(value).map_err(|error| CliError::Output(error.into()))?;
    text.push('\n');
    write_out(&printable_json(&named(&text)))
}

/// Prints one JSON object in one line.
#[cfg(feature = "nats")]
pub(crate) fn print_line(value: &impl Serialize) -> Result<(), CliError> {
    let line = json_line(value).map_err(CliError::Output)?;
    write_out(&format!("{}\n", named(&line)))
}

/// Whether the reader of standard output has closed its pipe; a write would notice that only with the next event.
pub(crate) fn is_output_gone() -> bool {
    let out = std::io::stdout();
    let mut fds = [PollFd::new(&out, PollFlags::empty())];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut fds, Some(&now)).is_ok() && fds[0].revents().intersects(PollFlags::ERR | PollFlags::HUP)
}
