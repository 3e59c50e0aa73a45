//! Structs in logs and files: written, described, viewed.

use ringlog::event::{Payload, ViewError};
use ringlog::recorder::Recorder;
use ringlog::ring::{Delivery, RingBuffer, SpscRingBuffer};
use ringlog::storage::{AppendError, LogReader, LogWriter, MmapReader, MmapWriter};
use ringlog_nostd::WriteError;

#[ringlog::labels]
#[derive(Clone, Copy, PartialEq, Debug)]
enum Side {
    Buy,
    Sell,
}

#[ringlog::fields]
#[derive(Clone, Copy, PartialEq, Debug)]
struct Level {
    #[event(scale = -2, unit = "EUR")]
    price: i32,
    quantity: u32,
}

#[ringlog::event(type = 1)]
#[derive(Clone, PartialEq, Debug)]
struct OrderAdd {
    id: u64,
    #[event(scale = -8, unit = "USD")]
    price: i64,
    levels: [Level; 2],
    side: Side,
    #[event(kind = "text")]
    symbol: [u8; 7],
}

#[ringlog::event(type = 2, tail = "text")]
struct Note {
    level: u8,
}

ringlog::events!(Orders: OrderAdd, Note);

fn order(id: u64) -> OrderAdd {
    let level = Level { price: 1234, quantity: 5 };
    OrderAdd { id, price: -3, levels: [level; 2], side: Side::Sell, symbol: *b"ESU6\0\0\0" }
}

/// Writes an order and a note, whose lengths move what follows.
fn write_pair(writer: &mut LogWriter, id: u64, tail_len: usize) {
    writer.write(id, &order(id)).unwrap();
    writer.write_with_tail(id, &Note { level: 3 }, &vec![b'x'; tail_len]).unwrap();
}

#[test]
fn a_log_gives_back_the_structs_at_multiples_of_eight() {
    let folder = tempfile::tempdir().unwrap();
    let options = LogWriter::options().segment_bytes(1 << 14).events::<Orders>();
    let mut writer = options.open(folder.path()).unwrap();
    for id in 0..500 {
        write_pair(&mut writer, id, id as usize % 90);
    }
    // Longer than what is joined on the stack.
    write_pair(&mut writer, 500, 5000);
    assert!(writer.close().unwrap().segments > 1);

    let (mut orders, mut notes) = (0, 0);
    let reader = LogReader::open(folder.path()).unwrap();
    for event in reader.events() {
        let event = event.unwrap();
        if event.is_meta() {
            assert_eq!(event.view::<OrderAdd>().err(), Some(ViewError::NoEvent));
            continue;
        }
        assert!(event.layouts().is_some());
        match event.header.event_type {
            1 => {
                assert_eq!(event.view::<OrderAdd>(), Ok(&order(orders)));
                orders += 1;
            }
            _ => {
                let (note, text) = event.view_with_tail::<Note>().unwrap();
                let len = if notes == 500 { 5000 } else { notes % 90 };
                assert_eq!((note.level, text), (3, &*vec![b'x'; len]));
                notes += 1;
            }
        }
    }
    assert_eq!((orders, notes), (501, 501));
}

#[test]
fn an_event_of_another_layout_is_refused_in_its_segments_only() {
    mod before {
        #[ringlog::event(type = 1)]
        pub(super) struct OrderAdd {
            pub(super) id: u32,
            pub(super) price: u32,
        }

        ringlog::events!(pub(super) Orders: OrderAdd);
    }

    let folder = tempfile::tempdir().unwrap();
    let mut writer = LogWriter::options().events::<before::Orders>().open(folder.path()).unwrap();
    writer.write(1, &before::OrderAdd { id: 1, price: 2 }).unwrap();
    writer.close().unwrap();
    let mut writer = LogWriter::options().events::<Orders>().open(folder.path()).unwrap();
    writer.write(2, &order(2)).unwrap();
    writer.close().unwrap();

    let mut found = Vec::new();
    let reader = LogReader::open(folder.path()).unwrap();
    for event in reader.events().map(Result::unwrap).filter(|event| !event.is_meta()) {
        let before = event.view::<before::OrderAdd>().map(|order| (order.id, order.price));
        found.push((event.header.timestamp, before, event.view::<OrderAdd>().map(|order| order.id)));
    }
    let other = ViewError::OtherLayout;
    assert_eq!(found, [(1, Ok((1, 2)), Err(other)), (2, Err(other), Ok(2))]);
}

