//! The table of rates, and numbers in few columns.
#![forbid(unsafe_code)]

use std::time::Duration;

use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};

use crate::terminal::screen::fitting;
use crate::terminal::words::{grouped, size};
use crate::top::look::Tally;
use crate::top::rates::{Series, WINDOWS};
use crate::top::state::{Row, State};

const NAME_COLUMNS: usize = 16;
const WIDE_NAME_COLUMNS: usize = 32;
const RATE_COLUMNS: usize = 9;
const BYTES_COLUMNS: usize = 12;
/// From this width on, names and times are not cut short.
pub(super) const WIDE: usize = 120;
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Returns a style with a colour if there are colours; `emphasis` is there without them, too.
pub(super) fn style(state: &State, colour: Color, emphasis: Modifier) -> Style {
    let style = Style::new().add_modifier(emphasis);
    if state.is_coloured { style.fg(colour) } else { style }
}

/// Returns the lines of the table, as many as there is room for. The marked row is among them.
pub(super) fn table(state: &State, width: usize, height: usize) -> Vec<Line<'static>> {
    let rows = state.rows();
    let (name_columns, is_ring) = (name_columns(width), state.seen.look.log.is_none());
    let bars = width.saturating_sub(name_columns + WINDOWS.len() * RATE_COLUMNS + BYTES_COLUMNS + 2);
    let span = state.interval.max(WINDOWS[0]);
    let mut head = format!("{:<name_columns$}", if is_ring { "bytes a second" } else { "records a second" });
    for name in ["now", "10 s", "1 min", "5 min"] {
        head += &format!("{name:>RATE_COLUMNS$}");
    }
    head += &format!("{:>BYTES_COLUMNS$}", "bytes/s");
    head += &format!("  last {}", words_of(span * u32::try_from(bars).unwrap_or(u32::MAX)));
    let mut lines = vec![Line::styled(cut(&head, width), style(state, Color::Reset, Modifier::BOLD))];
    let room = height.saturating_sub(1);
    let marked = state.selected.min(rows.len().saturating_sub(1));
    let (fit, start) = match rows.len() <= room {
        true => (rows.len(), 0),
        // The last line says how many there are.
        false => (room.saturating_sub(1), (marked + 2).saturating_sub(room)),
    };
    for (at, row) in rows.iter().enumerate().skip(start).take(fit) {
        lines.push(row_line(state, row, at == marked, (name_columns, bars, span)));
    }
    if fit < rows.len() && room > 0 {
        lines.push(Line::raw(format!("{} of {} rows; the arrows show the others", fit, rows.len())));
    }
    lines
}

fn row_line(
    state: &State,
    row: &Row,
    is_marked: bool,
    (name_columns, bars, span): (usize, usize, Duration),
) -> Line<'static> {
    let (history, is_ring) = (&state.seen.history, state.seen.look.log.is_none());
    // The headers count all records, also those that were left out.
    let is_estimate = matches!(row.series, Series::Type(_)) && history.sampled(WINDOWS[2]).is_some();
    let chosen = state.only.is_some_and(|only| row.series == Series::Type(only));
    let mark = if chosen { "*" } else { "" };
    let name = cut(&format!("{}{mark}", row.name), name_columns - 1);
    let mut numbers = " ".repeat(name_columns - fitting(&name, name_columns).1);
    for window in WINDOWS {
        let rate = history.rate(row.series, window.max(if window == WINDOWS[0] { span } else { window }));
        let text = match rate {
            Some(rate) if is_ring => short_bytes(rate.bytes),
            Some(rate) => format!("{}{}", if is_estimate { "~" } else { "" }, short(rate.events)),
            None => "-".into(),
        };
        numbers += &format!("{text:>RATE_COLUMNS$}");
    }
    let bytes = history.rate(row.series, span).map_or_else(|| "-".into(), |rate| size(rate.bytes as u64));
    numbers += &format!("{bytes:>BYTES_COLUMNS$}  ");
    let value = |rate: Tally| if is_ring { rate.bytes } else { rate.events };
    let rates: Vec<f64> = history.recent(row.series, bars, span).into_iter().map(value).collect();
    let emphasis = if is_marked { Modifier::REVERSED } else { Modifier::empty() };
    Line::from(vec![
        Span::styled(name, style(state, Color::Cyan, emphasis)),
        Span::raw(numbers),
        Span::styled(sparkline(&rates, bars), style(state, Color::Green, Modifier::empty())),
    ])
}

