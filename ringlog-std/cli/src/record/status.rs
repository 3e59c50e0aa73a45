//! The live line: one line that changes on a terminal, a message every 2 seconds elsewhere.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::record::pump::Progress;
use crate::terminal::messages::{SERVE, info, set_bar};
use crate::terminal::words::{counted, grouped, size};
use crate::values::Show;

const TERMINAL_INTERVAL: Duration = Duration::from_millis(200);
const PLAIN_INTERVAL: Duration = Duration::from_secs(2);

/// What the live line shows besides the progress of the feed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Gauges {
    /// Bytes that wait in the ring, and its capacity.
    pub(crate) ring: Option<(u64, u64)>,
    /// Lost events.
    pub(crate) lost: u64,
}

/// Shows progress on standard error.
#[derive(Debug)]
pub(crate) struct Status {
    show: Show,
    bar: Option<ProgressBar>,
    interval: Duration,
    shown_at: Instant,
    shown_events: u64,
}

impl Status {
    /// Starts to show progress; draws a bar if `input_bytes` is known.
    pub(crate) fn new(show: Show, input_bytes: Option<u64>) -> Self {
        let is_terminal = show == Show::Bar;
        let interval = if is_terminal { TERMINAL_INTERVAL } else { PLAIN_INTERVAL };
        let bar = is_terminal.then(|| bar(input_bytes));
        set_bar(bar.clone());
        Self { show, bar, interval, shown_at: Instant::now(), shown_events: 0 }
    }

    /// Whether it is time to show the line again.
    pub(crate) fn is_due(&self) -> bool {
        self.shown_at.elapsed() >= self.interval
    }

    /// Shows the line.
    pub(crate) fn show(&mut self, progress: &Progress, gauges: Gauges) {
        let line = line(progress, gauges, self.shown_events, self.shown_at.elapsed());
        self.shown_at = Instant::now();
        self.shown_events = progress.events;
        match &self.bar {
            Some(bar) => {
                if bar.length().is_some() {
                    bar.set_position(progress.read_bytes);
                }
                bar.set_message(line);
            }
            None if self.show == Show::Lines => info!(target: SERVE, "{line}"),
            None => {}
        }
    }

    /// Removes the changing line; elsewhere, says a last one.
    pub(crate) fn finish(&mut self, progress: &Progress, lost: u64) {
        match &self.bar {
            Some(bar) => bar.finish_and_clear(),
            None => self.show(progress, Gauges { ring: None, lost }),
        }
    }
}

impl Drop for Status {
    fn drop(&mut self) {
        set_bar(None);
    }
}

fn bar(input_bytes: Option<u64>) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(input_bytes, ProgressDrawTarget::stderr());
    let template = match input_bytes {
        Some(_) => "{bar:30} {bytes}/{total_bytes}  {msg}",
        None => "{msg}",
    };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn line(progress: &Progress, gauges: Gauges, events_before: u64, since: Duration) -> String {
    let events = progress.events.saturating_sub(events_before) as f64;
    let rate = (events / since.as_secs_f64().max(1e-9)) as u64;
    let mut line =
        format!("{}  {}/s  {}", counted(progress.events, "event"), grouped(rate), size(progress.bytes));
    if let Some((used, capacity)) = gauges.ring {
        line += &format!("  ring {}%", used.saturating_mul(100) / capacity.max(1));
    }
    line += &format!("  lost {}", grouped(gauges.lost));
    if progress.skipped > 0 {
        line += &format!("  skipped {}", grouped(progress.skipped));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_names_rate_fill_bytes_and_loss() {
        let progress = Progress { events: 1_201_000, bytes: 3 << 20, ..Progress::default() };
        let gauges = Gauges { ring: Some((2, 8)), lost: 4 };
        let text = line(&progress, gauges, 1_001_000, Duration::from_secs(2));
        assert_eq!(text, "1,201,000 events  100,000/s  3.0 MiB  ring 25%  lost 4");
    }

    #[test]
    fn what_was_skipped_shows_only_where_there_is_some() {
        let progress = Progress { events: 1, bytes: 24, skipped: 7, ..Progress::default() };
        let text = line(&progress, Gauges::default(), 0, Duration::ZERO);
        assert!(text.ends_with("lost 0  skipped 7"), "{text}");
    }
}
