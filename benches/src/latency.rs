//! The program `latency`. Each of its parts measures, and returns a section of the report.
//!
//! The hot path runs on the first processor, all else on the second. Recorder and storm share it if there are
//! only two.

pub mod bursts;
pub mod follow;
pub mod growth;
pub mod hot_path;
pub mod one_way;
pub mod other_process;
pub mod paced;
pub mod publish;
pub mod report;
pub mod samples;
pub mod settings;
pub mod storm;
#[cfg(test)]
mod tests;
pub mod timing;
pub mod waking;

use crate::chart::Series;
use crate::external::{External, Setting};
use bursts::Bursts;
use follow::{Followed, Scenario};
use hot_path::{Bench, Thing};
use paced::Round;
use publish::Publishing;
use report::{Column, Goal, Report, Row, Section, Unit};
use samples::{Distribution, FIGURES, Figure, MAX, MEDIAN, P90, TAIL, TYPICAL, Times};
use settings::{Part, Settings};
use waking::Strategy;

/// Limit of the hot path's median, as a multiple of a bare copy's.
const MOST_COPIES: f64 = 1.5;
/// Limit of the hot path's tail, as a multiple of the machine's own jitter.
const MOST_JITTER: f64 = 1.2;
/// Limit of an idle service's share of a processor, in percent.
const MOST_IDLE_PERCENT: f64 = 1.0;
/// Limit of the time to open a clean log, in nanoseconds.
const MOST_OPENING_NANOS: f64 = 10e6;
/// Limit of the most expensive window of a growing log, as a multiple of the median one.
const MOST_GROWTH: f64 = 1.5;

/// Ways of opening a log, and creating a new file alone.
const OPENINGS: [&str; 4] = ["for reading", "for reading, not cached", "for writing", "no log, a new file"];

const EMPTY: &str = "empty loop";
const COPY: &str = "bare copy";
const RING: &str = "ring, recorder running";

/// Measures one part.
///
/// # Errors
/// If the command of a rival fails.
pub fn measure(bench: &Bench<'_>, part: Part) -> Result<Vec<Section>, String> {
    Ok(match part {
        Part::Hot => hot(bench),
        Part::Bursts => vec![bursts_section(bench)?],
        Part::Follow => follow_sections(bench)?,
        Part::Storm => stormy(bench),
        Part::OneWay => vec![one_way_section(bench)],
        Part::Publish => vec![publish_section(bench)],
        Part::Idle => vec![idle_section(bench)],
        Part::Log => log_sections(bench),
    })
}

/// Measures every thing once in each round. Each round begins with another thing, so that none is always first.
fn interleave(settings: &Settings, things: usize, mut turn: impl FnMut(usize)) {
    for round in 0..settings.rounds as usize {
        (0..things).for_each(|thing| turn((round + thing) % things));
    }
}

/// Service and response times of one thing, how often the ring was full, and what disturbed the thread.
struct Timed {
    service: Distribution,
    response: Distribution,
    refused: u64,
    preempted: u64,
    shootdowns: u64,
}

impl Timed {
    fn new(name: &str) -> Self {
        let (service, response) = (Distribution::new(name), Distribution::new(name));
        Self { service, response, refused: 0, preempted: 0, shootdowns: 0 }
    }

    fn add(&mut self, bench: &Bench<'_>, round: &Round) {
        self.service.add(bench.ticks, &round.service);
        self.response.add(bench.ticks, &round.response);
        self.refused += round.refused;
        self.preempted += round.preempted;
        self.shootdowns += round.shootdowns;
    }
}

fn time_all(bench: &Bench<'_>, things: &[(&str, Thing)]) -> Vec<Timed> {
    let mut timed: Vec<_> = things.iter().map(|(name, _)| Timed::new(name)).collect();
    interleave(bench.settings, things.len(), |index| timed[index].add(bench, &things[index].1(bench)));
    timed
}

fn hot(bench: &Bench<'_>) -> Vec<Section> {
    let things = things(bench, ("ring, a reader without a log", hot_path::ring_and_reader));
    hot_sections(bench, "hot path", &[], &time_all(bench, &things))
}

fn stormy(bench: &Bench<'_>) -> Vec<Section> {
    let things = things(bench, ("no ring, mapped log", hot_path::mapped_log));
    let storm = storm::Storm::start(bench.settings);
    let timed = time_all(bench, &things);
    let note = format!("The storm: {}. It shares a processor with the recorder.", storm.stop());
    hot_sections(bench, "hot path under a storm", &[note], &timed)
}

