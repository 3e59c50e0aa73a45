//! Counts what a log holds.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::terminal::words::{counted, grouped, rfc3339};
use ringlog::event::{ClockKind, Event, Gap, GapReason};

/// Reasons after which further unknown ones count as one. A damaged or foreign file may hold any number as a reason.
const REASONS_LISTED: usize = 32;
/// How the name of a reason that this version does not know begins.
const UNKNOWN_REASON: &str = "reason ";

/// Counts of the records of a log or of a part of it.
///
/// `events` counts records without GAP records, `gaps` counts GAP records, `lost` is the sum of their counts and of
/// `unreported`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub(crate) struct RecordStats {
    pub(crate) events: u64,
    /// Saturates at `u64::MAX`, as do all sums of counts from GAP records.
    pub(crate) lost: u64,
    pub(crate) gaps: u64,
    /// GAP records of unknown count; if there are any, `lost` is a lower bound.
    pub(crate) gaps_of_unknown_count: u64,
    /// Events lost at the end of the log that no GAP record counts yet; 0 means an unknown number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unreported: Option<u64>,
    /// Bytes of all records, headers and padding included.
    pub(crate) bytes: u64,
    pub(crate) payload_bytes: u64,
    pub(crate) first_timestamp: Option<u64>,
    pub(crate) last_timestamp: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_time: Option<String>,
    pub(crate) first_sequence: Option<u64>,
    pub(crate) last_sequence: Option<u64>,
    /// Events by type.
    pub(crate) types: BTreeMap<u8, u64>,
    /// Lost events by reason.
    pub(crate) lost_by_reason: BTreeMap<String, u64>,
}

impl RecordStats {
    /// Counts one record.
    pub(crate) fn add(&mut self, event: &Event<'_>) {
        self.bytes += event.header.stride() as u64;
        self.first_sequence.get_or_insert(event.sequence);
        self.last_sequence = Some(event.sequence);
        if let Some(gap) = event.gap() {
            self.gaps += 1;
            self.gaps_of_unknown_count += u64::from(gap.count == 0);
            self.add_lost(&gap);
            return;
        }
        self.events += 1;
        self.payload_bytes += event.payload.len() as u64;
        self.first_timestamp.get_or_insert(event.header.timestamp);
        self.last_timestamp = Some(event.header.timestamp);
        *self.types.entry(event.header.event_type).or_default() += 1;
    }

    /// Adds the counts of the records after these.
    pub(crate) fn add_all(&mut self, next: &Self) {
        self.events += next.events;
        self.lost = self.lost.saturating_add(next.lost);
        self.gaps += next.gaps;
        self.gaps_of_unknown_count += next.gaps_of_unknown_count;
        self.bytes += next.bytes;
        self.payload_bytes += next.payload_bytes;
        self.first_timestamp = self.first_timestamp.or(next.first_timestamp);
        self.last_timestamp = next.last_timestamp.or(self.last_timestamp);
        self.first_sequence = self.first_sequence.or(next.first_sequence);
        self.last_sequence = next.last_sequence.or(self.last_sequence);
        for (event_type, count) in &next.types {
            *self.types.entry(*event_type).or_default() += count;
        }
        for (reason, count) in &next.lost_by_reason {
            self.add_reason(reason.clone(), reason.starts_with(UNKNOWN_REASON), *count);
        }
    }

    /// Counts a loss at the end that no GAP record counts yet.
    pub(crate) fn add_unreported(&mut self, gap: &Gap) {
        self.unreported = Some(gap.count);
        self.add_lost(gap);
    }

    fn add_lost(&mut self, gap: &Gap) {
        self.lost = self.lost.saturating_add(gap.count);
        self.add_reason(gap.reason.to_string(), matches!(gap.reason, GapReason::Other(_)), gap.count);
    }

    fn add_reason(&mut self, mut reason: String, is_unknown: bool, count: u64) {
        let is_listed = self.lost_by_reason.contains_key(&reason);
        if is_unknown && !is_listed && self.lost_by_reason.len() >= REASONS_LISTED {
            reason = "other reasons".into();
        }
        let by_reason = self.lost_by_reason.entry(reason).or_default();
        *by_reason = by_reason.saturating_add(count);
    }

    /// Adds dates to the timestamps if the clock has dates.
    pub(crate) fn name_times(&mut self, clock: ClockKind) {
        let date = |timestamp: Option<u64>| match clock {
            ClockKind::UnixNanos => timestamp.and_then(rfc3339),
            _ => None,
        };
        self.first_time = date(self.first_timestamp);
        self.last_time = date(self.last_timestamp);
    }

    /// Whether events are missing.
    pub(crate) fn has_loss(&self) -> bool {
        self.gaps > 0 || self.unreported.is_some()
    }

    /// Whether `lost` is only a lower bound.
    pub(crate) fn has_unknown_loss(&self) -> bool {
        self.gaps_of_unknown_count > 0 || self.unreported == Some(0)
    }

