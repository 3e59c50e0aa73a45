//! The payloads of the demo stream. Layouts are fixed, numbers are little-endian, prices are in 1/10000.
//!
//! ```text
//!  type 1  add        order id u64 | price i64 | quantity u32 | instrument u16 | side u8 | 0      24 bytes
//!  type 2  modify     order id u64 | price i64 | quantity u32 | instrument u16 | side u8 | 0      24 bytes
//!  type 3  cancel     order id u64 | instrument u16 | reason u8 | 0                               12 bytes
//!  type 4  trade      buy id u64 | sell id u64 | price i64 | quantity u32 | instrument u16 | 0 0  32 bytes
//!  type 5  quote      instrument u16 | levels u8 | 0 | levels times (bid i64, ask i64,
//!                     bid quantity u32, ask quantity u32)                                 28 to 124 bytes
//!  type 6  heartbeat  number of the burst u32                                                      4 bytes
//! ```

/// Event types of the demo stream.
pub(super) mod kind {
    pub(crate) const ADD: u8 = 1;
    pub(crate) const MODIFY: u8 = 2;
    pub(crate) const CANCEL: u8 = 3;
    pub(crate) const TRADE: u8 = 4;
    pub(crate) const QUOTE: u8 = 5;
    pub(crate) const HEARTBEAT: u8 = 6;
}

/// An order of the demo.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Order {
    pub(super) id: u64,
    pub(super) price: i64,
    pub(super) quantity: u32,
    pub(super) instrument: u16,
    pub(super) is_buy: bool,
}

/// One price level of a quote.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Level {
    pub(super) bid: i64,
    pub(super) ask: i64,
    pub(super) bid_quantity: u32,
    pub(super) ask_quantity: u32,
}

/// Appends the payload of an add or a modify.
pub(super) fn order(payload: &mut Vec<u8>, order: &Order) {
    payload.extend(order.id.to_le_bytes());
    payload.extend(order.price.to_le_bytes());
    payload.extend(order.quantity.to_le_bytes());
    payload.extend(order.instrument.to_le_bytes());
    payload.extend([u8::from(order.is_buy), 0]);
}

/// Appends the payload of a cancel.
pub(super) fn cancel(payload: &mut Vec<u8>, order: &Order, reason: u8) {
    payload.extend(order.id.to_le_bytes());
    payload.extend(order.instrument.to_le_bytes());
    payload.extend([reason, 0]);
}

/// Appends the payload of a trade of `resting` against the order `incoming_id`.
pub(super) fn trade(payload: &mut Vec<u8>, resting: &Order, incoming_id: u64, quantity: u32) {
    let (buy, sell) = if resting.is_buy { (resting.id, incoming_id) } else { (incoming_id, resting.id) };
    payload.extend(buy.to_le_bytes());
    payload.extend(sell.to_le_bytes());
    payload.extend(resting.price.to_le_bytes());
    payload.extend(quantity.to_le_bytes());
    payload.extend(resting.instrument.to_le_bytes());
    payload.extend([0, 0]);
}

/// Appends the payload of a quote.
pub(super) fn quote(payload: &mut Vec<u8>, instrument: u16, levels: &[Level]) {
    payload.extend(instrument.to_le_bytes());
    payload.extend([u8::try_from(levels.len()).unwrap_or(u8::MAX), 0]);
    for level in levels {
        payload.extend(level.bid.to_le_bytes());
        payload.extend(level.ask.to_le_bytes());
        payload.extend(level.bid_quantity.to_le_bytes());
        payload.extend(level.ask_quantity.to_le_bytes());
    }
}
