//! `Consumer::drain` alone.
#![no_std]
#![no_main]

use ringlog_nostd::{Consumer, EventHeader};

ringlog_cost::no_panic!();

// SAFETY: no other symbol has this name.
#[unsafe(no_mangle)]
fn operation(consumer: &mut Consumer<'static>, take: fn(&EventHeader, &[u8])) -> bool {
    consumer.drain(usize::MAX, take).is_ok()
}
