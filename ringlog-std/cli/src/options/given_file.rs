//! A file where a command is expected: which command reads it.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::Read;
use std::path::Path;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::error::CliError;
use crate::import::guess::guess;
use ringlog::programs::{LogIndex, begins_like_a_ring};

/// Bytes by which formats are known.
const HEAD: u64 = 64 * 1024;

/// Replaces the error about a command that there is not, where it is the name of a file or folder.
pub(crate) fn explained(error: clap::Error) -> CliError {
    let given = match (error.kind(), error.get(ContextKind::InvalidSubcommand)) {
        (ErrorKind::InvalidSubcommand, Some(ContextValue::String(given))) => given.clone(),
        _ => return error.into(),
    };
    match advice(Path::new(&given)) {
        Some(advice) => CliError::Usage(format!("{given}: no command; {advice}")),
        None => error.into(),
    }
}

/// Says what to do with a file or folder; `None` if there is none of that name.
fn advice(path: &Path) -> Option<String> {
    let metadata = path.metadata().ok()?;
    let name = path.display();
    if metadata.is_dir() {
        return Some(match LogIndex::open(path) {
            Ok(_) => format!("it is a log: `ringlog cat {name}` prints it, `ringlog info {name}` sums it up"),
            Err(_) => "it is a folder without a log".into(),
        });
    }
    let mut head = Vec::new();
    File::open(path).ok()?.take(HEAD).read_to_end(&mut head).ok()?;
    if head.starts_with(b"EVTL") {
        return Some(format!(
            "it is a file of a log: `ringlog cat {name}` prints it, `ringlog info {name}` sums it up"
        ));
    }
    if begins_like_a_ring(path) {
        return Some(format!("it is a shared ring: `ringlog ring {name}` shows its state"));
    }
    Some(match guess(path, &head) {
        Ok(format) => format!("it reads as {format}: `ringlog import {name} --log FOLDER` records it"),
        Err(_) => "it is a file that no command reads".into(),
    })
}
