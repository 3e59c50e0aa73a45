//! Calls the whole API of the core in one image, which links only if no path of it panics.
#![no_std]
#![no_main]

use core::ptr::NonNull;
use ringlog_nostd::format::{
    Checksums, FileHeader, MetaTopic, Records, add_checksum, crc32c_append, encode, place_word,
};
use ringlog_nostd::frame::{Chunk, FrameDecoder};
use ringlog_nostd::{
    ClockKind, Consumer, ConsumerList, EventConsumer, EventHeader, FlightRecorder, FramedSink, Gap,
    LossyProducer, OwnedEvent, Producer, Ring, RingOptions, Run, StaticRing, StreamSink, WideCounter,
};

ringlog_cost::no_panic!();

static mut RING: StaticRing<1024, 64> = StaticRing::new();

/// Values that only a caller from outside knows.
#[repr(C)]
pub struct World {
    memory: NonNull<u8>,
    len: usize,
    options: RingOptions,
    bytes: &'static mut [u8],
    header: EventHeader,
    limit: usize,
    device: Device,
    take: fn(&EventHeader, &[u8]),
    write_back: fn(*const u8, usize),
}

/// A device that is reached by a pointer, so that the compiler knows nothing of it.
#[derive(Clone, Copy)]
struct Device(fn(&[u8]) -> Result<usize, embedded_io::ErrorKind>);

impl embedded_io::ErrorType for Device {
    type Error = embedded_io::ErrorKind;
}

impl embedded_io::Write for Device {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> {
        (self.0)(bytes)
    }

