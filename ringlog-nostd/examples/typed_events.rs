//! Events as structs: the interrupt writes one, and the main loop views it in place.

use ringlog_nostd::{Payload, StaticRing, event, labels};

#[event(type = 1)]
struct Sample {
    #[event(unit = "mV")]
    voltage: u32,
    channel: u16,
    state: State,
    reserved: [u8; 1],
}

#[labels]
#[derive(Debug)]
enum State {
    Idle,
    Charging,
}

static RING: StaticRing<1024, 32> = StaticRing::new();

fn main() {
    let (mut producer, mut consumer) = RING.split().expect("split once");
    let sample = Sample { voltage: 3_300, channel: 2, state: State::Charging, reserved: [0] };
    producer.write(1, &sample).expect("an empty ring has room");
    producer
        .write(2, &Sample { voltage: 3_298, state: State::Idle, ..sample })
        .expect("there is room for both");
    while let Some((header, payload)) = consumer.read_event() {
        if let Ok(sample) = Sample::view(&header, payload) {
            println!("{} mV on channel {}: {:?}", sample.voltage, sample.channel, sample.state);
        }
    }
}
