//! The report: tables of figures with their spread, and whether the goals are met.

use super::samples::Figure;
use super::settings::Settings;
use super::timing::Overhead;
use crate::chart::Series;
use crate::machine::Machine;
use comfy_table::{Table, TableStyle, presets};
use serde::Serialize;
use std::fmt::Write as _;

/// The unit of a figure.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub enum Unit {
    /// Nanoseconds, shown in a suitable unit.
    Nanos,
    /// Hundredths.
    Percent,
    /// A multiple of another figure.
    Ratio,
    /// A number.
    Count,
}

/// A column of figures.
#[derive(Clone, Debug, Serialize)]
pub struct Column {
    /// The text above it.
    pub name: String,
    /// The unit of all its figures.
    pub unit: Unit,
}

impl Column {
    /// A column.
    #[must_use]
    pub fn new(name: &str, unit: Unit) -> Self {
        Self { name: name.to_owned(), unit }
    }
}

/// What was measured of one thing.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The thing.
    pub name: String,
    /// A figure for each column.
    pub figures: Vec<Figure>,
}

/// A limit on a figure, and whether it is met.
#[derive(Clone, Debug, Serialize)]
pub struct Goal {
    /// What the figure is.
    pub what: String,
    /// The figure; its median counts.
    pub figure: Figure,
    /// The unit of figure and limit.
    pub unit: Unit,
    /// The most that meets the goal.
    pub limit: f64,
    /// Whether it is met.
    pub met: bool,
}

impl Goal {
    /// Makes the goal that `figure` is at most `limit`.
    #[must_use]
    pub fn at_most(what: &str, figure: Figure, limit: f64, unit: Unit) -> Self {
        Self { what: what.to_owned(), figure, unit, limit, met: figure.value <= limit }
    }
}

/// One table, notes on it, and its goals.
#[derive(Clone, Debug, Serialize)]
pub struct Section {
    /// The text above it.
    pub title: String,
    /// What the figures are of.
    pub notes: Vec<String>,
    /// The columns after the names.
    pub columns: Vec<Column>,
    /// The rows.
    pub rows: Vec<Row>,
    /// The goals.
    pub goals: Vec<Goal>,
    /// The distributions as lines of a chart.
    #[serde(skip)]
    pub curves: Vec<Series>,
}

/// The results of one run of the program.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Where it ran.
    pub machine: Machine,
    /// How it was called.
    pub command: String,
    /// The settings from that command.
    pub settings: Settings,
    /// Nanoseconds of two readings of the clock around nothing. Every time includes them.
    pub overhead: Overhead,
    /// What was measured.
    pub sections: Vec<Section>,
}

impl Report {
    /// Returns the report for a terminal.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.render(presets::UTF8_FULL_CONDENSED, "")
    }

    /// Returns the report as Markdown.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        self.render(presets::ASCII_MARKDOWN, "### ")
    }

    fn render(&self, style: TableStyle, heading: &str) -> String {
        let settings = &self.settings;
        let mut text = format!("{}\n\n`{}`\n\n", self.machine, self.command);
        let _ = writeln!(
            text,
            "{} rounds of {:?}, interleaved; {}; {}; {} events/s of {} bytes on the hot path; ring {}; files in {}. Figures \
             are medians over the rounds (least–largest round). Every time on the hot path contains what two \
             readings of the clock around nothing are apart: {:.1} ns in the mean, at least {:.1} ns; the clock advances in steps of {:.1} ns.",
            settings.rounds,
            settings.round,
            settings.pinning,
            settings.workers,
            settings.rate,
            16 + settings.payload,
            binary(settings.ring_bytes as u64),
            settings.dir.display(),
            self.overhead.mean,
            self.overhead.least,
            self.overhead.step,
        );
        for section in &self.sections {
            section.render(&mut text, style, heading);
        }
        text
    }

    /// Returns the lines of all sections whose title begins with this.
    #[must_use]
    pub fn curves(&self, title: &str) -> Vec<Series> {
        let sections = self.sections.iter().filter(|section| section.title.starts_with(title));
        sections.flat_map(|section| section.curves.clone()).collect()
    }
}

