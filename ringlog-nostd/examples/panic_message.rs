//! A panic handler that leaves its message as the last event, in memory that survives the reset.
//!
//! Here a buffer plays the memory, and a caught panic plays the reset. On a machine the memory is a region of the
//! linker script that the start-up code leaves alone: see `firmware/src/bin/retained.rs`.

use std::fmt::Display;
use std::ptr::NonNull;

use ringlog_nostd::{AlignedBytes, EventHeader, FlightRecorder, Gap, Recovery, Ring, RingOptions};

const MESSAGE: u8 = 0xFE;
const LONGEST: usize = 64;

/// Place and length of the ring's memory. On a machine: two symbols of the linker script.
#[derive(Clone, Copy)]
struct Memory {
    start: NonNull<u8>,
    len: usize,
}

/// Recovers the ring. Every start of the machine calls it first.
fn start<'m>(memory: Memory) -> (FlightRecorder<'m>, Recovery) {
    let options = RingOptions {
        capacity: Some(512),
        max_payload: Some(LONGEST),
        identity: 1,
        retained: true,
        ..RingOptions::default()
    };
    // SAFETY: the memory lives to the end of `main`; the recorder of the previous start is not used any more.
    let (ring, recovery) =
        unsafe { Ring::recover(memory.start, memory.len, &options) }.expect("large enough");
    (ring.overwrite_oldest(), recovery)
}

/// The panic handler. Recovery cuts off a record that was being written when the panic began.
fn on_panic(memory: Memory, message: impl Display) {
    // On a machine: a buffer of fixed size that keeps as much as fits, as in `firmware/src/bin/retained.rs`.
    let text: String = message.to_string().chars().filter(char::is_ascii).take(LONGEST).collect();
    let (mut recorder, _) = start(memory);
    let header = EventHeader::new(u64::MAX, MESSAGE, u16::try_from(text.len()).expect("at most 64"));
    recorder.write_event(&header, text.as_bytes()).expect("the ring takes 64 bytes");
    // Here the machine resets.
}

fn work(memory: Memory) {
    let (mut recorder, _) = start(memory);
    for step in 0..1000_u32 {
        recorder
            .write_event(&EventHeader::new(u64::from(step), 1, 4), &step.to_le_bytes())
            .expect("it overwrites the oldest");
        assert!(step < 900, "step {step} went wrong");
    }
}

fn main() {
    let mut bytes = AlignedBytes::<1024>::new();
    let memory = Memory { start: NonNull::from(bytes.as_mut()).cast(), len: 1024 };
    std::panic::set_hook(Box::new(|_| {}));
    let panic = std::panic::catch_unwind(|| work(memory)).expect_err("step 900 panics");
    on_panic(memory, panic.downcast_ref::<String>().expect("a formatted message"));

    // After the reset.
    let (mut recorder, recovery) = start(memory);
    println!("{recovery:?}");
    while let Some((header, payload)) = recorder.read_event() {
        match Gap::from_event(&header, payload) {
            Some(gap) => println!("{} older events were overwritten", gap.count),
            None if header.event_type == MESSAGE => {
                println!("last words: {}", String::from_utf8_lossy(payload));
                assert_eq!(payload, b"step 900 went wrong");
            }
            None => assert!(header.timestamp <= 900),
        }
    }
}
