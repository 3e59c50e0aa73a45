//! A log for benches: writes the records of a [`Source`] in order, reads them back and checks them.

use crate::work::{Source, Tally};
use ringlog::storage::{LogReader, LogWriter, LogWriterOptions, MmapReader};
use ringlog_nostd::format::{encode, record_len};
use std::path::Path;

/// The content of the log.
#[derive(Clone, Copy, Debug)]
pub struct SampleLog {
    /// Bytes of each payload.
    pub payload_len: usize,
    /// How many records.
    pub events: usize,
}

impl SampleLog {
    /// Makes a log of as many records as fit into `bytes` bytes.
    #[must_use]
    pub const fn of_bytes(payload_len: usize, bytes: usize) -> Self {
        Self { payload_len, events: bytes / record_len(payload_len) }
    }

    /// Returns the bytes of all records.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.events * record_len(self.payload_len)
    }

    /// Returns the size of one file with room for all records, in whole pages.
    #[must_use]
    pub const fn file_bytes(&self) -> u64 {
        (self.bytes() + 4096).next_multiple_of(4096) as u64
    }

    /// Returns the source of the records.
    #[must_use]
    pub fn source(&self) -> Source {
        Source::new(self.payload_len)
    }

    /// Returns all records, one after the other.
    ///
    /// # Panics
    /// If no [`Source`] has this payload length.
    #[must_use]
    pub fn records(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.bytes()];
        let mut source = self.source();
        for record in bytes.chunks_exact_mut(record_len(self.payload_len)) {
            let (header, payload) = source.record();
            assert_eq!(encode(record, &header, payload), Some(record.len()));
            source.taken();
        }
        bytes
    }

    /// Writes all records into a new log, which is left open.
    ///
    /// # Panics
    /// If the log does not take them.
    #[must_use]
    pub fn write(&self, folder: &Path, options: &LogWriterOptions) -> LogWriter {
        let mut log = options.open(folder).expect("a new log");
        let mut source = self.source();
        for _ in 0..self.events {
            assert!(source.offer(|header, payload| log.write_event(header, payload).is_ok()));
        }
        log
    }

    /// Compares what was read with what was written.
    ///
    /// # Panics
    /// If these are not all of the records, as they were written.
    pub fn check(&self, tally: &Tally) {
        assert_eq!(*tally, self.source().expected(self.events as u64));
    }

    /// Reads the log and compares.
    ///
    /// # Panics
    /// If the log does not hold exactly these records.
    pub fn check_log(&self, folder: &Path) {
        let mut tally = Tally::new();
        let reader = LogReader::open(folder).expect("a log");
        reader.replay(|event| tally.take(&event.header, event.payload)).expect("a whole log");
        self.check(&tally);
    }

    /// Reads the file and compares.
    ///
    /// # Panics
    /// If the file does not hold exactly these records.
    pub fn check_file(&self, path: &Path) {
        let mut tally = Tally::new();
        let reader = MmapReader::open(path).expect("a log file");
        reader.replay(|event| tally.take(&event.header, event.payload)).expect("a whole file");
        self.check(&tally);
    }
}
