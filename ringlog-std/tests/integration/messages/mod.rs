//! The table of errors: what triggers each, the exit code, and the text, which says what happened, to which file and offset
//! or record, and what to do.
//!
//! The texts are in the files `*.txt` here. After a change `RINGLOG_BLESS=1 cargo test ... messages::` writes them
//! anew; read the difference before it is committed.

#[cfg(feature = "cli")]
mod captures;
mod copy_calls;
mod core_calls;
mod coverage;
mod cursor_calls;
#[cfg(feature = "cli")]
mod cursors;
#[cfg(feature = "cli")]
mod feeds;
#[cfg(feature = "cli")]
mod imports;
#[cfg(feature = "cli")]
mod inputs;
#[cfg(feature = "cli")]
mod keeping;
mod library;
#[cfg(feature = "cli")]
mod literals;
#[cfg(feature = "cli")]
mod logs;
#[cfg(feature = "cli")]
mod looking;
mod opening_calls;
mod producer_calls;
#[cfg(feature = "cli")]
mod programs;
#[cfg(feature = "cli")]
pub(crate) mod receives;
#[cfg(feature = "cli")]
mod reports;
mod ring_calls;
#[cfg(feature = "cli")]
mod rings;
mod rules;
#[cfg(feature = "cli")]
mod runs;
#[cfg(feature = "cli")]
mod service;
mod sources;
#[cfg(feature = "cli")]
mod standard;
#[cfg(feature = "cli")]
mod typed;
#[cfg(feature = "cli")]
mod typed_imports;
mod writing_calls;

use std::fs;
use std::path::{Path, PathBuf};

/// What a row's trigger came to.
#[derive(Clone)]
pub(crate) struct Row {
    /// What triggers it.
    pub(crate) name: String,
    /// The exit code and the text; of the library the text alone.
    pub(crate) said: String,
}

impl Row {
    /// A row whose trigger this machine does not allow: the stored text is taken as it is.
    #[cfg(feature = "cli")]
    pub(crate) fn skipped(name: &str) -> Self {
        Self { name: name.to_owned(), said: String::new() }
    }

    fn text(&self, stored: &str) -> String {
        let text = format!("[{}]\n{}", self.name, self.said.trim_end());
        let stored = stored.split("\n\n").find(|row| self.said.is_empty() && row.starts_with(&text));
        stored.map_or(text, str::to_owned)
    }
}

/// The tables of what the programs say.
#[cfg(feature = "cli")]
const PROGRAM_TABLES: [&str; 8] = [
    "programs.txt",
    "imports.txt",
    "feeds.txt",
    "receives.txt",
    "reports.txt",
    "runs.txt",
    "typed.txt",
    "looking.txt",
];

fn table(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("integration/messages").join(name)
}

/// Compares rows with the table of this name.
#[track_caller]
fn assert_table(name: &str, rows: &[Row]) {
    let stored = fs::read_to_string(table(name)).unwrap_or_default();
    let text: String = rows.iter().map(|row| row.text(&stored) + "\n\n").collect();
    if std::env::var_os("RINGLOG_BLESS").is_some() {
        fs::write(table(name), &text).unwrap();
    }
    let stored = fs::read_to_string(table(name)).unwrap_or_default();
    let (mut expected, mut found) = (stored.split("\n\n"), text.split("\n\n"));
    loop {
        match (expected.next(), found.next()) {
            (None, None) => return,
            (expected, found) => {
                assert_eq!(found.unwrap_or_default(), expected.unwrap_or_default(), "in {name}");
            }
        }
    }
}

/// Puts placeholders where a text differs from run to run: folders, numbers of processes, checksums, identities.
fn with_placeholders(text: &str, folder: &Path) -> String {
    let text = text.replace(folder.to_str().unwrap(), "DIR");
    #[cfg(feature = "cli")]
    let text = text.replace(crate::cli::support::RINGLOG, "ringlog");
    text.split_inclusive([' ', '\n', ')', ',', ';']).map(placeholder).collect()
}

fn placeholder(word: &str) -> String {
    let end = word.trim_end_matches([' ', '\n', ')', ',', ';', ':']);
    let rest = &word[end.len()..];
    let is_hex = |text: &str| text.len() >= 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match end {
        _ if end == std::process::id().to_string() => format!("PID{rest}"),
        _ if end.strip_prefix("0x").is_some_and(is_hex) => format!("HEX{rest}"),
        _ if is_hex(end) && matches!(end.len(), 16 | 32) => format!("HEX{rest}"),
        _ => word.to_owned(),
    }
}
