//! How long the syncs of a log took.
#![forbid(unsafe_code)]

use std::time::Duration;

/// How long syncs took.
///
/// ```
/// use ringlog::storage::{LogWriter, SyncTimes};
/// # let folder = tempfile::tempdir()?;
/// let mut writer = LogWriter::open(folder.path())?;
/// writer.sync()?;
/// let syncs = writer.watch().metrics().syncs;
/// assert!(syncs.count() >= 1);
/// assert_eq!(syncs.counts.len(), SyncTimes::BOUNDS.len() + 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SyncTimes {
    /// How many took at most the bound in the same place of [`BOUNDS`](Self::BOUNDS), and more than the one before it. The last
    /// one counts those that took longer than all bounds.
    pub counts: [u64; Self::BOUNDS.len() + 1],
    /// The time that all of them took.
    pub sum: Duration,
}

impl SyncTimes {
    /// Upper bounds of the counts, in seconds, in rising order.
    ///
    /// ```
    /// # use ringlog::storage::SyncTimes;
    /// assert!(SyncTimes::BOUNDS.is_sorted());
    /// ```
    pub const BOUNDS: [f64; 14] =
        [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

    /// Returns how many there were.
    ///
    /// ```
    /// # use ringlog::storage::SyncTimes;
    /// assert_eq!(SyncTimes::default().count(), 0);
    /// ```
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}