    /// Returns the loss in words.
    pub(crate) fn lost_words(&self) -> String {
        match self.unreported {
            None => self.gap_words(),
            Some(0) => match self.gaps {
                0 => "an unknown number that no gap counts yet".into(),
                _ => format!("{}, and an unknown number that no gap counts yet", self.gap_words()),
            },
            Some(count) => {
                let (lost, count) = (grouped(self.lost), grouped(count));
                format!("{lost}, {count} of them in no gap yet")
            }
        }
    }

    fn gap_words(&self) -> String {
        let (lost, gaps) = (grouped(self.lost), counted(self.gaps, "gap"));
        match (self.gaps, self.gaps_of_unknown_count) {
            (0, _) => "0".into(),
            (_, 0) => format!("{lost} in {gaps}"),
            (all, unknown) if all == unknown => format!("an unknown number in {gaps}"),
            (_, unknown) => {
                format!("at least {lost} in {gaps}, {} of them without a count", grouped(unknown))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringlog::event::EventHeader;

    fn stats(records: &[(EventHeader, Vec<u8>)]) -> RecordStats {
        let mut stats = RecordStats::default();
        for ((header, payload), sequence) in records.iter().zip(5..) {
            stats.add(&Event::new(*header, payload, sequence, 0));
        }
        stats
    }

    fn gap(count: u64) -> (EventHeader, Vec<u8>) {
        (Gap::header(1), Gap::new(GapReason::RingFull, count).to_payload().to_vec())
    }

    #[test]
    fn counts_of_parts_add_up_to_those_of_the_whole() {
        let event = |timestamp, event_type| (EventHeader::new(timestamp, event_type, 3), vec![1, 2, 3]);
        let unknown = |code| (Gap::header(1), Gap::new(GapReason::Other(code), 2).to_payload().to_vec());
        let mut records = vec![gap(4), event(20, 1), gap(0), event(30, 1), gap(2), event(40, 9)];
        records.extend((100..150).map(unknown));
        records.extend([event(50, 1), gap(7)]);
        let whole = stats(&records);
        for at in 0..=records.len() {
            let mut sum = stats(&records[..at]);
            let mut rest = stats(&records[at..]);
            // `stats` numbers the records of each part from 5.
            rest.first_sequence = rest.first_sequence.map(|sequence| sequence + at as u64);
            rest.last_sequence = rest.last_sequence.map(|sequence| sequence + at as u64);
            sum.add_all(&rest);
            let listed = |stats: &RecordStats| stats.lost_by_reason.values().sum::<u64>();
            assert_eq!(listed(&sum), listed(&whole), "cut at {at}");
            sum.lost_by_reason.clone_from(&whole.lost_by_reason);
            assert_eq!(sum, whole, "cut at {at}");
        }
    }

    #[test]
    fn events_gaps_and_losses_are_three_things() {
        let event = |timestamp, event_type| (EventHeader::new(timestamp, event_type, 3), vec![1, 2, 3]);
        let sum = stats(&[gap(4), event(20, 1), event(30, 1), gap(2), event(40, 9)]);
        assert_eq!((sum.events, sum.gaps, sum.lost, sum.gaps_of_unknown_count), (3, 2, 6, 0));
        assert_eq!((sum.bytes, sum.payload_bytes), (2 * 32 + 3 * 24, 9));
        assert_eq!((sum.first_timestamp, sum.last_timestamp), (Some(20), Some(40)));
        assert_eq!((sum.first_sequence, sum.last_sequence), (Some(5), Some(9)));
        assert_eq!(sum.types, BTreeMap::from([(1, 2), (9, 1)]));
        assert_eq!(sum.lost_words(), "6 in 2 gaps");
    }

    #[test]
    fn more_reasons_than_anyone_knows_count_as_one() {
        let gap = |code| Gap::new(GapReason::from_code(code), 1).to_payload().to_vec();
        let sum = stats(&(1..1000).map(|code| (Gap::header(1), gap(code))).collect::<Vec<_>>());
        assert_eq!((sum.lost, sum.lost_by_reason.len()), (999, REASONS_LISTED + 1));
        assert_eq!(sum.lost_by_reason["other reasons"], 999 - REASONS_LISTED as u64);
    }

    #[test]
    fn a_gap_of_unknown_count_makes_the_loss_a_lower_bound() {
        let sum = stats(&[gap(4), gap(0)]);
        assert!(sum.has_loss());
        assert_eq!(sum.lost_words(), "at least 4 in 2 gaps, 1 of them without a count");
        assert_eq!(stats(&[gap(0)]).lost_words(), "an unknown number in 1 gap");
        assert_eq!(stats(&[]).lost_words(), "0");
    }

    #[test]
    fn what_no_gap_counts_yet_is_lost_too() {
        let mut sum = stats(&[gap(4)]);
        sum.add_unreported(&Gap::new(GapReason::DiskFull, 3));
        assert_eq!((sum.lost, sum.gaps, sum.lost_by_reason["disk full"]), (7, 1, 3));
        assert_eq!(sum.lost_words(), "7, 3 of them in no gap yet");
        assert!(!sum.has_unknown_loss());
        let mut sum = stats(&[]);
        sum.add_unreported(&Gap::new(GapReason::DiskFull, 0));
        assert!(sum.has_loss() && sum.has_unknown_loss());
        assert_eq!(sum.lost_words(), "an unknown number that no gap counts yet");
    }
}
