//! What a page says without its script: totals, notes, and the numbers of each chart as a table.
#![forbid(unsafe_code)]

use crate::report::bins::{Bin, Loss, Samples};
use crate::report::content::{Group, Page, QUANTILES};
use crate::report::gather::Series;
use crate::report::histogram::Histogram;
use crate::report::html::{Table, escape};
use crate::report::numbers::{Style, nanos_words, short};
use crate::terminal::words::{clock_name, counted, gap_moment, grouped, moment, size};
use crate::terminal::zone::Zone;
use ringlog::event::ClockKind;

/// Rows of a table over time.
const TIME_ROWS: usize = 40;
/// Problems that have a line.
const PROBLEMS_LISTED: usize = 50;
/// If more than this part of all events is in one bin, a note says so.
const CROWDED_PART: f64 = 0.95;

impl Page<'_> {
    fn moment(&self, timestamp: u64) -> String {
        let clock = if self.gather.has_clocks { ClockKind::Unspecified } else { self.clock };
        moment(timestamp, clock, &Zone::Utc)
    }

    fn span(&self, span: f64) -> String {
        match self.time_unit() {
            "ns" => nanos_words(span),
            unit => format!("{} {unit}", short(span)),
        }
    }

    fn seconds(&self) -> Option<f64> {
        let (first, last) = (self.stats.first_timestamp?, self.stats.last_timestamp?);
        let nanos = last.checked_sub(first).filter(|nanos| *nanos > 0)?;
        (self.time_unit() == "ns").then_some(nanos as f64 / 1e9)
    }
}

/// Returns the list of totals, which are those of `info`.
pub(super) fn totals(page: &Page<'_>) -> String {
    let stats = page.stats;
    let time = |timestamp: Option<u64>| timestamp.map_or_else(|| "none".into(), |it| page.moment(it));
    let rate =
        page.seconds().map(|seconds| format!("{} a second", grouped((stats.events as f64 / seconds) as u64)));
    let length = page.seconds().map_or_else(|| "unknown".into(), |seconds| nanos_words(seconds * 1e9));
    let files = page.segments.iter().map(|row| row.files).sum();
    let (lost, lost_words) = lost_of(page);
    let items = [
        ("", "Events", grouped(stats.events), rate.unwrap_or_default()),
        ("", "Lost", lost, lost_words),
        ("", "Bytes of records", size(stats.bytes), format!("{} payload", size(stats.payload_bytes))),
        ("", "Files", grouped(files), counted(stats.types.len() as u64, "type")),
        ("", "Duration", length, format!("clock: {}", clock_name(page.clock))),
        (" class=wide", "First event", time(stats.first_timestamp), String::new()),
        (" class=wide", "Last event", time(stats.last_timestamp), String::new()),
    ];
    let item = |(class, name, value, more): &(&str, &str, String, String)| {
        let more = if more.is_empty() { String::new() } else { format!("<small>{}</small>", escape(more)) };
        format!("<div{class}><dt>{name}</dt><dd>{}{more}</dd></div>", escape(value))
    };
    format!("<dl class=totals>{}</dl>", items.iter().map(item).collect::<String>())
}

/// Returns how much is lost, as far as it is known, and what is said below it.
fn lost_of(page: &Page<'_>) -> (String, String) {
    let stats = page.stats;
    let counted_loss = if stats.has_loss() { stats.lost_words() } else { String::new() };
    if !page.is_incomplete {
        return (grouped(stats.lost), counted_loss);
    }
    let known = [
        stats.has_loss().then(|| grouped(stats.lost)),
        (page.missing > 0).then(|| counted(page.missing, "record")),
    ];
    let known = known.into_iter().flatten().collect::<Vec<_>>().join(" + ");
    let words = [&*counted_loss, "damaged or missing: see below"];
    let words: Vec<_> = words.into_iter().filter(|it| !it.is_empty()).collect();
    (if known.is_empty() { "unknown".into() } else { known }, words.join("; "))
}

