//! Measures one way from one thread to another: half a round trip over two rings, with both threads spinning.
//!
//! A record goes over one ring to a second thread, which sends the one it has received back over the other. The
//! first thread takes both times, so no counters of two processors are compared.

use super::hot_path::{BESIDE, Bench, HOT};
use super::samples::Times;
use super::settings::Settings;
use ringlog::event::EventHeader;
use ringlog::ring::SpscRingBuffer;
use std::hint::spin_loop;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// Both rings have room for this many bytes of records.
const RING_BYTES: usize = 64 * 1024;
/// Round trips before the counted ones.
const WARM_UP: u64 = 10_000;
/// Number of looks, some milliseconds, after which the thread yields to the other: there may be only one
/// processor.
const SPINS_BEFORE_YIELD: u32 = 100_000;
/// A record of this type ends the second thread.
const LAST: u8 = 2;

/// A record by value, as in a slot of a ring of values: exactly as long as ringlog's.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Record<const PAYLOAD: usize> {
    header: EventHeader,
    payload: [u8; PAYLOAD],
}

/// Sends records.
pub trait SendRecord<const PAYLOAD: usize> {
    /// Sends a record. There is always room, as only one is under way at a time.
    fn send(&mut self, record: &Record<PAYLOAD>);
}

/// Receives records.
pub trait ReceiveRecord<const PAYLOAD: usize> {
    /// Returns the next record, if it has come.
    fn try_receive(&mut self) -> Option<Record<PAYLOAD>>;
}

impl<const PAYLOAD: usize, K> SendRecord<PAYLOAD> for ringlog_nostd::Producer<'_, K> {
    #[inline]
    fn send(&mut self, record: &Record<PAYLOAD>) {
        self.write_event(&record.header, &record.payload).expect("room for one");
    }
}

impl<const PAYLOAD: usize, K> ReceiveRecord<PAYLOAD> for ringlog_nostd::Consumer<'_, K> {
    #[inline]
    fn try_receive(&mut self) -> Option<Record<PAYLOAD>> {
        let (header, payload) = self.read_event()?;
        Some(Record {
            header: header.as_user(),
            payload: payload.try_into().expect("the length that was sent"),
        })
    }
}

impl<const PAYLOAD: usize> SendRecord<PAYLOAD> for rtrb::Producer<Record<PAYLOAD>> {
    #[inline]
    fn send(&mut self, record: &Record<PAYLOAD>) {
        self.push(*record).expect("room for one");
    }
}

impl<const PAYLOAD: usize> ReceiveRecord<PAYLOAD> for rtrb::Consumer<Record<PAYLOAD>> {
    #[inline]
    fn try_receive(&mut self) -> Option<Record<PAYLOAD>> {
        self.pop().ok()
    }
}

/// Makes one round over two rings of ringlog. Returns round trips in ticks.
///
/// # Panics
/// If a record comes back changed.
#[must_use]
pub fn over_ringlog(bench: &Bench<'_>) -> Times {
    match bench.settings.payload {
        16 => ringlog_round::<16>(bench),
        48 => ringlog_round::<48>(bench),
        240 => ringlog_round::<240>(bench),
        _ => ringlog_round::<1008>(bench),
    }
}

/// Makes one round over two rings of rtrb.
///
/// # Panics
/// If a record comes back changed.
#[must_use]
pub fn over_rtrb(bench: &Bench<'_>) -> Times {
    match bench.settings.payload {
        16 => rtrb_round::<16>(bench),
        48 => rtrb_round::<48>(bench),
        240 => rtrb_round::<240>(bench),
        _ => rtrb_round::<1008>(bench),
    }
}

