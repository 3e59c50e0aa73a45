//! The page of a report: one file of HTML with its numbers, its style and its script.
#![forbid(unsafe_code)]

use std::hash::{BuildHasher, Hasher, RandomState};

use serde::Serialize;

use crate::read::stats::RecordStats;
use crate::report::bins::Samples;
use crate::report::content::{Group, Page, QUANTILES, SegmentRow, TypeRow};
use crate::report::histogram::Histogram;
use crate::report::html::{escape, json_in_script};
use crate::report::tables;
use crate::terminal::words::{clock_name, rfc3339, unix_now};
#[derive(Serialize)]
struct Data<'a> {
    log: &'a str,
    result: &'a str,
    #[serde(flatten)]
    stats: &'a RecordStats,
    clock: String,
    time_unit: &'static str,
    event_types: Vec<TypeRow<'a>>,
    filters: &'a str,
    chosen_events: u64,
    chosen_bytes: u64,
    axis: Option<AxisData>,
    groups: Vec<Group>,
    /// Bin, GAP records, lost events, places without records, records that are known to be missing there.
    gap_bins: Vec<(usize, u64, u64, u64, u64)>,
    series: Vec<SeriesData<'a>>,
    histograms: Vec<HistogramData>,
    segments: &'a [SegmentRow],
}

#[derive(Serialize)]
struct AxisData {
    /// Time at which the first bin starts. As text: a number of the script has 53 bits.
    start: String,
    /// Width of a bin.
    width: u64,
    bins: usize,
    /// "unix" and "seconds" count nanoseconds, "units" anything.
    unit: &'static str,
}

#[derive(Serialize)]
struct SeriesData<'a> {
    title: &'a str,
    unit: Option<&'a str>,
    is_span: bool,
    is_f32: bool,
    count: Vec<u64>,
    min: Vec<Option<f64>>,
    max: Vec<Option<f64>>,
    mean: Vec<Option<f64>>,
}

#[derive(Serialize)]
struct HistogramData {
    title: &'static str,
    /// "ns", "bytes" or "units".
    unit: &'static str,
    count: u64,
    bars: Vec<(u64, u64, u64)>,
    marks: Vec<(&'static str, u64)>,
}

impl Page<'_> {
    /// Returns the page. It has less than 3 MB for any log.
    pub(crate) fn to_html(&self) -> String {
        let groups = self.groups();
        let data = serde_json::to_string(&self.data(&groups)).unwrap_or_default();
        let verdict = format!(
            "<p class=\"verdict {}\"><strong>{}</strong> {}</p>",
            match self.result {
                "clean" | "open" => "good",
                "damage" => "fair",
                _ => "bad",
            },
            escape(self.result),
            escape(&self.verdict_words)
        );
        let parts = [
            // Nobody who writes into a log can know it.
            ("nonce", format!("{:016x}", RandomState::new().build_hasher().finish())),
            ("title", escape(&format!("{} - ringlog report", self.log))),
            ("css", include_str!("page.css").into()),
            ("log", escape(&self.log)),
            ("verdict", verdict),
            ("totals", tables::totals(self)),
            ("notes", tables::notes(self)),
            ("charts", tables::charts(self, &groups)),
            ("made", rfc3339(unix_now()).unwrap_or_default()),
            ("program", format!("ringlog {}", env!("CARGO_PKG_VERSION"))),
            ("data", json_in_script(&data)),
            ("js", concat!(include_str!("words.js"), include_str!("page.js")).into()),
        ];
        fill(include_str!("page.html"), &parts)
    }

    fn data<'a>(&'a self, groups: &[Group]) -> Data<'a> {
        let used = self.gather.timeline.used();
        let axis = self.gather.timeline.axis().map(|axis| AxisData {
            start: axis.start(used.start).to_string(),
            width: axis.width(),
            bins: used.len(),
            unit: self.axis_unit(),
        });
        let losses = self.gather.losses.get(used).unwrap_or_default();
        let types = self.types();
        Data {
            log: &self.log,
            result: self.result,
            stats: self.stats,
            clock: clock_name(self.clock),
            time_unit: self.time_unit(),
            filters: &self.filters,
            chosen_events: types.iter().map(|row| row.events).sum(),
            chosen_bytes: types.iter().map(|row| row.bytes).sum(),
            event_types: types,
            axis,
            groups: groups.to_vec(),
            gap_bins: losses
                .iter()
                .enumerate()
                .filter(|(_, loss)| loss.gaps + loss.holes > 0)
                .map(|(at, loss)| (at, loss.gaps, loss.lost, loss.holes, loss.missing))
                .collect(),
            series: self.series(),
            histograms: self
                .histograms()
                .into_iter()
                .map(|(title, unit, it)| data_of(title, unit, it))
                .collect(),
            segments: &self.segments,
        }
    }

    fn series(&self) -> Vec<SeriesData<'_>> {
        let used = self.gather.timeline.used();
        let wanted = self.gather.wanted().iter().zip(&self.gather.series);
        wanted
            .map(|(wanted, series)| {
                let bins = series.bins.get(used.clone()).unwrap_or_default();
                let some = |bin: &Samples, value: f64| (bin.count > 0).then_some(value);
                let style = wanted.style(self.time_unit() == "ns");
                SeriesData {
                    title: &wanted.name,
                    unit: wanted.unit.as_deref(),
                    is_span: style.is_span,
                    is_f32: style.is_f32,
                    count: bins.iter().map(|bin| bin.count).collect(),
                    min: bins.iter().map(|bin| some(bin, bin.min)).collect(),
                    max: bins.iter().map(|bin| some(bin, bin.max)).collect(),
                    mean: bins.iter().map(Samples::mean).collect(),
                }
            })
            .collect()
    }
}

