//! Records orders as structs, and reads them back. The log knows the names of their fields.

use ringlog::{clock::Clock, recorder::Recorder, storage::LogReader};

#[ringlog::event(type = 1)]
struct OrderAdd {
    id: u64,
    #[event(scale = -2, unit = "USD")]
    price: i64,
    quantity: u32,
    side: Side,
    reserved: [u8; 3],
}

#[ringlog::event(type = 2, tail = "text")]
struct OrderReject {
    id: u64,
}

#[ringlog::labels]
#[derive(Debug)]
enum Side {
    Buy,
    Sell,
}

ringlog::events!(Orders: OrderAdd, OrderReject);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let clock = Clock::new();
    let (producer, recorder) = Recorder::builder().events::<Orders>().start("orders")?;
    let mut producer = producer.lossy();
    let order = OrderAdd { id: 7, price: 10_125, quantity: 3, side: Side::Buy, reserved: [0; 3] };
    producer.write(clock.now(), &order)?;
    producer.write_with_tail(clock.now(), &OrderReject { id: 7 }, b"the market is closed")?;
    recorder.shutdown(producer.into_inner())?;

    for event in LogReader::open("orders")?.events() {
        let event = event?;
        if let Ok(order) = event.view::<OrderAdd>() {
            println!("{:?} {} at {}.{:02}", order.side, order.quantity, order.price / 100, order.price % 100);
        } else if let Ok((reject, text)) = event.view_with_tail::<OrderReject>() {
            println!("order {} was refused: {}", reject.id, str::from_utf8(text)?);
        }
    }
    Ok(())
}
