//! A chart of characters: eight dots each, for a terminal.
#![forbid(unsafe_code)]

use crate::report::bins::{Bin, Samples};
use crate::report::numbers::Style;

/// The dots of a character, by column and by row from the top, as Unicode numbers them.
const DOTS: [[u32; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
/// The character without dots.
const BLANK: u32 = 0x2800;
/// Columns that an exact label may take.
const EXACT_COLUMNS: usize = 12;
/// Columns of dots that a line may cross without a value.
const BRIDGED: usize = 4;

/// How large a chart is, and what its values are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Frame<'a> {
    /// Columns of the terminal.
    pub(crate) width: usize,
    /// Rows of characters of the chart itself.
    pub(crate) height: usize,
    /// How the values are written.
    pub(crate) style: Style,
    /// What the axis of time says at its start and at its end.
    pub(crate) from: &'a str,
    pub(crate) to: &'a str,
}

/// Draws minimum to maximum of each column, and joins columns beside each other. Returns lines.
pub(crate) fn chart(bins: &[Samples], frame: &Frame<'_>) -> String {
    let mut all = Samples::default();
    bins.iter().for_each(|bin| all.merge(*bin));
    if all.count == 0 {
        return String::new();
    }
    let height = frame.height.max(2);
    // The labels of some rows: the top, the bottom and those between, evenly.
    let part = |row: usize| row as f64 / (height - 1) as f64;
    // The difference of two extremes may be beyond any number.
    let at_row = |row: usize| all.max * (1.0 - part(row)) + all.min * part(row);
    let every = (height - 1).div_ceil(4).max(1);
    let step = all.max * part(every) - all.min * part(every);
    let words = |row: usize| {
        let value = at_row(row).clamp(all.min, all.max);
        // The smallest and the largest value are those of the log, if there is room.
        let exact = (row == 0 || row == height - 1).then(|| frame.style.exact(value));
        let exact = exact.filter(|words| words.chars().count() <= EXACT_COLUMNS);
        exact.unwrap_or_else(|| frame.style.by_step(value, step))
    };
    let is_labelled =
        |row: usize| row == height - 1 || row.is_multiple_of(every) && row + every / 2 < height - 1;
    let labels: Vec<_> =
        (0..height).map(|row| if is_labelled(row) { words(row) } else { String::new() }).collect();
    let margin = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0);
    let columns = frame.width.saturating_sub(margin + 2).max(8);
    let dots = lines_of(&columns_of(bins, columns * 2), all, height * 4);
    let mut text = String::new();
    for (row, label) in labels.iter().enumerate() {
        let edge = if label.is_empty() { '│' } else { '┤' };
        text += &format!("{label:>margin$} {edge}");
        let signs = (0..columns).map(|column| sign(&dots, column, row)).collect::<String>();
        text += signs.trim_end_matches('\u{2800}');
        text.push('\n');
    }
    text += &format!("{:margin$} └{}\n", "", "─".repeat(columns));
    let room = (columns + 1).saturating_sub(frame.from.chars().count() + frame.to.chars().count());
    let labels = match room {
        0 => frame.from.to_owned(),
        _ => format!("{}{:room$}{}", frame.from, "", frame.to),
    };
    text + &format!("{:margin$} {labels}\n", "")
}

/// Merges bins into columns, or gives a bin several columns.
fn columns_of(bins: &[Samples], columns: usize) -> Vec<Samples> {
    let column = |at: usize| {
        let (from, to) = (at * bins.len() / columns, ((at + 1) * bins.len()).div_ceil(columns));
        let to = if bins.len() > columns { (at + 1) * bins.len() / columns } else { to };
        let mut all = Samples::default();
        bins.get(from..to).unwrap_or_default().iter().for_each(|bin| all.merge(*bin));
        all
    };
    (0..columns).map(column).collect()
}

