//! The table of errors: what triggers each, the exit code, and the text, which says what happened, to which file and offset
//! or record, and what to do.
//!
//! The texts are in `programs.txt` and `library.txt`. After a change `RINGLOG_BLESS=1 cargo test ... messages::` writes them
//! anew; read the difference before it is committed.

mod coverage;
mod library;
#[cfg(feature = "cli")]
mod logs;
#[cfg(feature = "cli")]
mod programs;
#[cfg(feature = "cli")]
mod rings;
mod rules;

use std::fs;
use std::path::{Path, PathBuf};

/// What a row's trigger came to.
pub(crate) struct Row {
    /// What triggers it.
    pub(crate) name: &'static str,
    /// The exit code and the text; of the library the text alone.
    pub(crate) said: String,
}

fn table(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/messages").join(name)
}

/// Compares rows with the table of this name.
#[track_caller]
fn assert_table(name: &str, rows: &[Row]) {
    let text: String =
        rows.iter().map(|row| format!("[{}]\n{}\n\n", row.name, row.said.trim_end())).collect();
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
        _ if is_hex(end) && end.len() == 16 => format!("HEX{rest}"),
        _ => word.to_owned(),
    }
}
