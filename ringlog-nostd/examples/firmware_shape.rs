//! The shape of a firmware that logs: one `static`, one `split`, a write in the interrupt, a drain in the loop.
//! Here both sides are ordinary functions, so that it runs anywhere.

use ringlog_nostd::{EventHeader, LossyProducer, StaticRing};

/// All zero: .bss, no flash.
static RING: StaticRing<1024, 32> = StaticRing::new();

fn on_timer_interrupt(producer: &mut LossyProducer<'static>, now: u64, bytes: [u8; 4]) {
    // Never waits: a full ring loses the event, and a GAP record counts it once there is room.
    let _ = producer.write_event(&EventHeader::new(now, 1, 4), &bytes);
}

fn main() {
    let (producer, mut consumer) = RING.split().expect("split once");
    let mut producer = producer.lossy();
    for now in 0..100 {
        on_timer_interrupt(&mut producer, now, [0xAB; 4]);
        let _ = consumer.drain(usize::MAX, |_header, payload| println!("send {payload:?} by UART"));
    }
}
