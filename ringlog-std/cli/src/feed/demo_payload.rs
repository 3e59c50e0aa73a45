//! The events of the demo stream, as structs.

use ringlog_nostd::EventTypes;
use ringlog_nostd::typed::zerocopy::IntoBytes;

/// What the demo trades. No market has these.
#[ringlog::labels]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Instrument {
    Acme,
    Bolt,
    Corn,
    Dune,
    East,
    Flux,
    Gold,
    Helm,
}

impl Instrument {
    pub(super) const ALL: [Self; 8] =
        [Self::Acme, Self::Bolt, Self::Corn, Self::Dune, Self::East, Self::Flux, Self::Gold, Self::Helm];
}

#[ringlog::labels]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Side {
    Buy,
    Sell,
}

/// Why an order is cancelled.
#[ringlog::labels]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum CancelReason {
    User,
    Expired,
    Risk,
    Replaced,
}

impl CancelReason {
    pub(super) const ALL: [Self; 4] = [Self::User, Self::Expired, Self::Risk, Self::Replaced];
}

#[ringlog::event(type = 1)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct OrderAdd {
    pub(super) id: u64,
    #[event(scale = -4, unit = "USD")]
    pub(super) price: i64,
    pub(super) quantity: u32,
    pub(super) instrument: Instrument,
    pub(super) side: Side,
    pub(super) reserved: [u8; 2],
}

/// The new price and quantity of an order.
#[ringlog::event(type = 2)]
pub(super) struct OrderModify {
    pub(super) id: u64,
    #[event(scale = -4, unit = "USD")]
    pub(super) price: i64,
    pub(super) quantity: u32,
    pub(super) instrument: Instrument,
    pub(super) side: Side,
    pub(super) reserved: [u8; 2],
}

#[ringlog::event(type = 3)]
pub(super) struct OrderCancel {
    pub(super) id: u64,
    pub(super) instrument: Instrument,
    pub(super) reason: CancelReason,
    pub(super) reserved: [u8; 6],
}

#[ringlog::event(type = 4)]
pub(super) struct Trade {
    pub(super) buy_id: u64,
    pub(super) sell_id: u64,
    #[event(scale = -4, unit = "USD")]
    pub(super) price: i64,
    pub(super) quantity: u32,
    pub(super) instrument: Instrument,
    pub(super) reserved: [u8; 3],
}

/// The best prices.
#[ringlog::event(type = 5)]
pub(super) struct Quote {
    #[event(scale = -4, unit = "USD")]
    pub(super) bid: i64,
    #[event(scale = -4, unit = "USD")]
    pub(super) ask: i64,
    pub(super) bid_quantity: u32,
    pub(super) ask_quantity: u32,
    pub(super) instrument: Instrument,
    pub(super) reserved: [u8; 7],
}

#[ringlog::event(type = 6)]
pub(super) struct Heartbeat {
    /// Bursts so far.
    pub(super) burst: u32,
}

ringlog::events!(pub(super) DemoEvents: OrderAdd, OrderModify, OrderCancel, Trade, Quote, Heartbeat);

/// Appends the bytes of an event and returns its type.
pub(super) fn append<P: ringlog_nostd::Payload + IntoBytes>(payload: &mut Vec<u8>, event: &P) -> u8 {
    payload.extend_from_slice(event.as_bytes());
    P::TYPE
}

const _: () = assert!(DemoEvents::SCHEMAS.len() == 6);
