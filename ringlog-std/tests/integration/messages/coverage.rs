//! No error without a row: the enums and their variants are read from the sources.

use std::fs;
use std::path::Path;

use super::sources::source_files;
use super::table;

/// Enums without rows, and why.
const EXCEPTIONS: [(&str, &str); 2] = [
    ("Fault", "no error of a call: what `verify` finds in a log"),
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
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli");
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

#[test]
fn enums_and_variants_are_found_as_they_are_written() {
    let source = "\npub enum AError<E> {\n    /// A.\n    #[error(transparent)]\n    Other(#[from] BError),\n    /// B.\n    \
                  Own {\n        /// C.\n        Len: u8,\n    },\n    Unit,\n}\n\npub(crate) enum Kind {\n    A,\n}\n";
    let [(name, body)] = enums(source)[..] else { panic!("{:?}", enums(source)) };
    assert_eq!((name, variants(body)), ("AError", vec!["Own", "Unit"]));
}
