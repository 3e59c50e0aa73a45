//! Tables of what was measured, for people and for programs.

use crate::external::{External, PER_EVENT, Setting};
use crate::rounds::Rounds;
use serde::Serialize;
use std::fmt::Write as _;

/// Figures that were measured together, round by round.
#[derive(Clone, Debug, Serialize)]
pub struct Table {
    title: String,
    rows: Vec<Row>,
    goals: Vec<Goal>,
}

/// One contestant.
#[derive(Clone, Debug, Serialize)]
struct Row {
    name: String,
    nanoseconds_per_event: f64,
    first_quartile: f64,
    third_quartile: f64,
    events_per_second: f64,
    bytes_per_second: f64,
    rounds: usize,
}

/// A ratio and its goal: how many times as fast.
#[derive(Clone, Debug, Serialize)]
struct Goal {
    name: String,
    ratio: f64,
    first_quartile: f64,
    third_quartile: f64,
    wanted: f64,
}

impl Goal {
    const fn verdict(&self) -> &'static str {
        if self.ratio >= self.wanted { "met" } else { "not met" }
    }
}

impl Table {
    /// Makes a table without rows.
    #[must_use]
    pub fn new(title: &str) -> Self {
        Self { title: title.to_owned(), rows: Vec::new(), goals: Vec::new() }
    }

    /// Measures every contestant whose name contains `only`, in turn, `rounds` times, and makes a table of them.
    ///
    /// The contestants' figures are nanoseconds per event.
    #[must_use]
    pub fn measure(
        title: &str,
        rounds: usize,
        only: &str,
        contestants: &[(&str, &dyn Fn() -> f64)],
        record_bytes: usize,
    ) -> (Self, Vec<Rounds>) {
        let mut figures = vec![Rounds::default(); contestants.len()];
        for _ in 0..rounds {
            turn(only, contestants, &mut figures);
        }
        (Self::of(title, contestants, &figures, record_bytes), figures)
    }

    /// Measures as [`measure`](Self::measure) does, and runs the commands of rivals once a round. Each has a row.
    ///
    /// # Errors
    /// If a command fails, or prints no figure.
    pub fn measure_beside(
        title: &str,
        rounds: usize,
        only: &str,
        contestants: &[(&str, &dyn Fn() -> f64)],
        record_bytes: usize,
        (rivals, setting): (&[External], &Setting<'_>),
    ) -> Result<(Self, Vec<Rounds>), String> {
        let mut figures = vec![Rounds::default(); contestants.len()];
        let mut beside = vec![Rounds::default(); rivals.len()];
        for _ in 0..rounds {
            turn(only, contestants, &mut figures);
            external_turn(rivals, setting, &mut beside)?;
        }
        let mut table = Self::of(title, contestants, &figures, record_bytes);
        for (rival, figures) in rivals.iter().zip(&beside) {
            table.row(&rival.name(), figures, record_bytes);
        }
        Ok((table, figures))
    }

    fn of(
        title: &str,
        contestants: &[(&str, &dyn Fn() -> f64)],
        figures: &[Rounds],
        record_bytes: usize,
    ) -> Self {
        let mut table = Self::new(title);
        for (figures, (name, _)) in figures.iter().zip(contestants) {
            table.row(name, figures, record_bytes);
        }
        table
    }

    /// Adds a contestant, from its nanoseconds per event and the bytes of a record.
    pub fn row(&mut self, name: &str, nanoseconds: &Rounds, record_bytes: usize) {
        let (first_quartile, third_quartile) = nanoseconds.spread();
        let median = nanoseconds.median();
        self.rows.push(Row {
            name: name.to_owned(),
            nanoseconds_per_event: median,
            first_quartile,
            third_quartile,
            events_per_second: 1e9 / median,
            bytes_per_second: record_bytes as f64 * 1e9 / median,
            rounds: nanoseconds.len(),
        });
    }

    /// Adds a goal: the ratio of each round, and the least that its median must be.
    pub fn goal(&mut self, name: &str, ratios: &Rounds, wanted: f64) {
        let (first_quartile, third_quartile) = ratios.spread();
        self.goals.push(Goal {
            name: name.to_owned(),
            ratio: ratios.median(),
            first_quartile,
            third_quartile,
            wanted,
        });
    }

    /// Returns the table as Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = format!("### {}\n\n", self.title);
        // Writing into a string cannot fail.
        let _ = writeln!(text, "| | ns per event | quartiles | M events/s | GB/s |\n|---|---|---|---|---|");
        // What `--only` left out was not measured.
        for row in self.rows.iter().filter(|row| row.rounds > 0) {
            let _ = writeln!(
                text,
                "| {} | {:.1} | {:.1} to {:.1} | {:.1} | {:.2} |",
                row.name,
                row.nanoseconds_per_event,
                row.first_quartile,
                row.third_quartile,
                row.events_per_second / 1e6,
                row.bytes_per_second / 1e9
            );
        }
        let goals = || self.goals.iter().filter(|goal| goal.ratio.is_finite());
        if goals().next().is_some() {
            let _ = writeln!(text, "\n| times as fast | ratio | quartiles | goal | |\n|---|---|---|---|---|");
        }
        for goal in goals() {
            let Goal { name, ratio, first_quartile, third_quartile, wanted } = goal;
            let _ = writeln!(
                text,
                "| {name} | {ratio:.2} | {first_quartile:.2} to {third_quartile:.2} | {wanted:.2} | {} |",
                goal.verdict()
            );
        }
        text
    }
}

/// Measures every contestant whose name contains `only` once.
fn turn(only: &str, contestants: &[(&str, &dyn Fn() -> f64)], figures: &mut [Rounds]) {
    for (figures, (name, measure)) in figures.iter_mut().zip(contestants) {
        if name.contains(only) {
            figures.add(measure());
        }
    }
}

/// Runs every command of a rival once.
///
/// # Errors
/// If a command fails, or prints no figure.
pub(super) fn external_turn(
    rivals: &[External],
    setting: &Setting<'_>,
    figures: &mut [Rounds],
) -> Result<(), String> {
    for (figures, rival) in figures.iter_mut().zip(rivals) {
        figures.add(rival.figure(setting, PER_EVENT)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTING: Setting<'_> = Setting { part: "log", payload: 64, rate: None };

    #[test]
    fn a_command_has_a_row_in_the_same_rounds() {
        let rivals = [External::new("echo ns_per_event 20")];
        let own: [(&str, &dyn Fn() -> f64); 2] = [("own", &|| 10.0), ("left out", &|| unreachable!())];
        let (table, rounds) =
            Table::measure_beside("title", 3, "own", &own, 80, (&rivals, &SETTING)).expect("a figure");
        assert_eq!((rounds[0].len(), rounds[1].len()), (3, 0));
        let names: Vec<_> = table.rows.iter().map(|row| (row.name.as_str(), row.rounds)).collect();
        assert_eq!(names, [("own", 3), ("left out", 0), ("echo ns_per_event 20", 3)]);
        assert!(table.markdown().contains("| echo ns_per_event 20 | 20.0 | 20.0 to 20.0 | 50.0 | 4.00 |"));
    }

    #[test]
    fn a_command_that_fails_ends_the_measuring() {
        let rivals = [External::new("exit 7")];
        let failed = Table::measure_beside("", 3, "", &[], 80, (&rivals, &SETTING)).expect_err("exit code 7");
        assert!(failed.contains("`exit 7` ended with exit code 7"), "{failed}");
    }
}
