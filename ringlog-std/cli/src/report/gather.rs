//! Takes each record of a log once, and keeps what the charts need.
#![forbid(unsafe_code)]

use std::sync::Arc;

use crate::descriptions::Descriptions;
use crate::read::stats::RecordStats;
use crate::report::bins::{Axis, BINS, Bin, Load, Loss, Samples, Timeline, rebin};
use crate::report::breaks::Breaks;
use crate::report::histogram::Histogram;
use crate::report::probe::{Found, Probes, Wanted};
use ringlog::event::{ClockKind, Event, Gap};
use ringlog::schema::LogInfo;
use ringlog::storage::Filter;

/// GAP records that have a line; the others are only counted.
pub(crate) const GAPS_LISTED: usize = 200;

/// The chosen events of one type.
#[derive(Clone, Debug)]
pub(crate) struct TypeState {
    pub(crate) events: u64,
    /// Bytes of their records.
    pub(crate) bytes: u64,
    pub(crate) payload_bytes: u64,
    pub(crate) first_timestamp: u64,
    pub(crate) last_timestamp: u64,
    pub(crate) bins: Vec<Load>,
}

/// A chosen GAP record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct GapLine {
    pub(crate) sequence: u64,
    /// 0 if it is not known.
    pub(crate) timestamp: u64,
    pub(crate) gap: Gap,
}

/// The numbers of a field over time.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) bins: Vec<Samples>,
    pub(crate) all: Samples,
    /// Values that are no number, or of a payload that does not fit its description.
    pub(crate) unfit: u64,
    /// Events without a time since the one before, as that one is later.
    pub(crate) backwards: u64,
    /// Values without a place on the axis.
    pub(crate) untimed: u64,
}

/// The time from a field to the header's time.
#[derive(Clone, Debug)]
pub(crate) struct Latency {
    pub(crate) field: String,
    pub(crate) histogram: Histogram,
    /// Events whose field has a later time than the header.
    pub(crate) negative: u64,
    pub(crate) unfit: u64,
}

/// Counts of all records, chosen or not.
#[derive(Clone, Debug)]
struct Totals {
    types: Box<[u64; 256]>,
    bytes: u64,
    payload_bytes: u64,
    timestamps: Option<(u64, u64)>,
    sequences: Option<(u64, u64)>,
    /// Of the GAP records.
    gaps: RecordStats,
}

impl Totals {
    #[inline]
    fn add(&mut self, event: &Event<'_>) {
        let first = self.sequences.map_or(event.sequence, |(first, _)| first);
        self.sequences = Some((first, event.sequence));
        if event.header.is_gap() {
            self.gaps.add(event);
            return;
        }
        self.bytes += event.header.stride() as u64;
        self.payload_bytes += event.payload.len() as u64;
        let time = event.header.timestamp;
        self.timestamps = Some((self.timestamps.map_or(time, |(first, _)| first), time));
        self.types[usize::from(event.header.event_type)] += 1;
    }

    fn stats(&self) -> RecordStats {
        let mut stats = self.gaps.clone();
        stats.events = self.types.iter().sum();
        stats.bytes += self.bytes;
        stats.payload_bytes = self.payload_bytes;
        (stats.first_timestamp, stats.last_timestamp) = self.timestamps.unzip();
        (stats.first_sequence, stats.last_sequence) = self.sequences.unzip();
        stats.types = (0..=u8::MAX).zip(*self.types).filter(|(_, count)| *count > 0).collect();
        stats
    }
}