#[test]
fn a_file_and_every_ring_take_structs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.evtl");
    let mut writer = MmapWriter::options().events::<Orders>().create(&path, 1 << 16).unwrap();
    writer.write(1, &order(1)).unwrap();
    writer.write_with_tail(2, &Note { level: 4 }, b"text").unwrap();
    writer.close().unwrap();
    let reader = MmapReader::open(&path).unwrap();
    let events: Vec<_> = reader.events().map(Result::unwrap).filter(|event| !event.is_meta()).collect();
    assert_eq!(events[0].view::<OrderAdd>(), Ok(&order(1)));
    assert_eq!(
        events[1].view_with_tail::<Note>().map(|(note, text)| (note.level, text)),
        Ok((4, &b"text"[..]))
    );

    let mut ring = RingBuffer::new(4096);
    ring.write(1, &order(7)).unwrap();
    ring.write_with_tail(2, &Note { level: 4 }, b"text").unwrap();
    let (header, payload) = ring.read_event().unwrap();
    assert_eq!(OrderAdd::view(&header, payload), Ok(&order(7)));
    let (header, payload) = ring.read_event().unwrap();
    assert_eq!(Note::view_with_tail(&header, payload).unwrap().1, b"text");

    let (mut producer, mut consumer) = SpscRingBuffer::new(4096).split_notify();
    producer.write(1, &order(8)).unwrap();
    producer.write_with_tail(2, &Note { level: 4 }, b"text").unwrap();
    let (header, payload) = consumer.inner_mut().read_event().unwrap();
    assert_eq!(OrderAdd::view(&header, payload), Ok(&order(8)));
}

#[test]
fn struct_and_tail_that_are_longer_than_a_payload_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = LogWriter::open(folder.path()).unwrap();
    let error = writer.write_with_tail(1, &Note { level: 1 }, &[b'x'; 65_535]).unwrap_err();
    let too_large = WriteError::PayloadTooLarge { len: 65_536, max: 65_535 };
    assert!(matches!(error, AppendError::Event(cause) if cause == too_large), "{error:?}");
    writer.write_with_tail(1, &Note { level: 1 }, &[b'x'; 65_534]).unwrap();
    assert_eq!(writer.close().unwrap().events, 1);
}

#[test]
fn a_recorder_writes_what_its_log_says_of_the_events() {
    let folder = tempfile::tempdir().unwrap();
    // The options of the log keep the events that were added before.
    let builder = Recorder::builder().events::<Orders>().log(LogWriter::options().segment_bytes(1 << 16));
    let (producer, recorder) = builder.start(folder.path()).unwrap();
    let mut producer = producer.lossy();
    assert_eq!(producer.write(1, &order(1)), Ok(Delivery::Written));
    let mut producer = producer.into_inner();
    let mut batch = producer.batch();
    batch.write_with_tail(2, &Note { level: 3 }, b"text").unwrap();
    assert_eq!(batch.publish(), 1);
    recorder.shutdown(producer).unwrap();

    let reader = LogReader::open(folder.path()).unwrap();
    let schemas = reader.schemas().unwrap();
    assert_eq!((schemas.of_type(1), schemas.of_type(2)), (Some(OrderAdd::SCHEMA), Some(Note::SCHEMA)));
    let order_added = reader.events().map(Result::unwrap).find(|event| event.header.timestamp == 1).unwrap();
    assert_eq!(order_added.view::<OrderAdd>(), Ok(&order(1)));
}

