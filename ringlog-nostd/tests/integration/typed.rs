//! Structs as payloads: what the log says of them, what is written, what a view refuses.

use ringlog_nostd::format::{Event, Layouts};
use ringlog_nostd::{
    AlignedBytes, ClockKind, ConsumerList, Delivery, EventConsumer, EventHeader, EventSchema, EventTypes,
    Gap, GapReason, HasTail, Payload, Ring, StreamSink, Tail, ViewError, WriteError, event, events, fields,
    flags, labels,
};

use crate::queue::{options, payload_of};

/// Bytes for control words, data and overrun.
type Memory = AlignedBytes<4096>;

#[labels]
#[derive(Clone, Copy, PartialEq, Debug)]
enum Side {
    Buy,
    Sell,
}

#[labels]
#[derive(Clone, Copy, PartialEq, Debug)]
enum Venue {
    Xetra = 3,
    NewYork = 7,
}

#[event(type = 1)]
#[derive(PartialEq, Debug)]
struct OrderAdd {
    id: u64,
    #[event(scale = -8, unit = "USD")]
    price: i64,
    quantity: u32,
    side: Side,
    venue: Venue,
    reserved: [u8; 2],
}

const ORDER: OrderAdd =
    OrderAdd { id: 7, price: -3, quantity: 500, side: Side::Sell, venue: Venue::NewYork, reserved: [0; 2] };

/// The payload of [`ORDER`].
const ORDER_BYTES: [u8; 24] =
    [7, 0, 0, 0, 0, 0, 0, 0, 0xFD, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xF4, 1, 0, 0, 1, 7, 0, 0];

#[fields]
struct Level {
    #[event(scale = -2, unit = "EUR")]
    price: i32,
    quantity: u32,
}

#[event(type = 200, name = "everything", tail = "cbor")]
struct Everything {
    a: u64,
    b: i64,
    c: f64,
    #[event(kind = "timestamp")]
    since: u64,
    d: u32,
    e: i32,
    f: f32,
    levels: [Level; 2],
    #[event(scale = 3, unit = "\u{b5}s \"a\\b\"")]
    delays: [u16; 2],
    g: u16,
    h: i16,
    i: u8,
    j: i8,
    k: bool,
    sides: [Side; 2],
    #[event(kind = "text")]
    symbol: [u8; 8],
    key: [u8; 3],
    _hole: [u8; 4],
    reserved_bits: u16,
    r#type: u8,
    pairs: [[u8; 2]; 2],
    reserved: [u8; 9],
}

#[event(type = 9, tail = "text")]
struct Message {
    level: u8,
}

#[event(type = 10)]
struct Reset;

events!(pub(crate) Orders: OrderAdd, Message, Reset);

#[test]
fn the_log_says_name_offset_and_kind_of_each_field() {
    let order = r#"{"type":1,"name":"order_add","size":24,"fields":[{"name":"id","offset":0,"kind":"u64"},{"name":"price","offset":8,"kind":"i64","scale":-8,"unit":"USD"},{"name":"quantity","offset":16,"kind":"u32"},{"name":"side","offset":20,"kind":"u8","labels":{"0":"buy","1":"sell"}},{"name":"venue","offset":21,"kind":"u8","labels":{"3":"xetra","7":"new_york"}}],"tail":"none"}"#;
    assert_eq!(str::from_utf8(OrderAdd::SCHEMA), Ok(order));
    assert_eq!((OrderAdd::TYPE, OrderAdd::NAME, OrderAdd::TAIL), (1, "order_add", Tail::None));
}

