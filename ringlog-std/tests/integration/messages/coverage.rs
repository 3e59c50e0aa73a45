//! No error without a row: the enums and their variants are read from the sources.

use std::fs;
use std::path::Path;

#[cfg(feature = "cli")]
use super::PROGRAM_TABLES;
#[cfg(feature = "cli")]
use super::literals::is_in;
use super::sources::source_files;
use super::table;

/// Enums without rows, and why.
const EXCEPTIONS: [(&str, &str); 5] = [
    (
        "ShipError",
        "of the feature `nats`, which these tests do not turn on: its unit tests and `.ci/run ship` read it",
    ),
    (
        "PullError",
        "of the feature `nats`, which these tests do not turn on: its unit tests and `.ci/run ship` read it",
    ),
    ("Fault", "no error of a call: what `verify` finds in a log"),
    ("SinkError", "of features that these tests do not turn on: `logging-tests` has its texts"),
    ("StreamError", "of a feature for firmware, which this crate does not turn on"),
];

/// The enums of errors in a source, each with what is in it.
fn enums(source: &str) -> Vec<(&str, &str)> {
    let starts = source
        .split("\npub")
        .skip(1)
        .filter_map(|rest| rest.strip_prefix("(crate) enum ").or_else(|| rest.strip_prefix(" enum ")));
    let found = starts.filter_map(|rest| rest.split_once(" {\n"));
    let named = found.map(|(name, rest)| (name.split('<').next().unwrap_or(name), rest));
    let is_error = |name: &str| name.contains("Error") || name.contains("Fault");
    let bodies = named.map(|(name, rest)| (name, rest.split("\n}\n").next().unwrap_or(rest)));
    bodies.filter(|(name, _)| is_error(name)).collect()
}

/// The names of the variants, but for those that show another error's text as it is.
fn variants(body: &str) -> Vec<&str> {
    let mut is_transparent = false;
    let mut found = Vec::new();
    for line in body.lines() {
        is_transparent |= line.trim() == "#[error(transparent)]";
        let Some(word) =
            line.strip_prefix("    ").filter(|it| it.starts_with(|c: char| c.is_ascii_uppercase()))
        else {
            continue;
        };
        if !std::mem::take(&mut is_transparent) {
            found.extend(word.split([' ', '(', ',']).next());
        }
    }
    found
}

#[test]
fn every_error_of_the_library_is_in_the_table() {
    let stored = fs::read_to_string(table("library.txt")).unwrap();
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("cli/src");
    let of_library = source_files().into_iter().filter(|path| !path.starts_with(&programs));
    let sources: Vec<_> = of_library.map(|path| fs::read_to_string(path).unwrap()).collect();
    let enums: Vec<_> = sources.iter().flat_map(|source| enums(source)).collect();
    assert!(enums.len() > 20, "only {enums:?}");
    for (name, why) in EXCEPTIONS {
        assert!(enums.iter().any(|(found, _)| *found == name), "{name}, {why}, is in no source");
    }
    let is_asked = |(name, _): &&(&str, &str)| !EXCEPTIONS.iter().any(|(other, _)| other == name);
    let errors = enums
        .iter()
        .filter(is_asked)
        .flat_map(|(name, body)| variants(body).into_iter().map(move |variant| format!("{name}::{variant}")));
    let has_row = |it: &String| ["]", " ", ","].iter().any(|end| stored.contains(&format!("[{it}{end}")));
    let missing: Vec<_> = errors.filter(|it| !has_row(it)).collect();
    assert!(missing.is_empty(), "without a row: {missing:?}");
}

/// How a command fails, and the row that shows it.
#[cfg(feature = "cli")]
const PROGRAM_ERRORS: [(&str, &str); 15] = [
    ("FeedError::Io", "half a character of UTF-16"),
    ("FeedError::Damaged", "a capture that ends in a packet"),
    ("FeedError::Unclear", "a date that may be two"),
    ("CliError::Usage", "an option of JSON for a table"),
    ("CliError::Output", "an output that is full"),
    ("CliError::Signals", "not triggered: no Linux refuses it"),
    ("CliError::Thread", "not triggered: a limit on threads leaves none for the recorder either"),
    ("CliError::Io", "a file that is not there"),
    ("CliError::Schema", "a file of descriptions that is no JSON"),
    ("CliError::Event", "not triggered: the smallest ring takes each event"),
    ("CliError::RingEvent", "a record that a ring cannot take"),
    ("CliError::Stopped", "not triggered: the error of the log is shown instead"),
    ("CliError::Unreadable", "an empty file"),
    ("CliError::NoRing", "a dump without a ring"),
    ("CliError::Mismatch", "not triggered: only a fault of the program does that"),
];

/// The texts of the variants, in their order, without those that show another error's text as it is.
#[cfg(feature = "cli")]
fn texts(body: &str) -> Vec<&str> {
    let attributes = body.split("#[error(\"").skip(1);
    attributes.filter_map(|rest| rest.split_once('"')).map(|(text, _)| text).collect()
}

#[cfg(feature = "cli")]
#[test]
fn every_error_of_the_programs_is_in_a_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("cli/src/error.rs");
    let source = fs::read_to_string(path).unwrap();
    let stored = PROGRAM_TABLES.iter().chain(&["not_triggered.txt"]);
    let stored: String = stored.map(|name| fs::read_to_string(table(name)).unwrap()).collect();
    let mut found = Vec::new();
    for (name, body) in enums(&source) {
        assert_eq!(variants(body).len(), texts(body).len(), "{name}");
        for (variant, text) in variants(body).into_iter().zip(texts(body)) {
            let error = format!("{name}::{variant}");
            let row = PROGRAM_ERRORS.iter().find(|(of, _)| *of == error);
            let (_, row) = row.unwrap_or_else(|| panic!("{error} has no row"));
            let mut rows = stored.split("\n\n").filter(|it| it.starts_with(&format!("[{row}]\n")));
            assert!(
                rows.any(|row| row.lines().any(|line| is_in(line, text))),
                "{error}: {text:?} in {row:?}"
            );
            found.push(error);
        }
    }
    assert!(PROGRAM_ERRORS.iter().map(|(error, _)| *error).eq(found.iter()), "{found:?}");
}

#[test]
fn enums_and_variants_are_found_as_they_are_written() {
    let source = "\npub enum AError<E> {\n    /// A.\n    #[error(transparent)]\n    Other(#[from] BError),\n    /// B.\n    \
                  Own {\n        /// C.\n        Len: u8,\n    },\n    Unit,\n}\n\npub(crate) enum Kind {\n    A,\n}\n";
    let [(name, body)] = enums(source)[..] else { panic!("{:?}", enums(source)) };
    assert_eq!((name, variants(body)), ("AError", vec!["Own", "Unit"]));
}
