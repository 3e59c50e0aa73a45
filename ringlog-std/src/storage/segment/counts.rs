//! Counts of records, and of lost events by the reasons in GAP records.

#![forbid(unsafe_code)]

use crate::event::{Event, Gap, GapReason};

/// Counts of records and of the losses that they report.
///
/// ```
/// use ringlog::storage::verify_log;
///
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
/// let counts = verify_log(path)?.counts();
/// assert_eq!((counts.events, counts.gaps, counts.lost()), (3, 1, 3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct RecordCounts {
    /// Number of events, without GAP and META records.
    pub events: u64,
    /// Number of GAP records.
    pub gaps: u64,
    /// Number of META records, which describe the events.
    pub meta: u64,
    /// Size of the events and GAP records in bytes, padding included.
    pub bytes: u64,
    pub(crate) losses: LossCounts,
}

impl RecordCounts {
    /// Returns the number of events, GAP and META records.
    ///
    /// ```
    /// use ringlog::storage::verify_log;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// assert_eq!(verify_log(path)?.counts().records(), 4);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.events + self.gaps + self.meta
    }

    /// Returns the number of lost events, as the GAP records count them.
    ///
    /// ```
    /// use ringlog::storage::verify_log;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// assert_eq!(verify_log(path)?.counts().lost(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.losses.total
    }

    /// Returns the number of events that were lost for this reason, as the GAP records count them.
    ///
    /// ```
    /// use ringlog::event::GapReason;
    /// use ringlog::storage::verify_log;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// let counts = verify_log(path)?.counts();
    /// assert_eq!(counts.lost_because(GapReason::RingFull), 3);
    /// assert_eq!(counts.lost_because(GapReason::DiskFull), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn lost_because(&self, reason: GapReason) -> u64 {
        self.losses.because(reason)
    }

    /// Returns the number of GAP records that do not know how many events are missing.
    ///
    /// ```
    /// use ringlog::storage::verify_log;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// assert_eq!(verify_log(path)?.counts().gaps_of_unknown_count(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn gaps_of_unknown_count(&self) -> u64 {
        self.losses.gaps_of_unknown_count
    }

    #[inline]
    pub(crate) fn add(&mut self, event: &Event<'_>) {
        self.bytes += event.header.stride() as u64;
        match event.gap() {
            Some(gap) => {
                self.gaps += 1;
                self.losses.add(&gap);
            }
            None => self.events += 1,
        }
    }

    /// Adds the records of another part of the log.
    pub(crate) fn add_all(&mut self, other: &Self) {
        self.events += other.events;
        self.gaps += other.gaps;
        self.meta += other.meta;
        self.bytes += other.bytes;
        self.losses.add_all(&other.losses);
    }
}

/// Lost events, as GAP records count them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LossCounts {
    /// Of all reasons.
    pub(crate) total: u64,
    /// GAP records that do not know how many events are missing.
    pub(crate) gaps_of_unknown_count: u64,
    /// Each count at the code of its reason. Losses of unknown codes are in the total only.
    by_code: [u64; GapReason::DeviceReset.code() as usize + 1],
}

impl LossCounts {
    /// How many numbers these are.
    pub(crate) const WORDS: usize = GapReason::DeviceReset.code() as usize + 3;

    /// Returns the numbers, to store them apart.
    pub(crate) fn to_words(self) -> [u64; Self::WORDS] {
        let mut words = [0; Self::WORDS];
        [words[0], words[1]] = [self.total, self.gaps_of_unknown_count];
        words[2..].copy_from_slice(&self.by_code);
        words
    }

    pub(crate) fn from_words(words: [u64; Self::WORDS]) -> Self {
        let mut counts = Self { total: words[0], gaps_of_unknown_count: words[1], ..Self::default() };
        counts.by_code.copy_from_slice(&words[2..]);
        counts
    }

    pub(crate) fn add(&mut self, gap: &Gap) {
        self.total = self.total.saturating_add(gap.count);
        self.gaps_of_unknown_count += u64::from(gap.count == 0);
        if let Some(count) = self.by_code.get_mut(gap.reason.code() as usize) {
            *count = count.saturating_add(gap.count);
        }
    }

    pub(crate) fn add_all(&mut self, other: &Self) {
        self.total = self.total.saturating_add(other.total);
        self.gaps_of_unknown_count += other.gaps_of_unknown_count;
        for (count, more) in self.by_code.iter_mut().zip(other.by_code) {
            *count = count.saturating_add(more);
        }
    }

    /// Returns the losses of one reason.
    pub(crate) fn because(&self, reason: GapReason) -> u64 {
        self.by_code.get(reason.code() as usize).copied().unwrap_or(0)
    }
}
