//! The ring between two threads, beside other rings.

use crate::duel::{Duel, Policy, Way};
use crate::for_each_ring_of;
use crate::machine::Pinning;
use crate::rivals::{Channel, Kind};
use crate::rounds::Rounds;
use crate::work::PAYLOAD_LENS;
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
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// Milliseconds of each measurement
    #[arg(long, default_value_t = 10)]
    millis: u64,
    /// Whether the two threads stay on one processor each
    #[arg(long, value_enum, default_value = "pinned")]
    pinning: Pinning,
    /// Only the rings whose names contain this
    #[arg(long, default_value = "")]
    only: String,
}

/// One ring's figures in one setting.
#[derive(Clone, Debug)]
pub struct Contestant {
    name: &'static str,
    kind: Kind,
    nanoseconds: Rounds,
}

fn once<C: Channel>(duel: &Duel, only: &str) -> Option<(&'static str, Kind, f64)> {
    (C::KIND == Kind::Own || C::NAME.contains(only)).then(|| (C::NAME, C::KIND, duel.run::<C>()))
}

/// Measures.
pub fn run(arguments: &Arguments) {
    for &payload_len in &arguments.payload {
        for &way in &arguments.way {
            for &policy in &arguments.policy {
                let duel = Duel {
                    payload_len,
                    way,
                    policy,
                    pinning: arguments.pinning,
                    length: Duration::from_millis(arguments.millis),
                };
                let all = contest(&duel, arguments.rounds, &arguments.only);
                println!("{payload_len} {} {}", way.name(), policy.name());
                let own = all[0].nanoseconds.clone();
                for ring in &all {
                    let (low, high) = ring.nanoseconds.spread();
                    println!(
                        "   {:24} {:7.2} [{low:.1} {high:.1}] x{:.2} {:?}",
                        ring.name,
                        ring.nanoseconds.median(),
                        ring.nanoseconds.over(&own).median(),
                        ring.kind
                    );
                }
            }
        }
    }
}

/// All rings in turn, `rounds` times.
fn contest(duel: &Duel, rounds: usize, only: &str) -> Vec<Contestant> {
    let mut all: Vec<Contestant> = Vec::new();
    for _ in 0..rounds {
        for (name, kind, figure) in
            for_each_ring_of!(duel.payload_len, once(duel, only)).into_iter().flatten()
        {
            match all.iter_mut().find(|known| known.name == name) {
                Some(known) => known.nanoseconds.add(figure),
                None => {
                    let mut nanoseconds = Rounds::default();
                    nanoseconds.add(figure);
                    all.push(Contestant { name, kind, nanoseconds });
                }
            }
        }
    }
    all
}
