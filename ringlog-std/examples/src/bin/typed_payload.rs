//! Payloads as plain structs, without copying: every payload starts at a multiple of 8, so zerocopy can view
//! it in place.

use ringlog::event::EventHeader;
use ringlog::ring::RingBuffer;
use zerocopy::little_endian::{I64, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Event type of [`Trade`].
const TRADE: u8 = 4;

/// A trade as it is stored in the log: little-endian on every machine.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Debug)]
#[repr(C)]
struct Trade {
    order_id: U64,
    price_ticks: I64,
    quantity: U32,
    venue: U32,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut ring = RingBuffer::new(4096);

    let trade =
        Trade { order_id: 77.into(), price_ticks: (-3).into(), quantity: 500.into(), venue: 2.into() };
    ring.write_event(&EventHeader::new(1, TRADE, size_of::<Trade>() as u16), trade.as_bytes())?;

    while let Some((header, payload)) = ring.read_event() {
        if header.event_type == TRADE {
            let trade = Trade::ref_from_bytes(payload).map_err(|error| error.to_string())?;
            println!("{trade:?}");
            assert_eq!(trade.order_id.get(), 77);
        }
    }
    Ok(())
}