/// Returns what a reader must know about the numbers: filters, records without a time, another clock.
pub(super) fn notes(page: &Page<'_>) -> String {
    let gather = page.gather;
    let mut notes = Vec::new();
    let chosen = page.types().iter().map(|row| row.events).sum::<u64>();
    if gather.is_filtered() {
        let all = counted(page.stats.events, "event");
        notes.push(format!(
            "The charts show {} of {all}: {}. The totals are of the whole log.",
            grouped(chosen),
            page.filters
        ));
    }
    if gather.has_clocks {
        notes.push(
            "The files have different clocks: times are shown as numbers, and cannot be compared.".into(),
        );
    } else if page.time_unit() != "ns" {
        let clock = clock_name(page.clock);
        notes.push(format!("The clock of this log is \"{clock}\": times are numbers of it, without dates."));
    }
    if gather.untimed_events > 0 {
        let (events, are) = with_verb(gather.untimed_events, "event");
        notes.push(format!("{events} with the time 0 {are} on no axis of time."));
    }
    if gather.untimed_losses.gaps > 0 {
        let Loss { gaps, lost, .. } = gather.untimed_losses;
        let (gaps, are) = with_verb(gaps, "gap");
        notes.push(format!(
            "{gaps} of unknown time {are} on no axis: lost {}.",
            if lost == 0 { "an unknown number".into() } else { grouped(lost) }
        ));
    }
    if gather.backwards > 0 {
        notes.push(format!(
            "{} an earlier time than the event before; the time between them is not counted.",
            match gather.backwards {
                1 => "1 event has".into(),
                count => format!("{} events have", grouped(count)),
            }
        ));
    }
    let fullest = (0..gather.losses.len()).map(|bin| {
        gather.chosen().filter_map(|(_, state)| state.bins.get(bin)).map(|load| load.events).sum::<u64>()
    });
    if gather.timeline.used().len() > 2 && fullest.max().unwrap_or(0) as f64 > chosen as f64 * CROWDED_PART {
        notes.push("Nearly all events are in one bin of the axis: a few have times far away. Choose a time by --since and --until.".into());
    }
    for (wanted, series) in gather.wanted().iter().zip(&gather.series).filter(|(_, series)| series.unfit > 0)
    {
        notes.push(format!(
            "{}: {} left out, as the payload does not fit its description or the value is no number.",
            wanted.name,
            counted(series.unfit, "value")
        ));
    }
    if gather.undescribed() > 0 {
        notes.push(format!(
            "--where left out {} that their segment does not describe, but another one does.",
            counted(gather.undescribed(), "event")
        ));
    }
    notes.iter().map(|note| format!("<p class=note>{}</p>\n", escape(note))).collect()
}

fn with_verb(count: u64, one: &str) -> (String, &'static str) {
    (counted(count, one), if count == 1 { "is" } else { "are" })
}

/// Returns all charts, each with its title and its table, and the sections that are tables alone.
pub(super) fn charts(page: &Page<'_>, groups: &[Group]) -> String {
    let mut html = String::new();
    if page.gather.timeline.axis().is_some() {
        let [events, bytes] = over_time(page, groups);
        let each = rate_words(page);
        let words = format!("events {each}, {}", axis_words(page));
        html += &figure("events", "Events over time", &words, &events);
        html += &figure("bytes", "Bytes over time", &format!("bytes of records {each}, by type"), &bytes);
        for (at, (wanted, series)) in page.gather.wanted().iter().zip(&page.gather.series).enumerate() {
            let unit = wanted.unit.as_deref().map_or_else(String::new, |unit| format!("{unit}, "));
            let of = if wanted.types.is_empty() {
                String::new()
            } else {
                format!(", of {}", wanted.types.join(", "))
            };
            let words = format!("{unit}mean, minimum to maximum{of}");
            html += &figure(
                &format!("field:{at}"),
                &wanted.name,
                &words,
                &series_table(page, &wanted.name, wanted.style(page.time_unit() == "ns"), series),
            );
        }
    }
    html += "<div class=pair>\n";
    for (at, (title, unit, histogram)) in page.histograms().into_iter().enumerate() {
        let mut words = quantile_words(page, unit, histogram);
        if let Some(latency) = page.gather.latency.as_ref().filter(|_| title == "Latency") {
            words = format!("time of the event minus {}: {words}", latency.field);
            if latency.negative > 0 {
                words += &format!("; {} with a later time in the field left out", grouped(latency.negative));
            }
            if latency.unfit > 0 {
                words += &format!("; {} that do not fit left out", grouped(latency.unfit));
            }
        }
        let table = histogram_table(page, title, unit, histogram);
        html += &figure(&format!("histogram:{at}"), title, &words, &table);
    }
    html += "</div>\n";
    html += &figure("segments", "Files of the log", "as wide as their bytes", &segment_table(page));
    html += &sections(page);
    html
}

