//! Structs whose numbers are little-endian on every target.

use ringlog_nostd::{AlignedBytes, Payload, Ring, event, labels, little_endian};

#[labels]
enum Side {
    Buy,
    Sell,
}

#[event(type = 11)]
struct Portable {
    a: little_endian::U64,
    b: little_endian::I32,
    c: little_endian::F32,
    d: little_endian::U16,
    side: Side,
    is_open: bool,
}

#[test]
fn little_endian_types_are_the_kinds_of_the_native_ones() {
    let wanted = r#"{"type":11,"name":"portable","size":20,"fields":[{"name":"a","offset":0,"kind":"u64"},{"name":"b","offset":8,"kind":"i32"},{"name":"c","offset":12,"kind":"f32"},{"name":"d","offset":16,"kind":"u16"},{"name":"side","offset":18,"kind":"u8","labels":{"0":"buy","1":"sell"}},{"name":"is_open","offset":19,"kind":"bool"}],"tail":"none"}"#;
    assert_eq!(core::str::from_utf8(Portable::SCHEMA), Ok(wanted));
}

#[test]
fn the_payload_is_the_same_on_every_target() {
    let mut memory = AlignedBytes::<512>::new();
    let (mut producer, mut consumer) = Ring::format(memory.as_mut(), 32).unwrap().into_ends();
    let payload = Portable {
        a: 0x0102.into(),
        b: (-2).into(),
        c: 1.0.into(),
        d: 0x0304.into(),
        side: Side::Sell,
        is_open: true,
    };
    producer.write(1, &payload).unwrap();
    let (header, bytes) = consumer.read_event().unwrap();
    assert_eq!(bytes, [2, 1, 0, 0, 0, 0, 0, 0, 0xFE, 0xFF, 0xFF, 0xFF, 0, 0, 0x80, 0x3F, 4, 3, 1, 1]);
    let read = Portable::view(&header, bytes).unwrap();
    assert_eq!((read.a.get(), read.b.get(), read.c.get(), read.d.get()), (0x0102, -2, 1.0, 0x0304));
    assert!(matches!(read.side, Side::Sell) && read.is_open);
}
