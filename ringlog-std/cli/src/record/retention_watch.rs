//! Reports errors of retention, and damage that an earlier run left, each once.

use std::collections::BTreeSet;

use ringlog::storage::LogWatch;

/// Most errors that are reported; more would say nothing new.
const REPORTED_MAX: usize = 10;

/// Watches a log for damage, and for retired segments that could not be deleted or recycled.
#[derive(Debug)]
pub(crate) struct RetentionWatch {
    log: LogWatch,
    reported: BTreeSet<String>,
}

impl RetentionWatch {
    pub(crate) fn new(log: &LogWatch) -> Self {
        Self { log: log.clone(), reported: BTreeSet::new() }
    }

    /// Reports new errors and damage. Recording continues.
    pub(crate) fn look(&mut self, mut say: impl FnMut(&str)) {
        while let Some(damage) = self.log.take_damage() {
            say(&format!("damaged before this run: {damage}"));
        }
        let Some(error) = self.log.take_retention_error() else { return };
        let error = error.to_string();
        if self.reported.len() < REPORTED_MAX && self.reported.insert(error.clone()) {
            say(&format!("retention: {error}"));
        }
    }

    /// Returns the errors that were reported, for the summary of a run.
    pub(crate) fn into_reported(self) -> Vec<String> {
        self.reported.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringlog::event::EventHeader;
    use ringlog::storage::{LogReader, LogWriter, Retention};

    #[test]
    fn a_segment_that_cannot_be_deleted_is_reported_once() {
        let folder = tempfile::tempdir().unwrap();
        let retention = Retention { max_segments: Some(2), ..Retention::default() };
        let mut writer =
            LogWriter::options().segment_bytes(4096).retention(retention).open(folder.path()).unwrap();
        let watch = writer.watch();
        let mut put = |count| {
            for _ in 0..count {
                writer.write_event(&EventHeader::new(1, 2, 2000), &[3; 2000]).unwrap();
            }
        };
        put(1);
        let oldest = LogReader::open(folder.path()).unwrap().segments()[0].path.clone();
        // A folder in place of the file cannot be deleted as a file.
        std::fs::remove_file(&oldest).unwrap();
        std::fs::create_dir(&oldest).unwrap();
        put(40);
        let mut retention = RetentionWatch::new(&watch);
        let mut lines = Vec::new();
        retention.look(|line| lines.push(line.to_owned()));
        put(40);
        retention.look(|line| lines.push(line.to_owned()));
        retention.look(|line| lines.push(line.to_owned()));
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].contains("retired segment"), "{lines:?}");
        assert_eq!(retention.into_reported().len(), 1);
    }
}