/// What one pass over a log gathers.
#[derive(Debug)]
pub(crate) struct Gather {
    /// None if it chooses all.
    filter: Option<Filter>,
    probes: Probes,
    totals: Totals,
    pub(crate) timeline: Timeline,
    /// By type.
    pub(crate) types: Vec<Option<Box<TypeState>>>,
    pub(crate) losses: Vec<Loss>,
    pub(crate) gaps: Vec<GapLine>,
    /// Chosen records without a place on the axis: a time of 0.
    pub(crate) untimed_events: u64,
    pub(crate) untimed_losses: Loss,
    pub(crate) series: Vec<Series>,
    pub(crate) sizes: Histogram,
    pub(crate) interarrival: Histogram,
    /// Chosen events with an earlier time than the one before.
    pub(crate) backwards: u64,
    pub(crate) latency: Option<Latency>,
    last_timestamp: Option<u64>,
    breaks: Breaks,
    /// Whether the filter leaves out the start of the log, and its end so far.
    cuts: Option<(bool, bool)>,
    clock: Option<ClockKind>,
    /// Whether segments have different clocks.
    pub(crate) has_clocks: bool,
}

impl Gather {
    /// Gathers what a filter chooses, and counts all.
    pub(crate) fn new(
        filter: Filter,
        descriptions: Arc<Descriptions>,
        wanted: Vec<Wanted>,
        latency: Option<String>,
    ) -> Self {
        let series = Series::new();
        let none = Histogram::new();
        Self {
            filter: (filter != Filter::new()).then_some(filter),
            series: vec![series; wanted.len()],
            latency: latency.clone().map(|field| Latency {
                field,
                histogram: none.clone(),
                negative: 0,
                unfit: 0,
            }),
            probes: Probes::new(descriptions, wanted, latency),
            totals: Totals {
                types: Box::new([0; 256]),
                bytes: 0,
                payload_bytes: 0,
                timestamps: None,
                sequences: None,
                gaps: RecordStats::default(),
            },
            timeline: Timeline::new(),
            types: vec![None; 256],
            losses: vec![Loss::default(); BINS],
            gaps: Vec::new(),
            untimed_events: 0,
            untimed_losses: Loss::default(),
            sizes: none.clone(),
            interarrival: none,
            backwards: 0,
            last_timestamp: None,
            breaks: Breaks::default(),
            cuts: None,
            clock: None,
            has_clocks: false,
        }
    }

    /// Takes the next record of the log, in a segment with this clock.
    #[inline]
    pub(crate) fn add(&mut self, clock: ClockKind, event: &Event<'_>) {
        self.totals.add(event);
        if self.clock != Some(clock) {
            self.has_clocks |= self.clock.is_some();
            self.clock = Some(clock);
        }
        if self.breaks.follow(event) {
            // What happened meanwhile is not known, so neither is the time since the event before.
            self.last_timestamp = None;
        }
        if let Some(filter) = &mut self.filter {
            let time = event.header.timestamp;
            let starts_late =
                || event.sequence < filter.first_sequence() || time > 0 && time < filter.earliest();
            let (start, _) = self.cuts.unwrap_or_else(|| (starts_late(), false));
            self.cuts = Some((start, filter.is_past(event) || filter.ends_by(time)));
            if !filter.selects_next(event) {
                return;
            }
        }
        if let Some(gap) = event.gap() {
            self.add_gap(event, gap);
        } else {
            self.add_event(event);
        }
    }

    /// Marks the places without records on the axis, as far as it reaches: those inside of segments, and these ranges of sequences.
    /// To be called once, after the last record.
    pub(crate) fn mark_missing(&mut self, missing: &[(u64, u64)]) {
        let (Some(axis), Some((least, most))) = (self.timeline.axis(), self.timeline.range()) else { return };
        let (cuts_start, cuts_end) = self.cuts.unwrap_or_default();
        // What is missing outside of what was asked for is no part of the chart.
        let edges = (if cuts_start { u64::MAX } else { least }, if cuts_end { u64::MAX } else { most });
        for (time, missing) in self.breaks.marks(missing, edges) {
            let bin = axis.place(time).filter(|_| (least..=most).contains(&time));
            if let Some(loss) = bin.and_then(|bin| self.losses.get_mut(bin)) {
                loss.merge(Loss { holes: 1, missing, ..Loss::default() });
            }
        }
    }

