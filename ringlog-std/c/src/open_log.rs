//! A log that is being read.
#![forbid(unsafe_code)]

use crate::last_error::keep;
use crate::value::FieldValue;
use ringlog::event::Event;
use ringlog::schema::{Decoded, NotFitting};
use ringlog::storage::{DecodeEvent, LogScan, OpenError, ReadError, Verdict, verify_log};
use ringlog_core::RingEvent;
use ringlog_core::status::{
    RINGLOG_E_IO, RINGLOG_E_LOG_DAMAGED, RINGLOG_E_MISSING, RINGLOG_E_NOT_A_LOG, RINGLOG_E_NOT_FITTING,
    RINGLOG_E_OVERTAKEN, RINGLOG_EMPTY,
};
use std::ffi::{CString, c_int};
use std::io::ErrorKind;
use std::path::Path;

/// A log that is open for reading. Make one with `ringlog_log_open`.
#[derive(Debug)]
pub struct Log {
    scan: LogScan,
    /// What the last call lent.
    lent: CString,
}

/// An event of a log.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct LogEvent {
    /// The event. Its payload is lent: see `ringlog_log_next`.
    pub event: RingEvent,
    /// The number of the record in the log.
    pub sequence: u64,
}

/// What `ringlog_log_verify` found.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct LogCheck {
    /// One of `RINGLOG_VERDICT_...`: the worst that is true of the log.
    pub verdict: c_int,
    /// Number of events, without GAP and META records.
    pub events: u64,
    /// Number of GAP records.
    pub gaps: u64,
    /// Number of events that are missing by what the GAP records say.
    pub lost: u64,
    /// Number of segments.
    pub segments: u64,
}

/// Sealed and complete.
pub const RINGLOG_VERDICT_CLEAN: c_int = 0;
/// Its writer is at work. All that it published is there.
pub const RINGLOG_VERDICT_OPEN: c_int = 1;
/// Bytes changed, or a writer died; no event is missing.
pub const RINGLOG_VERDICT_DAMAGE: c_int = 2;
/// It is readable, and events are missing, or may be.
pub const RINGLOG_VERDICT_LOSS: c_int = 3;
/// No event can be read, or a file could not be read.
pub const RINGLOG_VERDICT_UNREADABLE: c_int = 4;

impl Log {
    pub(crate) fn open(path: &Path) -> Result<Self, c_int> {
        let scan = LogScan::open(path).map_err(|error| not_opened(&error))?;
        Ok(Self { scan, lent: CString::default() })
    }

    /// Goes to the next event or GAP record.
    pub(crate) fn next(&mut self) -> Result<LogEvent, c_int> {
        loop {
            if !self.scan.advance().map_err(|error| not_read(&error))? {
                return Err(RINGLOG_EMPTY);
            }
            if let Some(event) = self.event().filter(|event| !event.header.is_meta()) {
                return Ok(LogEvent {
                    event: RingEvent::of(&event.header, event.payload),
                    sequence: event.sequence,
                });
            }
        }
    }

    fn event(&self) -> Option<Event<'_>> {
        self.scan.found_event()
    }

    pub(crate) fn seek(&mut self, sequence: u64) -> Result<(), c_int> {
        self.scan.seek_record(sequence).map_err(|error| not_read(&error))
    }

    /// Goes to the first record with this timestamp or a later one.
    pub(crate) fn seek_time(&mut self, since: u64) -> Result<(), c_int> {
        let found = self.scan.sequence_since(0, since).map_err(|error| not_read(&error))?;
        self.seek(found.ok_or(RINGLOG_EMPTY)?)
    }

    pub(crate) fn end_sequence(&self) -> Result<u64, c_int> {
        self.scan.end_sequence().map_err(|error| not_read(&error))
    }

    fn decoded(&self) -> Result<Decoded<'_>, c_int> {
        let decoded = self.event().and_then(|event| event.decode()).ok_or(RINGLOG_EMPTY)?;
        decoded.map_err(|error| not_fitting(&error))
    }

    pub(crate) fn field(&self, path: &str) -> Result<FieldValue, c_int> {
        self.decoded()?.get(path).map(|value| FieldValue::of(&value)).ok_or(RINGLOG_EMPTY)
    }

    /// Returns the name of the event's type.
    pub(crate) fn type_name(&mut self) -> Option<&CString> {
        let name = self.decoded().ok()?.schema().name().to_owned();
        self.lend(name)
    }

    /// Returns all fields as text.
    pub(crate) fn fields(&mut self) -> Option<&CString> {
        let text = self.decoded().ok()?.to_string();
        self.lend(text)
    }

    fn lend(&mut self, text: String) -> Option<&CString> {
        self.lent = CString::new(text).ok()?;
        Some(&self.lent)
    }
}

/// Reads and checks every record of a log.
pub(crate) fn verify(path: &Path) -> Result<LogCheck, c_int> {
    let check = verify_log(path).map_err(|error| not_opened(&error))?;
    let counts = check.counts();
    Ok(LogCheck {
        verdict: match check.verdict() {
            Verdict::Clean => RINGLOG_VERDICT_CLEAN,
            Verdict::Open => RINGLOG_VERDICT_OPEN,
            Verdict::Loss => RINGLOG_VERDICT_LOSS,
            Verdict::Unreadable => RINGLOG_VERDICT_UNREADABLE,
            _ => RINGLOG_VERDICT_DAMAGE,
        },
        events: counts.events,
        gaps: counts.gaps,
        lost: counts.lost(),
        segments: check.segments.len() as u64,
    })
}

fn not_opened(error: &OpenError) -> c_int {
    let code = match error {
        // The folder of a recorder that has recorded nothing yet has no segment.
        OpenError::NoLog { .. } | OpenError::NoSegments { single_file: None, .. } => RINGLOG_E_MISSING,
        OpenError::Io { source, .. } if source.kind() == ErrorKind::NotFound => RINGLOG_E_MISSING,
        OpenError::Io { .. } => RINGLOG_E_IO,
        OpenError::WriteOffset { .. } | OpenError::MissingEnd(_) | OpenError::Uncertain { .. } => {
            RINGLOG_E_LOG_DAMAGED
        }
        _ => RINGLOG_E_NOT_A_LOG,
    };
    keep(code, error)
}

fn not_read(error: &ReadError) -> c_int {
    let code = match error {
        ReadError::Overtaken { .. } => RINGLOG_E_OVERTAKEN,
        ReadError::Io { .. } => RINGLOG_E_IO,
        // The system's refusal is no damage: too many open files, say.
        ReadError::Segment(error) if matches!(**error, OpenError::Io { .. }) => RINGLOG_E_IO,
        _ => RINGLOG_E_LOG_DAMAGED,
    };
    keep(code, error)
}

fn not_fitting(error: &NotFitting) -> c_int {
    keep(RINGLOG_E_NOT_FITTING, error)
}