/// `chart` is what the script looks for.
fn figure(chart: &str, title: &str, words: &str, table: &str) -> String {
    let (title, id) = (escape(title), chart.replace(':', "-"));
    format!(
        "<figure id=\"{id}\" data-chart=\"{chart}\"><figcaption><h2>{title}</h2><p>{}</p></figcaption>\n\
         <div class=plot role=group aria-roledescription=chart aria-label=\"{title}; the table has the numbers\" tabindex=0></div>\n\
         <p class=values aria-live=polite></p>\n<details><summary>Table: {title}</summary>{table}</details></figure>\n",
        escape(words)
    )
}

/// Returns the span for which events are counted: a second, or a bin where the clock counts none.
fn rate_words(page: &Page<'_>) -> String {
    match (page.time_unit(), page.gather.timeline.axis()) {
        ("ns", _) | (_, None) => "a second".into(),
        (unit, Some(axis)) => format!("for each {} {unit}", grouped(axis.width())),
    }
}

fn axis_words(page: &Page<'_>) -> String {
    let Some((first, last)) = page.gather.timeline.range() else { return String::new() };
    let zone = match (page.time_unit(), page.clock) {
        ("ns", ClockKind::UnixNanos) => "UTC",
        ("ns", _) => "seconds of a monotonic clock",
        (unit, _) => unit,
    };
    let (first, last) = (page.moment(first), page.moment(last));
    format!("by type, from {first} to {last} ({zone})")
}

/// Returns the ranges of bins that the rows of a table have, with their times.
fn rows(page: &Page<'_>) -> Vec<(std::ops::Range<usize>, String)> {
    let used = page.gather.timeline.used();
    let Some(axis) = page.gather.timeline.axis() else { return Vec::new() };
    let each = used.len().div_ceil(TIME_ROWS).max(1);
    let starts = used.clone().step_by(each);
    starts.map(|from| (from..(from + each).min(used.end), page.moment(axis.start(from)))).collect()
}

