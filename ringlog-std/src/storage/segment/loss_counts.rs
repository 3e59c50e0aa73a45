//! Counts of lost events, by the reasons in GAP records.

#![forbid(unsafe_code)]

use crate::event::{Gap, GapReason};

/// Lost events, as GAP records count them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct LossCounts {
    /// Of all reasons.
    pub(crate) total: u64,
    /// Each count at the code of its reason. Losses of unknown codes are in the total only.
    by_code: [u64; GapReason::RecorderEnded.code() as usize + 1],
}

impl LossCounts {
    pub(crate) fn add(&mut self, gap: &Gap) {
        self.total = self.total.saturating_add(gap.count);
        if let Some(count) = self.by_code.get_mut(gap.reason.code() as usize) {
            *count = count.saturating_add(gap.count);
        }
    }

    pub(crate) fn add_all(&mut self, other: &Self) {
        self.total = self.total.saturating_add(other.total);
        for (count, more) in self.by_code.iter_mut().zip(other.by_code) {
            *count = count.saturating_add(more);
        }
    }

    /// Returns the losses of one reason.
    pub(crate) fn because(&self, reason: GapReason) -> u64 {
        self.by_code.get(reason.code() as usize).copied().unwrap_or(0)
    }
}