#[cfg(feature = "schema")]
#[test]
fn descriptions_are_what_a_reader_writes_and_decode_the_payload() {
    use ringlog::schema::Schema;

    for meta in [OrderAdd::SCHEMA, Note::SCHEMA] {
        let schema = Schema::parse(meta).unwrap();
        assert_eq!(schema.to_json().as_bytes(), meta);
    }
    let mut ring = RingBuffer::new(4096);
    ring.write(1, &order(7)).unwrap();
    ring.write_with_tail(2, &Note { level: 4 }, b"too hot").unwrap();
    let schema = Schema::parse(OrderAdd::SCHEMA).unwrap();
    let (_, payload) = ring.read_event().unwrap();
    assert_eq!(
        schema.decode(payload).unwrap().json().to_string(),
        r#"{"id":7,"price":-0.00000003,"levels":[{"price":12.34,"quantity":5},{"price":12.34,"quantity":5}],"side":"sell","symbol":"ESU6"}"#
    );
    let schema = Schema::parse(Note::SCHEMA).unwrap();
    let (_, payload) = ring.read_event().unwrap();
    assert_eq!(schema.decode(payload).unwrap().json().to_string(), r#"{"level":4,"tail":"too hot"}"#);
}

#[cfg(feature = "schema")]
mod read {
    use super::*;
    use ringlog::event::{Event, EventTypes};
    use ringlog::storage::{FieldError, ReadEvent};

    mod before {
        #[ringlog::labels]
        pub(super) enum Side {
            Sell = 1,
            Buy = 2,
        }

        #[ringlog::fields]
        pub(super) struct Level {
            pub(super) price: i16,
        }

        #[ringlog::event(type = 1, tail = "text")]
        pub(super) struct Order {
            pub(super) gone: u64,
            #[event(scale = -2)]
            pub(super) price: i32,
            pub(super) quantity: u32,
            pub(super) ratio: f32,
            pub(super) levels: [Level; 2],
            #[event(kind = "text")]
            pub(super) symbol: [u8; 4],
            pub(super) side: Side,
            pub(super) is_open: bool,
            pub(super) reserved: [u8; 10],
        }

        ringlog::events!(pub(super) Orders: Order);
    }

    #[ringlog::labels]
    #[derive(PartialEq, Debug)]
    enum Side {
        Buy,
        Sell,
    }

    #[ringlog::fields]
    #[derive(PartialEq, Debug)]
    struct Level {
        price: i64,
        #[event(default)]
        quantity: u64,
    }

    #[ringlog::event(type = 1, tail = "text")]
    #[derive(PartialEq, Debug)]
    struct Order {
        ratio: f64,
        #[event(scale = -8)]
        price: i64,
        levels: [Level; 2],
        #[event(default)]
        added: u64,
        #[event(kind = "text")]
        symbol: [u8; 8],
        quantity: u16,
        side: Side,
        is_open: bool,
        reserved: [u8; 4],
    }

    #[ringlog::event(type = 1, tail = "text")]
    #[derive(Debug)]
    struct NeedsMore {
        new: u32,
    }

    /// Writes an order of the old layout, and gives its event to `check`.
    fn with_old_order(quantity: u32, check: impl Fn(&Event<'_>)) {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = LogWriter::options().events::<before::Orders>().open(folder.path()).unwrap();
        let order = before::Order {
            gone: 1,
            price: -10_125,
            quantity,
            ratio: 0.5,
            levels: [before::Level { price: -7 }, before::Level { price: 8 }],
            symbol: *b"ESU6",
            side: if quantity == 3 { before::Side::Sell } else { before::Side::Buy },
            is_open: true,
            reserved: [0; 10],
        };
        writer.write_with_tail(5, &order, b"tail").unwrap();
        writer.close().unwrap();
        let reader = LogReader::open(folder.path()).unwrap();
        check(&reader.events().map(Result::unwrap).find(|event| !event.is_meta()).unwrap());
    }

    #[test]
    fn fields_are_copied_by_name_and_keep_their_values() {
        with_old_order(3, |event| {
            assert_eq!(event.view::<Order>().err(), Some(ViewError::OtherLayout));
            let (order, tail) = event.read_with_tail::<Order>().unwrap();
            let wanted = Order {
                ratio: 0.5,
                price: -10_125_000_000,
                levels: [Level { price: -7, quantity: 0 }, Level { price: 8, quantity: 0 }],
                added: 0,
                symbol: *b"ESU6\0\0\0\0",
                quantity: 3,
                side: Side::Sell,
                is_open: true,
                reserved: [0; 4],
            };
            assert_eq!((order, tail), (wanted, &b"tail"[..]));
            // The old struct is still that of the log.
            assert_eq!(event.read::<before::Order>().unwrap().price, -10_125);
        });
    }

    #[test]
    fn a_value_without_a_place_and_a_field_without_a_value_are_errors() {
        with_old_order(70_000, |event| {
            assert_eq!(event.read::<Order>(), Err(FieldError::Value { field: "quantity" }));
            assert_eq!(event.read::<NeedsMore>().unwrap_err(), FieldError::Missing { field: "new" });
            let other = ViewError::OtherType { found: 1, wanted: 2 };
            assert_eq!(event.read::<Note>().err(), Some(FieldError::View(other)));
        });
        assert_eq!(before::Orders::SCHEMAS.len(), 1);
    }
}