fn over_time(page: &Page<'_>, groups: &[Group]) -> [String; 2] {
    let names: Vec<_> = groups.iter().map(|group| format!("#{}", group.name)).collect();
    let columns: Vec<_> =
        ["from", "#all", "#lost"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let mut tables = [Table::new("events", &columns), Table::new("bytes of records", &columns)];
    let first = page.gather.timeline.used().start;
    for (bins, time) in rows(page) {
        let mut loss = Loss::default();
        page.gather.losses.get(bins.clone()).unwrap_or_default().iter().for_each(|it| loss.merge(*it));
        let lost = match loss {
            Loss { gaps: 0, .. } => "0".into(),
            Loss { lost, gaps, .. } => format!("{} in {}", grouped(lost), counted(gaps, "gap")),
        };
        let lost = match loss {
            Loss { holes: 0, .. } => lost,
            Loss { missing: 0, .. } => format!("{lost}, and what is damaged"),
            Loss { missing, .. } => format!("{lost}, and {} missing", counted(missing, "record")),
        };
        let places = bins.start - first..bins.end - first;
        let sum = |numbers: &[u64]| numbers.get(places.clone()).unwrap_or_default().iter().sum::<u64>();
        let counts = groups.iter().map(|group| (sum(&group.events), sum(&group.bytes)));
        let (events, bytes): (Vec<_>, Vec<_>) = counts.unzip();
        for (table, numbers) in tables.iter_mut().zip([events, bytes]) {
            let head = [time.clone(), grouped(numbers.iter().sum()), lost.clone()];
            table.row(&head.into_iter().chain(numbers.into_iter().map(grouped)).collect::<Vec<_>>());
        }
    }
    tables.map(Table::finish)
}

fn series_table(page: &Page<'_>, name: &str, style: Style, series: &Series) -> String {
    let mut table = Table::new(name, &["from", "#values", "#minimum", "#mean", "#maximum"]);
    let mut row = |time: String, all: &Samples| {
        let [min, mean, max] = style.extent(all).unwrap_or_default();
        table.row(&[time, grouped(all.count), min, mean, max]);
    };
    for (bins, time) in rows(page) {
        let mut all = Samples::default();
        series.bins.get(bins).unwrap_or_default().iter().for_each(|bin| all.merge(*bin));
        row(time, &all);
    }
    row("all".into(), &series.all);
    table.finish()
}

fn quantile_words(page: &Page<'_>, unit: &str, histogram: &Histogram) -> String {
    let words = |value: u64| if unit == "bytes" { size(value) } else { page.span(value as f64) };
    let quantile = |(name, part)| Some(format!("{name} {}", words(histogram.quantile(part)?)));
    QUANTILES.into_iter().filter_map(quantile).collect::<Vec<_>>().join(", ")
}

fn histogram_table(page: &Page<'_>, title: &str, unit: &str, histogram: &Histogram) -> String {
    let words = |value: f64| if unit == "bytes" { grouped(value as u64) } else { page.span(value) };
    let mut table = Table::new(title, &["from", "to", "#count", "#up to here"]);
    let mut below = 0;
    for bar in histogram.bars() {
        below += bar.count;
        let part = format!("{:.4} %", below as f64 * 100.0 / histogram.count() as f64);
        table.row(&[words(bar.low as f64), words(bar.high as f64), grouped(bar.count), part]);
    }
    let mut quantiles = Table::new("quantiles, at most a sixteenth too large", &["quantile", "#value"]);
    let (min, mean, max) = histogram.extent().unwrap_or_default();
    quantiles.row(&["min".into(), words(min as f64)]);
    quantiles.row(&["mean".into(), words(mean)]);
    for (name, part) in QUANTILES {
        let value = if part < 1.0 { histogram.quantile(part).unwrap_or(0) } else { max };
        quantiles.row(&[name.into(), words(value as f64)]);
    }
    quantiles.finish() + &table.finish()
}

fn segment_table(page: &Page<'_>) -> String {
    let mut table = Table::new("files", &["file", "verdict", "#from sequence", "#records", "#bytes"]);
    for row in &page.segments {
        let base = row.base_sequence.map_or_else(|| "?".into(), grouped);
        table.row(&[row.file.clone(), row.verdict.into(), base, grouped(row.records), grouped(row.bytes)]);
    }
    table.finish()
}

fn sections(page: &Page<'_>) -> String {
    let mut html = String::new();
    let types = page.types();
    if !types.is_empty() {
        let columns = ["#type", "name", "#events", "#payload bytes", "#mean payload", "first", "last"];
        let caption = if page.gather.is_filtered() { "chosen events" } else { "events of the log" };
        let mut table = Table::new(caption, &columns);
        for row in &types {
            table.row(&[
                row.event_type.to_string(),
                row.name.unwrap_or("not described").into(),
                grouped(row.events),
                grouped(row.payload_bytes),
                short(row.payload_bytes as f64 / row.events as f64),
                page.moment(row.first_timestamp),
                page.moment(row.last_timestamp),
            ]);
        }
        html += &section("Types", &table.finish());
    }
    let gaps = &page.gather.gaps;
    if !gaps.is_empty() {
        let all = page.gather.chosen_losses().gaps;
        let caption = match all - gaps.len() as u64 {
            0 => counted(all, "gap"),
            more => format!("the first {}, and {} more", counted(gaps.len() as u64, "gap"), grouped(more)),
        };
        let mut table = Table::new(&caption, &["#sequence", "time", "#lost", "reason"]);
        for line in gaps {
            let lost = if line.gap.count == 0 { "unknown".into() } else { grouped(line.gap.count) };
            let time = gap_moment(line.timestamp, page.clock, &Zone::Utc);
            table.row(&[grouped(line.sequence), time, lost, line.gap.reason.to_string()]);
        }
        html += &section("Gaps", &table.finish());
    }
    if !page.problems.is_empty() {
        let mut table = Table::new(&counted(page.problems.len() as u64, "line"), &["problem"]);
        page.problems.iter().take(PROBLEMS_LISTED).for_each(|it| table.row(std::slice::from_ref(it)));
        if page.problems.len() > PROBLEMS_LISTED {
            table.row(&["and more: ringlog verify lists them".into()]);
        }
        html += &section("Damaged or missing", &table.finish());
    }
    html + &facts(page)
}

/// What the log says of itself.
fn facts(page: &Page<'_>) -> String {
    let Some(log) = page.gather.log_info() else { return String::new() };
    let mut facts = Vec::new();
    facts.extend(log.ticks_per_second().map(|ticks| ("ticks per second".to_owned(), grouped(ticks))));
    for (at, interface) in log.interfaces().iter().enumerate() {
        let name = interface.name().unwrap_or("without a name");
        facts.push((format!("interface {at}"), format!("{name}, link type {}", interface.link_type())));
    }
    facts.extend(log.users().map(|(key, value)| (key.to_owned(), value.to_owned())));
    let item =
        |(name, value): &(String, String)| format!("<dt>{}</dt><dd>{}</dd>", escape(name), escape(value));
    section(
        "What the log says of itself",
        &format!("<dl class=facts>{}</dl>", facts.iter().map(item).collect::<String>()),
    )
}

fn section(title: &str, html: &str) -> String {
    format!("<section><h2>{}</h2>{html}</section>\n", escape(title))
}
