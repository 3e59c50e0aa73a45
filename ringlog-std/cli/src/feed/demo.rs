//! Generated events that look like the order flow of an exchange, but come from no market.
//!
//! Events come in bursts with one timestamp each. Bursts are as long as in recorded futures trades, where 83 of 100
//! rows repeat the time of the row before.

use super::demo_payload::{
    CancelReason, DemoEvents, Heartbeat, Instrument, OrderAdd, OrderCancel, OrderModify, Quote, Side, Trade,
    append,
};
use super::{Feed, FeedError, Next};
use ringlog::storage::SchemaList;

const INSTRUMENTS: usize = Instrument::ALL.len();
const LIVE_ORDERS_MAX: usize = 1024;
const TICK: i64 = 2_500;
/// Events of 100 that share the timestamp of the event before.
const SHARED_PERCENT: u64 = 83;
const HEARTBEAT_EVERY_BURSTS: u32 = 500;

/// Generates events. Types and payloads depend only on the seed; timestamps come from the clock.
#[derive(Debug)]
pub(crate) struct DemoFeed {
    random: Random,
    clock: fn() -> u64,
    timestamp: u64,
    burst: u32,
    heartbeat_due: bool,
    next_order_id: u64,
    middles: [i64; INSTRUMENTS],
    live: Vec<OrderAdd>,
}

impl DemoFeed {
    /// Makes the stream of this seed; each seed has a different one.
    pub(crate) fn new(seed: u64, clock: fn() -> u64) -> Self {
        Self {
            random: Random(seed),
            clock,
            timestamp: 0,
            burst: 0,
            heartbeat_due: false,
            next_order_id: 1,
            middles: std::array::from_fn(|at| (at as i64 + 1) * 1_000_000),
            live: Vec::with_capacity(LIVE_ORDERS_MAX),
        }
    }

    fn begin_burst(&mut self) {
        // A clock may be set back, but timestamps of the stream never decrease.
        self.timestamp = self.timestamp.max((self.clock)());
        self.burst = self.burst.wrapping_add(1);
        self.heartbeat_due = self.burst.is_multiple_of(HEARTBEAT_EVERY_BURSTS);
    }

    fn generate(&mut self, payload: &mut Vec<u8>) -> u8 {
        if std::mem::take(&mut self.heartbeat_due) {
            return append(payload, &Heartbeat { burst: self.burst });
        }
        match self.random.below(100) {
            _ if self.live.is_empty() => self.add(payload),
            0..40 if self.live.len() < LIVE_ORDERS_MAX => self.add(payload),
            0..52 => self.modify(payload),
            52..80 => self.cancel(payload),
            80..90 => self.trade(payload),
            _ => self.quote(payload),
        }
    }

    fn add(&mut self, payload: &mut Vec<u8>) -> u8 {
        let instrument = self.random.below(INSTRUMENTS as u64) as usize;
        let is_buy = self.random.below(2) == 0;
        let distance = (1 + self.random.below(20) as i64) * TICK;
        let order = OrderAdd {
            id: self.take_order_id(),
            price: self.middles[instrument] + if is_buy { -distance } else { distance },
            quantity: 1 + self.random.below(500) as u32,
            instrument: Instrument::ALL[instrument],
            side: if is_buy { Side::Buy } else { Side::Sell },
            reserved: [0; 2],
        };
        self.live.push(order);
        append(payload, &order)
    }

    fn modify(&mut self, payload: &mut Vec<u8>) -> u8 {
        let at = self.random.below(self.live.len() as u64) as usize;
        let quantity = 1 + self.random.below(500) as u32;
        let price_change = (self.random.below(3) as i64 - 1) * TICK;
        let order = &mut self.live[at];
        order.quantity = quantity;
        order.price += price_change;
        let OrderAdd { id, price, quantity, instrument, side, reserved } = *order;
        append(payload, &OrderModify { id, price, quantity, instrument, side, reserved })
    }

    fn cancel(&mut self, payload: &mut Vec<u8>) -> u8 {
        let at = self.random.below(self.live.len() as u64) as usize;
        let reason = CancelReason::ALL[self.random.below(4) as usize];
        let OrderAdd { id, instrument, .. } = self.live.swap_remove(at);
        append(payload, &OrderCancel { id, instrument, reason, reserved: [0; 6] })
    }

