//! What `ringlog --help` prints: the commands by purpose, without the options of each.
#![forbid(unsafe_code)]

use std::fmt::Write as _;

use clap::Command;

/// The commands by purpose, in the order in which a user needs them.
const GROUPS: &[(&str, &[&str])] = &[
    ("Record", &["serve", "import", "receive"]),
    ("Look", &["cat", "tail", "replay", "info", "report", "plot", "top", "export"]),
    ("Check and repair", &["verify", "salvage", "ring", "recover-image"]),
    ("Keep", &["schema", "cursors", "prune", "backup", "restore", "split", "ship", "pull"]),
    ("Install", &["doctor", "completions", "man"]),
];

const BEGIN: &str = "\
Begin with
  ringlog serve --for 5s                    generated events into ringlog-data; also without `serve`
  ringlog cat ringlog-data --limit 10       what they are
  ringlog COMMAND --help                    the options of a command";

/// Gives the program's help this text.
pub(crate) fn with_overview(command: Command) -> Command {
    let text = overview(&command);
    command.override_help(text)
}

fn overview(command: &Command) -> String {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let mut text = format!("{about}\n\nUsage: ringlog COMMAND [OPTIONS]\n");
    for (purpose, names) in GROUPS {
        let _ = writeln!(text, "\n{purpose}");
        for name in *names {
            let about = command.find_subcommand(name).and_then(Command::get_about);
            let _ = writeln!(text, "  {name:<15}{}", about.map(first_clause).unwrap_or_default());
        }
    }
    text + "\n" + BEGIN
}

/// Returns what a command does, without the details that its help has.
fn first_clause(about: impl ToString) -> String {
    let about = about.to_string();
    let end = [": ", "; "].iter().filter_map(|end| about.find(end)).min().unwrap_or(about.len());
    about[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::args::RinglogArgs;
    use clap::CommandFactory;

    #[test]
    fn every_command_is_in_one_group_and_the_overview_fits_a_screen() {
        let command = RinglogArgs::command();
        let mut grouped: Vec<_> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        let mut known: Vec<_> = command.get_subcommands().map(Command::get_name).collect();
        grouped.sort_unstable();
        known.sort_unstable();
        assert_eq!(grouped, known);
        let help = with_overview(command).render_help().to_string();
        assert!(help.lines().count() <= 45, "{help}");
        assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
        assert!(help.contains("  verify         Check every record of a log\n"), "{help}");
    }
}
