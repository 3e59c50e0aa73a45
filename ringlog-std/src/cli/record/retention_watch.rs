//! What retention could not do, or did in another way, and what an earlier run has left damaged, told once each.

use std::collections::BTreeSet;

use crate::storage::LogWatch;

/// Of more than so many different ones the user learns nothing new.
const TOLD_MOST: usize = 10;

/// Looks for retired segments of a log that could not be deleted or used again.
#[derive(Debug)]
pub(crate) struct RetentionWatch {
    log: LogWatch,
    told: BTreeSet<String>,
}

impl RetentionWatch {
    pub(crate) fn new(log: &LogWatch) -> Self {
        Self { log: log.clone(), told: BTreeSet::new() }
    }

    /// Reports a new error or damage. Recording continues in any case.
    pub(crate) fn look(&mut self, mut say: impl FnMut(&str)) {
        while let Some(damage) = self.log.take_damage() {
            say(&format!("ringlog: damaged before this run: {damage}"));
        }
        let Some(error) = self.log.take_retention_error() else { return };
        let error = error.to_string();
        if self.told.len() < TOLD_MOST && self.told.insert(error.clone()) {
            say(&format!("ringlog: retention: {error}"));
        }
    }

    /// All that was told, for the summary of a run.
    pub(crate) fn into_told(self) -> Vec<String> {
        self.told.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventHeader;
    use crate::storage::{LogReader, LogWriter, Retention};

    #[test]
    fn a_segment_that_cannot_be_deleted_is_told_of_once() {
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
        // Nobody can delete that as a file.
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
        assert_eq!(retention.into_told().len(), 1);
    }
}
