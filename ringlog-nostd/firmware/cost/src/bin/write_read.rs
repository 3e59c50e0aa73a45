//! `Producer::write_event` and `Consumer::read_event`, with the sizes in RAM.
#![no_std]
#![no_main]

use ringlog_nostd::{Consumer, EventHeader, Producer, Ring};

ringlog_cost::no_panic!();

/// Bytes of the control words, of a producer's and of a consumer's handle. A script reads them out of the image.
// SAFETY: no other symbol has this name.
#[unsafe(no_mangle)]
#[used]
static RAM_BYTES: [u32; 3] = [
    (Ring::required_len(64, 16) - 64 - 32) as u32,
    size_of::<Producer<'static>>() as u32,
    size_of::<Consumer<'static>>() as u32,
];

// SAFETY: no other symbol has this name.
#[unsafe(no_mangle)]
fn operation(
    producer: &mut Producer<'static>,
    consumer: &mut Consumer<'static>,
    header: &EventHeader,
    payload: &[u8],
    take: fn(&EventHeader, &[u8]),
) -> bool {
    if let Some((header, payload)) = consumer.read_event() {
        take(&header, payload);
    }
    producer.write_event(header, payload).is_ok()
}
