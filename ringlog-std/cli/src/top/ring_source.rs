//! Looks at a shared ring's file, as `ringlog ring` does.
#![forbid(unsafe_code)]

use std::path::Path;

use crate::read::ring_report::RingReport;
use crate::top::look::Look;

/// Adds what a ring's file holds. A ring that cannot be read is a problem of this look alone: its consumer may be putting a new
/// one in its place.
pub(super) fn add_ring(path: &Path, look: &mut Look) {
    match RingReport::of(path) {
        Ok((report, is_of_earlier_boot)) => {
            if is_of_earlier_boot {
                look.problems.push(format!(
                    "{}: the ring is of an earlier boot: what is in it cannot be trusted; start its consumer, which puts a \
                     new ring in its place",
                    path.display()
                ));
            }
            look.problems
                .extend(report.corrupt.as_ref().map(|problem| format!("{}: {problem}", path.display())));
            look.ring = Some(report);
        }
        Err(error) => look.problems.push(error.to_string()),
    }
}