/// Returns for each column of dots the rows from the highest dot to the lowest one.
fn lines_of(columns: &[Samples], all: Samples, rows: usize) -> Vec<Option<(usize, usize)>> {
    let row = |value: f64| {
        let range = all.max / 2.0 - all.min / 2.0;
        let part = if range > 0.0 { (all.max / 2.0 - value / 2.0) / range } else { 0.5 };
        ((part * (rows - 1) as f64).round() as usize).min(rows - 1)
    };
    let mut lines: Vec<Option<(usize, usize)>> = vec![None; columns.len()];
    let mut before: Option<(usize, usize, usize)> = None;
    for (at, samples) in columns.iter().enumerate().filter(|(_, samples)| samples.count > 0) {
        let (mut top, mut bottom) = (row(samples.max), row(samples.min));
        let own = (top, bottom);
        if let Some((column, highest, lowest)) = before
            && at - column <= BRIDGED
        {
            // Up or down to the column before, so that the line is whole.
            if top > lowest + 1 {
                top = lowest + 1;
            } else if bottom + 1 < highest {
                bottom = highest - 1;
            }
            for between in lines.iter_mut().take(at).skip(column + 1) {
                *between = Some((own.0, own.0));
            }
        }
        if let Some(line) = lines.get_mut(at) {
            *line = Some((top, bottom));
        }
        before = Some((at, own.0, own.1));
    }
    lines
}

fn sign(lines: &[Option<(usize, usize)>], column: usize, row: usize) -> char {
    let mut code = BLANK;
    for (side, dots) in DOTS.iter().enumerate() {
        let Some(&Some((top, bottom))) = lines.get(column * 2 + side) else { continue };
        for (dot, bit) in dots.iter().enumerate() {
            if (top..=bottom).contains(&(row * 4 + dot)) {
                code |= bit;
            }
        }
    }
    char::from_u32(code).unwrap_or(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bins(values: impl Iterator<Item = f64>) -> Vec<Samples> {
        let samples = |value| {
            let mut samples = Samples::default();
            samples.add(value);
            samples
        };
        values.map(samples).collect()
    }

    const FRAME: Frame<'_> = Frame {
        width: 24,
        height: 4,
        style: Style { is_span: false, is_f32: false },
        from: "0 s",
        to: "9 s",
    };

    #[test]
    fn a_line_rises_from_corner_to_corner() {
        let text = chart(&bins((0..40).map(f64::from)), &FRAME);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 6, "{text}");
        assert!(lines[0].starts_with("39 ┤") && lines[3].starts_with(" 0 ┤⣀"), "{text}");
        assert!(lines[0].ends_with('⠉') || lines[0].ends_with('⠋') || lines[0].ends_with('⠛'), "{text}");
        assert_eq!(lines[5].trim_end(), "   0 s               9 s", "{text}");
        assert!(lines.iter().all(|line| line.chars().count() <= FRAME.width), "{text}");
    }

    #[test]
    fn a_single_extreme_among_thousands_is_seen() {
        let mut many = bins((0..2000).map(|_| 5.0));
        many[1234].add(100.0);
        let text = chart(&many, &FRAME);
        let top = text.lines().next().unwrap().trim_start();
        assert!(
            top.starts_with("100") && top.chars().any(|sign| ('\u{2801}'..='\u{28ff}').contains(&sign)),
            "{text}"
        );
    }

    #[test]
    fn a_step_up_or_down_is_one_line() {
        for is_up in [true, false] {
            let text = chart(&bins((0..40).map(|at| f64::from(u8::from((at < 20) != is_up)))), &FRAME);
            let has_dots = |line: &str| line.chars().any(|sign| ('\u{2801}'..='\u{28ff}').contains(&sign));
            assert!(text.lines().take(FRAME.height).all(has_dots), "{text}");
        }
    }

    #[test]
    fn few_values_one_value_and_none_are_drawn() {
        assert_eq!(chart(&[], &FRAME), "");
        assert_eq!(chart(&[Samples::default()], &FRAME), "");
        let one = chart(&bins(std::iter::once(7.0)), &FRAME);
        assert!(one.contains('⠤') || one.contains('⠒') || one.contains('⣀') || one.contains('⠉'), "{one}");
        let three = chart(&bins([1.0, f64::MAX, -f64::MAX].into_iter()), &FRAME);
        assert_eq!(three.lines().count(), 6);
        assert!(!three.contains("NaN") && !three.contains("inf") && three.contains(" 1.8e308 ┤"), "{three}");
        let tick = chart(&bins([786.25, 100.0].into_iter()), &FRAME);
        assert!(tick.starts_with("786.25 ┤") && tick.contains("\n   100 ┤"), "{tick}");
        let near = chart(&bins([1.08605, 1.08803].into_iter()), &FRAME);
        let labels: Vec<_> = near.lines().take(4).filter_map(|line| line.split(' ').next()).collect();
        assert!(near.starts_with("1.08803 ┤") && near.contains("\n1.08605 ┤"), "{near}");
        assert!(labels.windows(2).all(|pair| pair[0] != pair[1]), "{near}");
    }
}
