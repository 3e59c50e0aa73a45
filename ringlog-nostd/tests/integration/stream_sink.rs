//! Streams out of a ring: the bytes that arrive are a log file, for any behaviour of the device.

use embedded_io::{ErrorKind, ErrorType, Write};
use ringlog_nostd::format::{Checksums, FileHeader, MetaTopic, Records, crc32c_append, decode, file_flags};
use ringlog_nostd::{
    AlignedBytes, ClockKind, EventConsumer, EventHeader, Gap, Producer, Ring, RingFault, RingOptions,
    StreamError, StreamSink, WriteError,
};

/// Takes a few bytes at a time, up to a limit, and then does what `at_limit` says.
struct Device {
    bytes: Vec<u8>,
    limit: usize,
    at_limit: Result<usize, ErrorKind>,
}

impl ErrorType for Device {
    type Error = ErrorKind;
}

impl Write for Device {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        let taken = bytes.len().min(5).min(self.limit - self.bytes.len());
        if taken == 0 {
            return self.at_limit;
        }
        self.bytes.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        self.at_limit.map(drop)
    }
}

fn device(limit: usize, at_limit: Result<usize, ErrorKind>) -> Device {
    Device { bytes: Vec::new(), limit, at_limit }
}

type Owned = (EventHeader, Vec<u8>);

fn event(number: u64) -> Owned {
    let payload = vec![number as u8; (number as usize * 5) % 33];
    let header = EventHeader::new(number, number as u8, payload.len() as u16);
    (header.with_flags(number as u8 & 15), payload)
}

/// The records of a stream, read by its own header.
fn parse(stream: &[u8]) -> (FileHeader, Vec<Owned>) {
    let header = FileHeader::from_bytes(stream.first_chunk().unwrap()).unwrap();
    let verify = Checksums::Verify { salt: header.salt(), crc: crc32c_append };
    let records = Records::starting_at(&stream[64..], verify, 64, 0)
        .map(|record| record.map(|event| (event.header, event.payload.to_vec())).unwrap())
        .collect();
    (header, records)
}

fn fill(producer: &mut Producer<'_>, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let (header, payload) = event(number);
        producer.write_event(&header, &payload).unwrap();
    }
}

