//! Counting what goes into a log.

#![forbid(unsafe_code)]

use crate::event::{Event, EventHeader, Gap, GapReason, HEADER_LEN};

/// What a run of a [`LogWriter`](super::LogWriter) has written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct LogSummary {
    /// Events, without GAP records.
    pub events: u64,
    /// GAP records.
    pub gaps: u64,
    /// Lost events, as the GAP records and [`unreported`](Self::unreported) count them.
    pub lost: u64,
    /// Events that a full disk has taken and that no GAP record counts yet; `Some(0)` is an unknown number.
    pub unreported: Option<u64>,
    /// Bytes of all records, padding included.
    pub bytes: u64,
    /// Segments with at least one record.
    pub segments: u64,
    /// Sequence of the first record.
    pub first_sequence: u64,
    /// Sequence behind the last record.
    pub next_sequence: u64,
    /// How often appending had to wait at a roll: the next segment was not ready, or too much was not synced.
    pub stalls: u64,
    pub(super) lost_by_reason: LostByReason,
}

impl LogSummary {
    /// Events that were lost for this reason, as the GAP records count them.
    #[must_use]
    pub fn lost_because(&self, reason: GapReason) -> u64 {
        self.lost_by_reason.0.get(reason.code() as usize).copied().unwrap_or(0)
    }
}

/// Lost events, each count at the code of its reason; those of unknown codes are not in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct LostByReason([u64; GapReason::RecorderEnded.code() as usize + 1]);

impl LostByReason {
    fn add(&mut self, gap: &Gap) {
        if let Some(count) = self.0.get_mut(gap.reason.code() as usize) {
            *count = count.saturating_add(gap.count);
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) bytes: u64,
    events: u64,
    gaps: u64,
    /// As the GAP records count them.
    pub(super) lost: u64,
    lost_by_reason: LostByReason,
}

impl Tally {
    #[inline]
    pub(super) fn add(&mut self, event: &Event<'_>) {
        self.bytes += event.header.stride() as u64;
        match event.gap() {
            Some(gap) => {
                self.gaps += 1;
                self.lost = self.lost.saturating_add(gap.count);
                self.lost_by_reason.add(&gap);
            }
            None => self.events += 1,
        }
    }

    /// Adds events, none of which is a GAP record, and the bytes of their records.
    #[inline]
    pub(super) const fn add_events(&mut self, events: u64, bytes: u64) {
        self.bytes += bytes;
        self.events += events;
    }

    pub(super) const fn summary(&self, segments: u64, first_sequence: u64, next_sequence: u64) -> LogSummary {
        let Self { bytes, events, gaps, lost, lost_by_reason } = *self;
        LogSummary {
            events,
            gaps,
            lost,
            unreported: None,
            bytes,
            segments,
            first_sequence,
            next_sequence,
            stalls: 0,
            lost_by_reason,
        }
    }
}

/// The headers and payloads of records that somebody has checked already.
pub(super) fn whole_records(mut records: &[u8]) -> impl Iterator<Item = (EventHeader, &[u8])> {
    std::iter::from_fn(move || {
        let header = EventHeader::from_bytes(records.first_chunk()?);
        let (record, rest) = records.split_at_checked(header.stride())?;
        records = rest;
        Some((header, record.get(HEADER_LEN..HEADER_LEN + usize::from(header.payload_len))?))
    })
}
