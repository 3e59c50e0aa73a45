//! Options of `serve` from a file, and as a file.
//!
//! A key is the long name of an option. It becomes a word of the command line before those that were typed, so that clap
//! checks its value and what was typed wins.
#![forbid(unsafe_code)]

use std::error::Error;
use std::ffi::OsString;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use ringlog::programs::nearest;
use toml::de::{DeTable, DeValue};

use crate::error::CliError;
use crate::terminal::standard_input::is_standard;

/// What is for the command line alone.
const NOT_IN_A_FILE: [&str; 4] = ["config", "print-config", "help", "version"];

/// Adds the options of the file that `--config` names to the words of a command line, if it is one of `serve`.
///
/// The second value is the command, which takes an option twice if there is a file.
pub(crate) fn with_file(
    command: Command,
    words: Vec<OsString>,
) -> Result<(Command, Vec<OsString>), CliError> {
    let at = match words.get(1).and_then(|word| word.to_str()) {
        Some("serve") => 2,
        Some(word) if word.starts_with("--") => 1,
        _ => return Ok((command, words)),
    };
    let serve = serve_of(&command);
    let typed = serve.clone().ignore_errors(true).no_binary_name(true).try_get_matches_from(&words[at..]);
    // Help, which the caller finds again.
    let Ok(typed) = typed else { return Ok((command, words)) };
    let Some(path) = typed.get_one::<PathBuf>("config") else { return Ok((command, words)) };
    let entries = read(path, &serve)?;
    let kept = entries.into_iter().filter(|entry| !is_overruled(&entry.arg, &serve, &typed));
    let (program, typed_words) = words.split_at(at);
    let all = program.iter().cloned().chain(kept.filter_map(|it| it.word)).chain(typed_words.iter().cloned());
    let all = all.collect();
    let command = command.args_override_self(true).mut_subcommand("serve", |it| it.args_override_self(true));
    Ok((command, all))
}

/// Returns the options of `serve` as a file, if `--print-config` asks for it.
pub(crate) fn printed(command: &Command, matches: &ArgMatches) -> Result<Option<String>, CliError> {
    let serve = serve_of(command);
    let matches = match matches.subcommand() {
        Some(("serve", matches)) => matches,
        Some(_) => return Ok(None),
        None => matches,
    };
    if !matches.get_flag("print_config") {
        return Ok(None);
    }
    let mut text = String::new();
    for arg in options(&serve) {
        let name = arg.get_long().unwrap_or_default();
        let id = arg.get_id().as_str();
        let is_default = matches.value_source(id) != Some(ValueSource::CommandLine);
        let line = if !arg.get_action().takes_values() {
            format!("{}{name} = {}", if is_default { "# " } else { "" }, !is_default)
        } else if is_default && is_overruled(arg, &serve, matches) {
            continue;
        } else if let Some(value) = matches.get_raw(id).and_then(Iterator::last) {
            let value = value.to_str().ok_or_else(|| {
                CliError::Usage(format!(
                    "--print-config: the value of --{name} is no text, which a file cannot hold; leave it on the command line"
                ))
            })?;
            format!("{name} = {}", quoted(value))
        } else {
            let names = arg.get_value_names().unwrap_or_default();
            format!("# {name} = {}", quoted(names.first().map_or("", |it| it.as_str())))
        };
        text += &line;
        text.push('\n');
    }
    Ok(Some(text))
}

fn serve_of(command: &Command) -> Command {
    command.find_subcommand("serve").cloned().unwrap_or_default()
}

/// The options that a file may have.
fn options(serve: &Command) -> impl Iterator<Item = &Arg> {
    serve.get_arguments().filter(|arg| arg.get_long().is_some_and(|name| !NOT_IN_A_FILE.contains(&name)))
}

/// Whether an option that was typed excludes this one.
fn is_overruled(arg: &Arg, serve: &Command, typed: &ArgMatches) -> bool {
    let is_typed =
        |other: &Arg| typed.value_source(other.get_id().as_str()) == Some(ValueSource::CommandLine);
    let excludes = |one: &Arg, other: &Arg| {
        serve.get_arg_conflicts_with(one).iter().any(|it| it.get_id() == other.get_id())
    };
    options(serve).any(|other| is_typed(other) && (excludes(arg, other) || excludes(other, arg)))
}

/// A key of a file.
struct Entry {
    arg: Arg,
    /// The word of the command line; none for a switch that is off.
    word: Option<OsString>,
}

/// Reads a file and checks each key by itself.
fn read(path: &Path, serve: &Command) -> Result<Vec<Entry>, CliError> {
    let text = match is_standard(path) {
        true => std::io::read_to_string(std::io::stdin()),
        false => std::fs::read_to_string(path),
    };
    let text = text.map_err(CliError::io("read", path))?;
    let refuse = |offset: usize, problem: String| {
        let line =
            1 + text.as_bytes()[..offset.min(text.len())].iter().filter(|&&byte| byte == b'\n').count();
        CliError::Usage(format!("{}:{line}: {problem}", path.display()))
    };
    let table = DeTable::parse(&text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        refuse(offset, format!("no TOML: {}; write NAME = \"VALUE\"", error.message().replace('\n', ", ")))
    })?;
    let mut entries = Vec::new();
    for (key, value) in table.get_ref() {
        let name = key.get_ref().as_ref();
        let entry = find(name, serve).and_then(|arg| entry(arg, name, value.get_ref(), serve));
        entries.push(entry.map_err(|problem| refuse(key.span().start, problem))?);
    }
    Ok(entries)
}

