//! Drains a full ring into consumers with a dispatcher: event by event, and in runs.

use criterion::{BenchmarkId, Criterion, Throughput};
use ringlog::consumer::{EventConsumer, EventDispatcher, Run};
use ringlog::ring::RingBuffer;
use ringlog_benches::sample_log::SampleLog;
use ringlog_benches::work::Tally;
use ringlog_nostd::EventHeader;
use ringlog_nostd::format::{Checksums, Records, record_len};
use std::time::{Duration, Instant};

const PAYLOAD_LENS: [usize; 2] = [64, 256];
/// Within a level-2 cache.
const RING_BYTES: usize = 256 * 1024;

/// What a consumer does with the events of one drain.
trait Taker: EventConsumer + Send {
    fn new(events: SampleLog) -> Self;
    /// Panics unless all events came.
    fn check(&self, events: SampleLog);
}

/// Adds up all payloads.
struct EachEvent(Tally);

impl EventConsumer for EachEvent {
    fn consume(&mut self, header: &EventHeader, payload: &[u8]) -> bool {
        self.0.take(header, payload);
        true
    }

    fn name(&self) -> &str {
        "each event"
    }
}

impl Taker for EachEvent {
    fn new(_: SampleLog) -> Self {
        Self(Tally::new())
    }

    fn check(&self, events: SampleLog) {
        events.check(&self.0);
    }
}

/// Copies all records, whose length it knows.
struct WholeRuns {
    record_len: usize,
    copied: Vec<u8>,
}

impl EventConsumer for WholeRuns {
    fn consume(&mut self, _: &EventHeader, _: &[u8]) -> bool {
        unreachable!("it takes runs")
    }

    fn name(&self) -> &str {
        "whole runs"
    }

    fn consume_run(&mut self, run: &mut Run<'_>) -> bool {
        let records = run.remaining();
        self.copied.extend_from_slice(records);
        run.accept_bytes(records.len(), (records.len() / self.record_len) as u64);
        true
    }
}

impl Taker for WholeRuns {
    fn new(events: SampleLog) -> Self {
        // Room whose pages are there.
        let mut copied = vec![1; events.bytes()];
        copied.clear();
        Self { record_len: record_len(events.payload_len), copied }
    }

    fn check(&self, events: SampleLog) {
        let mut tally = Tally::new();
        for record in Records::new(&self.copied, Checksums::Ignore) {
            let record = record.expect("whole records");
            tally.take(&record.header, record.payload);
        }
        events.check(&tally);
    }
}

/// Returns the time to give the events of a full ring to `consumers` consumers.
fn drain<T: Taker>(events: SampleLog, consumers: usize) -> Duration {
    let mut ring = RingBuffer::new(RING_BYTES);
    let mut source = events.source();
    for _ in 0..events.events {
        assert!(source.offer(|header, payload| ring.write_event(header, payload).is_ok()));
    }
    let mut takers: Vec<_> = (0..consumers).map(|_| T::new(events)).collect();
    let mut dispatcher = EventDispatcher::new();
    for taker in &mut takers {
        dispatcher.add_required(taker);
    }
    let begin = Instant::now();
    let drained = dispatcher.drain(&mut ring).expect("a whole ring");
    let elapsed = begin.elapsed();
    assert_eq!((drained, dispatcher.is_stalled()), (events.bytes(), false));
    assert!(dispatcher.statistics().iter().all(|of_one| of_one.events == events.events as u64));
    drop(dispatcher);
    takers.iter().for_each(|taker| taker.check(events));
    elapsed
}

fn draining(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("dispatcher/EventDispatcher::drain");
    group.measurement_time(Duration::from_secs(2));
    for payload_len in PAYLOAD_LENS {
        let events = SampleLog::of_bytes(payload_len, RING_BYTES);
        group.throughput(Throughput::Elements(events.events as u64));
        for (way, run) in
            [("consume", drain::<EachEvent> as fn(_, _) -> _), ("consume_run", drain::<WholeRuns>)]
        {
            for consumers in [1, 3] {
                let name = format!("{way}, consumers: {consumers}");
                group.bench_function(BenchmarkId::new(name, payload_len), |bencher| {
                    bencher.iter_custom(|drains| (0..drains).map(|_| run(events, consumers)).sum());
                });
            }
        }
    }
    group.finish();
}

mod groups {
    //! Criterion's entry points; the macro writes a public function without documentation.
    use super::draining;
    criterion::criterion_group!(dispatcher, draining);
}

criterion::criterion_main!(groups::dispatcher);
