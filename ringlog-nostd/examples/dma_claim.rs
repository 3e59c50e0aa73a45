//! A device fills the payload of an event in the ring's own memory: nothing is copied.
//!
//! Here a function plays the DMA controller. On a machine the controller gets address and length of the claim's
//! payload, which starts at a multiple of 8. The claim lives until the transfer's interrupt. It borrows the producer,
//! so nothing else is written meanwhile. (With a data cache: invalidate the payload first.)

use ringlog_nostd::{EventHeader, StaticRing};

static RING: StaticRing<2048, 256> = StaticRing::new();

/// Receives a frame of at most `into.len()` bytes and returns its length.
fn dma_receive(frame: u8, into: &mut [u8]) -> usize {
    let len = 40 + usize::from(frame) * 8;
    into[..len].fill(frame);
    len
}

fn main() {
    let (mut producer, mut consumer) = RING.split().expect("split once");
    for frame in 0..20 {
        // Room for the longest frame. Bytes that the device did not fill are not part of the event.
        let mut claim = producer.claim(256).expect("the main loop keeps up");
        assert!(claim.payload_mut().as_ptr().cast::<u64>().is_aligned());
        let len = dma_receive(frame, claim.payload_mut());
        let header = EventHeader::new(u64::from(frame), 2, u16::try_from(len).expect("at most 256"));
        claim.commit(&header).expect("no longer than claimed");

        let (header, payload) = consumer.read_event().expect("it was just written");
        assert_eq!((header.payload_len as usize, payload), (len, &vec![frame; len][..]));
    }
    println!("20 frames, none of them copied");
}
