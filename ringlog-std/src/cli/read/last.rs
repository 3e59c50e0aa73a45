//! Finding the last events of a log without reading it through.

use std::collections::VecDeque;
use std::path::Path;

use crate::cli::error::CliError;
use crate::storage::{Filter, LogIndex, LogScan};

/// Records that are looked at first; each further attempt looks at four times as many.
const FIRST_RECORDS: u64 = 1024;

/// The sequence of the first of the last `count` records that are wanted, among those below `end`.
///
/// With a filter that lets nothing through this comes to the start of the log.
pub(crate) fn last_sequence(
    log: &Path,
    index: &LogIndex,
    filter: &Filter,
    count: u64,
    end: u64,
) -> Result<u64, CliError> {
    let first = index.first_sequence().max(filter.first_sequence()).min(end);
    if count == 0 {
        return Ok(end);
    }
    if *filter == Filter::new() {
        return Ok(end.saturating_sub(count).max(first));
    }
    let mut records = FIRST_RECORDS.max(count);
    loop {
        let start = end.saturating_sub(records).max(first);
        let found = last_in(log, index, filter, count, start..end)?;
        if found.len() as u64 >= count || start == first {
            return Ok(found.front().copied().unwrap_or(end));
        }
        records = records.saturating_mul(4);
    }
}

/// The sequences of the last `count` records in a range that are wanted.
fn last_in(
    log: &Path,
    index: &LogIndex,
    filter: &Filter,
    count: u64,
    range: std::ops::Range<u64>,
) -> Result<VecDeque<u64>, CliError> {
    let mut found = VecDeque::new();
    let mut scan = LogScan::open(log)?;
    scan.seek_with(index, range.start)?;
    while scan.advance()? {
        let Some(event) = scan.found_event().filter(|event| event.sequence < range.end) else { break };
        if filter.matches(&event) {
            found.push_back(event.sequence);
            if found.len() as u64 > count {
                found.pop_front();
            }
        }
    }
    Ok(found)
}
