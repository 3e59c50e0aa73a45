//! Links the core with nothing but `core`: a dependency that brings std in would define a second panic
//! handler, and one that allocates would ask for a global allocator. Either stops the build.
#![no_std]

use core::panic::PanicInfo;
use ringlog_nostd::format::{Checksums, add_checksum, crc32c_append, decode, encode, place_word};
use ringlog_nostd::{EventHeader, StaticRing};

static RING: StaticRing<256, 32> = StaticRing::new();

#[panic_handler]
fn on_panic(_: &PanicInfo) -> ! {
    loop {}
}

/// Writes a record, adds its checksum, reads it back; returns its length, or 0 if anything went wrong.
#[unsafe(no_mangle)]
pub extern "C" fn round_trip(timestamp: u64) -> usize {
    let mut record = [0; 24];
    let header = EventHeader::new(timestamp, 1, 5);
    if encode(&mut record, &header, b"hello").is_none()
        || add_checksum(&mut record, place_word(7, 64), crc32c_append).is_none()
    {
        return 0;
    }
    let read = decode(&record, 64, Checksums::Verify { salt: 7, crc: crc32c_append });
    read.map_or(0, |(_, _, stride)| stride)
}

/// One event through a static ring; returns how many came out, or 0 if it was split before.
#[unsafe(no_mangle)]
pub extern "C" fn through_the_ring(timestamp: u64) -> usize {
    let Ok((mut producer, mut consumer)) = RING.split() else { return 0 };
    let _ = producer.write_event(&EventHeader::new(timestamp, 1, 5), b"hello");
    consumer.drain(usize::MAX, |_, _| ()).unwrap_or(0)
}

/// A struct through a ring; returns a field of what came out, or 0.
#[cfg(feature = "macros")]
#[unsafe(no_mangle)]
pub extern "C" fn struct_through_the_ring(timestamp: u64) -> u32 {
    use ringlog_nostd::Payload;

    #[ringlog_nostd::event(type = 1, tail = "bytes")]
    struct Sample {
        millivolts: u32,
    }

    let Ok((mut producer, mut consumer)) = RING.split() else { return 0 };
    let _ = producer.write_with_tail(timestamp, &Sample { millivolts: 3_300 }, b"tail");
    let Some((header, payload)) = consumer.read_event() else { return 0 };
    Sample::view(&header, payload).map_or(0, |sample| sample.millivolts)
}

/// An event through a ring whose consumer a task awaits; returns its timestamp, or 0.
#[cfg(feature = "async")]
#[unsafe(no_mangle)]
pub extern "C" fn awaited(timestamp: u64) -> u64 {
    use core::future::Future;
    use core::pin::pin;
    use core::task::{Context, Poll, Waker};
    use ringlog_nostd::AsyncSignal;

    static SIGNAL: AsyncSignal = AsyncSignal::new();
    let Ok(ends) = RING.split() else { return 0 };
    let Ok((mut producer, mut consumer)) = AsyncSignal::connect(&SIGNAL, ends) else { return 0 };
    let mut context = Context::from_waker(Waker::noop());
    if consumer.poll_ready(&mut context).is_ready() {
        return 0;
    }
    let _ = producer.write_event(&EventHeader::new(timestamp, 1, 5), b"hello");
    drop(producer);
    match pin!(consumer.read_event()).poll(&mut context) {
        Poll::Ready(Some((header, _))) => header.timestamp,
        _ => 0,
    }
}