    fn trade(&mut self, payload: &mut Vec<u8>) -> u8 {
        let at = self.random.below(self.live.len() as u64) as usize;
        let incoming_id = self.take_order_id();
        let order = &mut self.live[at];
        let quantity = 1 + self.random.below(u64::from(order.quantity)) as u32;
        let OrderAdd { id, price, instrument, side, .. } = *order;
        let (buy_id, sell_id) = if side == Side::Buy { (id, incoming_id) } else { (incoming_id, id) };
        self.middles[instrument as usize] = price.max(100 * TICK);
        order.quantity -= quantity;
        if order.quantity == 0 {
            self.live.swap_remove(at);
        }
        append(payload, &Trade { buy_id, sell_id, price, quantity, instrument, reserved: [0; 3] })
    }

    fn quote(&mut self, payload: &mut Vec<u8>) -> u8 {
        let instrument = self.random.below(INSTRUMENTS as u64) as usize;
        let middle = self.middles[instrument];
        let distance = (1 + self.random.below(3) as i64) * TICK;
        let quote = Quote {
            bid: middle - distance,
            ask: middle + distance,
            bid_quantity: 1 + self.random.below(5000) as u32,
            ask_quantity: 1 + self.random.below(5000) as u32,
            instrument: Instrument::ALL[instrument],
            reserved: [0; 7],
        };
        append(payload, &quote)
    }

    fn take_order_id(&mut self) -> u64 {
        self.next_order_id += 1;
        self.next_order_id - 1
    }
}

impl Feed for DemoFeed {
    fn next_event(&mut self, payload: &mut Vec<u8>) -> Result<Next, FeedError> {
        if self.burst == 0 || self.random.below(100) >= SHARED_PERCENT {
            self.begin_burst();
        }
        payload.clear();
        let event_type = self.generate(payload);
        Ok(Next::Event { timestamp: self.timestamp, event_type })
    }

    fn schemas(&self) -> SchemaList {
        SchemaList::of::<DemoEvents>()
    }
}

/// SplitMix64: small, fast, and the same on every machine.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    /// Returns a number from 0 to `bound` - 1, spread evenly enough for the small bounds used here.
    fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringlog_nostd::Payload;
    use std::sync::atomic::{AtomicU64, Ordering};

    fn still() -> u64 {
        7
    }

    fn ticking() -> u64 {
        static NOW: AtomicU64 = AtomicU64::new(1);
        NOW.fetch_add(1, Ordering::Relaxed)
    }

    fn take(seed: u64, clock: fn() -> u64, count: usize) -> Vec<(u64, u8, Vec<u8>)> {
        let mut feed = DemoFeed::new(seed, clock);
        let mut payload = Vec::new();
        let mut events = Vec::new();
        while events.len() < count {
            let Next::Event { timestamp, event_type } = feed.next_event(&mut payload).unwrap() else {
                panic!("the demo never ends");
            };
            events.push((timestamp, event_type, payload.clone()));
        }
        events
    }

    #[test]
    fn the_same_seed_gives_the_same_stream() {
        assert_eq!(take(1, still, 5000), take(1, still, 5000));
        assert_ne!(take(1, still, 5000), take(2, still, 5000));
    }

    #[test]
    fn bursts_share_timestamps_like_recorded_trades() {
        let events = take(3, ticking, 100_000);
        assert!(events.windows(2).all(|pair| pair[0].0 <= pair[1].0));
        let shared = events.windows(2).filter(|pair| pair[0].0 == pair[1].0).count();
        assert!((82_000..84_000).contains(&shared), "{shared}");
    }

    #[test]
    fn all_types_occur_with_the_lengths_of_their_structs() {
        let mut counts = [0; 256];
        for (_, event_type, payload) in take(4, still, 100_000) {
            counts[usize::from(event_type)] += 1;
            let len = [0, 24, 24, 16, 32, 32, 4].get(usize::from(event_type));
            assert_eq!(len, Some(&payload.len()), "type {event_type}");
        }
        assert_eq!(counts.iter().filter(|&&count| count > 0).count(), 6);
    }

    #[test]
    fn cancels_name_orders_that_live() {
        let mut live = std::collections::HashSet::new();
        for (_, event_type, payload) in take(5, still, 50_000) {
            let id = payload.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
            match event_type {
                OrderAdd::TYPE => assert!(live.insert(id)),
                OrderCancel::TYPE => assert!(live.remove(&id)),
                OrderModify::TYPE => assert!(live.contains(&id)),
                _ => {}
            }
        }
    }
}
