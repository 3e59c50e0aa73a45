//! The way of events into a log, as the commands see it.
//!
//! The one place of the tools that knows how a log is written. For now it writes the file directly, without
//! ring, dispatcher and mapping, and says so: it is to be put on `crate::recorder::Recorder`, and with it the
//! gauges of the status line, the waiting while the ring is full, and `has_failed`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use ringlog_nostd::{crc32c_append, encode, place_word, seal};

use super::error::CliError;
use super::output::{CatFormat, Printer};
use super::print::tell;
use super::pump::{Progress, Sink};
use super::source::LogSource;
use super::status::{Gauges, Status};
use super::tally::Tally;
use super::text::unix_now;
use crate::event::{ClockKind, EventHeader, FileHeader, file_flags, record_len};

const SAMPLE_EVENTS: u64 = 3;

/// A run of recording: takes events until it is finished.
#[derive(Debug)]
pub(crate) struct Recording {
    path: PathBuf,
    out: BufWriter<File>,
    header: FileHeader,
    record: Vec<u8>,
    status: Option<Status>,
}

impl Recording {
    /// Begins a run that shows its status.
    pub(crate) fn start(log: &Path, ring_bytes: usize, status: Status) -> Result<Self, CliError> {
        Ok(Self { status: Some(status), ..Self::start_silent(log, ring_bytes)? })
    }

    /// Begins a run that shows nothing.
    pub(crate) fn start_silent(log: &Path, _ring_bytes: usize) -> Result<Self, CliError> {
        tell(
            "note: this build writes the log directly, not through the ring: rates say nothing about the ring",
        );
        std::fs::create_dir_all(log).map_err(CliError::io("create", log))?;
        let base_sequence = next_sequence(log)?;
        remove_empty(log, base_sequence)?;
        let path = log.join(format!("{base_sequence:020}.evtl"));
        let file = File::create_new(&path).map_err(CliError::io("create", &path))?;
        let created_at = i64::try_from(unix_now()).unwrap_or(i64::MAX);
        let mut header = FileHeader::new(created_at, ClockKind::UnixNanos, true);
        header.base_sequence = base_sequence;
        let mut out = BufWriter::with_capacity(1 << 20, file);
        out.write_all(&header.to_bytes()).map_err(CliError::io("write", &path))?;
        Ok(Self { path, out, header, record: Vec::new(), status: None })
    }

    /// Has everything written, synced and sealed.
    pub(crate) fn finish(mut self) -> Result<Recorded, CliError> {
        if let Some(status) = &self.status {
            status.finish();
        }
        self.header.flags |= file_flags::SEALED | file_flags::CLEAN;
        self.header.synced_offset = self.header.write_offset;
        let file = self.out.get_ref().try_clone().map_err(CliError::io("write", &self.path))?;
        let written = self.out.flush().and_then(|()| file.write_all_at(&self.header.to_bytes(), 0));
        written.and_then(|()| file.sync_all()).map_err(CliError::io("write", &self.path))?;
        Ok(Recorded { events: self.header.event_count, path: self.path })
    }
}

impl Sink for Recording {
    fn write(&mut self, header: &EventHeader, payload: &[u8]) -> Result<(), CliError> {
        self.record.resize(record_len(payload.len()), 0);
        let place = place_word(self.header.salt(), self.header.write_offset);
        let encoded = encode(&mut self.record, header, payload);
        let Some(bytes) = encoded.and_then(|_| seal(&mut self.record, place, crc32c_append)) else {
            return Err(CliError::Mismatch(format!(
                "an event of {} bytes has a wrong header",
                payload.len()
            )));
        };
        self.out.write_all(&self.record).map_err(CliError::io("write", &self.path))?;
        self.header.write_offset += bytes as u64;
        self.header.event_count += 1;
        Ok(())
    }

    fn look(&mut self, progress: &Progress) {
        if let Some(status) = self.status.as_mut().filter(|status| status.is_due()) {
            status.show(progress, Gauges { ring: None, lost: 0 });
        }
    }

    fn has_failed(&self) -> bool {
        false
    }

    fn say(&mut self, line: &str) {
        if let Some(status) = &self.status {
            status.say(line);
        }
    }
}

/// A finished run.
#[derive(Debug)]
pub(crate) struct Recorded {
    /// Events that were written, as counted by the writer.
    pub(crate) events: u64,
    path: PathBuf,
}

/// What was found of a run by reading its log.
#[derive(Debug)]
pub(crate) struct ReadBack {
    pub(crate) tally: Tally,
    /// The first events, a line each.
    pub(crate) sample: String,
}

impl Recorded {
    /// Reads and checks every record of the run.
    pub(crate) fn read_back(&self) -> Result<ReadBack, CliError> {
        let mut source = LogSource::open(&self.path)?;
        let mut tally = Tally::default();
        let mut sample = Printer::new(CatFormat::Text, Vec::new()).map_err(CliError::Output)?;
        loop {
            let clock = source.clock();
            let Some(event) = source.next_event()? else { break };
            if tally.events < SAMPLE_EVENTS {
                sample.print(&event, clock).map_err(CliError::Output)?;
            }
            tally.add(&event);
        }
        Ok(ReadBack { tally, sample: sample.into_text() })
    }
}

/// The sequence after the last record of a log; 0 where there is none yet.
fn next_sequence(log: &Path) -> Result<u64, CliError> {
    match LogSource::open(log) {
        Ok(source) => Ok(source.segments().last().map_or(0, |last| last.base_sequence + last.records)),
        Err(CliError::NotALog { path, .. }) if path == log => Ok(0),
        Err(error) => Err(error),
    }
}

/// Deletes a finished file without any record that begins where the next one is to begin.
fn remove_empty(log: &Path, base_sequence: u64) -> Result<(), CliError> {
    let path = log.join(format!("{base_sequence:020}.evtl"));
    if !path.exists() {
        return Ok(());
    }
    let segments = LogSource::open(&path)?.segments();
    if segments.iter().all(|segment| segment.state == "clean" && segment.bytes == 0) {
        std::fs::remove_file(&path).map_err(CliError::io("replace", &path))?;
    }
    Ok(())
}
