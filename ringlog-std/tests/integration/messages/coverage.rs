//! No error without a row: the variants are read from the sources.

use std::fs;

use super::sources::source_files;
use super::table;

/// Enums of errors that the library returns.
const ENUMS: [&str; 13] = [
    "OpenError",
    "ReadError",
    "AppendError",
    "SyncError",
    "CreateError",
    "SalvageError",
    "CursorError",
    "SharedRingError",
    "NewRingError",
    "RecorderError",
    "ResumeError",
    "FileHeaderError",
    "RingImageErrorKind",
];

/// The names of the variants of an enum, but for those that show another error's text as it is.
fn variants(name: &str, source: &str) -> Vec<String> {
    let body = source.split(&format!("pub enum {name} {{\n")).nth(1).unwrap_or_else(|| panic!("no {name}"));
    let body = body.split("\n}\n").next().unwrap();
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
            found.push(word.split([' ', '(', ',']).next().unwrap().to_owned());
        }
    }
    found
}

#[test]
fn every_error_of_the_library_is_in_the_table() {
    let stored = fs::read_to_string(table("library.txt")).unwrap();
    let sources: Vec<_> = source_files().iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    for name in ENUMS {
        let start = format!("pub enum {name} {{\n");
        let source = sources.iter().find(|source| source.contains(&start));
        let variants = variants(name, source.unwrap_or_else(|| panic!("no {name}")));
        assert!(!variants.is_empty(), "{name}");
        for variant in variants {
            assert!(stored.contains(&format!("[{name}::{variant}")), "{name}::{variant} has no row");
        }
    }
}