/// Returns what is timed on the hot path: the baselines, the ring, and one more thing for comparison.
fn things(bench: &Bench<'_>, more: (&'static str, Thing)) -> Vec<(&'static str, Thing)> {
    let mut things: Vec<(&str, Thing)> =
        vec![(EMPTY, hot_path::empty_loop), (COPY, hot_path::bare_copy), (RING, hot_path::ring_and_recorder)];
    if bench.settings.program.is_some() {
        things.push(("ring, recorder in another process", other_process::ring_and_process));
    }
    things.push(more);
    things
}

fn hot_sections(bench: &Bench<'_>, name: &str, notes: &[String], timed: &[Timed]) -> Vec<Section> {
    let of = |name: &str| timed.iter().find(|timed| timed.service.name() == name);
    let (Some(empty), Some(copy), Some(ring)) = (of(EMPTY), of(COPY), of(RING)) else { return Vec::new() };
    let tails = |of: fn(&Timed) -> &Distribution| {
        timed.iter().filter(|timed| timed.service.name() != EMPTY).map(move |timed| {
            let what = format!("p99.9 of \"{}\" / \"{EMPTY}\"", of(timed).name());
            Goal::at_most(&what, of(timed).ratio(TAIL, of(empty)), MOST_JITTER, Unit::Ratio)
        })
    };
    let copies = |index: usize| {
        let what = format!("{} of \"{RING}\" / \"{COPY}\"", FIGURES[index]);
        Goal::at_most(&what, ring.service.ratio(index, &copy.service), MOST_COPIES, Unit::Ratio)
    };
    let refused =
        Goal::at_most("events refused: ring full", Figure::exactly(ring.refused as f64), 0.0, Unit::Count);
    let suffix = if notes.is_empty() { "" } else { ", storm" };
    let section = |kind: &str, note: &str, of: fn(&Timed) -> &Distribution, goals| Section {
        title: format!("{kind} time, {name}"),
        notes: notes.iter().cloned().chain([note.to_owned()]).collect(),
        columns: figure_columns(&["preempted", "TLB"]),
        rows: timed.iter().map(|timed| figure_row(of(timed), &[timed.preempted, timed.shootdowns])).collect(),
        goals,
        curves: timed.iter().map(of).map(|distribution| curve(bench, distribution, suffix)).collect(),
    };
    vec![
        section(
            "Service",
            "From just before each call to just after it. Preempted: how often the system gave the processor to another \
             thread. TLB: how often a processor was interrupted because another one had changed page tables.",
            |timed| &timed.service,
            [copies(TYPICAL), copies(MEDIAN), refused]
                .into_iter()
                .chain(tails(|timed| &timed.service))
                .collect(),
        ),
        section(
            "Response",
            "From the moment at which each call was due to just after it: what delays one call delays all that had \
             to wait.",
            |timed| &timed.response,
            tails(|timed| &timed.response).collect(),
        ),
    ]
}

fn curve(bench: &Bench<'_>, distribution: &Distribution, suffix: &str) -> Series {
    Series { name: format!("{}{suffix}", distribution.name()), points: distribution.curve(bench.ticks) }
}

/// Returns the columns of a distribution, and of the other counts.
fn figure_columns(counts: &[&str]) -> Vec<Column> {
    let counts = std::iter::once(&"times").chain(counts).map(|name| Column::new(name, Unit::Count));
    counts.chain(FIGURES.iter().map(|name| Column::new(name, Unit::Nanos))).collect()
}

fn figure_row(distribution: &Distribution, counts: &[u64]) -> Row {
    let counts = std::iter::once(distribution.count()).chain(counts.iter().copied());
    let counts = counts.map(|count| Figure::exactly(count as f64));
    let figures = counts.chain((0..FIGURES.len()).map(|index| distribution.figure(index)));
    Row { name: distribution.name().to_owned(), figures: figures.collect() }
}

