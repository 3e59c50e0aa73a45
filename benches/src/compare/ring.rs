//! Compares the ring between two threads with other rings.

use super::Table;
use super::table::external_turn;
use crate::chart::{Axis, LineChart, Scale, Series, plain};
use crate::duel::{Duel, Policy, Way};
use crate::external::{self, Setting};
use crate::for_each_ring_of;
use crate::machine::Pinning;
use crate::rivals::blocks::Blocks;
use crate::rivals::{Channel, Kind};
use crate::rounds::Rounds;
use crate::work::PAYLOAD_LENS;
use ringlog_nostd::format::HEADER_LEN;
use std::time::Duration;

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Bytes of each payload
    #[arg(long, value_delimiter = ',', default_values_t = PAYLOAD_LENS)]
    payload: Vec<usize>,
    /// How records are published and released
    #[arg(long, value_delimiter = ',', default_values = ["single", "batch"])]
    way: Vec<Way>,
    /// What the consumer does when it has caught up
    #[arg(long, value_delimiter = ',', default_values = ["at-once", "wait256"])]
    policy: Vec<Policy>,
    /// Measurements of every ring, in turn
    #[arg(long, default_value_t = 21)]
    rounds: usize,
    /// Approximate milliseconds of each measurement
    #[arg(long, default_value_t = 8)]
    millis: u64,
    /// Whether the two threads stay on one processor each
    #[arg(long, value_enum, default_value = "pinned")]
    pinning: Pinning,
    /// Only this project's ring, the limit of the machine, and rings whose names contain this
    #[arg(long, default_value = "")]
    only: String,
    #[command(flatten)]
    external: external::Arguments,
}

/// One ring's figures in one setting.
#[derive(Clone, Debug)]
struct Contestant {
    name: &'static str,
    kind: Kind,
    way: Way,
    nanoseconds: Rounds,
}

/// Returns every setting as a table, and a chart of the first policy's throughput by payload length.
///
/// # Errors
/// If the command of a rival fails.
pub fn run(arguments: &Arguments) -> Result<(Vec<Table>, LineChart), String> {
    let (mut tables, mut series) = (Vec::new(), Vec::new());
    for &policy in &arguments.policy {
        for &payload_len in &arguments.payload {
            let (table, all) = table(arguments, policy, payload_len)?;
            tables.push(table);
            if arguments.policy.first() == Some(&policy) {
                add_points(&mut series, &all, payload_len);
            }
        }
    }
    let policy = arguments.policy.first().map_or("", |policy| policy.name());
    let chart = LineChart {
        title: format!("Two threads, one ring; a consumer that has caught up looks {policy}"),
        x: Axis { label: "payload, bytes".to_owned(), scale: Scale::Log, tick_text: plain },
        y: Axis { label: "million events per second".to_owned(), scale: Scale::Log, tick_text: plain },
        series,
    };
    Ok((tables, chart))
}

/// Adds points: single records for every ring, and batches for this project's.
fn add_points(series: &mut Vec<Series>, all: &[Contestant], payload_len: usize) {
    for contestant in all {
        let name = match (contestant.way, contestant.kind) {
            (_, Kind::Limit) => "limit of the machine".to_owned(),
            (Way::Single, _) => contestant.name.to_owned(),
            (Way::Batch, Kind::Own) => format!("{}, {}", contestant.name, contestant.way.name()),
            (Way::Batch, _) => continue,
        };
        let point = (payload_len as f64, 1e3 / contestant.nanoseconds.median());
        match series.iter_mut().find(|known| known.name == name) {
            Some(known) => known.points.push(point),
            None => series.push(Series { name, points: vec![point] }),
        }
    }
}

fn table(
    arguments: &Arguments,
    policy: Policy,
    payload_len: usize,
) -> Result<(Table, Vec<Contestant>), String> {
    let length = Duration::from_millis(arguments.millis);
    let duels: Vec<Duel> = arguments
        .way
        .iter()
        .map(|&way| Duel { payload_len, way, policy, pinning: arguments.pinning, length })
        .collect();
    let rivals = arguments.external.commands();
    let setting = Setting { part: "ring", payload: payload_len, rate: None };
    let mut beside = vec![Rounds::default(); rivals.len()];
    let mut all: Vec<Contestant> = Vec::new();
    for _ in 0..arguments.rounds {
        contest(&mut all, &duels, &arguments.only);
        external_turn(rivals, &setting, &mut beside)?;
    }
    let (pinning, policy_name) = (arguments.pinning.name(), policy.name());
    let mut table = Table::new(&format!(
        "Payloads of {payload_len} bytes, the consumer looks {policy_name}, threads {pinning}"
    ));
    for contestant in &all {
        let name = match contestant.kind {
            Kind::Limit => contestant.name.to_owned(),
            _ => format!("{}, {}", contestant.name, contestant.way.name()),
        };
        table.row(&name, &contestant.nanoseconds, HEADER_LEN + payload_len);
    }
    for (rival, nanoseconds) in rivals.iter().zip(&beside) {
        table.row(&rival.name(), nanoseconds, HEADER_LEN + payload_len);
    }
    goals(&mut table, &all, policy);
    Ok((table, all))
}

/// Measures all rings in turn, one way after the other, once.
fn contest(all: &mut Vec<Contestant>, duels: &[Duel], only: &str) {
    for (number, duel) in duels.iter().enumerate() {
        let mut figures = for_each_ring_of!(duel.payload_len, once(duel, only));
        // The limit knows no ways: once a round.
        figures.extend((number + 1 == duels.len()).then(|| once::<Blocks>(duel, only)));
        for (name, kind, figure) in figures.into_iter().flatten() {
            let known = all.iter_mut().find(|known| (known.name, known.way) == (name, duel.way));
            match known {
                Some(known) => known.nanoseconds.add(figure),
                None => {
                    let nanoseconds = std::iter::once(figure).collect();
                    all.push(Contestant { name, kind, way: duel.way, nanoseconds });
                }
            }
        }
    }
}

fn once<C: Channel>(duel: &Duel, only: &str) -> Option<(&'static str, Kind, f64)> {
    (matches!(C::KIND, Kind::Own | Kind::Limit) || C::NAME.contains(only))
        .then(|| (C::NAME, C::KIND, duel.run::<C>()))
}

/// Adds the goals for the ratios. The rivals' figure is that of the fastest one in the same round.
fn goals(table: &mut Table, all: &[Contestant], policy: Policy) {
    let fastest = |way: Way, kinds: &[Kind]| {
        let chosen = all.iter().filter(|ring| ring.way == way && kinds.contains(&ring.kind));
        Rounds::lowest(chosen.map(|ring| &ring.nanoseconds))
    };
    let mut goal = |name: &str, rivals: Rounds, way: Way, wanted: f64| {
        let own = fastest(way, &[Kind::Own]);
        if !own.is_empty() && !rivals.is_empty() {
            table.goal(name, &rivals.over(&own), wanted);
        }
    };
    let rivals = &[Kind::Variable, Kind::Fixed];
    goal(
        "one by one, of the best of variable length",
        fastest(Way::Single, &[Kind::Variable]),
        Way::Single,
        1.5,
    );
    goal("one by one, of the best of slots", fastest(Way::Single, &[Kind::Fixed]), Way::Single, 1.0);
    let wanted = if policy == Policy::AtOnce { 1.8 } else { 1.2 };
    goal("batches, of the best rival one by one", fastest(Way::Single, rivals), Way::Batch, wanted);
    goal("batches, of the rivals' batches", fastest(Way::Batch, rivals), Way::Batch, 1.2);
}