/// Returns the option of this name.
fn find<'a>(name: &str, serve: &'a Command) -> Result<&'a Arg, String> {
    if let Some(arg) = options(serve).find(|arg| arg.get_long() == Some(name)) {
        return Ok(arg);
    }
    if NOT_IN_A_FILE.contains(&name) {
        return Err(format!("\"{name}\" cannot be in a file; give it on the command line"));
    }
    let near = nearest(&name.replace('_', "-"), options(serve).filter_map(Arg::get_long));
    let near = near.map_or_else(String::new, |near| format!("did you mean \"{near}\"? "));
    Err(format!("no option \"{name}\"; {near}`ringlog serve --help` lists them, without the dashes in front"))
}

/// Makes a word of the command line of a key and its value.
fn entry(arg: &Arg, name: &str, value: &DeValue<'_>, serve: &Command) -> Result<Entry, String> {
    let is_switch = matches!(arg.get_action(), ArgAction::SetTrue);
    let text = match (is_switch, value) {
        (true, DeValue::Boolean(is_on)) => {
            let word = is_on.then(|| format!("--{name}").into());
            return Ok(Entry { arg: arg.clone(), word });
        }
        (true, other) => {
            return Err(format!("\"{name}\" is a switch, but this is {}; write true or false", kind(other)));
        }
        (false, DeValue::String(text)) => text.as_ref(),
        (false, DeValue::Integer(number)) if number.radix() == 10 => number.as_str(),
        (false, DeValue::Float(number)) => number.as_str(),
        (false, other) => {
            return Err(format!(
                "\"{name}\" takes a text, but this is {}; put the value in quotes",
                kind(other)
            ));
        }
    };
    let word = format!("--{name}={text}");
    match serve.clone().no_binary_name(true).try_get_matches_from([&word]) {
        Err(error) if matches!(error.kind(), ErrorKind::ValueValidation | ErrorKind::InvalidValue) => {
            let why = error.source().map_or_else(|| "no such value".to_owned(), ToString::to_string);
            Err(format!("{name} = {}: {why}; correct the file", quoted(text)))
        }
        // What is missing or excluded beside it shows when all of them are together.
        _ => Ok(Entry { arg: arg.clone(), word: Some(word.into()) }),
    }
}

const fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// Returns a text as TOML writes it.
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            _ if letter.is_control() => drop(write!(out, "\\U{:08X}", u32::from(letter))),
            _ => out.push(letter),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::args::RinglogArgs;
    use clap::CommandFactory;

    /// A value of each option, those that exclude `--ring` apart.
    const WITH_FEED: &[(&str, &str)] = &[
        ("feed", "udp://127.0.0.1:0?buffer=1MiB"),
        ("rate", "100k"),
        ("seed", "7"),
        ("producer-cpus", "0"),
        ("progress", "true"),
    ];
    const WITH_RING: &[(&str, &str)] =
        &[("ring", "/dev/shm/a \"ring\"\\\t"), ("skip-to-head", "true"), ("quiet", "true")];
    const COMMON: &[(&str, &str)] = &[
        ("for", "1h"),
        ("max-bytes", "1GiB"),
        ("log", "a log"),
        ("ring-size", "1MiB"),
        ("segment-size", "1MiB"),
        ("roll-after", "1h"),
        ("sync", "2s"),
        ("keep-bytes", "1GiB"),
        ("keep-for", "2d"),
        ("keep-files", "9"),
        ("cursor-bytes", "2GiB"),
        ("full-disk", "drop"),
        ("max-unsynced", "64MiB"),
        ("uncached", "true"),
        ("recorder-cpus", "0-1"),
        ("worker-cpus", "0"),
        ("worker-nice", "5"),
        ("schema", "types.json"),
        ("json", "true"),
        ("log-file", "messages"),
        ("log-level", "debug"),
        ("metrics", "127.0.0.1:9600"),
        ("health-unsynced", "1m"),
        ("ship", "nats://localhost:4222"),
        ("ship-credentials", "ship.creds"),
        ("ship-replicas", "3"),
    ];

    fn words(pairs: &[(&str, &str)]) -> Vec<OsString> {
        let word = |(name, value): &(&str, &str)| match *value {
            "true" => format!("--{name}").into(),
            value => format!("--{name}={value}").into(),
        };
        pairs.iter().map(word).collect()
    }

    /// Returns what `--print-config` prints for these words after `ringlog`.
    fn print_of(words: Vec<OsString>) -> Result<String, CliError> {
        let words = [OsString::from("ringlog")].into_iter().chain(words).chain(["--print-config".into()]);
        let (mut command, words) = with_file(RinglogArgs::command(), words.collect())?;
        let matches = command.try_get_matches_from_mut(words)?;
        Ok(printed(&command, &matches)?.expect("it was asked for"))
    }

    fn with_config(path: &Path, words: &str) -> Vec<OsString> {
        let config = ["serve".into(), "--config".into(), path.as_os_str().to_owned()];
        config.into_iter().chain(words.split_whitespace().map(Into::into)).collect()
    }

    #[test]
    fn each_option_is_printed_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("serve.toml");
        let command = RinglogArgs::command();
        let serve = serve_of(&command);
        let mut known: Vec<_> = options(&serve).filter_map(Arg::get_long).collect();
        let mut tried: Vec<_> = [WITH_FEED, WITH_RING, COMMON].concat().iter().map(|it| it.0).collect();
        known.sort_unstable();
        tried.sort_unstable();
        assert_eq!(known, tried, "each option has a value here");
        for more in [WITH_FEED, WITH_RING] {
            let given = [more, COMMON].concat();
            let text = print_of(words(&given)).unwrap();
            for (name, value) in &given {
                let value = if *value == "true" { (*value).to_owned() } else { quoted(value) };
                assert!(text.contains(&format!("{name} = {value}\n")), "{name}: {text}");
            }
            std::fs::write(&path, &text).unwrap();
            assert_eq!(print_of(with_config(&path, "")).unwrap(), text);
        }
        // The defaults too.
        let text = print_of(vec!["--ring=r".into()]).unwrap();
        assert!(
            text.contains("log = \"./ringlog-data\"\n") && text.contains("# sync = \"WHEN\"\n"),
            "{text}"
        );
        assert!(!text.contains("feed =") && !text.contains("rate ="), "{text}");
        std::fs::write(&path, &text).unwrap();
        assert_eq!(print_of(with_config(&path, "")).unwrap(), text);
    }

    #[test]
    fn what_is_typed_wins_over_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("serve.toml");
        std::fs::write(&path, "feed = \"-\"\nrate = 5\nlog = \"a\"\njson = true\nuncached = false\n")
            .unwrap();
        let text = print_of(with_config(&path, "--log b --seed 3")).unwrap();
        for line in [
            "log = \"b\"",
            "rate = \"5\"",
            "feed = \"-\"",
            "seed = \"3\"",
            "json = true",
            "# uncached = false",
        ] {
            assert!(text.lines().any(|it| it == line), "{line}: {text}");
        }
        // What excludes options of the file takes their place.
        let text = print_of(with_config(&path, "--ring r")).unwrap();
        assert!(
            text.contains("ring = \"r\"\n") && !text.contains("feed") && text.contains("log = \"a\"\n"),
            "{text}"
        );
        // An option may need one of the file.
        std::fs::write(&path, "ring = \"r\"\n").unwrap();
        assert!(print_of(with_config(&path, "--skip-to-head")).unwrap().contains("skip-to-head = true\n"));
    }

    #[test]
    fn what_a_file_cannot_say_is_refused_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("serve.toml");
        for (text, expected) in [
            ("\nsegment_size = \"1MiB\"", ":2: no option \"segment_size\"; did you mean \"segment-size\"? "),
            ("rats = 1", ":1: no option \"rats\"; did you mean \"rate\"? "),
            ("zebra = 1", ":1: no option \"zebra\"; `ringlog serve --help` lists them"),
            ("config = \"a\"", ":1: \"config\" cannot be in a file"),
            ("[serve]\nlog = \"a\"", ":1: no option \"serve\""),
            ("log = true", ":1: \"log\" takes a text, but this is true or false"),
            ("log = [\"a\"]", ":1: \"log\" takes a text, but this is a list"),
            ("log.a = 1", ":1: \"log\" takes a text, but this is a table"),
            ("ring-size = 0x10", ":1: \"ring-size\" takes a text, but this is a number"),
            ("json = \"yes\"", ":1: \"json\" is a switch, but this is a text; write true or false"),
            ("log = \"a\"\n\nrate = \"fast\"", ":3: rate = \"fast\": expected "),
            ("log = \"a\"\nlog = \"b\"", ":2: no TOML: "),
            ("log = a", ":1: no TOML: "),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = print_of(with_config(&path, "")).unwrap_err().to_string();
            assert!(
                error.strip_prefix(path.to_str().unwrap()).is_some_and(|it| it.starts_with(expected)),
                "{error}"
            );
        }
        let error = print_of(with_config(&folder.path().join("none"), "")).unwrap_err().to_string();
        assert!(error.contains("cannot read"), "{error}");
    }

    #[test]
    fn other_commands_have_no_file() {
        let words: Vec<OsString> = ["ringlog", "cat", "--config", "x"].map(Into::into).into();
        assert_eq!(with_file(RinglogArgs::command(), words.clone()).unwrap().1, words);
    }
}
