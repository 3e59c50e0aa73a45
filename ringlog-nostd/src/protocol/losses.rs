//! Counts the events that a producer loses. Notes make sure that a GAP record reports them exactly once, also if the
//! producer dies over it.
#![forbid(unsafe_code)]

use crate::protocol::control::{Control, NO_GAP};
use crate::sync::{Ordering, in_program_order};

/// Losses that no GAP record reports yet.
///
/// ```
/// # use ringlog_nostd::{EventHeader, StaticRing};
/// # let ring: &'static mut StaticRing<64, 16> = Box::leak(Box::new(StaticRing::new()));
/// let (producer, consumer) = ring.split_mut(); // room for 4 events without payload
/// let mut producer = producer.lossy();
/// for time in 0..6 {
///     producer.write_event(&EventHeader::new(time, 7, 0), b"").unwrap();
/// }
/// drop(producer);
/// let loss = consumer.pending_loss().unwrap();
/// assert_eq!((loss.count, loss.first_timestamp), (2, 4));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Loss {
    /// Number of lost events. It saturates at `usize::MAX` (65,535 where a `usize` has 16 bits), which means that many
    /// or more; the GAP record then has the count 0, unknown.
    pub count: u64,
    /// Timestamp of the first lost event.
    pub first_timestamp: u64,
}

impl Loss {
    /// Returns the count to store in a GAP record: 0 (unknown) if the counter saturated.
    ///
    /// ```
    /// use ringlog_nostd::Loss;
    ///
    /// assert_eq!(Loss { count: 3, first_timestamp: 1 }.count_to_report(), 3);
    /// assert_eq!(Loss { count: usize::MAX as u64, first_timestamp: 1 }.count_to_report(), 0);
    /// ```
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "it was counted in a word")]
    #[must_use]
    pub const fn count_to_report(&self) -> u64 {
        let count = self.count as usize;
        if count == usize::MAX { 0 } else { count as u64 }
    }
}

impl Control {
    /// Returns the losses that are not reported yet. For the producer, which owns these words.
    pub(crate) fn own_loss(&self) -> Option<Loss> {
        // ORDERING: Relaxed. The producer's own words.
        self.loss_of(self.producer.lost.load(Ordering::Relaxed))
    }

    /// Returns the losses that are not reported yet. For anyone but the producer.
    ///
    /// Exact once the producer has closed. Before that it may be stale, and only one thing is certain: if losses were
    /// seen and no longer are, their GAP record is visible.
    pub(crate) fn foreign_loss(&self) -> Option<Loss> {
        // ORDERING: Acquire, REPORT. Pairs with the Release in `forget_loss`: the head after the GAP record was stored
        // before.
        self.loss_of(self.producer.lost.load(Ordering::Acquire))
    }

    fn loss_of(&self, lost: usize) -> Option<Loss> {
        (lost > 0).then(|| Loss { count: lost as u64, first_timestamp: self.producer.first_loss.load() })
    }

    /// Counts one event as lost.
    pub(crate) fn add_loss(&self, timestamp: u64) {
        self.add_losses(timestamp, 1);
    }

    /// Counts events as lost. `timestamp` is that of the first.
    pub(crate) fn add_losses(&self, timestamp: u64, events: usize) {
        // ORDERING: Relaxed, both. The producer's own words.
        let count = self.producer.lost.load(Ordering::Relaxed);
        if count == 0 {
            self.producer.first_loss.store(timestamp);
        }
        // ORDERING: Release, REPORT. Pairs with the Acquire in `foreign_loss`: anyone who sees these losses sees the
        // GAP record that reports those before them. And a successor that finds them counted finds their time.
        self.producer.lost.store(count.saturating_add(events), Ordering::Release);
    }

    /// Notes that the GAP record at `position`, which reports all losses, is about to be published.
    ///
    /// The producer may die between this and [`gap_reported`](Self::gap_reported). Its successor knows from `gap_at`
    /// and `head` whether the record was published: see [`resolve_pending_gap`](Self::resolve_pending_gap).
    pub(crate) fn gap_pending(&self, position: usize) {
        // ORDERING: Relaxed. Only a successor reads it, see `forget_gap`. PUBLISH of the head that follows is
        // Release, so the compiler keeps this before it.
        self.producer.gap_at.store(position, Ordering::Relaxed);
    }

