//! `ringlog ring`: shows the state of a ring in a file, and changes nothing.

use crate::error::{CliError, Outcome};
use crate::options::args::RingArgs;
use crate::read::ring_report::RingReport;
use crate::terminal::print::{print, print_json};

/// Exit 0: nothing is wrong. Exit 3: the ring is corrupt, and the output says where.
pub(crate) fn run(args: &RingArgs) -> Result<Outcome, CliError> {
    // The one name by which the locks go.
    let path = std::fs::canonicalize(&args.ring).map_err(CliError::io("find", &args.ring))?;
    let (report, has_boot_problem) = RingReport::of(&path)?;
    match args.json {
        true => print_json(&report)?,
        false => print(&report.words(has_boot_problem))?,
    }
    Ok(if report.corrupt.is_some() { Outcome::Loss } else { Outcome::Clean })
}