fn one_way_section(bench: &Bench<'_>) -> Section {
    let names = ["ringlog", "rtrb", "limit of the machine: a number, no ring"];
    let mut ways = names.map(Distribution::new);
    let rounds = [one_way::over_ringlog, one_way::over_rtrb, one_way::over_numbers];
    interleave(bench.settings, ways.len(), |index| ways[index].add(bench.ticks, &rounds[index](bench)));
    let ratio = |index: usize| {
        let what = format!("{} of ringlog / rtrb", FIGURES[index]);
        Goal::at_most(&what, ways[0].ratio(index, &ways[1]), 1.0, Unit::Ratio)
    };
    Section {
        title: "Round trip: a record to another thread and back, both spinning".to_owned(),
        notes: vec!["One way is half of it. rtrb's slots hold a record of exactly that size.".to_owned()],
        columns: figure_columns(&[]),
        rows: ways.iter().map(|way| figure_row(way, &[])).collect(),
        goals: [TYPICAL, MEDIAN, TAIL].map(ratio).to_vec(),
        curves: Vec::new(),
    }
}

/// What the command of a rival printed, round by round.
struct Rival<'b> {
    command: &'b External,
    rounds: Vec<[f64; FIGURES.len()]>,
}

impl Rival<'_> {
    /// Runs the command once. A figure that it does not print is not in its row.
    fn add(&mut self, setting: &Setting<'_>) -> Result<(), String> {
        let printed = self.command.run(setting)?;
        if FIGURES.iter().all(|name| printed.get(name).is_none()) {
            return Err(self.command.missing(&FIGURES));
        }
        self.rounds.push(FIGURES.map(|name| printed.get(name).unwrap_or(f64::NAN)));
        Ok(())
    }

    /// Returns the row: no count, and the figures.
    fn row(&self) -> Row {
        let figure = |index: usize| {
            let of_rounds = self.rounds.iter().map(|round| round[index]);
            if of_rounds.clone().any(f64::is_nan) { Figure::NONE } else { Figure::of(of_rounds) }
        };
        let figures = std::iter::once(Figure::NONE).chain((0..FIGURES.len()).map(figure));
        Row { name: self.command.name(), figures: figures.collect() }
    }
}

/// Measures each thing in turn, then the commands of rivals, once a round. Returns a row for each.
fn beside_rivals(
    bench: &Bench<'_>,
    setting: &Setting<'_>,
    names: &[&str],
    mut measure: impl FnMut(usize) -> Times + Send,
) -> Result<(Vec<Row>, Vec<Series>), String> {
    let mut own: Vec<_> = names.iter().map(|name| Distribution::new(name)).collect();
    let mut rivals: Vec<_> =
        bench.settings.externals.iter().map(|command| Rival { command, rounds: Vec::new() }).collect();
    for round in 0..bench.settings.rounds as usize {
        for turn in 0..names.len() {
            let index = (round + turn) % names.len();
            // On a new thread: what the last one started on its processor stays there.
            own[index].add(bench.ticks, &apart(|| measure(index)));
        }
        for rival in &mut rivals {
            rival.add(setting)?;
        }
    }
    let rows = own.iter().map(|distribution| figure_row(distribution, &[]));
    let curves = own.iter().map(|distribution| curve(bench, distribution, "")).collect();
    Ok((rows.chain(rivals.iter().map(Rival::row)).collect(), curves))
}

fn bursts_section(bench: &Bench<'_>) -> Result<Section, String> {
    let things: [(&str, Bursts); 3] = [
        ("limit of the machine: bare copy", bursts::bare_copy),
        ("ring, recorder running", bursts::ring_and_recorder),
        ("ring, recorder running, write_fixed", bursts::fixed_length),
    ];
    let setting = Setting { part: "bursts", payload: bursts::PAYLOAD, rate: None };
    let (rows, curves) =
        beside_rivals(bench, &setting, &things.map(|(name, _)| name), |index| things[index].1(bench))?;
    Ok(Section {
        title: format!("Bursts of {} events, the shape of Quill's benchmark", bursts::BURST_EVENTS),
        notes: vec![
            "The mean of an event in each burst, a reading of the clock for its timestamp included; 2.0 to 2.2 ms \
             between two bursts."
                .to_owned(),
        ],
        columns: figure_columns(&[]),
        rows,
        goals: Vec::new(),
        curves,
    })
}

