//! Awaited events: the interrupt writes, a task sends.

use ringlog_nostd::{
    AsyncConsumer, AsyncProducer, AsyncSignal, Consumer, EventHeader, LossyProducer, StaticRing,
};
use std::{future::Future, pin::pin, task::Context, task::Waker};

static RING: StaticRing<1024, 32> = StaticRing::new();
/// 4 words, which both ends share.
static SIGNAL: AsyncSignal = AsyncSignal::new();

fn on_timer_interrupt(producer: &mut AsyncProducer<LossyProducer<'static>>, now: u64) {
    let _ = producer.write_event(&EventHeader::new(now, 1, 4), &[0xAB; 4]);
}

async fn send(mut events: AsyncConsumer<Consumer<'static>>) {
    // Sleeps while there is nothing. `None` once the producer was dropped and everything was read.
    while let Some((_header, payload)) = events.read_event().await {
        println!("send {payload:?} by UART");
    }
}

fn main() {
    let ends = RING.split().expect("split once");
    let (producer, consumer) = AsyncSignal::connect(&SIGNAL, ends).expect("connected once");
    let mut producer = producer.lossy();
    on_timer_interrupt(&mut producer, 1);
    drop(producer);
    // An executor spawns and polls it. Here it has nothing to wait for.
    let task = pin!(send(consumer));
    assert!(task.poll(&mut Context::from_waker(Waker::noop())).is_ready());
}
