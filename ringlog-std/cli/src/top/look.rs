//! What one look at a log or a ring found.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::time::Duration;

use crate::read::ring_report::RingReport;

/// A number of records, and the bytes that they take. After a sample both are estimates, so they have fractions.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) events: f64,
    pub(crate) bytes: f64,
}

/// One look.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Look {
    /// When, since the program started.
    pub(crate) at: Duration,
    /// `None` if there is no log, or its files could not be read: then `problems` says why.
    pub(crate) log: Option<LogLook>,
    pub(crate) ring: Option<RingReport>,
    /// What is wrong, a line each.
    pub(crate) problems: Vec<String>,
    /// The events that were read since the last look, as `tail` prints them: at most as many as are kept.
    pub(crate) events: Vec<EventLine>,
    /// Whether counts and events begin anew with this look.
    pub(crate) is_new_start: bool,
}

/// An event as a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct EventLine {
    pub(crate) text: String,
    pub(crate) is_gap: bool,
}

/// What the files of a log say, and what was read of its records.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct LogLook {
    pub(crate) first_sequence: u64,
    /// The sequence of the next record.
    pub(crate) end_sequence: u64,
    /// The position at which the oldest segment begins, in bytes.
    pub(crate) first_position: u64,
    pub(crate) published: u64,
    pub(crate) durable: u64,
    pub(crate) segments: usize,
    /// Records that are not there: between two files.
    pub(crate) missing: u64,
    /// Length of all segments, reserved room included.
    pub(crate) file_bytes: u64,
    pub(crate) writer: String,
    /// Events at the end of the log that are lost and that no GAP record counts yet; 0 is an unknown number.
    pub(crate) unreported: Option<u64>,
    pub(crate) cursors: Vec<CursorLook>,
    pub(crate) disk: Option<Disk>,
    pub(crate) read: ReadCounts,
}

/// Counts of the records that were read, since the start.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct ReadCounts {
    /// The events of each type that the filter chooses.
    pub(crate) types: BTreeMap<u8, Tally>,
    pub(crate) names: BTreeMap<u8, String>,
    /// GAP records, and the lost events that they count.
    pub(crate) gaps: u64,
    pub(crate) lost: u64,
    /// Whether a GAP record does not know its count.
    pub(crate) has_unknown_gaps: bool,
    /// Records that retention deleted before they were read.
    pub(crate) overtaken: u64,
    /// Records that were left out to keep up.
    pub(crate) left_out: u64,
    /// Published bytes that are not read yet.
    pub(crate) unread_bytes: u64,
}

/// How far a reader with a cursor has come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct CursorLook {
    pub(crate) name: String,
    /// Records that it has not read.
    pub(crate) unread: u64,
    /// Why its position says nothing.
    pub(crate) problem: Option<&'static str>,
}

/// The file system with the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Disk {
    /// Bytes that this user may still take.
    pub(crate) free: u64,
    pub(crate) all: u64,
}
