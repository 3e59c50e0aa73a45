//! `ringlog cursors`: lists, deletes and sets the cursors of a log.
#![forbid(unsafe_code)]

use serde::Serialize;

use crate::error::{CliError, Outcome};
use crate::options::keep_args::CursorsArgs;
use crate::read::source::LogSource;
use crate::terminal::print::{print, print_json};
use crate::terminal::words::{counted, grouped, moment};
use crate::terminal::zone::Zone;
use ringlog::event::ClockKind;
use ringlog::programs::LogIndex;
use ringlog::storage::{Cursor, OpenError, WriterFile};

/// What is shown of a cursor.
#[derive(Serialize)]
struct Line {
    name: String,
    next_sequence: u64,
    /// Records that its reader has not had.
    lag: u64,
    /// When its position was stored, in unix nanoseconds.
    updated_at: i64,
    /// "good", "damaged", "ahead" if the log ends before it, or "of another log".
    state: &'static str,
}

#[derive(Serialize)]
struct Report {
    log: String,
    end_sequence: u64,
    cursors: Vec<Line>,
}

/// Does what the options ask for, then lists the cursors.
pub(crate) fn run(args: &CursorsArgs) -> Result<Outcome, CliError> {
    // Fails if this is no log.
    LogSource::open_or_empty(&args.log)?;
    for name in &args.delete {
        if !Cursor::delete(&args.log, name)? {
            return Err(CliError::Usage(format!(
                "{}: no cursor \"{name}\"; `ringlog cursors` lists them",
                args.log.display()
            )));
        }
    }
    for (name, sequence) in &args.set {
        let mut cursor = Cursor::open(&args.log, name)?;
        cursor.go_to(*sequence);
        cursor.commit()?;
    }
    let end_sequence = match LogIndex::open(&args.log) {
        Err(OpenError::NoSegments { .. }) => 0,
        other => other?.next_sequence()?,
    };
    let report =
        Report { log: args.log.display().to_string(), end_sequence, cursors: lines(args, end_sequence)? };
    if args.json {
        print_json(&report)?
    } else {
        print(&report.words())?
    }
    Ok(Outcome::Clean)
}

fn lines(args: &CursorsArgs, end: u64) -> Result<Vec<Line>, CliError> {
    let identity = WriterFile::of(&args.log).identity;
    let cursors = Cursor::list(&args.log)?.into_iter().map(|it| Line {
        lag: end.saturating_sub(it.next_sequence),
        state: match &it {
            it if it.is_damaged => "damaged",
            it if it.is_of_another_log(identity) => "of another log",
            it if it.next_sequence > end => "ahead",
            _ => "good",
        },
        name: it.name,
        next_sequence: it.next_sequence,
        updated_at: it.updated_at,
    });
    Ok(cursors.collect())
}

impl Report {
    fn words(&self) -> String {
        let zone = Zone::local();
        let widest = self.cursors.iter().map(|it| it.name.len()).max().unwrap_or(0);
        let mut lines = vec![format!(
            "{}: {}, ends before {}",
            self.log,
            counted(self.cursors.len() as u64, "cursor"),
            self.end_sequence
        )];
        lines.extend(self.cursors.iter().map(|it| {
            let stored = moment(it.updated_at.unsigned_abs(), ClockKind::UnixNanos, &zone);
            let state = match it.state {
                "damaged" => "; damaged: delete it, its next reader starts at the oldest event",
                "of another log" => "; of another log: refused, delete it",
                "ahead" => "; the log ends before it, so it lost records",
                _ => "",
            };
            format!(
                "{:widest$}  next {:>13}  lag {:>13}  stored {stored}{state}",
                it.name,
                grouped(it.next_sequence),
                grouped(it.lag)
            )
        }));
        lines.join("\n") + "\n"
    }
}
