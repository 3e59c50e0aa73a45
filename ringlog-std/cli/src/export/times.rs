//! The times of records on the time line of another program.
#![forbid(unsafe_code)]

use super::Done;
use crate::descriptions::Descriptions;
use crate::terminal::words::clock_name;
use ringlog::event::{ClockKind, Event};
use ringlog::storage::SegmentSchemas;

const SECOND_NANOS: u128 = 1_000_000_000;

/// Reads the times of records one after another. A time of 0 is none: it would begin each time line in 1970.
#[derive(Default)]
pub(super) struct Times {
    last: Option<u64>,
    gaps: u64,
    events: u64,
    clock: Option<ClockKind>,
    /// What the log says that its clock counts in a second.
    rate: Option<u64>,
}

impl Times {
    /// Returns the nanoseconds of a record, for the clocks whose unit is known; `None`, which is counted, if there are none.
    ///
    /// A GAP record without a time has that of the record before.
    pub(super) fn of(
        &mut self,
        event: &Event<'_>,
        clock: ClockKind,
        descriptions: &Descriptions,
    ) -> Option<u64> {
        self.clock = Some(clock);
        let (stamp, is_gap) = (event.header.timestamp, event.header.is_gap());
        match (stamp, is_gap) {
            (0, true) => {
                self.gaps += u64::from(self.last.is_none());
                return self.last;
            }
            (0, false) if clock == ClockKind::UnixNanos => {
                self.events += 1;
                return None;
            }
            _ => {}
        }
        if clock == ClockKind::Ticks {
            let of_segment = SegmentSchemas::of(event).and_then(|segment| segment.set().log());
            let log = of_segment.or_else(|| descriptions.others().log());
            self.rate = log.and_then(|log| log.ticks_per_second()).or(self.rate);
        }
        let nanos = self.rate.map_or(u128::from(stamp), |rate| {
            // The rate is positive.
            u128::from(stamp) * SECOND_NANOS / u128::from(rate.max(1))
        });
        self.last = Some(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.last
    }

    /// Returns the name of the clock.
    pub(super) fn clock(&self) -> String {
        clock_name(self.clock.unwrap_or(ClockKind::UnixNanos))
    }

    /// Returns what the clock counts, if it may be taken for something else; `None` for nanoseconds since 1970, or `known`.
    pub(super) fn other_clock(&self, known: ClockKind) -> Option<String> {
        let clock = self.clock.filter(|clock| *clock != ClockKind::UnixNanos && *clock != known)?;
        Some(match self.rate {
            Some(rate) => format!("the log's clock counts {}, {rate} a second", clock_name(clock)),
            None => format!("the log's clock counts {}", clock_name(clock)),
        })
    }

    pub(super) const fn has_rate(&self) -> bool {
        self.rate.is_some()
    }

    /// Counts what has no time.
    pub(super) fn leave_out(&self, done: &mut Done) {
        done.leave_out(self.gaps, "GAP record", "without a time, before the first record with one");
        done.leave_out(self.events, "event", "with the time 0, which is none; `ringlog cat` shows them");
    }
}
