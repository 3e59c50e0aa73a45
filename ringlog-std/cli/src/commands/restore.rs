//! `ringlog restore`: makes a log of a backup.
#![forbid(unsafe_code)]

use serde::Serialize;

use crate::error::{CliError, Outcome};
use crate::options::copy_args::RestoreArgs;
use crate::terminal::print::{eprint, print, print_json};
use crate::terminal::words::{counted, size};
use ringlog::programs::restore_log;

#[derive(Serialize)]
struct Report {
    backup: String,
    log: String,
    files: u64,
    /// Length of those files.
    bytes: u64,
    damage: Vec<String>,
}

/// Exit 0: the log is there. Exit 3: it is, but something in the backup is damaged.
pub(crate) fn run(args: &RestoreArgs) -> Result<Outcome, CliError> {
    let done = restore_log(&args.backup, &args.dest)?;
    done.damage.iter().for_each(|damage| eprint(&format!("ringlog: {damage}")));
    let report = Report {
        backup: args.backup.display().to_string(),
        log: args.dest.display().to_string(),
        files: done.files,
        bytes: done.bytes,
        damage: done.damage.iter().map(ToString::to_string).collect(),
    };
    if args.json {
        print_json(&report)?;
    } else {
        let files = counted(done.files, "file");
        print(&format!("{}: restored {files} ({}) from {}\n", report.log, size(done.bytes), report.backup))?;
    }
    Ok(if done.damage.is_empty() { Outcome::Clean } else { Outcome::Loss })
}
