//! `ringlog backup`: copies a log, or what is new in it.
#![forbid(unsafe_code)]

use serde::Serialize;

use crate::error::{CliError, Outcome};
use crate::options::copy_args::BackupArgs;
use crate::terminal::print::{eprint, print_json};
use crate::terminal::verdict::{Tone, ToneText};
use crate::terminal::words::{counted, grouped, size};
use ringlog::programs::{BackupOptions, BackupReport, Compressor, backup_log};

#[derive(Serialize)]
struct Report<'a> {
    log: String,
    backup: String,
    #[serde(flatten)]
    done: &'a BackupReport,
    damage: Vec<String>,
}

/// Exit 0: the backup has all that is on the log's disk. Exit 3: what is damaged in the log is damaged in the backup.
pub(crate) fn run(args: &BackupArgs) -> Result<Outcome, CliError> {
    let compress = if args.zstd { Some(compressor()?) } else { None };
    let options = BackupOptions { link: args.link, mirror: args.mirror, compress };
    let done = backup_log(&args.log, &args.dest, &options)?;
    done.damage.iter().for_each(|damage| eprint(&format!("ringlog: {damage}")));
    if args.json {
        print_json(&Report {
            log: args.log.display().to_string(),
            backup: args.dest.display().to_string(),
            done: &done,
            damage: done.damage.iter().map(ToString::to_string).collect(),
        })?;
    } else {
        words(args, &done).print()?;
    }
    Ok(if done.damage.is_empty() { Outcome::Clean } else { Outcome::Loss })
}

fn words(args: &BackupArgs, done: &BackupReport) -> ToneText {
    let of_all = [
        (
            done.copied_files,
            format!("copied {} ({})", counted(done.copied_files, "file"), size(done.copied_bytes)),
        ),
        (done.linked_files, format!("linked {}", counted(done.linked_files, "file"))),
        (done.kept_files, format!("kept {}", counted(done.kept_files, "file"))),
        (done.deleted_files, format!("deleted {}", counted(done.deleted_files, "file"))),
    ];
    let what: Vec<_> = of_all.into_iter().filter(|(count, _)| *count > 0).map(|(_, words)| words).collect();
    let end = match done.next_sequence.checked_sub(done.first_sequence) {
        None | Some(0) => "no record".to_owned(),
        Some(records) => format!("{} from {} on", counted(records, "record"), grouped(done.first_sequence)),
    };
    let state = match (done.is_closed, done.unsynced_bytes) {
        (true, _) => "",
        (false, 0) => " (the log was not closed)",
        (false, _) => " (the log is at work, and what it has not synced is not here)",
    };
    let mut text = ToneText::default();
    text += &format!("{}: ", args.dest.display());
    text.add(if done.damage.is_empty() { Tone::Good } else { Tone::Bad }, &what.join(", "));
    text += &format!("; {end}, {}{state}\n", size(done.bytes));
    text
}

/// Returns what compresses a file.
#[cfg(feature = "zstd")]
fn compressor() -> Result<&'static Compressor, CliError> {
    Ok(&super::compress::compress)
}

#[cfg(not(feature = "zstd"))]
fn compressor() -> Result<&'static Compressor, CliError> {
    Err(CliError::Usage(
        "this program was built without --zstd of `backup`, but it reads such backups; build one with \
         `cargo build --release -p ringlog-cli --features zstd`, or with `--features full`"
            .into(),
    ))
}