const fn name_columns(width: usize) -> usize {
    if width >= WIDE { WIDE_NAME_COLUMNS } else { NAME_COLUMNS }
}

/// Draws values as bars, the newest at the right end. Only a value of 0 has no bar.
pub(super) fn sparkline(values: &[f64], columns: usize) -> String {
    let most = values.iter().copied().fold(0.0, f64::max);
    let bar = |&value: &f64| match (value / most * 8.0).ceil() as usize {
        0 => ' ',
        height => BARS[height.min(8) - 1],
    };
    let blank = columns.saturating_sub(values.len());
    " ".repeat(blank) + &values.iter().map(bar).collect::<String>()
}

/// Returns a rate in at most seven columns.
pub(super) fn short(rate: f64) -> String {
    match rate {
        _ if rate < 0.05 => "0".into(),
        _ if rate < 9.95 => format!("{rate:.1}"),
        _ if rate < 99_999.5 => grouped(rate.round() as u64),
        _ if rate < 999_500.0 => format!("{:.0} k", rate / 1e3),
        _ if rate < 999.5e6 => format!("{:.2} M", rate / 1e6).replacen(".00", ".0", 1),
        _ => format!("{:.2} G", rate / 1e9),
    }
}

/// Returns a number of bytes in at most eight columns.
fn short_bytes(bytes: f64) -> String {
    size(bytes as u64).replace("iB", "i")
}

/// Returns a span of whole seconds: `90 s`, `5 min`.
pub(super) fn words_of(span: Duration) -> String {
    match span.as_secs() {
        seconds if seconds >= 120 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}

/// Cuts a text to a width, and shows that it did.
pub(super) fn cut(text: &str, width: usize) -> String {
    match fitting(text, width).0 {
        whole if whole.len() == text.len() => whole.into(),
        _ => format!("{}…", fitting(text, width.saturating_sub(1)).0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_of_any_size_fit() {
        let shown = [0.0, 0.04, 0.25, 9.94, 9.96, 1234.4, 99_999.0, 123_456.0, 999_600.0, 12_345_678.0, 3e9];
        let words = ["0", "0", "0.2", "9.9", "10", "1,234", "99,999", "123 k", "1.0 M", "12.35 M", "3.00 G"];
        assert_eq!(shown.map(short), words);
        for exponent in -3..12 {
            for digit in [1.0, 4.999, 9.4999, 9.9999] {
                let rate = digit * 10_f64.powi(exponent);
                assert!(short(rate).len() <= 8 && short_bytes(rate).len() <= 9, "{rate}");
            }
        }
    }

    #[test]
    fn the_largest_value_has_the_largest_bar_and_any_value_has_one() {
        assert_eq!(sparkline(&[0.0, 0.001, 4.0, 8.0], 6), "   ▁▄█");
        assert_eq!(sparkline(&[], 3), "   ");
        assert_eq!(sparkline(&[0.0, 0.0], 2), "  ");
    }

    #[test]
    fn what_is_cut_says_so() {
        assert_eq!(
            [cut("abcd", 4), cut("abcde", 4), cut("日本語", 4), cut("", 0)],
            ["abcd", "abc…", "日…", ""]
        );
        assert_eq!(words_of(Duration::from_secs(119)) + &words_of(Duration::from_secs(600)), "119 s10 min");
    }
}
