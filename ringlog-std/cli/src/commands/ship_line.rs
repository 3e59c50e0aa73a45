//! The line of `ringlog ship --follow`: on a terminal one that changes, elsewhere a line now and then, and JSON where it was asked for.
#![forbid(unsafe_code)]

use std::cell::Cell;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ringlog::ship::ShipStatus;

use crate::error::CliError;
use crate::terminal::print::eprint;

/// Time between two lines where they do not replace each other.
const INTERVAL: Duration = Duration::from_secs(30);

/// Where the state of a shipper is shown.
pub(crate) struct Line {
    is_json: bool,
    bar: Option<ProgressBar>,
    shown: Cell<Option<(Instant, u64)>>,
}

impl Line {
    pub(crate) fn new(is_json: bool) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            match ProgressStyle::with_template("{msg}") {
                Ok(style) => bar.with_style(style),
                Err(_) => bar,
            }
        });
        Self { is_json, bar, shown: Cell::default() }
    }

    /// Returns whether the state is shown now: elsewhere than on a terminal only if something was acknowledged since.
    pub(crate) fn is_due(&self, status: &ShipStatus) -> bool {
        let is_new = self.is_json
            || self.bar.is_some()
            || self.shown.get().is_none_or(|(at, acknowledged)| {
                at.elapsed() >= INTERVAL && acknowledged != status.acknowledged
            });
        if is_new {
            self.shown.set(Some((Instant::now(), status.acknowledged)));
        }
        is_new
    }

    pub(crate) fn show(
        &self,
        words: &str,
        json: impl FnOnce() -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        match &self.bar {
            Some(bar) => bar.set_message(words.to_owned()),
            None if self.is_json => {}
            None => eprint(&format!("ringlog: {words}")),
        }
        if self.is_json { json() } else { Ok(()) }
    }

    /// Prints a message above the line.
    pub(crate) fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprint(text)),
            None => eprint(text),
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