    fn flush(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

struct Taker(fn(&EventHeader, &[u8]));

impl EventConsumer for Taker {
    fn consume(&mut self, header: &EventHeader, payload: &[u8]) -> bool {
        (self.0)(header, payload);
        true
    }

    fn name(&self) -> &str {
        "taker"
    }
}

// SAFETY: no other symbol has this name.
#[unsafe(no_mangle)]
fn operation(world: &'static mut World) -> u64 {
    let World { memory, len, options, .. } = *world;
    let start = &raw mut RING;
    // SAFETY: never run; nothing else has a reference to it.
    let (producer, consumer) = unsafe { &mut *start }.split_mut();
    let mut result = both_ends(world, producer, consumer);
    // SAFETY: never run; the caller passes memory that nothing else uses.
    if let Ok((ring, _)) = unsafe { Ring::recover(memory, len, &options) } {
        let (producer, consumer) = ring.write_back(world.write_back).into_ends();
        result += both_ends(world, producer, consumer);
    }
    // SAFETY: as above.
    if let Ok(ring) = unsafe { Ring::attach(memory, len) } {
        result += flight_recorder(world, ring.overwrite_oldest());
    }
    result + format(world) + bytes(world) + frames(world)
}

fn both_ends(world: &mut World, mut producer: Producer<'static>, mut consumer: Consumer<'static>) -> u64 {
    let mut result = u64::from(producer.write_event(&world.header, world.bytes).is_ok());
    if let Ok(mut claim) = producer.claim(world.limit) {
        (world.take)(&world.header, claim.payload_mut());
        result += u64::from(claim.commit(&world.header).is_ok());
    }
    result += batch(world, &mut producer);
    result += reading(world, &mut consumer);
    result += lossy(world, producer.lossy());
    result + sinks(world, consumer)
}

fn batch(world: &World, producer: &mut Producer<'static>) -> u64 {
    let mut batch = producer.batch();
    let written = batch.write_event(&world.header, world.bytes).is_ok();
    if let Ok(claim) = batch.claim(world.limit) {
        let _ = claim.commit(&world.header);
    }
    u64::from(written) + batch.publish() as u64
}

fn reading(world: &World, consumer: &mut Consumer<'static>) -> u64 {
    if let Ok(Some((header, payload))) = consumer.try_read_event() {
        (world.take)(&header, payload);
        return u64::from(OwnedEvent::<16>::copy_from(&header, payload).is_some());
    }
    consumer.release();
    let drained = consumer.drain(world.limit, world.take).unwrap_or_default();
    if let Ok(Some(run)) = consumer.peek_run(world.limit) {
        walk(world, run.clone());
    }
    consumer.release_bytes(world.limit);
    drained as u64 + consumer.pending_loss().map_or(0, |loss| loss.count) + u64::from(consumer.is_finished())
}

fn walk(world: &World, mut run: Run<'_>) {
    while let Some((header, payload)) = run.peek() {
        (world.take)(&header, payload);
        run.accept();
    }
}

fn lossy(world: &World, mut producer: LossyProducer<'static>) -> u64 {
    let written = producer.write_event(&world.header, world.bytes).is_ok();
    u64::from(written) + u64::from(producer.flush().is_ok()) + producer.into_inner().used() as u64
}

fn sinks(world: &World, mut consumer: Consumer<'static>) -> u64 {
    let mut result = 0;
    if let Ok(mut sink) = StreamSink::start(world.device, i64::from(world.header.checksum), ClockKind::Ticks)
    {
        result += sink.drain(&mut consumer, world.limit).unwrap_or_default() as u64;
        result += u64::from(sink.write_event(&world.header, world.bytes).is_ok()) + sink.offset();
    }
    let start = i64::from(world.header.checksum);
    let meta = [(MetaTopic::Log, &*world.bytes)];
    let mut sink = FramedSink::new(world.device, start, ClockKind::Ticks)
        .meta(&meta)
        .repeat_every(world.header.checksum);
    result += sink.drain(&mut consumer, world.limit).unwrap_or_default() as u64;
    result += u64::from(sink.write_event(&world.header, world.bytes).is_ok());
    result += u64::from(sink.write_count().is_ok()) + sink.records();
    let (mut first, mut second) = (Taker(world.take), Taker(world.take));
    let mut list = ConsumerList::<2>::new(consumer);
    let _ = list.add_required(&mut first);
    let _ = list.add(&mut second);
    result + list.drain().unwrap_or_default() as u64
}

fn flight_recorder(world: &World, mut recorder: FlightRecorder<'static>) -> u64 {
    let mut result = u64::from(recorder.write_event(&world.header, world.bytes).is_ok());
    result += u64::from(recorder.claim(world.limit).is_ok());
    while let Some((header, payload)) = recorder.read_event() {
        (world.take)(&header, payload);
        result += Gap::from_event(&header, payload).map_or(0, |gap| gap.count);
    }
    result
}

fn format(world: &mut World) -> u64 {
    let Ok(mut ring) = Ring::format(world.bytes, world.limit) else { return 0 };
    let (mut producer, mut consumer) = ring.split();
    let written = producer.write_event(&world.header, &[]).is_ok();
    u64::from(written) + u64::from(consumer.read_event().is_some())
}

fn bytes(world: &mut World) -> u64 {
    let mut ticks = WideCounter::<24>::new();
    let mut result = ticks.extend(world.header.checksum);
    result += encode(world.bytes, &world.header, &[]).map_or(0, |len| len as u64);
    result += add_checksum(world.bytes, place_word(1, result), crc32c_append).map_or(0, |len| len as u64);
    let checksums = Checksums::Verify { salt: world.header.checksum, crc: crc32c_append };
    for record in Records::new(world.bytes, checksums).flatten() {
        result += record.sequence + record.gap().map_or(0, |gap| gap.count);
    }
    let header = world.bytes.first_chunk().and_then(|bytes| FileHeader::from_bytes(bytes).ok());
    result + header.map_or(0, |header| u64::from(header.to_bytes()[7]))
}

fn frames(world: &mut World) -> u64 {
    let mut buffer = [0; 64];
    let mut decoder = FrameDecoder::new(&mut buffer);
    let (taken, chunk) = decoder.push(world.bytes);
    let number = match chunk {
        Some(Chunk::Frame(frame)) => u64::from(frame.number),
        Some(Chunk::Broken { len, .. }) => len,
        _ => 0,
    };
    let rest = matches!(decoder.finish(), Some(Chunk::Frame(_)));
    taken as u64 + number + u64::from(rest) + decoder.pending().len() as u64
}
