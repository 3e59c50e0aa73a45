//! Runs one loop a given number of times, for a tool that counts its instructions: see `.ci/counts.py`.

use clap::Parser;
use ringlog_benches::duel::Way;
use ringlog_benches::rivals::Channel;
use ringlog_benches::structs::{self, Form};
use ringlog_benches::{for_each_ring_of, solo};

#[derive(Parser)]
struct Arguments {
    /// Name of the ring
    ring: String,
    /// Bytes of each payload
    payload: usize,
    /// How records are published and released
    way: Way,
    /// Records, a multiple of 64
    events: usize,
}

fn run_if<C: Channel>(arguments: &Arguments) -> bool {
    let chosen = C::NAME == arguments.ring;
    if chosen {
        solo::run::<C>(arguments.payload, arguments.way, arguments.events);
    }
    chosen
}

fn main() {
    let arguments = Arguments::parse();
    let Arguments { payload, way, events, .. } = arguments;
    match &*arguments.ring {
        "ringlog, structs" => return structs::run(Form::Struct, payload, way, events),
        "ringlog, their bytes" => return structs::run(Form::Bytes, payload, way, events),
        _ => {}
    }
    let ran = for_each_ring_of!(arguments.payload, run_if(&arguments));
    assert!(ran.contains(&true), "no ring of that name");
}
