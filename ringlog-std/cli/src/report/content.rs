//! What a page shows: the numbers of a report, ready to be written.
#![forbid(unsafe_code)]

use serde::Serialize;

use crate::read::stats::RecordStats;
use crate::report::bins::Load;
use crate::report::gather::Gather;
use crate::report::histogram::Histogram;
use ringlog::event::ClockKind;

/// Types that have a colour; the others share the last one.
pub(super) const COLOURS: usize = 8;
/// Rows of the map of segments; more segments share rows.
pub(crate) const SEGMENT_ROWS: usize = 400;
/// Series that a page may have.
pub(crate) const MOST_SERIES: usize = 12;
/// The quantiles of each histogram.
pub(crate) const QUANTILES: [(&str, f64); 5] =
    [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)];

/// A page, before it is text.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    pub(crate) log: String,
    /// "clean", "open", "damage", "loss" or "unreadable".
    pub(crate) result: &'static str,
    /// The verdict in words.
    pub(crate) verdict_words: String,
    /// What is damaged or missing.
    pub(crate) problems: Vec<String>,
    /// Records that are known to be missing before, between and after the files.
    pub(crate) missing: u64,
    /// Whether no count says how many events are lost, as something is damaged or missing.
    pub(crate) is_incomplete: bool,
    /// The filters as they were typed; empty for none.
    pub(crate) filters: String,
    pub(crate) clock: ClockKind,
    pub(crate) gather: &'a Gather,
    pub(crate) stats: &'a RecordStats,
    pub(crate) segments: Vec<SegmentRow>,
}

/// A file of the log, or several that follow each other.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct SegmentRow {
    pub(crate) file: String,
    pub(crate) files: u64,
    /// Of several files the worst.
    pub(crate) verdict: &'static str,
    /// From 0, the best.
    #[serde(skip)]
    pub(crate) badness: u8,
    pub(crate) base_sequence: Option<u64>,
    pub(crate) records: u64,
    pub(crate) bytes: u64,
}

/// The chosen events of a type, as `info` counts all of them.
#[derive(Clone, Debug, Serialize)]
pub(super) struct TypeRow<'a> {
    pub(super) event_type: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'a str>,
    pub(super) events: u64,
    pub(super) payload_bytes: u64,
    #[serde(skip)]
    pub(super) bytes: u64,
    pub(super) first_timestamp: u64,
    pub(super) last_timestamp: u64,
}

/// The events of one type, or of all that have no colour, in each bin.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) colour: usize,
    pub(super) events: Vec<u64>,
    pub(super) bytes: Vec<u64>,
}

impl Page<'_> {
    /// Returns what the axis of time counts.
    pub(super) fn axis_unit(&self) -> &'static str {
        match self.clock {
            _ if self.gather.has_clocks => "units",
            ClockKind::UnixNanos => "unix",
            ClockKind::MonotonicNanos => "seconds",
            _ => "units",
        }
    }

    /// Returns the name of the unit of spans of time: "ns", "ticks" or "units".
    pub(super) fn time_unit(&self) -> &'static str {
        match (self.axis_unit(), self.clock) {
            ("unix" | "seconds", _) => "ns",
            (_, ClockKind::Ticks) => "ticks",
            _ => "units",
        }
    }

    /// Returns the types that have chosen events, the most frequent first.
    pub(super) fn types(&self) -> Vec<TypeRow<'_>> {
        let mut rows: Vec<_> = (self.gather.chosen())
            .map(|(event_type, state)| TypeRow {
                event_type,
                name: self.gather.name_of(event_type),
                events: state.events,
                payload_bytes: state.payload_bytes,
                bytes: state.bytes,
                first_timestamp: state.first_timestamp,
                last_timestamp: state.last_timestamp,
            })
            .collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.events));
        rows
    }

    /// Returns the bins of each type that has a colour, and of the others together.
    pub(super) fn groups(&self) -> Vec<Group> {
        let used = self.gather.timeline.used();
        let mut groups = Vec::<Group>::new();
        let types = self.types();
        for (at, row) in types.iter().enumerate() {
            let state = self.gather.types.get(usize::from(row.event_type)).and_then(Option::as_deref);
            let bins = state.and_then(|state| state.bins.get(used.clone())).unwrap_or_default();
            let of = |number: fn(&Load) -> u64| bins.iter().map(number).collect::<Vec<_>>();
            let (events, bytes) = (of(|bin| bin.events), of(|bin| bin.bytes));
            match groups.last_mut() {
                Some(other) if at > COLOURS => {
                    other.events.iter_mut().zip(events).for_each(|(all, it)| *all += it);
                    other.bytes.iter_mut().zip(bytes).for_each(|(all, it)| *all += it);
                }
                _ => {
                    let name = match (at, row.name) {
                        // One type alone keeps its name.
                        (COLOURS, _) if types.len() > COLOURS + 1 => {
                            format!("{} other types", types.len() - COLOURS)
                        }
                        (_, Some(name)) => name.into(),
                        (_, None) => format!("type {}", row.event_type),
                    };
                    groups.push(Group { name, colour: at, events, bytes });
                }
            }
        }
        groups
    }

    /// Returns the histograms that have a value: title, unit, counts.
    pub(super) fn histograms(&self) -> Vec<(&'static str, &'static str, &Histogram)> {
        let time = if self.time_unit() == "ns" { "ns" } else { "units" };
        let latency = self.gather.latency.as_ref().map(|it| ("Latency", time, &it.histogram));
        let all = [
            latency,
            Some(("Time between events", time, &self.gather.interarrival)),
            Some(("Payload size", "bytes", &self.gather.sizes)),
        ];
        all.into_iter().flatten().filter(|(_, _, histogram)| histogram.count() > 0).collect()
    }
}

/// Merges neighbours until there are at most `most` rows.
pub(crate) fn merged(rows: Vec<SegmentRow>, most: usize) -> Vec<SegmentRow> {
    let each = rows.len().div_ceil(most.max(1)).max(1);
    let merge = |rows: &[SegmentRow]| {
        let (first, last) = (rows.first()?, rows.last()?);
        let worst = rows.iter().max_by_key(|row| row.badness)?;
        let files = rows.iter().map(|row| row.files).sum();
        Some(SegmentRow {
            file: if files > 1 { format!("{} to {}", first.file, last.file) } else { first.file.clone() },
            files,
            verdict: worst.verdict,
            badness: worst.badness,
            base_sequence: first.base_sequence,
            records: rows.iter().map(|row| row.records).sum(),
            bytes: rows.iter().map(|row| row.bytes).sum(),
        })
    };
    rows.chunks(each).filter_map(merge).collect()
}