/// Makes one round of the machine's limit: a number goes there and comes back, and nothing else.
///
/// # Panics
/// Never, unless a thread cannot be started.
#[must_use]
pub fn over_numbers(bench: &Bench<'_>) -> Times {
    let [there, back] = [const { Line(AtomicU64::new(0)) }; 2];
    let mut times = Times::up_to(bench.ticks.per_second());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            bench.settings.put(BESIDE);
            let mut seen = 0;
            while seen != u64::MAX {
                seen = there.wait_for_another(seen);
                back.set(seen);
            }
        });
        bench.settings.put(HOT);
        let mut end = u64::MAX;
        let mut number = 0;
        loop {
            let begin = bench.ticks.now();
            there.set(number + 1);
            number = back.wait_for_another(number);
            let arrived = bench.ticks.now();
            if number == WARM_UP {
                end = arrived + bench.ticks.of(bench.settings.round);
            } else if number > WARM_UP {
                times.add(arrived - begin);
            }
            if arrived >= end {
                break;
            }
        }
        there.set(u64::MAX);
    });
    times
}

/// A number that has its cache line, and the line beside it, for itself.
#[repr(align(128))]
struct Line(AtomicU64);

impl Line {
    #[inline]
    fn set(&self, number: u64) {
        // ORDERING: Relaxed. The number is all that is handed over.
        self.0.store(number, Relaxed);
    }

    #[inline]
    fn wait_for_another(&self, known: u64) -> u64 {
        poll(|| {
            // ORDERING: Relaxed. As above.
            let number = self.0.load(Relaxed);
            (number != known).then_some(number)
        })
    }
}

fn ringlog_round<const PAYLOAD: usize>(bench: &Bench<'_>) -> Times {
    let (there, back) = (SpscRingBuffer::new(RING_BYTES).split(), SpscRingBuffer::new(RING_BYTES).split());
    ping_pong::<PAYLOAD, _, _>(bench, there, back)
}

fn rtrb_round<const PAYLOAD: usize>(bench: &Bench<'_>) -> Times {
    let slots = RING_BYTES / size_of::<Record<PAYLOAD>>();
    ping_pong(bench, rtrb::RingBuffer::<Record<PAYLOAD>>::new(slots), rtrb::RingBuffer::new(slots))
}

/// The timing loop of both.
///
/// # Panics
/// If a record comes back changed.
pub fn ping_pong<const PAYLOAD: usize, S, R>(bench: &Bench<'_>, there: (S, R), back: (S, R)) -> Times
where
    S: SendRecord<PAYLOAD> + Send,
    R: ReceiveRecord<PAYLOAD> + Send,
{
    let ((mut there, arrives), (returns, mut back)) = (there, back);
    let mut record = Record { header: EventHeader::new(0, 1, PAYLOAD as u16), payload: [0x5A; PAYLOAD] };
    let mut times = Times::up_to(bench.ticks.per_second());
    std::thread::scope(|scope| {
        let settings = bench.settings;
        scope.spawn(move || echo(settings, arrives, returns));
        settings.put(HOT);
        let mut end = u64::MAX;
        for number in 0.. {
            record.header.timestamp = number;
            let begin = bench.ticks.now();
            there.send(&record);
            let returned = receive(&mut back);
            let arrived = bench.ticks.now();
            assert!(returned.header == record.header && returned.payload == record.payload);
            if number == WARM_UP {
                end = arrived + bench.ticks.of(settings.round);
            } else if number > WARM_UP {
                times.add(arrived - begin);
            }
            if arrived >= end {
                break;
            }
        }
        record.header.event_type = LAST;
        there.send(&record);
    });
    times
}

/// Sends back what it receives, until the last one.
fn echo<const PAYLOAD: usize>(
    settings: &Settings,
    mut arrives: impl ReceiveRecord<PAYLOAD>,
    mut returns: impl SendRecord<PAYLOAD>,
) {
    settings.put(BESIDE);
    loop {
        let record = receive(&mut arrives);
        if record.header.event_type == LAST {
            break;
        }
        returns.send(&record);
    }
}

#[inline]
fn receive<const PAYLOAD: usize>(from: &mut impl ReceiveRecord<PAYLOAD>) -> Record<PAYLOAD> {
    poll(|| from.try_receive())
}

/// Looks until there is something.
#[inline]
fn poll<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let mut spins = 0;
    loop {
        if let Some(found) = look() {
            return found;
        }
        spins += 1;
        if spins > SPINS_BEFORE_YIELD { std::thread::yield_now() } else { spin_loop() }
    }
}

const _: () = assert!(size_of::<Record<16>>() == 32 && size_of::<Record<1008>>() == 1024);
