//! `Producer::claim` and `Claim::commit` alone.
#![no_std]
#![no_main]

use ringlog_nostd::{EventHeader, Producer};

ringlog_cost::no_panic!();

// SAFETY: no other symbol has this name.
#[unsafe(no_mangle)]
fn operation(producer: &mut Producer<'static>, header: &EventHeader, fill: fn(&mut [u8])) -> bool {
    let Ok(mut claim) = producer.claim(header.payload_len.into()) else { return false };
    fill(claim.payload_mut());
    claim.commit(header).is_ok()
}