    /// Forgets the losses and the note: the GAP record is published.
    pub(crate) fn gap_reported(&self) {
        self.forget_loss();
        self.forget_gap();
    }

    /// First half of [`gap_reported`](Self::gap_reported).
    pub(crate) fn forget_loss(&self) {
        // ORDERING: Release, REPORT. Pairs with the Acquire in `foreign_loss`: the count is not seen reset before the
        // head after the GAP record is seen.
        self.producer.lost.store(0, Ordering::Release);
    }

    /// Second half of [`gap_reported`](Self::gap_reported).
    pub(crate) fn forget_gap(&self) {
        // A successor that finds no note believes the count.
        in_program_order();
        // ORDERING: Relaxed. Only a successor reads it, and the hand-over of the role orders the successor after all
        // of this producer's stores.
        self.producer.gap_at.store(NO_GAP, Ordering::Relaxed);
    }

    /// Decides about a GAP record that the predecessor died over. Each new owner of the producer's role calls it.
    pub(crate) fn resolve_pending_gap(&self) {
        // ORDERING: Relaxed. The role was handed over, and that comes after all that the predecessor stored. (Between
        // processes the kernel hands it over by a lock, which it releases when the owner is gone.)
        let gap_at = self.producer.gap_at.load(Ordering::Relaxed);
        if gap_at == NO_GAP {
            return;
        }
        // Recovery may have cut the ring at or before the record. Then the record is not published either.
        let is_published = self.own_head().wrapping_sub(gap_at).cast_signed() > 0;
        if is_published {
            self.gap_reported();
        } else {
            // ORDERING: Relaxed. The role has one owner.
            self.producer.gap_at.store(NO_GAP, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::control::tests::formatted;

    #[test]
    fn a_gap_is_reported_once_wherever_the_producer_died() {
        for died_after in 0..5 {
            let control = formatted();
            control.add_loss(77);
            control.add_loss(78);
            if died_after >= 1 {
                control.gap_pending(64);
            }
            if died_after >= 2 {
                control.publish_head(96);
            }
            if died_after >= 3 {
                control.forget_loss();
            }
            if died_after >= 4 {
                control.forget_gap();
            }
            control.resolve_pending_gap();
            let reported = control.own_head() == 96;
            assert_eq!(control.own_loss(), (!reported).then_some(Loss { count: 2, first_timestamp: 77 }));
        }
    }

    #[test]
    fn a_saturated_count_is_unknown() {
        const MOST: u64 = usize::MAX as u64;
        for (lost, more, count, reported) in [
            (0, 1, 1, 1),
            (usize::MAX - 2, 1, MOST - 1, MOST - 1),
            (usize::MAX - 1, 1, MOST, 0),
            (usize::MAX, 1, MOST, 0),
            (5, usize::MAX, MOST, 0),
        ] {
            let control = formatted();
            control.producer.lost.store(lost, Ordering::Relaxed);
            control.add_losses(77, more);
            let loss = control.own_loss().unwrap();
            assert_eq!((loss.count, loss.count_to_report()), (count, reported), "{lost} + {more}");
        }
    }

    #[test]
    fn a_gap_that_recovery_cut_off_is_reported_again() {
        let control = formatted();
        control.add_loss(77);
        control.gap_pending(96);
        control.publish_head(128);
        control.publish_head(80);
        control.resolve_pending_gap();
        assert_eq!(control.own_loss(), Some(Loss { count: 1, first_timestamp: 77 }));
    }

    #[test]
    fn losses_after_a_reported_gap_are_reported_by_the_successor() {
        let control = formatted();
        control.add_loss(77);
        control.gap_pending(64);
        control.publish_head(96);
        control.gap_reported();
        control.add_loss(99);
        control.resolve_pending_gap();
        assert_eq!(control.own_loss(), Some(Loss { count: 1, first_timestamp: 99 }));
    }
}
