//! No error without a row: the variants are read from the sources.

use std::fs;
use std::path::Path;

use super::table;

/// Enums of errors, and the files that they are in.
const ENUMS: [(&str, &str); 11] = [
    ("OpenError", "storage/error.rs"),
    ("ReadError", "storage/error.rs"),
    ("AppendError", "storage/error.rs"),
    ("SyncError", "storage/error.rs"),
    ("CreateError", "storage/segment/create_error.rs"),
    ("SalvageError", "storage/repair/salvage_report.rs"),
    ("SharedRingError", "ring/shared_error.rs"),
    ("NewRingError", "ring/heap.rs"),
    ("RecorderError", "recorder.rs"),
    ("ResumeError", "recorder/resume.rs"),
    ("FileHeaderError", "../../ringlog-nostd/src/format/file_header.rs"),
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
    let source_folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (name, file) in ENUMS {
        let variants = variants(name, &fs::read_to_string(source_folder.join(file)).unwrap());
        assert!(!variants.is_empty(), "{name}");
        for variant in variants {
            assert!(stored.contains(&format!("[{name}::{variant}")), "{name}::{variant} has no row");
        }
    }
}
