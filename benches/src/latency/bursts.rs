//! Times short bursts on the hot path, in the shape of Quill's own benchmark.
//!
//! Twenty events one after the other, then some two milliseconds of spinning, in which the other thread catches up.
//! Each burst gives one time: its mean for an event. An event holds two numbers and a float, which differ from event to
//! event, and the moment of the call.

use super::hot_path::{BESIDE, Bench, HOT, WarmMemory, taken};
use super::samples::Times;
use ringlog::event::EventHeader;
use ringlog::recorder::Recorder;
use ringlog::ring::Idle;
use ringlog::storage::LogWriter;
use std::hint::black_box;
use std::time::Duration;

/// Events of a burst.
pub const BURST_EVENTS: u64 = 20;
/// Bytes of an event's payload.
pub const PAYLOAD: usize = 24;
/// Least time between two bursts. A random part is added.
const LEAST_PAUSE: Duration = Duration::from_micros(2000);
const PAUSE_SPREAD: Duration = Duration::from_micros(200);

/// One of the functions below.
pub type Bursts = fn(&Bench<'_>) -> Times;

/// Measures a bare copy into warm memory.
pub fn bare_copy(bench: &Bench<'_>) -> Times {
    bench.settings.put(HOT);
    let mut memory = WarmMemory::new(bench.settings.ring_bytes);
    let times = run(bench, |timestamp, payload| {
        memory.copy(&EventHeader::new(timestamp, 1, PAYLOAD as u16), payload);
    });
    black_box(memory);
    times
}

/// Measures the ring beside a recorder that looks again at once, as Quill's thread does there.
///
/// # Panics
/// If the recorder fails, or the ring is ever full.
pub fn ring_and_recorder(bench: &Bench<'_>) -> Times {
    recorded(bench, |producer, timestamp, payload| {
        let header = EventHeader::new(timestamp, 1, PAYLOAD as u16);
        taken(producer.write_event(&header, payload))
    })
}

/// Measures the same with a payload whose length is a constant.
///
/// # Panics
/// If the recorder fails, or the ring is ever full.
pub fn fixed_length(bench: &Bench<'_>) -> Times {
    recorded(bench, |producer, timestamp, payload| taken(producer.write_fixed(timestamp, 1, payload)))
}

fn recorded(
    bench: &Bench<'_>,
    write: impl Fn(&mut ringlog::ring::Producer, u64, &[u8; PAYLOAD]) -> bool,
) -> Times {
    let folder = bench.settings.folder();
    bench.settings.put(BESIDE);
    let log = LogWriter::options().segment_bytes(bench.settings.segment_bytes);
    let builder = Recorder::builder().ring_bytes(bench.settings.ring_bytes).idle(Idle::Spin).log(log);
    let (mut producer, recorder) = builder.start(folder.path().join("log")).expect("a recorder");
    bench.settings.put(HOT);
    let mut written = 0;
    let times = run(bench, |timestamp, payload| {
        assert!(write(&mut producer, timestamp, payload), "the ring holds many bursts");
        written += 1;
    });
    assert_eq!(recorder.shutdown(producer).expect("a whole log").events, written);
    times
}

/// Makes bursts for the length of a round. The first one is not counted.
fn run(bench: &Bench<'_>, mut write: impl FnMut(u64, &[u8; PAYLOAD])) -> Times {
    let ticks = bench.ticks;
    let (least, spread) = (ticks.of(LEAST_PAUSE), ticks.of(PAUSE_SPREAD));
    let mut times = Times::up_to(ticks.per_second());
    let mut draw = 0x9E37_79B9_7F4A_7C15_u64;
    let end = ticks.now() + ticks.of(bench.settings.round);
    for burst in 0_u64.. {
        let float = burst as f64 * 1.1;
        let begin = ticks.settled();
        for number in 0..BURST_EVENTS {
            let payload = black_box((burst, number, float));
            write(ticks.now(), &bytes(payload));
        }
        let taken = ticks.settled().saturating_sub(begin);
        if burst > 0 {
            times.add((taken + BURST_EVENTS / 2) / BURST_EVENTS);
        }
        draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let pause = ticks.now() + least + (draw >> 33) % spread.max(1);
        while ticks.now() < pause {}
        if burst > 0 && pause >= end {
            break;
        }
    }
    times
}

#[inline]
fn bytes((burst, number, float): (u64, u64, f64)) -> [u8; PAYLOAD] {
    let mut bytes = [0; PAYLOAD];
    bytes[..8].copy_from_slice(&burst.to_le_bytes());
    bytes[8..16].copy_from_slice(&number.to_le_bytes());
    bytes[16..].copy_from_slice(&float.to_le_bytes());
    bytes
}
