//! Where `-` in the place of a file means standard input, and what to do where it cannot.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use crate::error::CliError;
use crate::feed::spec::FeedSpec;
use crate::options::args::Command;
use crate::options::schema_args::SchemaCommand;
use crate::terminal::standard_input::{is_standard, take};
use crate::values::ReplayTo;

const LOG: &str = "a log is a folder, which standard input and output are not; name one";
const FOLDER: &str = "a folder is needed here, which standard output is not; name one";
const RING: &str = "two programs map the file of a ring, which no stream is; name it";
const LIVE: &str =
    "what is followed must have a name; name the log, or print what there is with `ringlog cat -`";
const RESUMED: &str =
    "standard input has no name by which it would be known again; save it as a file for --resume";

/// Puts a file in the place of each `-` that means standard input.
pub(crate) fn resolve(command: &mut Command) -> Result<(), CliError> {
    if let Some((option, why)) = refused(command) {
        return Err(CliError::Usage(format!("{option}-: {why}")));
    }
    let others = read_otherwise(command);
    let mut given: Vec<_> = readable(command).into_iter().filter(|path| is_standard(path)).collect();
    if given.len() + others > 1 {
        return Err(CliError::Usage("-: standard input can be one file only; name the others".into()));
    }
    if let Some(path) = given.first_mut() {
        **path = take()?;
    }
    Ok(())
}

/// Returns the files that a command reads from start to end.
fn readable(command: &mut Command) -> Vec<&mut PathBuf> {
    match command {
        Command::Cat(args) => [&mut args.log].into_iter().chain(&mut args.filter.schema).collect(),
        Command::Tail(args) => [&mut args.log].into_iter().chain(&mut args.filter.schema).collect(),
        Command::Export(args) => [&mut args.log].into_iter().chain(&mut args.filter.schema).collect(),
        Command::Report(args) => [&mut args.log].into_iter().chain(&mut args.filter.schema).collect(),
        Command::Plot(args) => [&mut args.log].into_iter().chain(&mut args.filter.schema).collect(),
        Command::Info(args) => [&mut args.log].into_iter().chain(&mut args.schema).collect(),
        Command::Salvage(args) => [&mut args.log].into_iter().chain(&mut args.schema).collect(),
        Command::RecoverImage(args) => [&mut args.image].into_iter().chain(&mut args.schema).collect(),
        Command::Replay(args) => args.logs.iter_mut().chain(&mut args.filter.schema).collect(),
        Command::Import(args) => args.files.iter_mut().chain(&mut args.typed.schema).collect(),
        Command::Serve(args) => args.schema.iter_mut().collect(),
        Command::Top(args) => args.filter.schema.iter_mut().collect(),
        Command::Verify(args) => vec![&mut args.log],
        Command::Schema(args) => match &mut args.command {
            SchemaCommand::Show { log } | SchemaCommand::Emit { log, .. } => vec![log],
            SchemaCommand::Check { file } | SchemaCommand::Extract { image: file } => vec![file],
        },
        _ => Vec::new(),
    }
}

/// Returns how often `serve` reads standard input as a stream: for its options, and as its feed.
fn read_otherwise(command: &Command) -> usize {
    let Command::Serve(args) = command else { return 0 };
    let has_options = args.service.config.as_deref().is_some_and(is_standard);
    usize::from(has_options) + usize::from(args.feed == FeedSpec::Stdin)
}

/// Returns the option or argument whose `-` can be no stream, and what to do.
fn refused(command: &Command) -> Option<(&'static str, &'static str)> {
    let given = |path: &Path, option, why| is_standard(path).then_some((option, why));
    let optional = |path: &Option<PathBuf>, option, why| given(path.as_deref()?, option, why);
    match command {
        Command::Serve(args) => {
            given(&args.log, "--log ", LOG).or_else(|| optional(&args.ring, "--ring ", RING))
        }
        Command::Import(args) => given(&args.log, "--log ", LOG)
            .or_else(|| args.files.iter().filter(|_| args.resume).find_map(|file| given(file, "", RESUMED))),
        Command::Cat(args) => optional(&args.to, "--to ", FOLDER),
        Command::RecoverImage(args) => optional(&args.to, "--to ", FOLDER),
        Command::Tail(args) if args.follow || args.cursor.is_some() => given(&args.log, "", LIVE),
        Command::Replay(args) => match &args.to {
            Some(ReplayTo::Log(path)) => given(path, "--to ", LOG),
            Some(ReplayTo::Ring(path)) => given(path, "--to ring:", RING),
            None => None,
        },
        Command::Salvage(args) => given(&args.out, "", LOG),
        Command::Ring(args) => given(&args.ring, "", RING),
        Command::Top(args) => given(&args.target, "", LIVE).or_else(|| optional(&args.ring, "--ring ", RING)),
        Command::Cursors(args) => given(&args.log, "", LOG),
        Command::Prune(args) => given(&args.log, "", LOG),
        Command::Backup(args) => given(&args.log, "", LOG).or_else(|| given(&args.dest, "", FOLDER)),
        Command::Restore(args) => given(&args.backup, "", FOLDER).or_else(|| given(&args.dest, "", LOG)),
        Command::Split(args) => given(&args.log, "", LOG).or_else(|| given(&args.to, "--to ", FOLDER)),
        Command::Doctor(args) => given(&args.folder, "", FOLDER),
        Command::Man(args) => given(&args.folder, "", FOLDER),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::options::args::RinglogArgs;

    fn command(line: &str) -> Command {
        RinglogArgs::try_parse_from(std::iter::once("ringlog").chain(line.split_whitespace()))
            .unwrap()
            .command
            .unwrap()
    }

    #[test]
    fn a_stream_is_a_file_where_one_is_read_and_else_refused_with_what_to_do() {
        for line in [
            "cat -",
            "tail -",
            "replay -",
            "export - --to json -",
            "report - -o -",
            "plot - payload_size",
            "info -",
            "verify -",
            "salvage - out",
            "schema show -",
            "schema check -",
            "schema emit - --c",
            "import - --log log",
            "recover-image -",
            "serve --schema -",
            "cat log --schema -",
        ] {
            let mut command = command(line);
            assert_eq!(refused(&command), None, "{line}");
            assert_eq!(readable(&mut command).iter().filter(|path| is_standard(path)).count(), 1, "{line}");
        }
        for line in [
            "serve --log -",
            "serve --ring -",
            "import f --log -",
            "import - --log log --resume",
            "cat log --format csv --to -",
            "tail -f -",
            "replay log --to -",
            "replay log --to ring:-",
            "salvage log -",
            "ring -",
            "top -",
            "cursors -",
            "prune -",
            "backup - b",
            "backup log -",
            "restore - log",
            "split - --to x --every 1h",
            "man -",
        ] {
            let error = resolve(&mut command(line)).unwrap_err().to_string();
            assert!(error.contains("-: ") && error.contains("; "), "{line}: {error}");
        }
        for line in ["serve --config - --feed -", "serve --schema - --feed -"] {
            assert!(resolve(&mut command(line)).is_err(), "{line}");
        }
        assert!(resolve(&mut command("serve --config - --log-file -")).is_ok());
        let error = resolve(&mut command("cat - --schema -")).unwrap_err().to_string();
        assert!(error.contains("one file only; name"), "{error}");
    }
}
