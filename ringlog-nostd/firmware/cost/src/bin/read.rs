//! `Consumer::read_event` alone.
#![no_std]
#![no_main]

use ringlog_nostd::{Consumer, EventHeader};

ringlog_cost::no_panic!();

// SAFETY: no other symbol has this name.
#[unsafe(no_mangle)]
fn operation<'c>(consumer: &'c mut Consumer<'static>) -> Option<(EventHeader, &'c [u8])> {
    consumer.read_event()
}