#[test]
fn every_kind_has_its_place_in_the_description() {
    let fields = [
        r#"{"name":"a","offset":0,"kind":"u64"}"#,
        r#"{"name":"b","offset":8,"kind":"i64"}"#,
        r#"{"name":"c","offset":16,"kind":"f64"}"#,
        r#"{"name":"since","offset":24,"kind":"timestamp"}"#,
        r#"{"name":"d","offset":32,"kind":"u32"}"#,
        r#"{"name":"e","offset":36,"kind":"i32"}"#,
        r#"{"name":"f","offset":40,"kind":"f32"}"#,
        r#"{"name":"levels","offset":44,"kind":"array","length":2,"item":{"kind":"struct","size":8,"fields":[{"name":"price","offset":0,"kind":"i32","scale":-2,"unit":"EUR"},{"name":"quantity","offset":4,"kind":"u32"}]}}"#,
        r#"{"name":"delays","offset":60,"kind":"array","length":2,"item":{"kind":"u16","scale":3,"unit":"µs \"a\\b\""}}"#,
        r#"{"name":"g","offset":64,"kind":"u16"}"#,
        r#"{"name":"h","offset":66,"kind":"i16"}"#,
        r#"{"name":"i","offset":68,"kind":"u8"}"#,
        r#"{"name":"j","offset":69,"kind":"i8"}"#,
        r#"{"name":"k","offset":70,"kind":"bool"}"#,
        r#"{"name":"sides","offset":71,"kind":"array","length":2,"item":{"kind":"u8","labels":{"0":"buy","1":"sell"}}}"#,
        r#"{"name":"symbol","offset":73,"kind":"text","length":8}"#,
        r#"{"name":"key","offset":81,"kind":"bytes","length":3}"#,
        r#"{"name":"reserved_bits","offset":88,"kind":"u16"}"#,
        r#"{"name":"type","offset":90,"kind":"u8"}"#,
        r#"{"name":"pairs","offset":91,"kind":"array","length":2,"item":{"kind":"bytes","length":2}}"#,
    ]
    .join(",");
    let wanted =
        format!(r#"{{"type":200,"name":"everything","size":104,"fields":[{fields}],"tail":"cbor"}}"#);
    assert_eq!(str::from_utf8(Everything::SCHEMA), Ok(&*wanted));
}

#[test]
fn a_list_has_the_schema_of_each_event() {
    assert_eq!(
        Orders::SCHEMAS,
        [EventSchema::of::<OrderAdd>(), EventSchema::of::<Message>(), EventSchema::of::<Reset>()]
    );
    assert_eq!(Orders::SCHEMAS[0].meta, OrderAdd::SCHEMA);
    assert_eq!(Orders::SCHEMAS[2].meta, br#"{"type":10,"name":"reset","size":0,"fields":[],"tail":"none"}"#);
}

#[test]
fn producers_and_batches_write_the_bytes_of_an_untyped_write() {
    let mut memory = Memory::new();
    let (mut producer, mut consumer) = Ring::format(memory.as_mut(), 64).unwrap().into_ends();
    let mut next = |header: EventHeader, payload: &[u8]| {
        let (read, bytes) = consumer.read_event().unwrap();
        assert_eq!((read.as_user(), bytes), (header, payload));
    };
    producer.write(5, &ORDER).unwrap();
    next(EventHeader::new(5, 1, 24), &ORDER_BYTES);
    producer.write_with_tail(6, &Message { level: 3 }, b"too hot").unwrap();
    next(EventHeader::new(6, 9, 8), b"\x03too hot");
    producer.write(7, &Message { level: 4 }).unwrap();
    next(EventHeader::new(7, 9, 1), &[4]);
    let mut batch = producer.batch();
    batch.write(8, &ORDER).unwrap();
    batch.write_with_tail(9, &Message { level: 5 }, b"").unwrap();
    batch.write(10, &Reset).unwrap();
    assert_eq!(batch.publish(), 3);
    next(EventHeader::new(8, 1, 24), &ORDER_BYTES);
    next(EventHeader::new(9, 9, 1), &[5]);
    next(EventHeader::new(10, 10, 0), &[]);
}

/// Writes struct and tail in one slice and in two, from every start in a lap of 512 bytes on, over old bytes that are
/// no zeros.
fn both_ways<P: HasTail>(payload: &P, tail: &[u8], retained: bool) {
    let mut joined = payload.as_bytes().to_vec();
    joined.extend_from_slice(tail);
    let header = |time| EventHeader::new(time, P::TYPE, joined.len() as u16);
    for start in (0..512).step_by(8) {
        let options = ringlog_nostd::RingOptions { retained, ..options(512, 300, start) };
        let memories = [false, true].map(|is_typed| {
            let mut memory = Memory::new();
            memory.as_mut().fill(0xEE);
            let mut ring = Ring::format_with(memory.as_mut(), &options).unwrap();
            let (mut producer, mut consumer) = ring.split();
            for time in 0..5 {
                if is_typed {
                    producer.write_with_tail(time, payload, tail).unwrap();
                } else {
                    producer.write_event(&header(time), &joined).unwrap();
                }
                let (read, bytes) = consumer.read_event().unwrap();
                assert_eq!((read.as_user(), bytes), (header(time), &joined[..]));
                let (viewed, rest) = P::view_with_tail(&read, bytes).unwrap();
                assert_eq!((viewed.as_bytes(), rest), (payload.as_bytes(), tail));
                consumer.release();
            }
            drop((producer, consumer));
            memory.as_mut().to_vec()
        });
        assert!(memories[0] == memories[1], "{} bytes of tail, {start}, retained: {retained}", tail.len());
    }
}

#[test]
fn every_byte_of_struct_and_tail_is_that_of_a_plain_write() {
    #[event(type = 12, tail = "bytes")]
    struct Nothing;

    #[event(type = 13, tail = "bytes")]
    struct Odd {
        symbol: [u8; 13],
    }

    #[event(type = 14, tail = "bytes")]
    struct Words {
        a: u64,
        b: u64,
    }

    for retained in [false, true] {
        for len in [0, 1, 3, 7, 8, 9, 16, 31, 33, 64, 65, 255] {
            let tail = payload_of(7, len);
            both_ways(&Nothing, &tail, retained);
            both_ways(&Odd { symbol: *b"thirteenbytes" }, &tail, retained);
            both_ways(&Words { a: u64::MAX, b: 1 }, &tail, retained);
        }
    }
}

#[test]
fn struct_and_tail_together_are_refused_if_they_are_too_long() {
    let mut memory = Memory::new();
    let (mut producer, _consumer) = Ring::format(memory.as_mut(), 64).unwrap().into_ends();
    let too_large = |len| Err(WriteError::PayloadTooLarge { len, max: 64 });
    assert_eq!(producer.write_with_tail(1, &Message { level: 1 }, &[0; 64]), too_large(65));
    // The header's length would wrap.
    assert_eq!(producer.write_with_tail(1, &Message { level: 1 }, &[0; 65_535]), too_large(65_536));
    let mut batch = producer.batch();
    assert_eq!(batch.write_with_tail(1, &Message { level: 1 }, &[0; 65_535]), too_large(65_536));
    drop(batch);
    let mut producer = producer.lossy();
    let lossy = producer.write_with_tail(1, &Message { level: 1 }, &[0; 65_535]);
    assert_eq!(lossy, Err(WriteError::PayloadTooLarge { len: 65_536, max: 64 }));
    assert_eq!(producer.pending_loss(), None);
}

#[test]
fn a_lossy_producer_counts_typed_events_and_reports_them_before_the_next() {
    let mut memory = Memory::new();
    let mut ring = Ring::format_with(memory.as_mut(), &options(128, 32, 0)).unwrap();
    let (producer, mut consumer) = ring.split();
    let mut producer = producer.lossy();
    let mut lost = 0;
    for time in 0..9 {
        let delivery = producer.write_with_tail(time, &Message { level: 1 }, b"0123456789").unwrap();
        lost += u64::from(delivery == Delivery::Lost);
    }
    assert_eq!(consumer.drain(usize::MAX, |_, _| ()), Ok(9 - lost as usize));
    assert_eq!(producer.write(9, &ORDER), Ok(Delivery::Written));
    let (header, payload) = consumer.read_event().unwrap();
    assert_eq!(Gap::from_event(&header, payload), Some(Gap::new(GapReason::RingFull, lost)));
    assert_eq!(OrderAdd::view(&header, payload).err(), Some(ViewError::NoEvent));
    let (header, payload) = consumer.read_event().unwrap();
    assert_eq!(OrderAdd::view(&header, payload), Ok(&ORDER));
}

#[test]
fn a_flight_recorder_and_a_stream_take_structs() {
    let mut memory = Memory::new();
    let mut recorder = Ring::format(memory.as_mut(), 64).unwrap().overwrite_oldest();
    recorder.write(1, &ORDER).unwrap();
    recorder.write_with_tail(2, &Message { level: 3 }, b"too hot").unwrap();
    let (header, payload) = recorder.read_event().unwrap();
    assert_eq!(OrderAdd::view(&header, payload), Ok(&ORDER));
    let (header, payload) = recorder.read_event().unwrap();
    assert_eq!(Message::view_with_tail(&header, payload).unwrap().1, b"too hot");

    let (mut typed, mut plain) = ([0_u8; 256], [0_u8; 256]);
    let mut sink = StreamSink::start(&mut typed[..], 1, ClockKind::Ticks).unwrap();
    sink.write(1, &ORDER).unwrap();
    sink.write_with_tail(2, &Message { level: 3 }, b"too hot").unwrap();
    let mut sink = StreamSink::start(&mut plain[..], 1, ClockKind::Ticks).unwrap();
    sink.write_event(&EventHeader::new(1, 1, 24), &ORDER_BYTES).unwrap();
    sink.write_event(&EventHeader::new(2, 9, 8), b"\x03too hot").unwrap();
    assert_eq!(typed, plain);
}

#[test]
fn a_view_says_why_it_refuses() {
    let mut aligned = AlignedBytes::<32>::new();
    aligned.as_mut()[..24].copy_from_slice(&ORDER_BYTES);
    let header = EventHeader::new(1, 1, 24);
    fn view(header: EventHeader, payload: &[u8]) -> Result<u64, ViewError> {
        OrderAdd::view(&header, payload).map(|order| order.id)
    }
    let bytes = aligned.as_mut();
    assert_eq!(view(header, &bytes[..24]), Ok(7));
    assert_eq!(view(header, &bytes[..23]), Err(ViewError::Length { len: 23, size: 24 }));
    assert_eq!(view(header, &bytes[..25]), Err(ViewError::Length { len: 25, size: 24 }));
    let other = EventHeader { event_type: 2, ..header };
    assert_eq!(view(other, &bytes[..24]), Err(ViewError::OtherType { found: 2, wanted: 1 }));
    for flag in [flags::GAP, flags::META] {
        assert_eq!(view(header.with_flags(flag), &bytes[..24]), Err(ViewError::NoEvent));
    }
    bytes[21] = 4;
    assert_eq!(view(header, &bytes[..24]), Err(ViewError::InvalidValue), "no venue has this number");
    // With 32-bit words a multiple of 4 may be aligned.
    bytes.copy_within(0..24, 1);
    bytes[22] = 3;
    assert_eq!(view(header, &bytes[1..25]), Err(ViewError::Misaligned));
}

#[test]
fn an_event_of_another_layout_is_not_viewed() {
    #[derive(Debug)]
    struct Knows(&'static [u8]);

    impl Layouts for Knows {
        fn accepts(&self, event_type: u8, schema: &'static [u8]) -> bool {
            event_type != 9 || schema == self.0
        }
    }

    let event = Event::new(EventHeader::new(1, 9, 4), b"\x03hot", 0, 64);
    let (same, other) = (Knows(Message::SCHEMA), Knows(b"{}"));
    let view = |layouts| event.with_layouts(layouts).view::<Message>().map(|message| message.level);
    assert_eq!(view(None), Ok(3));
    assert_eq!(view(Some(&same)), Ok(3));
    assert_eq!(view(Some(&other)), Err(ViewError::OtherLayout));
    let reset = event.with_layouts(Some(&other)).view::<Reset>();
    assert_eq!(reset.err(), Some(ViewError::OtherType { found: 9, wanted: 10 }));
}

/// From every start of a lap on, and by every way of reading, an event is viewed in place.
#[test]
fn all_readers_of_a_ring_give_payloads_at_multiples_of_eight() {
    #[derive(Default)]
    struct Views(usize);

    impl EventConsumer for Views {
        fn consume(&mut self, header: &EventHeader, payload: &[u8]) -> bool {
            assert_eq!(OrderAdd::view(header, payload), Ok(&ORDER));
            self.0 += 1;
            true
        }

        fn name(&self) -> &str {
            "views"
        }
    }

    for start in (0..512).step_by(8) {
        let mut memory = Memory::new();
        let mut ring = Ring::format_with(memory.as_mut(), &options(512, 64, start)).unwrap();
        let (mut producer, mut consumer) = ring.split();
        for lap in 0..40 {
            // The tail moves the records after it.
            let tail = payload_of(lap, lap as usize % 40);
            producer.write_with_tail(lap, &Message { level: 1 }, &tail).unwrap();
            producer.write(lap, &ORDER).unwrap();
            let (header, payload) = consumer.read_event().unwrap();
            assert_eq!(Message::view_with_tail(&header, payload).unwrap().1, tail);
            match lap % 3 {
                0 => {
                    let (header, payload) = consumer.read_event().unwrap();
                    assert_eq!(OrderAdd::view(&header, payload), Ok(&ORDER));
                }
                1 => {
                    let mut seen = Views::default();
                    let drained = consumer.drain(8, |header, payload| {
                        seen.consume(header, payload);
                    });
                    assert_eq!((drained, seen.0), (Ok(1), 1));
                }
                _ => {
                    let mut run = consumer.peek_run(0).unwrap().unwrap();
                    let (header, payload) = run.peek().unwrap();
                    assert_eq!(OrderAdd::view(&header, payload), Ok(&ORDER));
                    run.accept();
                    let bytes = run.accepted_bytes();
                    consumer.release_bytes(bytes);
                }
            }
        }
        for time in 0..4 {
            producer.write(time, &ORDER).unwrap();
        }
        consumer.release();
        let mut seen = Views::default();
        let mut list = ConsumerList::<1>::new(consumer);
        list.add_required(&mut seen).unwrap();
        assert_eq!(list.drain(), Ok(4 * 40));
        drop(list);
        assert_eq!(seen.0, 4);
    }
}
