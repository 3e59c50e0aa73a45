//! `Producer::write_fixed` alone, for a payload of 16 bytes.
#![no_std]
#![no_main]

use ringlog_nostd::Producer;

ringlog_cost::no_panic!();

// SAFETY: no other symbol has this name.
#[unsafe(no_mangle)]
fn operation(producer: &mut Producer<'static>, timestamp: u64, payload: &[u8; 16]) -> bool {
    producer.write_fixed(timestamp, 1, payload).is_ok()
}
