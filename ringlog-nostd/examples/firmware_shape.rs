//! The shape of a firmware that logs: one `static`, one `split`, a write in the interrupt, a drain in the loop.
//! Here both sides are ordinary functions, so that it runs anywhere.

use ringlog_nostd::{EventHeader, Producer, StaticRing};

static RING: StaticRing<1024, 16> = StaticRing::new();

fn on_timer_interrupt(producer: &mut Producer<'static>, tick: u64) {
    // A full ring is the interrupt's to decide about: here the event is dropped.
    let _ = producer.write_event(&EventHeader::new(tick, 1, 2), &[0xAB, 0xCD]);
}

fn main() {
    let (mut producer, mut consumer) = RING.split().expect("split once");
    for tick in 0..100 {
        on_timer_interrupt(&mut producer, tick);
        if tick % 10 == 9 {
            let sent = consumer.drain(usize::MAX, |_header, _payload| { /* send by UART */ });
            assert_eq!(sent, Ok(10));
        }
    }
    println!("100 events through a ring of {} bytes", consumer.capacity());
}
