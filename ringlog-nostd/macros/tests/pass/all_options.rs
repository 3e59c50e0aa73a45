//! What is allowed, in a program without unsafe code that names neither zerocopy nor the library's root.
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs)]

mod renamed {
    pub use ringlog_nostd::typed;
}

use ringlog_nostd::{EventTypes, Payload, event, events, fields, labels, little_endian};

/// A number by a name.
const CANCEL: u8 = 2;

#[labels]
enum Side {
    Buy = 1,
    Sell = 2,
}

#[fields]
struct Level {
    #[event(scale = -2, unit = "EUR")]
    price: i32,
    quantity: u32,
}

#[event(type = 1)]
struct OrderAdd {
    id: u64,
    #[event(kind = "timestamp")]
    expires: u64,
    levels: [Level; 2],
    quantity: little_endian::U32,
    side: Side,
    #[event(kind = "text")]
    symbol: [u8; 5],
    is_hidden: bool,
    reserved: [u8; 5],
}

#[event(type = CANCEL, name = "cancel", tail = "text", crate = crate::renamed)]
struct OrderCancel {
    id: u64,
}

#[event(type = 3, crate = ringlog_nostd)]
struct Reset;

events!(Orders: OrderAdd, OrderCancel, Reset);

fn main() {
    assert_eq!(Orders::SCHEMAS.len(), 3);
    assert_eq!((OrderCancel::TYPE, OrderCancel::NAME), (2, "cancel"));
    assert_eq!(OrderAdd::SCHEMA.first(), Some(&b'{'));
}
