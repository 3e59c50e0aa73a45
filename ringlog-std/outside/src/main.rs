//! Records an order flow until it is killed, and reads it back: `order-flow write|write-new LOG`, `order-flow read LOG`.
//!
//! `write-new` is the next version of the program, in which the order has a further field.
#![forbid(unsafe_code)]

use std::error::Error;
use std::path::Path;

use ringlog::recorder::Recorder;
use ringlog::storage::{DecodeEvent, LogReader, SyncPolicy};

#[ringlog::labels]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Side {
    Buy,
    Sell,
}

#[ringlog::event(type = 1)]
struct OrderAdd {
    id: u64,
    #[event(scale = -2, unit = "EUR")]
    price: i64,
    quantity: u32,
    side: Side,
    reserved: [u8; 3],
}

#[ringlog::event(type = 2)]
struct OrderCancel {
    id: u64,
}

#[ringlog::event(type = 3, tail = "text")]
struct Note {
    id: u64,
}

ringlog::events!(Flow: OrderAdd, OrderCancel, Note);

/// The order of the next version.
mod new {
    use super::Side;

    #[ringlog::event(type = 1)]
    pub(super) struct OrderAdd {
        pub(super) id: u64,
        pub(super) quantity: u32,
        pub(super) side: Side,
        pub(super) is_hidden: bool,
        pub(super) reserved: [u8; 2],
        #[event(scale = -2, unit = "EUR")]
        pub(super) price: i64,
    }

    ringlog::events!(pub(super) Flow: OrderAdd, super::OrderCancel, super::Note);
}

/// What the events of this number say, in each version.
const fn price_of(number: u64) -> i64 {
    (number % 100_000) as i64 - 50_000
}

const fn side_of(number: u64) -> Side {
    if number.is_multiple_of(3) { Side::Buy } else { Side::Sell }
}

fn write(log: &Path, is_new: bool) -> Result<(), Box<dyn Error>> {
    let first = LogReader::open(log).map_or(0, |reader| reader.events().count() as u64);
    let options = ringlog::storage::LogWriter::options().segment_bytes(64 << 10).sync(SyncPolicy::Never);
    let builder = Recorder::builder().ring_bytes(64 << 10).log(options);
    let builder = if is_new { builder.events::<new::Flow>() } else { builder.events::<Flow>() };
    let (mut producer, recorder) = builder.start(log)?;
    for number in first.. {
        if recorder.has_stopped() {
            recorder.shutdown(producer)?;
            return Ok(());
        }
        let quantity = (number % 1_000) as u32;
        let (price, side) = (price_of(number), side_of(number));
        while match number % 3 {
            0 if is_new => {
                let order =
                    new::OrderAdd { id: number, quantity, side, is_hidden: true, reserved: [0; 2], price };
                producer.write(number, &order)
            }
            0 => producer.write(number, &OrderAdd { id: number, price, quantity, side, reserved: [0; 3] }),
            1 => producer.write(number, &OrderCancel { id: number }),
            _ => producer.write_with_tail(number, &Note { id: number }, format!("note {number}").as_bytes()),
        }
        .is_err()
        {
            std::thread::yield_now();
        }
    }
    Ok(())
}

/// Reads each event by its name, and by the struct of the version that wrote it; prints how many of each.
fn read(log: &Path) -> Result<(), Box<dyn Error>> {
    let reader = LogReader::open(log)?;
    let (mut old, mut new, mut others, mut gaps) = (0_u64, 0_u64, 0_u64, 0_u64);
    for event in reader.events() {
        let event = event?;
        if event.gap().is_some() {
            gaps += 1;
            continue;
        }
        let number = event.header.timestamp;
        let decoded = event.decode().ok_or("no description")??;
        let id = decoded.get("id").ok_or("no id")?.to_string();
        assert_eq!(id, number.to_string());
        match event.header.event_type {
            1 => {
                let price = match (event.view::<OrderAdd>(), event.view::<new::OrderAdd>()) {
                    (Ok(order), Err(_)) => {
                        old += 1;
                        order.price
                    }
                    (Err(_), Ok(order)) => {
                        new += 1;
                        assert!(order.is_hidden);
                        order.price
                    }
                    (Ok(_), Ok(_)) => return Err("an order has both layouts".into()),
                    (Err(first), Err(second)) => return Err(format!("{first}; {second}").into()),
                };
                assert_eq!(price, price_of(number));
                let side = if side_of(number) == Side::Buy { "buy" } else { "sell" };
                assert_eq!(decoded.get("side").ok_or("no side")?.to_string(), side);
            }
            2 => {
                assert_eq!(event.view::<OrderCancel>()?.id, number);
                others += 1;
            }
            _ => {
                let (note, tail) = event.view_with_tail::<Note>()?;
                assert_eq!((note.id, tail), (number, format!("note {number}").as_bytes()));
                others += 1;
            }
        }
    }
    println!("{old} {new} {others} {gaps}");
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args_os().collect();
    let [_, what, log] = arguments.as_slice() else {
        return Err("order-flow write|write-new|read LOG".into());
    };
    match what.to_str() {
        Some("write") => write(log.as_ref(), false),
        Some("write-new") => write(log.as_ref(), true),
        Some("read") => read(log.as_ref()),
        _ => Err("order-flow write|write-new|read LOG".into()),
    }
}