    #[inline]
    fn add_event(&mut self, event: &Event<'_>) {
        let (time, bytes) = (event.header.timestamp, event.header.stride() as u64);
        let has_time = time > 0 || self.clock != Some(ClockKind::UnixNanos);
        let bin = if has_time { Some(self.bin_of(time)) } else { None };
        self.untimed_events += u64::from(!has_time);
        self.sizes.add(event.payload.len() as u64);
        let state =
            self.types[usize::from(event.header.event_type)].get_or_insert_with(|| TypeState::new(time));
        state.events += 1;
        state.bytes += bytes;
        state.payload_bytes += event.payload.len() as u64;
        state.last_timestamp = time;
        if let Some(load) = bin.and_then(|bin| state.bins.get_mut(bin)) {
            load.merge(Load { events: 1, bytes });
        }
        let before = if has_time { self.last_timestamp.replace(time) } else { None };
        match before.map(|before| time.checked_sub(before)) {
            Some(Some(since)) => self.interarrival.add(since),
            Some(None) => self.backwards += 1,
            None => {}
        }
        let series = &mut self.series;
        self.probes.each(event, before, |at, found| {
            if let Some(series) = series.get_mut(at) {
                series.add(bin, found);
            }
        });
        if let Some(latency) = &mut self.latency
            && let Some(nanos) = self.probes.of(event).latency(event)
        {
            latency.add(nanos);
        }
    }

    fn add_gap(&mut self, event: &Event<'_>, gap: Gap) {
        let (timestamp, sequence) = (event.header.timestamp, event.sequence);
        let loss = Loss { gaps: 1, lost: gap.count, ..Loss::default() };
        if timestamp == 0 {
            self.untimed_losses.merge(loss);
        } else {
            let bin = self.bin_of(timestamp);
            self.losses[bin].merge(loss);
        }
        if self.gaps.len() < GAPS_LISTED {
            self.gaps.push(GapLine { sequence, timestamp, gap });
        }
    }

    #[inline]
    fn bin_of(&mut self, time: u64) -> usize {
        let Self { timeline, types, losses, series, .. } = self;
        timeline.place(time, |from, to| move_all(types, losses, series, from, to))
    }

    /// Returns the counts of all records, chosen or not, as `info` has them.
    pub(crate) fn stats(&self) -> RecordStats {
        self.totals.stats()
    }

    /// Returns the chosen GAP records and what they count.
    pub(crate) fn chosen_losses(&self) -> Loss {
        let mut all = self.untimed_losses;
        self.losses.iter().for_each(|loss| all.merge(*loss));
        all
    }

    /// Returns the name of a type, as it was described last.
    pub(crate) fn name_of(&self, event_type: u8) -> Option<&str> {
        self.probes.names[usize::from(event_type)].as_deref()
    }

    /// Returns the types that have chosen events.
    pub(crate) fn chosen(&self) -> impl Iterator<Item = (u8, &TypeState)> {
        (0..=u8::MAX).zip(&self.types).filter_map(|(number, state)| Some((number, &**state.as_ref()?)))
    }

    /// Returns the names that the series are of.
    pub(crate) fn wanted(&self) -> &[Wanted] {
        &self.probes.wanted
    }

    /// Returns what the log says of itself.
    pub(crate) fn log_info(&self) -> Option<&LogInfo> {
        self.probes.log.as_ref()
    }

    /// Whether a part of the events is chosen.
    pub(crate) fn is_filtered(&self) -> bool {
        self.filter.is_some()
    }

    /// Returns the number of events that `--where` could not choose.
    pub(crate) fn undescribed(&self) -> u64 {
        self.filter.as_ref().map_or(0, Filter::undescribed)
    }
}

