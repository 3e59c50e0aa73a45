//! `ringlog restore`: makes a log of a backup.
#![forbid(unsafe_code)]

use serde::Serialize;

use crate::error::{CliError, Outcome};
use crate::options::copy_args::RestoreArgs;
use crate::terminal::print::{eprint, print_json};
use crate::terminal::verdict::{Tone, ToneText};
use crate::terminal::words::{counted, size};
use ringlog::programs::{RestoreReport, restore_log};

#[derive(Serialize)]
struct Report<'a> {
    backup: String,
    log: String,
    #[serde(flatten)]
    done: &'a RestoreReport,
    damage: Vec<String>,
}

/// Exit 0: the log is there. Exit 3: it is, but something in the backup is damaged.
pub(crate) fn run(args: &RestoreArgs) -> Result<Outcome, CliError> {
    let done = restore_log(&args.backup, &args.dest)?;
    done.damage.iter().for_each(|damage| eprint(&format!("ringlog: {damage}")));
    let report = Report {
        backup: args.backup.display().to_string(),
        log: args.dest.display().to_string(),
        done: &done,
        damage: done.damage.iter().map(ToString::to_string).collect(),
    };
    if args.json {
        print_json(&report)?;
    } else {
        let files = counted(done.files, "file");
        let mut text = ToneText::default();
        text += &format!("{}: ", report.log);
        text.add(if done.damage.is_empty() { Tone::Good } else { Tone::Bad }, &format!("restored {files}"));
        text += &format!(" ({}) from {}\n", size(done.bytes), report.backup);
        text.print()?;
    }
    Ok(if done.damage.is_empty() { Outcome::Clean } else { Outcome::Loss })
}