fn data_of(title: &'static str, unit: &'static str, histogram: &Histogram) -> HistogramData {
    let quantile = |(name, part)| Some((name, histogram.quantile(part)?));
    HistogramData {
        title,
        unit,
        count: histogram.count(),
        bars: histogram.bars().iter().map(|bar| (bar.low, bar.high, bar.count)).collect(),
        marks: QUANTILES.into_iter().filter_map(quantile).collect(),
    }
}

/// Puts the parts in the place of `{{name}}`. What is in a part stays as it is.
fn fill(template: &str, parts: &[(&str, String)]) -> String {
    let (mut page, mut rest) = (String::new(), template);
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, next)) = after.split_once("}}") else { break };
        page += before;
        page += parts.iter().find(|(key, _)| *key == name).map_or("", |(_, part)| part);
        rest = next;
    }
    page + rest
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::report::bins::Load;
    use crate::report::content::{COLOURS, MOST_SERIES, SEGMENT_ROWS, merged};
    use crate::report::gather::Gather;
    use ringlog::event::ClockKind;
    use ringlog::event::{Event, EventHeader, Gap, GapReason};
    use ringlog::storage::Filter;

    fn row(at: u64) -> SegmentRow {
        let (verdict, badness) = if at == 700 { ("damage", 6) } else { ("clean", 0) };
        let file = format!("{at:020}.evtl");
        SegmentRow {
            file,
            files: 1,
            verdict,
            badness,
            base_sequence: Some(at),
            records: 1,
            bytes: u64::MAX >> 20,
        }
    }

    fn page<'a>(gather: &'a Gather, stats: &'a RecordStats, log: &str) -> Page<'a> {
        Page {
            log: log.into(),
            result: "loss",
            verdict_words: log.into(),
            problems: vec![log.into()],
            missing: 0,
            is_incomplete: false,
            filters: log.into(),
            clock: ClockKind::UnixNanos,
            gather,
            stats,
            segments: merged((0..100_000).map(row).collect(), SEGMENT_ROWS),
        }
    }

    /// Fills each bin of each type and of each series with numbers as long as they get.
    fn full() -> Gather {
        let descriptions = Arc::default();
        let wanted = crate::report::probe::Wanted::of("payload_size", "--plot", &descriptions, &[]).unwrap();
        let mut gather = Gather::new(Filter::new(), descriptions, vec![wanted; MOST_SERIES], None);
        let base = 1_700_000_000_000_000_000;
        for at in 0..200_000_u64 {
            let header = EventHeader::new(base + at * 3_000_000_000, (at % 256) as u8, 0);
            gather.add(ClockKind::UnixNanos, &Event::new(header, &[], at, 0));
            let payload = Gap::new(GapReason::RingFull, u64::MAX / 4000).to_payload();
            gather.add(ClockKind::UnixNanos, &Event::new(Gap::header(header.timestamp), &payload, at, 0));
        }
        for state in gather.types.iter_mut().flatten() {
            state.bins.iter_mut().for_each(|bin| *bin = Load { events: 1 << 32, bytes: 1 << 43 });
        }
        for series in &mut gather.series {
            for (at, bin) in series.bins.iter_mut().enumerate() {
                let value = -1.0 / (at as f64 + 3.0) * 1e-200;
                *bin = Samples {
                    count: 1 << 32,
                    min: value * 3.3,
                    max: value,
                    sum: value * 1.7 * (1_u64 << 32) as f64,
                    large_sum: 0.0,
                };
            }
        }
        gather
    }

    #[test]
    fn a_page_is_below_3_mb_for_any_log_and_keeps_minima_means_and_maxima() {
        let gather = full();
        let html = page(&gather, &gather.stats(), "a log").to_html();
        assert!(html.len() < 3_000_000, "{}", html.len());
        let json = json_of(&html);
        let first = gather.series[0].bins[gather.timeline.used().start];
        for (name, value) in [("min", first.min), ("max", first.max), ("mean", first.mean().unwrap())] {
            assert!(
                html.contains(&format!("\"{name}\":[{},", serde_json::to_string(&value).unwrap())),
                "{name}"
            );
        }
        assert_eq!(json["groups"].as_array().unwrap().len(), COLOURS + 1);
        assert_eq!(json["groups"][COLOURS]["name"], "248 other types");
        assert_eq!(json["event_types"].as_array().unwrap().len(), 256, "none is without a row");
        assert_eq!(json["segments"].as_array().unwrap().len(), SEGMENT_ROWS);
        let rows = json["segments"].as_array().unwrap().iter();
        assert_eq!(rows.filter(|row| row["verdict"] == "damage").count(), 1, "the worst file counts");
    }

    fn json_of(html: &str) -> serde_json::Value {
        let (_, json) = html.split_once("id=\"data\">").unwrap();
        serde_json::from_str(json.split_once("</script>").unwrap().0).unwrap()
    }

    #[test]
    fn totals_and_notes_say_what_is_missing_and_what_is_on_no_axis() {
        let wanted =
            |name: &str| crate::report::probe::Wanted::of(name, "--plot", &Arc::default(), &[]).unwrap();
        let wanted = vec![wanted("payload_size"), wanted("interarrival")];
        let mut gather = Gather::new(Filter::new(), Arc::default(), wanted, None);
        let base = 1_700_000_000_000_000_000;
        for (at, time) in [(0, 0), (1, base), (2, base + 5_000_123)] {
            let event = Event::new(EventHeader::new(time, 1, 3), &[1, 2, 3], at, 64 + at * 24);
            gather.add(ClockKind::UnixNanos, &event);
        }
        let gap = Gap::new(GapReason::RingFull, 4).to_payload();
        gather.add(ClockKind::UnixNanos, &Event::new(Gap::header(0), &gap, 3, 136));
        gather.mark_missing(&[(4, 106_514)]);
        let stats = gather.stats();
        let whole = page(&gather, &stats, "a log").to_html();
        assert!(whole.contains("<dt>Lost</dt><dd>4<small>4 in 1 gap</small></dd>"));
        let incomplete = Page { missing: 106_510, is_incomplete: true, ..page(&gather, &stats, "a log") };
        let html = incomplete.to_html();
        assert!(html.contains(
            "<dt>Lost</dt><dd>4 + 106,510 records<small>4 in 1 gap; damaged or missing: see below</small></dd>"
        ));
        let unknown = RecordStats::default();
        let damaged = Page { is_incomplete: true, ..page(&gather, &unknown, "a log") };
        assert!(damaged.to_html().contains("<dd>unknown<small>damaged or missing: see below</small>"));
        for words in
            ["1 event with the time 0 is on no axis of time.", "1 gap of unknown time is on no axis: lost 4."]
        {
            assert!(html.contains(words), "{words}");
        }
        // Of the types, in all: no filter chose them.
        assert!(html.contains("<caption>events of the log</caption>") && !html.contains("chosen events"));
        assert!(html.contains("events a second, by type") && html.contains("bytes of records a second"));
        assert!(
            html.contains("role=region aria-label=\"events of the log\"")
                && !html.contains("aria-label=table")
        );
        let json = json_of(&html);
        let last = json["axis"]["bins"].as_u64().unwrap() - 1;
        assert_eq!(json["gap_bins"], serde_json::json!([[last, 0, 0, 1, 106_510]]));
        let exact = "<td>all</td><td class=n>1</td><td class=n>5.000123 ms</td>";
        assert!(html.contains(exact), "a value with all its digits");
    }

    #[test]
    fn a_name_in_a_log_becomes_no_markup_and_no_part_of_the_template() {
        let gather = Gather::new(Filter::new(), Arc::default(), Vec::new(), None);
        let evil = "</script><img src=x onerror=alert(1)>{{js}}\"'";
        let html = page(&gather, &RecordStats::default(), evil).to_html();
        assert!(!html.contains("<img") && !html.contains("</script><"));
        assert_eq!(html.matches("</script>").count(), 2);
        assert_eq!(json_of(&html)["log"], evil);
        assert!(html.contains("&lt;img src=x") && html.contains("{{js}}"));
        assert_eq!(fill("a{{b}}c{{d}}", &[("b", "{{d}}".into()), ("d", "e".into())]), "a{{d}}ce");
    }
}
