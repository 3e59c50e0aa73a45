//! Reads a log from a cursor on.
#![forbid(unsafe_code)]

use std::path::Path;

use crate::storage::cursor::cursor::Cursor;
use crate::storage::cursor::error::CursorError;
use crate::storage::error::OpenError;
use crate::storage::read::follow::follower::LogFollower;
use crate::storage::read::seek::log_index::LogIndex;

impl Cursor {
    /// Follows the cursor's log from [`next_sequence`](Self::next_sequence) on. The log must reach that far.
    ///
    /// A log that lost its unsynced end in a power loss may end before the cursor, and gives those sequences to
    /// new records. This function notices that until the log has grown past the cursor again; the writer that
    /// recovers the log always notices
    /// ([`RecoveryReport::cursors_ahead`](crate::storage::recovery::report::RecoveryReport::cursors_ahead)). A
    /// reader that commits no further than what is durable
    /// ([`LogWatermarks`](crate::storage::read::scan::watermarks::LogWatermarks)) never has this error.
    /// [`LogFollower::open_at`] waits for the sequence instead.
    ///
    /// # Errors
    ///
    /// [`CursorError::OtherLog`] if another log is in the place of the cursor's. [`CursorError::Ahead`] if the
    /// log ends before the cursor; [`go_to`](Self::go_to) goes back to the end that it names.
    /// [`CursorError::Log`] if the log's end cannot be read.
    ///
    /// ```
    /// # use ringlog::event::EventHeader;
    /// # use ringlog::storage::{Cursor, CursorError, LogWriter};
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path();
    /// # let mut writer = LogWriter::open(folder)?;
    /// # for number in 0..3 {
    /// #     writer.write_event(&EventHeader::new(number, 0, 0), b"")?;
    /// # }
    /// let mut cursor = Cursor::open(folder, "billing")?;
    /// # cursor.advance(5)?;
    /// let mut follower = match cursor.follow() {
    ///     Err(CursorError::Ahead { end, .. }) => {
    ///         // Here: undo what was done for the records from `end` on.
    ///         cursor.go_to(end);
    ///         cursor.follow()?
    ///     }
    ///     other => other?,
    /// };
    /// # assert_eq!(cursor.next_sequence(), 3);
    /// # writer.write_event(&EventHeader::new(3, 0, 0), b"")?;
    /// # assert_eq!(follower.next_event()?.unwrap().sequence, 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn follow(&self) -> Result<LogFollower, CursorError> {
        self.check_log()?;
        let (folder, next_sequence) = (self.log_folder(), self.next_sequence());
        let end = end_of(folder)?;
        if next_sequence > end {
            return Err(CursorError::Ahead { path: self.path().into(), next_sequence, end });
        }
        LogFollower::open_at(folder, next_sequence).map_err(CursorError::in_the_log)
    }
}

/// Returns the sequence after the log's last record; 0 if there is no segment yet.
fn end_of(folder: &Path) -> Result<u64, CursorError> {
    match LogIndex::open(folder) {
        Err(OpenError::NoSegments { .. }) => Ok(0),
        other => Ok(other.map_err(CursorError::in_the_log)?.next_sequence()?),
    }
}
