//! Compares rings: what one event costs to write and to read, on one thread and between two.
//!
//! All rings get the same work as in `compare ring`, and what was read is checked: see `duel` and `solo`.

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput};
use ringlog_benches::duel::{Duel, Policy, Way};
use ringlog_benches::for_each_ring_of;
use ringlog_benches::machine::Pinning;
use ringlog_benches::rivals::Channel;
use ringlog_benches::solo;
use ringlog_benches::work::PAYLOAD_LENS;
use std::time::Duration;

/// Events of one measurement on one thread: enough that making the ring takes no share of the time.
const SOLO_EVENTS: usize = 256 * 1024;
/// Approximate length of one measurement between two threads.
const DUEL_LENGTH: Duration = Duration::from_millis(10);

const WAYS: [Way; 2] = [Way::Single, Way::Batch];

fn on_one_thread(criterion: &mut Criterion) {
    for way in WAYS {
        let mut group = group(criterion, "one thread", way);
        group.throughput(Throughput::Elements(SOLO_EVENTS as u64));
        for payload_len in PAYLOAD_LENS {
            let _rings: Vec<()> = for_each_ring_of!(payload_len, solo_of(&mut group, payload_len, way));
        }
        group.finish();
    }
}

fn solo_of<C: Channel>(group: &mut BenchmarkGroup<'_, WallTime>, payload_len: usize, way: Way) {
    group.bench_function(BenchmarkId::new(C::NAME, payload_len), |bencher| {
        bencher.iter(|| solo::run::<C>(payload_len, way, SOLO_EVENTS));
    });
}

fn between_two_threads(criterion: &mut Criterion) {
    for way in WAYS {
        let mut group = group(criterion, "two threads", way);
        group.throughput(Throughput::Elements(1));
        for payload_len in PAYLOAD_LENS {
            let duel = Duel {
                payload_len,
                length: DUEL_LENGTH,
                way,
                policy: Policy::Wait256,
                pinning: Pinning::Free,
            };
            let _rings: Vec<()> = for_each_ring_of!(payload_len, duel_of(&mut group, duel));
        }
        group.finish();
    }
}

/// A duel chooses its number of events, so each measurement is one duel, for any number that criterion asks
/// for.
fn duel_of<C: Channel>(group: &mut BenchmarkGroup<'_, WallTime>, duel: Duel) {
    group.bench_function(BenchmarkId::new(C::NAME, duel.payload_len), |bencher| {
        bencher.iter_custom(|events| Duration::from_secs_f64(duel.run::<C>() * events as f64 / 1e9));
    });
}

fn group<'c>(criterion: &'c mut Criterion, threads: &str, way: Way) -> BenchmarkGroup<'c, WallTime> {
    let mut group = criterion.benchmark_group(format!("ring/{threads}, {}", way.name()));
    group.sample_size(20).warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
    group
}

mod groups {
    //! Criterion's entry points; the macro writes a public function without documentation.
    use super::{between_two_threads, on_one_thread};
    criterion::criterion_group!(ring, on_one_thread, between_two_threads);
}

criterion::criterion_main!(groups::ring);