fn follow_sections(bench: &Bench<'_>) -> Result<Vec<Section>, String> {
    let things: [(&str, Followed); 3] = [
        ("limit of the machine: a counter, no log", follow::counter),
        ("log, not synced", follow::unsynced_log),
        ("log, a sync a second (default)", follow::synced_log),
    ];
    let section = |scenario: Scenario| {
        let Scenario { rate, payload } = scenario;
        let setting = Setting { part: "follow", payload, rate: Some(rate) };
        let measure = |index: usize| things[index].1(bench, scenario);
        let (rows, curves) = beside_rivals(bench, &setting, &things.map(|(name, _)| name), measure)?;
        Ok(Section {
            title: format!("Append to follower, {rate} events/s of {payload} bytes"),
            notes: vec![
                "From the moment at which an event was due to be appended, to when a follower on another thread has \
                 read it; both spin. A late append counts for all events that had to wait for it."
                    .to_owned(),
            ],
            columns: figure_columns(&[]),
            rows,
            goals: Vec::new(),
            curves,
        })
    };
    follow::SCENARIOS.into_iter().map(section).collect()
}

fn publish_section(bench: &Bench<'_>) -> Section {
    let things: [(&str, Publishing); 2] = [
        ("an event alone, 1,000 a second, until the log has it", publish::alone),
        ("a run of 16 KiB, 200 MB/s, beside syncs without a pause", publish::runs),
    ];
    let mut timed = things.map(|(name, _)| (Distribution::new(name), 0));
    interleave(bench.settings, things.len(), |index| {
        let published = apart(|| things[index].1(bench));
        timed[index].0.add(bench.ticks, &published.times);
        timed[index].1 += published.long;
    });
    Section {
        title: "Publishing in a log".to_owned(),
        notes: vec![format!("Long: how often it took longer than {:?}.", publish::LONG)],
        columns: figure_columns(&["long"]),
        rows: timed.iter().map(|(distribution, long)| figure_row(distribution, &[*long])).collect(),
        goals: Vec::new(),
        curves: Vec::new(),
    }
}

/// Results of the rounds of one strategy.
struct Waited {
    strategy: Strategy,
    idle_percent: Vec<f64>,
    latency: Distribution,
    publish: Distribution,
}

impl Waited {
    fn new(strategy: Strategy) -> Self {
        let name = strategy.name();
        let (latency, publish) = (Distribution::new(&name), Distribution::new(&name));
        Self { strategy, idle_percent: Vec::new(), latency, publish }
    }

    fn add(&mut self, bench: &Bench<'_>) {
        let woken = waking::wake(bench, self.strategy);
        self.idle_percent.push(woken.idle_percent);
        self.latency.add(bench.ticks, &woken.latency);
        self.publish.add(bench.ticks, &woken.publish);
    }

    fn idle(&self) -> Figure {
        Figure::of(self.idle_percent.iter().copied())
    }

    fn row(&self) -> Row {
        let figures = vec![
            self.idle(),
            Figure::exactly(self.latency.count() as f64),
            self.latency.figure(MEDIAN),
            self.latency.figure(P90),
            self.latency.figure(MAX),
            self.publish.figure(MEDIAN),
            self.publish.figure(MAX),
        ];
        Row { name: self.strategy.name(), figures }
    }
}

fn idle_section(bench: &Bench<'_>) -> Section {
    let mut all = Strategy::ALL.map(Waited::new);
    let mut sleeper = Vec::new();
    interleave(bench.settings, all.len() + 1, |index| match all.get_mut(index) {
        Some(waited) => waited.add(bench),
        None => sleeper.push(waking::only_sleep(bench)),
    });
    let cheap = all.iter().filter(|waited| waited.strategy.is_to_be_cheap());
    let goal = |waited: &Waited| {
        let what = format!("idle: {}", waited.strategy.name());
        Goal::at_most(&what, waited.idle(), MOST_IDLE_PERCENT, Unit::Percent)
    };
    let names = [
        ("idle", Unit::Percent),
        ("wake-ups", Unit::Count),
        ("wake-up p50", Unit::Nanos),
        ("p90", Unit::Nanos),
        ("max", Unit::Nanos),
        ("publish p50", Unit::Nanos),
        ("max", Unit::Nanos),
    ];
    Section {
        title: "An idle service, and waking it".to_owned(),
        notes: vec![
            "Idle: processor time of the whole process in percent of one processor while no event comes. Wake-up: from \
             just before `write_event`, every 2.5 to 4.5 ms, to the consumer's call; with a recorder the event is in \
             the log by then. Publish: what `write_event` took."
                .to_owned(),
        ],
        columns: names.map(|(name, unit)| Column::new(name, unit)).to_vec(),
        rows: all.iter().map(Waited::row).chain([sleeper_row(sleeper)]).collect(),
        goals: cheap.map(goal).collect(),
        curves: Vec::new(),
    }
}