#[cold]
fn move_all(
    types: &mut [Option<Box<TypeState>>],
    losses: &mut Vec<Loss>,
    series: &mut [Series],
    from: Axis,
    to: Axis,
) {
    types.iter_mut().flatten().for_each(|state| rebin(&mut state.bins, from, to));
    rebin(losses, from, to);
    series.iter_mut().for_each(|series| rebin(&mut series.bins, from, to));
}

impl TypeState {
    #[cold]
    fn new(time: u64) -> Box<Self> {
        let bins = vec![Load::default(); BINS];
        Box::new(Self {
            events: 0,
            bytes: 0,
            payload_bytes: 0,
            first_timestamp: time,
            last_timestamp: time,
            bins,
        })
    }
}

impl Series {
    pub(crate) fn new() -> Self {
        let bins = vec![Samples::default(); BINS];
        Self { bins, all: Samples::default(), unfit: 0, backwards: 0, untimed: 0 }
    }

    #[inline]
    pub(crate) fn add(&mut self, bin: Option<usize>, found: Found) {
        match found {
            Found::Value(value) => {
                self.all.add(value);
                match bin.and_then(|bin| self.bins.get_mut(bin)) {
                    Some(samples) => samples.add(value),
                    None => self.untimed += 1,
                }
            }
            Found::Unfit => self.unfit += 1,
            Found::Backwards => self.backwards += 1,
        }
    }
}

