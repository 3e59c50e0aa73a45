//! What every text of the table obeys.

use std::fs;

use super::table;

/// Words that a user does not look up, or that another library has chosen.
const FOREIGN: [&str; 12] = [
    "jiff",
    "clap",
    "friendly",
    "invalid digit",
    "Os {",
    "Custom {",
    "InvalidInput",
    "goes on",
    " behind ",
    "tells of",
    "is to be",
    "panicked at",
];

const TABLES: [&str; 8] = [
    "programs.txt",
    "imports.txt",
    "feeds.txt",
    "reports.txt",
    "runs.txt",
    "looking.txt",
    "not_triggered.txt",
    "library.txt",
];

/// What these lead to is said by the error of the file, or of the ring in one.
const CAUSES: [&str; 5] = ["FileHeaderError", "WriteError", "RingError", "SkipError", "ViewError"];

/// What a command says after it has done what was asked of it.
const NOTES: [&str; 3] = [
    "ringlog: left out: ",
    " left out, as the payload does not fit",
    " the trace takes them for nanoseconds",
];

/// The lines of the tables that are messages, each with the row that it is in.
fn messages() -> Vec<(String, String)> {
    let texts = TABLES.map(|name| fs::read_to_string(table(name)).unwrap());
    let rows = texts.iter().flat_map(|text| text.split("\n\n")).filter(|row| !row.trim().is_empty());
    rows.flat_map(|row| {
        let (name, said) = row.trim().split_once('\n').unwrap_or((row, ""));
        let lines = said.lines().filter(|line| !line.starts_with("exit "));
        lines.map(|line| (name.to_owned(), line.to_owned())).collect::<Vec<_>>()
    })
    .collect()
}

/// `1 pieces`: a one that is no part of a larger number, before a plural.
fn has_plural_of_one(line: &str) -> bool {
    let words: Vec<_> = line.split(' ').collect();
    words.windows(2).any(|pair| {
        let noun = pair[1].trim_end_matches([',', ';', '.', ')', ':']);
        let is_verb = ["is", "was", "has", "others"].contains(&noun);
        let is_counted = !pair[1].starts_with('(') && pair[0].trim_start_matches('(') == "1";
        is_counted && noun.ends_with('s') && !is_verb
    })
}

#[test]
fn a_one_has_no_plural() {
    assert!(has_plural_of_one("lost 1 pieces") && !has_plural_of_one("lost 1 piece of 11 pieces"));
    for (row, line) in messages() {
        assert!(!has_plural_of_one(&line), "{row}: {line}");
    }
}

#[test]
fn no_text_of_another_library_is_shown_and_no_unclear_word() {
    for (row, line) in messages() {
        for word in FOREIGN {
            assert!(!line.contains(word), "{row}: {word:?} in {line}");
        }
    }
}

fn outside_parentheses(line: &str) -> String {
    let mut depth = 0;
    let is_outside = |c: &char| {
        depth += i32::from(*c == '(') - i32::from(*c == ')');
        depth == 0
    };
    line.chars().filter(is_outside).collect()
}

#[test]
fn a_cause_comes_once_and_so_does_what_to_do() {
    for (row, line) in messages() {
        if line.starts_with("time: ") {
            // How a table is read.
            continue;
        }
        // Where the rest of a capture is, is between both.
        let plain = outside_parentheses(&line).replace("; what is before was imported", "");
        assert!(plain.matches("; ").count() <= 1, "{row}: {line}");
        for advice in ["restore it from a copy", "`ringlog salvage`", "check the path"] {
            assert!(line.matches(advice).count() <= 1, "{row}: {advice:?} twice in {line}");
        }
    }
}

/// An error that ends a program, or a warning of log or ring, says what to do next, except where the program has said so in another line.
#[test]
fn an_error_says_what_to_do() {
    let is_note = |line: &str| NOTES.iter().any(|note| line.contains(note));
    for (row, line) in messages().into_iter().filter(|(_, line)| !is_note(line)) {
        let is_cause = CAUSES.iter().any(|cause| row.starts_with(&format!("[{cause}::")));
        let is_warning = ["TIME WARN ringlog::log: ", "TIME WARN ringlog::ring: "]
            .iter()
            .any(|head| line.strip_prefix(head).is_some_and(|text| !text.starts_with(' ')));
        let is_error = is_warning || line.starts_with("ringlog: ") || row.contains("Error::") && !is_cause;
        // A literal that ends in another text has the advice in it.
        let is_whole = !line.ends_with('}');
        assert!(!is_error || !is_whole || line.contains("; "), "{row}: no advice in {line}");
    }
}

#[test]
fn what_is_said_of_lines_of_json_names_fields_and_no_columns() {
    let lines: Vec<_> = messages().into_iter().filter(|(_, line)| line.contains("a.jsonl: ")).collect();
    assert!(lines.len() > 10, "{lines:?}");
    for (row, line) in lines {
        assert!(!line.contains("column"), "{row}: {line}");
    }
}