impl Section {
    fn render(&self, text: &mut String, style: TableStyle, heading: &str) {
        let _ = writeln!(text, "\n{heading}{}\n", self.title);
        for note in &self.notes {
            let _ = writeln!(text, "{note}");
        }
        if !self.notes.is_empty() {
            text.push('\n');
        }
        let _ = writeln!(text, "{}", self.table(style));
        if !self.goals.is_empty() {
            let _ = writeln!(text, "\n{}", self.goal_table(style));
        }
    }

    fn table(&self, style: TableStyle) -> Table {
        let mut table = Table::new();
        table.load_style(style);
        table.set_header(std::iter::once("").chain(self.columns.iter().map(|column| column.name.as_str())));
        for row in &self.rows {
            let figures =
                row.figures.iter().zip(&self.columns).map(|(figure, column)| show(figure, column.unit));
            table.add_row(std::iter::once(row.name.clone()).chain(figures));
        }
        table
    }

    fn goal_table(&self, style: TableStyle) -> Table {
        let mut table = Table::new();
        table.load_style(style);
        table.set_header(["goal", "measured", "at most", ""]);
        for goal in &self.goals {
            let limit = show(&Figure::exactly(goal.limit), goal.unit);
            let met = if goal.met { "met" } else { "MISSED" };
            table.add_row([goal.what.clone(), show(&goal.figure, goal.unit), limit, met.to_owned()]);
        }
        table
    }
}

/// Formats a figure and, if it has one, its spread in the same unit.
fn show(figure: &Figure, unit: Unit) -> String {
    if figure.value.is_nan() {
        return "–".to_owned();
    }
    let (divisor, digits, suffix) = match unit {
        Unit::Nanos if figure.value >= 1e9 => (1e9, 2, " s"),
        Unit::Nanos if figure.value >= 1e6 => (1e6, 2, " ms"),
        Unit::Nanos if figure.value >= 1e3 => (1e3, 2, " µs"),
        Unit::Nanos => (1.0, 1, " ns"),
        Unit::Percent => (1.0, 2, " %"),
        Unit::Ratio => (1.0, 2, ""),
        Unit::Count => (1.0, 0, ""),
    };
    let [value, low, high] = [figure.value, figure.low, figure.high].map(|part| part / divisor);
    if figure.low == figure.high {
        format!("{value:.digits$}{suffix}")
    } else {
        format!("{value:.digits$}{suffix} ({low:.digits$}–{high:.digits$})")
    }
}

/// Formats bytes in the largest unit that divides them.
#[must_use]
pub fn binary(bytes: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = units.into_iter().find(|(size, _)| bytes >= *size && bytes.is_multiple_of(*size));
    unit.map_or_else(|| format!("{bytes} bytes"), |(size, name)| format!("{} {name}", bytes / size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_units_and_a_spread() {
        let figure = Figure { value: 1500.0, low: 900.0, high: 2000.0 };
        assert_eq!(show(&figure, Unit::Nanos), "1.50 µs (0.90–2.00)");
        assert_eq!(show(&Figure::exactly(20.04), Unit::Nanos), "20.0 ns");
        assert_eq!(show(&Figure::exactly(3e6), Unit::Nanos), "3.00 ms");
        assert_eq!(show(&Figure::exactly(0.5), Unit::Percent), "0.50 %");
        assert_eq!(show(&Figure::exactly(7.0), Unit::Count), "7");
        assert_eq!(show(&Figure::NONE, Unit::Nanos), "–");
        assert_eq!(
            (binary(4 << 20), binary(1 << 31), binary(100)),
            ("4 MiB".to_owned(), "2 GiB".to_owned(), "100 bytes".to_owned())
        );
    }

    #[test]
    fn a_goal_goes_by_the_median() {
        let figure = Figure { value: 1.0, low: 0.5, high: 9.0 };
        assert!(Goal::at_most("", figure, 1.0, Unit::Ratio).met);
        assert!(!Goal::at_most("", Figure { value: 1.01, ..figure }, 1.0, Unit::Ratio).met);
    }
}
