//! What a producer counts as lost, and the notes by which a GAP record tells of it exactly once, also where the producer
//! dies over it.
#![forbid(unsafe_code)]

use crate::protocol::control::{Control, NO_GAP};
use crate::sync::{Ordering, in_program_order};

/// Losses that no GAP record tells of yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Loss {
    /// Events lost. They are counted in a word that goes no further than `usize::MAX` (65,535 where that has 16 bits),
    /// which stands for that many or more; a GAP record then says 0, unknown.
    pub count: u64,
    /// Timestamp of the first one.
    pub first_timestamp: u64,
}

impl Loss {
    /// What a GAP record says of it: the count, or 0 where that went as far as it goes and nobody knows how far it
    /// should have gone.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "it was counted in a word")]
    #[must_use]
    pub const fn count_to_tell(&self) -> u64 {
        let count = self.count as usize;
        if count == usize::MAX { 0 } else { count as u64 }
    }
}

impl Control {
    /// Losses not told yet, for the producer, whose words these are.
    pub(crate) fn own_loss(&self) -> Option<Loss> {
        // ORDERING: Relaxed. The producer's own words.
        self.loss_of(self.producer.lost.load(Ordering::Relaxed))
    }

    /// Losses not told yet, for anybody else: exact once the producer has closed, before that a figure for a
    /// display, of which only this is sure: where losses are seen no more, the GAP record that tells of them is.
    pub(crate) fn foreign_loss(&self) -> Option<Loss> {
        // ORDERING: Acquire, TOLD. Pairs with the Release in `forget_loss`: the head behind the GAP record was
        // stored before.
        self.loss_of(self.producer.lost.load(Ordering::Acquire))
    }

    fn loss_of(&self, lost: usize) -> Option<Loss> {
        (lost > 0).then(|| Loss { count: lost as u64, first_timestamp: self.producer.first_loss.load() })
    }

    /// Counts one event that was not written.
    pub(crate) fn add_loss(&self, timestamp: u64) {
        self.add_losses(timestamp, 1);
    }

    /// Counts events that are gone; `timestamp` is that of the first.
    pub(crate) fn add_losses(&self, timestamp: u64, events: usize) {
        // ORDERING: Relaxed, both. The producer's own words.
        let count = self.producer.lost.load(Ordering::Relaxed);
        if count == 0 {
            self.producer.first_loss.store(timestamp);
        }
        // ORDERING: Release, TOLD. Pairs with the Acquire in `foreign_loss`: whoever sees these losses sees the GAP record
        // that tells of those before them. And a successor that finds them counted finds their time.
        self.producer.lost.store(count.saturating_add(events), Ordering::Release);
    }

    /// A GAP record that tells of all losses is about to be published at `position`.
    ///
    /// Between this and [`gap_told`](Self::gap_told) the producer may die. Its successor knows from `gap_at`
    /// and `head` whether the record stands: see [`resolve_pending_gap`](Self::resolve_pending_gap).
    pub(crate) fn gap_pending(&self, position: usize) {
        // ORDERING: Relaxed. Only a successor reads it, see `forget_gap`. PUBLISH of the head that follows is
        // Release, so the compiler keeps this before it.
        self.producer.gap_at.store(position, Ordering::Relaxed);
    }

    /// The GAP record is published: the losses are told.
    pub(crate) fn gap_told(&self) {
        self.forget_loss();
        self.forget_gap();
    }

    /// First half of [`gap_told`](Self::gap_told).
    pub(crate) fn forget_loss(&self) {
        // ORDERING: Release, TOLD. Pairs with the Acquire in `foreign_loss`: the count is not seen reset before the
        // head behind the GAP record is seen.
        self.producer.lost.store(0, Ordering::Release);
    }

    /// Second half of [`gap_told`](Self::gap_told).
    pub(crate) fn forget_gap(&self) {
        // A successor that finds the note gone believes the count.
        in_program_order();
        // ORDERING: Relaxed. Only a successor reads it, which the hand-over of the role put behind all of this
        // producer's stores.
        self.producer.gap_at.store(NO_GAP, Ordering::Relaxed);
    }

    /// What a new owner of the producer's role does: decides about a GAP record its predecessor died over.
    pub(crate) fn resolve_pending_gap(&self) {
        // ORDERING: Relaxed. The role was handed over (between processes by the kernel's lock, which it lets go
        // when the owner is gone), and that comes after all that the predecessor stored.
        let gap_at = self.producer.gap_at.load(Ordering::Relaxed);
        if gap_at == NO_GAP {
            return;
        }
        // Recovery may have cut the ring at or before the record; then it does not stand either.
        let stands = self.own_head().wrapping_sub(gap_at).cast_signed() > 0;
        if !stands {
            // ORDERING: Relaxed. The role has one owner.
            self.producer.gap_at.store(NO_GAP, Ordering::Relaxed);
        } else {
            self.gap_told();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::control::tests::formatted;

    #[test]
    fn a_gap_is_told_once_wherever_the_producer_died() {
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
            let told = control.own_head() == 96;
            assert_eq!(control.own_loss(), (!told).then_some(Loss { count: 2, first_timestamp: 77 }));
        }
    }

    #[test]
    fn a_count_that_went_as_far_as_it_goes_is_unknown() {
        const MOST: u64 = usize::MAX as u64;
        for (lost, more, count, told) in [
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
            assert_eq!((loss.count, loss.count_to_tell()), (count, told), "{lost} + {more}");
        }
    }

    #[test]
    fn a_gap_that_recovery_cut_off_is_still_to_be_told() {
        let control = formatted();
        control.add_loss(77);
        control.gap_pending(96);
        control.publish_head(128);
        control.publish_head(80);
        control.resolve_pending_gap();
        assert_eq!(control.own_loss(), Some(Loss { count: 1, first_timestamp: 77 }));
    }

    #[test]
    fn losses_after_a_gap_that_was_told_are_a_successors_to_tell() {
        let control = formatted();
        control.add_loss(77);
        control.gap_pending(64);
        control.publish_head(96);
        control.gap_told();
        control.add_loss(99);
        control.resolve_pending_gap();
        assert_eq!(control.own_loss(), Some(Loss { count: 1, first_timestamp: 99 }));
    }
}