#[test]
fn every_event_arrives_in_a_valid_stream_file() {
    for retained in [false, true] {
        let mut memory = AlignedBytes::<1024>::new();
        let options = RingOptions { max_payload: Some(32), retained, start: 40, ..RingOptions::default() };
        let mut ring = Ring::format_with(memory.as_mut(), &options).unwrap();
        let (mut producer, mut consumer) = ring.split();
        let mut sink = StreamSink::start(device(usize::MAX, Ok(0)), -3, ClockKind::Ticks).expect("takes all");
        for start in (0..300).step_by(10) {
            fill(&mut producer, start..start + 10);
            assert_eq!(sink.drain(&mut consumer, 4), Ok(4));
            assert_eq!(sink.drain(&mut consumer, usize::MAX), Ok(6));
            assert_eq!(sink.drain(&mut consumer, usize::MAX), Ok(0));
        }
        let offset = sink.offset();
        let bytes = sink.into_inner().bytes;
        assert_eq!(bytes.len() as u64, offset);
        let (header, records) = parse(&bytes);
        assert!(header.has(file_flags::STREAM | file_flags::CHECKSUMS));
        assert_eq!((header.created_at, header.clock(), header.event_count), (-3, ClockKind::Ticks, 0));
        let expected: Vec<_> = (0..300).map(event).collect();
        let found: Vec<_> =
            records.into_iter().map(|(header, payload)| (header.as_user(), payload)).collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn gaps_of_a_lossy_producer_go_out_as_gaps() {
    let mut memory = AlignedBytes::<512>::new();
    let mut ring = Ring::format(memory.as_mut(), 16).unwrap();
    let (producer, mut consumer) = ring.split();
    let mut producer = producer.lossy();
    let mut sink = StreamSink::start(device(usize::MAX, Ok(0)), 1, ClockKind::Ticks).unwrap();
    for number in 0..50 {
        producer.write_event(&EventHeader::new(number, 0, 0), b"").unwrap();
    }
    sink.drain(&mut consumer, usize::MAX).unwrap();
    assert_eq!(producer.flush(), Ok(true));
    sink.drain(&mut consumer, usize::MAX).unwrap();
    let (_, records) = parse(&sink.into_inner().bytes);
    let gaps: u64 = records
        .iter()
        .filter_map(|(header, payload)| Gap::from_event(header, payload))
        .map(|gap| gap.count)
        .sum();
    assert_eq!(records.len() as u64 - 1 + gaps, 50);
}

/// At any byte at which the device stops, the file holds whole events, and the ring keeps the others.
#[test]
fn a_device_that_fails_anywhere_costs_no_event() {
    for (at_limit, expected) in
        [(Ok(0), StreamError::WroteNothing), (Err(ErrorKind::TimedOut), StreamError::Io(ErrorKind::TimedOut))]
    {
        for limit in 64..64 + 300 {
            let mut memory = AlignedBytes::<1024>::new();
            let mut ring = Ring::format(memory.as_mut(), 32).unwrap();
            let (mut producer, mut consumer) = ring.split();
            fill(&mut producer, 0..10);
            let mut sink = StreamSink::start(device(limit, at_limit), 1, ClockKind::Ticks).unwrap();
            assert_eq!(sink.drain(&mut consumer, usize::MAX), Err(expected));
            assert_eq!(sink.drain(&mut consumer, usize::MAX), Err(StreamError::Ended));
            let whole = usize::try_from(sink.offset()).unwrap();
            let (_, records) = parse(&sink.into_inner().bytes[..whole]);
            let kept = consumer.read_event().unwrap().0;
            assert_eq!(kept.as_user(), event(records.len() as u64).0, "limit {limit}");
        }
    }
}

#[test]
fn a_header_that_does_not_go_out_is_an_error() {
    for limit in 0..64 {
        let started = StreamSink::start(device(limit, Ok(0)), 1, ClockKind::Ticks);
        assert_eq!(started.err(), Some(StreamError::WroteNothing), "limit {limit}");
    }
}

#[test]
fn events_that_no_log_takes_are_refused_and_leave_the_stream_whole() {
    let mut sink = StreamSink::start(device(usize::MAX, Ok(0)), 1, ClockKind::Ticks).unwrap();
    assert!(matches!(sink.write_event(&EventHeader::new(1, 1, 3), b"ab"), Err(StreamError::Event(_))));
    let flagged = EventHeader::new(1, 1, 2).with_flags(0x20);
    assert!(matches!(sink.write_event(&flagged, b"ab"), Err(StreamError::Event(_))));
    assert_eq!(sink.write_event(&EventHeader::new(1, 1, 2), b"ab"), Ok(()));
    assert_eq!(parse(&sink.into_inner().bytes).1.len(), 1);
}

#[test]
fn a_flush_is_the_devices() {
    for at_limit in [Ok(0), Err(ErrorKind::TimedOut)] {
        let mut sink = StreamSink::start(device(64, at_limit), 1, ClockKind::Ticks).unwrap();
        assert_eq!(sink.flush(), at_limit.map(drop).map_err(StreamError::Io));
    }
}

#[test]
fn each_error_says_what_ended_the_stream() {
    let fault = RingFault::Record { position: 4096 };
    for (error, text) in [
        (StreamError::Io("no line"), "cannot write the stream: no line"),
        (StreamError::WroteNothing, "takes no bytes"),
        (StreamError::Ended, "earlier error"),
        (StreamError::Event(WriteError::Flags { found: 0x80 }), "0x80"),
        (StreamError::Ring(fault), "4096"),
    ] {
        assert!(error.to_string().contains(text), "{error}");
    }
}

#[test]
fn as_a_consumer_it_takes_what_the_device_takes() {
    let mut sink = StreamSink::start(device(64 + 24, Ok(0)), 1, ClockKind::Ticks).unwrap();
    assert_eq!(sink.name(), "stream");
    let taken: Vec<_> = (0..2).map(|number| sink.consume(&EventHeader::new(number, 0, 2), b"ab")).collect();
    assert_eq!(taken, [true, false]);
    assert_eq!(parse(&sink.into_inner().bytes[..64 + 24]).1.len(), 1);
}

#[test]
fn descriptions_come_before_the_first_event() {
    let about_log = (MetaTopic::Log, &br#"{"log":{}}"#[..]);
    let about_type = (MetaTopic::EventType(7), &br#"{"type":7,"name":"reset","size":0,"fields":[]}"#[..]);
    let mut sink = StreamSink::start(device(4096, Ok(0)), 1, ClockKind::Ticks).unwrap();
    sink.write_meta(about_log.0, about_log.1).unwrap();
    EventConsumer::meta(&mut sink, about_type.0, about_type.1);
    let too_long = WriteError::PayloadTooLarge { len: 65_536, max: 65_535 };
    assert_eq!(sink.write_meta(MetaTopic::Log, &[b' '; 65_536]), Err(StreamError::Event(too_long)));
    sink.write_event(&EventHeader::new(1, 7, 0), b"").unwrap();
    assert_eq!(sink.write_meta(about_type.0, about_type.1), Err(StreamError::LateMeta));
    sink.write_event(&EventHeader::new(2, 7, 0), b"").unwrap();
    EventConsumer::meta(&mut sink, about_type.0, about_type.1);
    assert_eq!(
        sink.write_event(&EventHeader::new(3, 7, 0), b""),
        Err(StreamError::Ended),
        "what follows would be read with the older description"
    );

    let stream = sink.into_inner().bytes;
    let header = FileHeader::from_bytes(stream.first_chunk().unwrap()).unwrap();
    let verify = Checksums::Verify { salt: header.salt(), crc: crc32c_append };
    let (mut offset, mut descriptions, mut times) = (64, Vec::new(), Vec::new());
    while offset < stream.len() {
        let (header, payload, stride) = decode(&stream[offset..], offset as u64, verify).unwrap();
        match MetaTopic::of(&header) {
            Some(topic) => descriptions.push((topic, payload)),
            None => times.push(header.timestamp),
        }
        offset += stride;
    }
    assert_eq!((descriptions, times), (vec![about_log, about_type], vec![1, 2]));
}