/// The baseline of idling: nothing but sleep.
fn sleeper_row(rounds: Vec<f64>) -> Row {
    let mut figures = vec![Figure::NONE; 7];
    figures[0] = Figure::of(rounds);
    Row { name: "no ring, a thread that sleeps 1 ms".to_owned(), figures }
}

fn log_sections(bench: &Bench<'_>) -> Vec<Section> {
    let folder = bench.settings.folder();
    let mut opening = Vec::new();
    let mut goals = Vec::new();
    let mut windows = Vec::new();
    for (name, size) in [("small", growth::SMALL_BYTES), ("large", bench.settings.log_size)] {
        let log = folder.path().join(name);
        windows = growth::grow(bench, &log, size);
        let files = growth::files(&log);
        let opened = growth::open(bench, &log);
        let figures = [opened.reader, opened.cold_reader, opened.writer, opened.new_file].map(Figure::of);
        let what = format!("{} ({files} files)", report::binary(size));
        for (figure, kind) in figures.iter().zip(OPENINGS).take(OPENINGS.len() - 1) {
            let what = format!("open {kind}: {what}");
            goals.push(Goal::at_most(&what, *figure, MOST_OPENING_NANOS, Unit::Nanos));
        }
        opening.push(Row { name: what, figures: figures.to_vec() });
    }
    let open = Section {
        title: "Opening a clean log".to_owned(),
        notes: vec![
            "For writing: lock, end of the log, a new segment, and the syncs of all that. No log: a file of a segment's \
             size is made, allocated and synced, and its folder, too."
                .to_owned(),
        ],
        columns: OPENINGS.map(|name| Column::new(name, Unit::Nanos)).to_vec(),
        rows: opening,
        goals,
        curves: Vec::new(),
    };
    vec![growth_section(&windows), open]
}

fn growth_section(windows: &[growth::Window]) -> Section {
    let row = |window: &growth::Window| Row {
        name: format!("{} to {}", report::binary(window.from), report::binary(window.to)),
        figures: [window.nanos_per_event, window.typical_nanos, window.longest_nanos]
            .map(Figure::exactly)
            .to_vec(),
    };
    let flat = |what: &str, cost: fn(&growth::Window) -> f64| {
        let costs = Figure::of(windows.iter().map(cost));
        let dearest = Figure::exactly(costs.high / costs.value.max(f64::MIN_POSITIVE));
        Goal::at_most(&format!("{what}: dearest window / middle one"), dearest, MOST_GROWTH, Unit::Ratio)
    };
    Section {
        title: "Adding to a log that grows".to_owned(),
        notes: vec![
            "`LogWriter::write_event` as fast as it goes, with the defaults: a sync a second. Not pinned: the log's worker \
             threads start where its writer is. Per event: all of the window's time. One call: every 64th, timed alone."
                .to_owned(),
        ],
        columns: ["per event", "one call, typical", "one call, longest"]
            .map(|name| Column::new(name, Unit::Nanos))
            .to_vec(),
        rows: windows.iter().map(row).collect(),
        goals: vec![
            flat("one call, typical", |window| window.typical_nanos),
            flat("per event", |window| window.nanos_per_event),
        ],
        curves: Vec::new(),
    }
}

/// Measures all parts that the settings and the caller ask for.
///
/// # Errors
/// If the command of a rival fails.
///
/// # Panics
/// If a part panics.
pub fn report(settings: &Settings, parts: &[Part], command: String) -> Result<Report, String> {
    let machine = crate::machine::Machine::ask();
    let ticks = timing::Ticks::new();
    let bench = Bench { settings, ticks: &ticks };
    let overhead = apart(|| {
        settings.put(hot_path::HOT);
        ticks.overhead()
    });
    let mut sections = Vec::new();
    for part in parts {
        sections.extend(apart(|| measure(&bench, *part))?);
    }
    Ok(Report { machine, command, settings: settings.clone(), overhead, sections })
}

/// Runs a part on a new thread, so that no later part stays on the processor that it chose.
fn apart<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(run).join().expect("the thread has said why"))
}