impl Latency {
    fn add(&mut self, nanos: Option<i128>) {
        match nanos.map(u64::try_from) {
            Some(Ok(nanos)) => self.histogram.add(nanos),
            // Centuries before the event: the field is no time.
            Some(Err(_)) if nanos > Some(0) => self.unfit += 1,
            Some(Err(_)) => self.negative += 1,
            None => self.unfit += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringlog::event::{EventHeader, GapReason};

    fn gather(records: impl Iterator<Item = (EventHeader, Vec<u8>)> + Clone) -> Gather {
        let (mut gather, mut stats) =
            (Gather::new(Filter::new(), Arc::default(), Vec::new(), None), RecordStats::default());
        for ((header, payload), sequence) in records.zip(7..) {
            let event = Event::new(header, &payload, sequence, 0);
            gather.add(ClockKind::UnixNanos, &event);
            stats.add(&event);
        }
        assert_eq!(gather.stats(), stats);
        gather
    }

    #[test]
    fn all_is_counted_as_info_counts_it_and_what_has_no_time_is_on_no_axis() {
        let gap =
            |time, count| (Gap::header(time), Gap::new(GapReason::RingFull, count).to_payload().to_vec());
        let event = |time, event_type| (EventHeader::new(time, event_type, 3), vec![1, 2, 3]);
        let base = 1_700_000_000_000_000_000;
        let records = [
            gap(0, 4),
            event(0, 1),
            event(base, 1),
            event(base + 5, 2),
            event(base + 3, 1),
            gap(base + 4, 2),
        ];
        let gather = gather(records.into_iter());
        assert_eq!((gather.untimed_events, gather.untimed_losses.lost, gather.backwards), (1, 4, 1));
        assert_eq!(gather.chosen_losses(), Loss { gaps: 2, lost: 6, ..Loss::default() });
        assert_eq!(gather.timeline.range(), Some((base, base + 5)));
        assert_eq!(gather.interarrival.extent(), Some((5, 5.0, 5)));
        let counts: Vec<_> = gather.chosen().map(|(number, state)| (number, state.events)).collect();
        assert_eq!(counts, [(1, 3), (2, 1)]);
    }

    #[test]
    fn places_without_records_are_marked_and_are_no_time_between_events() {
        let base = 1_700_000_000_000_000_000;
        let mut gather = Gather::new(Filter::new(), Arc::default(), Vec::new(), None);
        // Records of 24 bytes: 0 and 1, a damaged place, 2, a missing file, 100, 101.
        for (sequence, offset, time) in
            [(0, 64, 0), (1, 88, 10), (2, 136, 1_000_000), (100, 64, 9_000_000), (101, 88, 9_000_007)]
        {
            let event = Event::new(EventHeader::new(base + time, 1, 3), &[1, 2, 3], sequence, offset);
            gather.add(ClockKind::UnixNanos, &event);
        }
        gather.mark_missing(&[(3, 100), (102, 104)]);
        assert_eq!(gather.interarrival.extent(), Some((7, 8.5, 10)), "10 and 7");
        let axis = gather.timeline.axis().unwrap();
        let at = |time| gather.losses[axis.place(base + time).unwrap()];
        let hole = |holes, missing| Loss { holes, missing, ..Loss::default() };
        assert_eq!([at(10), at(1_000_000), at(9_000_007)], [hole(1, 0), hole(1, 97), hole(1, 2)]);
        assert_eq!(gather.chosen_losses(), hole(3, 99));
    }

    #[test]
    fn what_is_missing_where_nothing_was_asked_for_is_not_marked() {
        let base = 1_700_000_000_000_000_000;
        let marked = |filter: Filter| {
            let mut gather = Gather::new(filter, Arc::default(), Vec::new(), None);
            // Missing are 0 to 4, a place after 6, and what comes after 8.
            for (sequence, offset, time) in [(5, 64, 0), (6, 88, 1000), (7, 136, 2000), (8, 160, 3000)] {
                let event = Event::new(
                    EventHeader::new(base + time, (sequence % 2) as u8, 3),
                    &[1, 2, 3],
                    sequence,
                    offset,
                );
                gather.add(ClockKind::UnixNanos, &event);
            }
            gather.mark_missing(&[(0, 5), (9, 12)]);
            let Loss { holes, missing, .. } = gather.chosen_losses();
            (holes, missing)
        };
        assert_eq!(marked(Filter::new()), (3, 8));
        // Events of other types are there: nothing is missing between those that were chosen.
        assert_eq!(marked(Filter::new().event_type(1)), (3, 8));
        assert_eq!(marked(Filter::new().since(base + 1500)), (1, 3));
        assert_eq!(marked(Filter::new().until(base + 500)), (1, 5));
        assert_eq!(marked(Filter::new().until(base + 3001)), (3, 8));
        assert_eq!(marked(Filter::new().sequences(6..8)), (1, 0));
    }

    #[test]
    fn a_field_that_cannot_be_a_time_is_not_later_than_its_event() {
        let histogram = Histogram::new();
        let mut latency = Latency { field: "sent".into(), histogram, negative: 0, unfit: 0 };
        for nanos in [Some(7), Some(-1), None, Some(i128::from(i64::MAX) * 1_000_000)] {
            latency.add(nanos);
        }
        assert_eq!((latency.histogram.count(), latency.negative, latency.unfit), (1, 1, 2));
    }

    #[test]
    fn a_series_counts_what_it_does_not_draw() {
        let mut series = Series::new();
        for (bin, found) in [
            (Some(3), Found::Value(1.5)),
            (None, Found::Value(2.5)),
            (Some(3), Found::Backwards),
            (Some(3), Found::Unfit),
        ] {
            series.add(bin, found);
        }
        assert_eq!((series.all.count, series.bins[3].count), (2, 1));
        assert_eq!((series.untimed, series.backwards, series.unfit), (1, 1, 1));
    }

    #[test]
    fn bins_of_all_types_add_up_to_the_counts() {
        let event = |at: u64| (EventHeader::new(1 + at * at * 1000, (at % 40) as u8, 0), Vec::new());
        let gather = gather((0..30_000).map(event));
        for (number, state) in gather.chosen() {
            assert_eq!(state.bins.iter().map(|bin| bin.events).sum::<u64>(), state.events, "type {number}");
            assert_eq!(state.bins.iter().map(|bin| bin.bytes).sum::<u64>(), state.bytes, "type {number}");
        }
        assert_eq!(gather.interarrival.count(), 29_999);
    }
}
