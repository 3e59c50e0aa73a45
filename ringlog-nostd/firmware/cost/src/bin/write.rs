//! `Producer::write_event` alone.
#![no_std]
#![no_main]

use ringlog_nostd::{EventHeader, Producer};

ringlog_cost::no_panic!();

// SAFETY: no other symbol has this name.
#[unsafe(no_mangle)]
fn operation(producer: &mut Producer<'static>, header: &EventHeader, payload: &[u8]) -> bool {
    producer.write_event(header, payload).is_ok()
}
