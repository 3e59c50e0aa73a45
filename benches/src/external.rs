//! Runs the commands of rivals that are no Rust crate, in turn with everything else.
//!
//! A command is anything that a shell runs. It measures for itself, and prints its figures in nanoseconds, each on a
//! line with its name: `ns_per_event 41.5`, `p99 120`. Other lines are ignored.
//!
//! ```
//! use ringlog_benches::external::{External, Setting};
//!
//! let rival = External::new("echo measuring; echo ns_per_event 41.5");
//! let setting = Setting { part: "log", payload: 64, rate: None };
//! assert_eq!(rival.run(&setting).unwrap().get("ns_per_event"), Some(41.5));
//! ```

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};

/// What a command that takes part in a table of throughput prints before its number.
pub const PER_EVENT: &str = "ns_per_event";

/// The option of the programs.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(id = "external-commands")]
pub struct Arguments {
    /// Also run this command, once a round
    ///
    /// The shell runs it; the option may be repeated. The row is named after the command. It prints its figures in
    /// nanoseconds, each on a line with its name: `ns_per_event 41.5` in a table of throughput; in one of latencies any
    /// of `typical`, `p50`, `p90`, `p99`, `p99.9`, `p99.99` and `max`. All other lines are ignored. What to measure is
    /// in its environment: BENCH_PART (ring, log, bursts or follow), BENCH_PAYLOAD (bytes) and, for follow, BENCH_RATE
    /// (events a second). More is in docs/rivals.md.
    #[arg(long = "external", value_name = "COMMAND")]
    commands: Vec<External>,
}

impl Arguments {
    /// Returns the commands in their order.
    #[must_use]
    pub fn commands(&self) -> &[External] {
        &self.commands
    }
}

/// A command of a rival.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct External(String);

impl From<String> for External {
    fn from(command: String) -> Self {
        Self(command)
    }
}

/// What is measured when the command is run, for its environment.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'s> {
    /// The table's part of the program.
    pub part: &'s str,
    /// Bytes of a payload.
    pub payload: usize,
    /// Events a second; `None` for as many as possible.
    pub rate: Option<u64>,
}

/// What a command printed.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Figures(Vec<(String, f64)>);

impl Figures {
    /// Reads the lines that are a name and a number. The numbers are finite and not negative.
    #[must_use]
    pub fn parse(output: &str) -> Self {
        Self(output.lines().filter_map(figure).collect())
    }

    /// Returns the figure of this name, the last one if there are several.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.iter().rev().find(|(known, _)| known == name).map(|(_, figure)| *figure)
    }
}

fn figure(line: &str) -> Option<(String, f64)> {
    let mut words = line.split_whitespace();
    let (Some(name), Some(number), None) = (words.next(), words.next(), words.next()) else { return None };
    let number = number.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0)?;
    Some((name.to_owned(), number))
}

impl External {
    /// Makes it of a command line for the shell.
    #[must_use]
    pub fn new(command: &str) -> Self {
        Self(command.to_owned())
    }

    /// Returns the name of its row: the command, in one cell of a table.
    #[must_use]
    pub fn name(&self) -> String {
        self.0.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "¦")
    }

    /// Runs the command and returns what it printed. Its messages go to standard error.
    ///
    /// # Errors
    /// What happened to which command, and what to do.
    pub fn run(&self, setting: &Setting<'_>) -> Result<Figures, String> {
        let mut command = Command::new("sh");
        command.args(["-c", &self.0]).stdin(Stdio::null()).stderr(Stdio::inherit());
        command.env("BENCH_PART", setting.part).env("BENCH_PAYLOAD", setting.payload.to_string());
        if let Some(rate) = setting.rate {
            command.env("BENCH_RATE", rate.to_string());
        }
        let output = command
            .output()
            .map_err(|error| format!("--external `{}` cannot be started: {error}. It needs `sh`", self.0))?;
        if !output.status.success() {
            let ended = ended(output.status);
            return Err(format!("--external `{}` {ended}. Run it alone to see why", self.0));
        }
        Ok(Figures::parse(&String::from_utf8_lossy(&output.stdout)))
    }

    /// Runs the command and returns one figure.
    ///
    /// # Errors
    /// As [`run`](Self::run), and if the figure is missing.
    pub fn figure(&self, setting: &Setting<'_>, name: &str) -> Result<f64, String> {
        self.run(setting)?.get(name).ok_or_else(|| self.missing(&[name]))
    }

    /// Returns the message for a command that printed none of these figures.
    #[must_use]
    pub fn missing(&self, names: &[&str]) -> String {
        let lines: Vec<_> = names.iter().map(|name| format!("`{name} NANOSECONDS`")).collect();
        let wanted = lines.join(" or ");
        format!(
            "--external `{}` printed no line {wanted}. Have it print one, or wrap it in a script that does",
            self.0
        )
    }
}

fn ended(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (_, Some(signal)) => format!("was ended by signal {signal}"),
        _ => "did not end well".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTING: Setting<'_> = Setting { part: "follow", payload: 32, rate: Some(50_000) };

    #[test]
    fn a_figure_is_a_line_of_a_name_and_a_number() {
        let output = "warming up\n  ns_per_event   12.5  \np99 7e2\np50 of all 3\np90 -1\nmax inf\nbad NaN\n\
                      ns_per_event 13\n";
        let figures = Figures::parse(output);
        assert_eq!((figures.get(PER_EVENT), figures.get("p99")), (Some(13.0), Some(700.0)));
        for name in ["warming", "p50", "p90", "max", "bad", ""] {
            assert_eq!(figures.get(name), None, "{name}");
        }
        assert_eq!(Figures::parse(""), Figures::default());
    }

    #[test]
    fn a_command_knows_what_to_measure() {
        let rival = External::new("echo p50 $BENCH_PAYLOAD; echo p99 $BENCH_RATE; [ $BENCH_PART = follow ]");
        let figures = rival.run(&SETTING).unwrap();
        assert_eq!((figures.get("p50"), figures.get("p99")), (Some(32.0), Some(50_000.0)));
    }

    #[test]
    fn the_row_is_named_after_the_command() {
        assert_eq!(External::new("a  b\n| c").name(), "a b ¦ c");
    }

    #[test]
    fn a_command_that_fails_is_an_error_with_its_name_and_what_to_do() {
        let fails = |command: &str| External::new(command).figure(&SETTING, PER_EVENT).unwrap_err();
        assert_eq!(
            fails("echo ns_per_event 1; exit 3"),
            "--external `echo ns_per_event 1; exit 3` ended with exit code 3. Run it alone to see why"
        );
        assert_eq!(
            fails("kill -9 $$"),
            "--external `kill -9 $$` was ended by signal 9. Run it alone to see why"
        );
        assert_eq!(
            fails("echo 12 ns"),
            "--external `echo 12 ns` printed no line `ns_per_event NANOSECONDS`. Have it print one, or wrap it in a \
             script that does"
        );
    }
}
