//! How the writer of a file that is not sealed ended.

#![forbid(unsafe_code)]

use std::fs::File;
use std::path::Path;

use crate::os::boot::boot_id;
use crate::os::lock_holder::{Locker, wait_for_locker};
use crate::storage::error::RecordedEnd;
use crate::storage::folder::writer_lock::peek;

/// For how many milliseconds a lock is checked again if its holder cannot be seen.
const LOOKS: u32 = 20;

/// What is known of the run that wrote a log's last file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LastRun {
    /// Its writer is at work.
    AtWork,
    /// Its writer has gone, and the kernel that it ran under is still there: so is all that it stored.
    SameBoot,
    /// Its kernel has gone: what was not synced may be there or not.
    OtherBoot,
    /// There is nothing that shows it.
    Unknown,
}

impl LastRun {
    /// Returns what is known for a log's folder.
    pub(crate) fn of_folder(folder: &Path) -> Self {
        let Some(peeked) = peek(folder) else { return Self::Unknown };
        match (peeked.is_held, boot_id()) {
            (true, _) => Self::AtWork,
            (_, Ok(now)) => Self::under(peeked.record.boot_id.as_deref(), &now),
            _ => Self::Unknown,
        }
    }

    /// Returns what is known of a writer that has gone and that stored this boot id, if this one is the kernel's now.
    pub(crate) fn under(stored: Option<&str>, now: &str) -> Self {
        match stored {
            Some(then) if then == now => Self::SameBoot,
            Some(_) => Self::OtherBoot,
            None => Self::Unknown,
        }
    }

    /// Returns the same for a file in it: a writer of single files holds the file itself.
    pub(crate) fn for_file(self, file: &File) -> Self {
        match wait_for_locker(file, false, &mut { LOOKS }) {
            Ok(Locker::Writer(_)) => Self::AtWork,
            _ => self,
        }
    }
}

/// What is known of the log's last writer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LastWriter {
    /// Which kernel it ran under, as it stored it. Without that only the files themselves count.
    pub(crate) run: LastRun,
    /// Where the log begins, unless it may have retired segments since it stored that.
    pub(crate) first_sequence: Option<u64>,
    /// Where the log ends, if it closed it.
    pub(crate) end: Option<RecordedEnd>,
}

impl LastWriter {
    /// Returns whether what its files record is right, also where it was not synced.
    pub(crate) const fn is_trusted(self) -> bool {
        matches!(self.run, LastRun::SameBoot) || self.end.is_some()
    }

    /// Returns whether the machine went down under it, so that even whole files may not be all that there was.
    pub(crate) const fn is_lost(self) -> bool {
        matches!(self.run, LastRun::OtherBoot) && !self.is_trusted()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::lock_holder::exclusive_holder;
    use crate::storage::folder::writer_record::WriterRecord;
    use crate::storage::log::writer::LogWriter;
    use crate::storage::segment::writer::MmapWriter;

    #[test]
    fn a_folder_shows_who_its_writer_is() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(LastRun::of_folder(folder.path()), LastRun::Unknown);
        let writer = LogWriter::open(folder.path()).unwrap();
        // Some file systems hide who holds a lock. Then at least the boot is known.
        assert!([LastRun::AtWork, LastRun::SameBoot].contains(&LastRun::of_folder(folder.path())));
        writer.close().unwrap();
        assert_eq!(LastRun::of_folder(folder.path()), LastRun::SameBoot);
        let other = WriterRecord { boot_id: Some("x".into()), ..WriterRecord::default() };
        std::fs::write(folder.path().join("writer"), other.to_text()).unwrap();
        assert_eq!(LastRun::of_folder(folder.path()), LastRun::OtherBoot);
        std::fs::write(folder.path().join("writer"), "Dear reader").unwrap();
        assert_eq!(LastRun::of_folder(folder.path()), LastRun::Unknown);
    }

    #[test]
    fn a_file_that_is_locked_and_mapped_has_a_writer_at_work() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let writer = MmapWriter::create(&path, 4096).unwrap();
        let seen = File::open(&path).unwrap();
        assert_eq!(LastRun::Unknown.for_file(&seen), LastRun::AtWork);
        writer.close().unwrap();
        assert_eq!(LastRun::Unknown.for_file(&seen), LastRun::Unknown);
        let foreign = File::open(&path).unwrap();
        foreign.try_lock().unwrap();
        // Some file systems hide who holds a lock. Then it may be a writer.
        let hidden = exclusive_holder(&seen).is_none();
        let expected = if hidden { LastRun::AtWork } else { LastRun::SameBoot };
        assert_eq!(LastRun::SameBoot.for_file(&seen), expected, "another program's lock says nothing");
    }
}
