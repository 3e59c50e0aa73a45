//! Finds the last events of a log without reading all of it.

use std::collections::VecDeque;
use std::path::Path;

use crate::error::CliError;
use ringlog::programs::LogIndex;
use ringlog::storage::{Filter, LogScan};

/// Records that the first attempt reads; each further attempt reads four times as many.
const FIRST_RECORDS: u64 = 1024;

/// Returns the sequence of the first of the last `count` records that pass the filter, among those below `end`.
///
/// Reads back to the start of the log if too few records pass the filter.
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

/// Returns the sequences of the last `count` records in a range that pass the filter.
fn last_in(
    log: &Path,
    index: &LogIndex,
    filter: &Filter,
    count: u64,
    range: std::ops::Range<u64>,
) -> Result<VecDeque<u64>, CliError> {
    let (mut found, mut choice) = (VecDeque::new(), filter.clone());
    let mut scan = LogScan::open(log)?;
    scan.seek_with(index, range.start)?;
    while scan.advance_to(filter, Some(index))? {
        let Some(event) = scan.found_event().filter(|event| event.sequence < range.end) else { break };
        if choice.selects_next(&event) {
            found.push_back(event.sequence);
            if found.len() as u64 > count {
                found.pop_front();
            }
        }
    }
    Ok(found)
}
