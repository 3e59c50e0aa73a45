//! `ringlog doctor`: what of this machine may cost a log speed, or a promise.

use std::path::Path;

use serde::Serialize;

use crate::doctor::{Finding, Grade, machine, place};
use crate::error::{CliError, Outcome};
use crate::options::keep_args::DoctorArgs;
use crate::terminal::print::print_json;
use crate::terminal::verdict::{Tone, ToneText};
use ringlog::programs::folder_of;

#[derive(Serialize)]
struct Report<'a> {
    folder: String,
    findings: &'a [Finding],
}

/// Looks at the machine and at the file system of the folder. A risk is exit code 3, as a loss is.
pub(crate) fn run(args: &DoctorArgs) -> Result<Outcome, CliError> {
    // A log that is not there yet will be in the folder above.
    let folder = if args.folder.exists() { args.folder.clone() } else { folder_of(&args.folder) };
    if !folder.is_dir() {
        let error = std::io::Error::from(std::io::ErrorKind::NotADirectory);
        return Err(CliError::io("look at the folder", &folder)(error));
    }
    let root = Path::new("/");
    let findings = [machine::findings(root), place::findings(root, &folder)].concat();
    if args.json {
        print_json(&Report { folder: folder.display().to_string(), findings: &findings })?;
    } else {
        for Finding { about, grade, words } in &findings {
            let (mark, tone) = mark_of(*grade);
            let mut line = ToneText::of(tone, mark);
            line += &format!("{about:<16}{words}\n");
            line.print()?;
        }
    }
    let worst = findings.iter().map(|it| it.grade).max();
    Ok(if worst == Some(Grade::Risk) { Outcome::Loss } else { Outcome::Clean })
}

fn mark_of(grade: Grade) -> (&'static str, Tone) {
    match grade {
        Grade::Fine => ("fine  ", Tone::Good),
        Grade::Slow => ("slow  ", Tone::Fair),
        Grade::Risk => ("risk  ", Tone::Bad),
    }
}
