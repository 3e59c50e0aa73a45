//! Frames out of a ring: what arrives is every record once, for any behaviour of the device.

use embedded_io::{ErrorKind, ErrorType, Write};
use ringlog_nostd::format::{FileHeader, MetaTopic, file_flags};
use ringlog_nostd::frame::{Chunk, Content, FrameDecoder, MAX_FRAME_LEN};
use ringlog_nostd::{
    AlignedBytes, ClockKind, EventConsumer, EventHeader, FramedSink, Gap, Ring, StreamError, WriteError,
};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// Takes a few bytes at a time, and `room` in all until somebody gives it more.
#[derive(Default)]
struct Device {
    bytes: Vec<u8>,
    room: usize,
    is_timing_out: bool,
}

impl Device {
    fn with_room(room: usize) -> Self {
        Self { room, ..Self::default() }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        let taken = bytes.len().min(5).min(self.room);
        self.room -= taken;
        self.bytes.extend_from_slice(&bytes[..taken]);
        if taken == 0 && self.is_timing_out { Err(ErrorKind::TimedOut) } else { Ok(taken) }
    }
}

impl ErrorType for Device {
    type Error = ErrorKind;
}

impl Write for Device {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.take(bytes)
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

/// The same device, awaited: it is not ready each second time.
struct Awaited(Device, bool);

impl ErrorType for Awaited {
    type Error = ErrorKind;
}

impl embedded_io_async::Write for Awaited {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        std::future::poll_fn(|_| {
            self.1 = !self.1;
            if self.1 { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
        self.0.take(bytes)
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

type Owned = (EventHeader, Vec<u8>);

fn event(number: u64) -> Owned {
    let payload = vec![number as u8; (number as usize * 5) % 33];
    let header = EventHeader::new(number, number as u8, payload.len() as u16);
    (header.with_flags(number as u8 & 15), payload)
}

/// What arrived, one word a frame: the records by their number.
#[derive(Default)]
struct Arrived {
    headers: Vec<FileHeader>,
    meta: Vec<(MetaTopic, Vec<u8>)>,
    records: Vec<(u32, EventHeader, Vec<u8>)>,
    counts: Vec<u64>,
    broken: usize,
}

fn arrived(bytes: &[u8]) -> Arrived {
    let mut buffer = vec![0; MAX_FRAME_LEN];
    let mut decoder = FrameDecoder::new(&mut buffer);
    let (mut rest, mut found) = (bytes, Arrived::default());
    while !rest.is_empty() {
        let (taken, chunk) = decoder.push(rest);
        rest = &rest[taken..];
        match chunk {
            Some(Chunk::Frame(frame)) => match frame.content {
                Content::Header(header) => found.headers.push(header),
                Content::Meta(topic, json) => found.meta.push((topic, json.to_vec())),
                Content::Record(header, payload) => {
                    found.records.push((frame.number, header, payload.to_vec()));
                }
                Content::Count(records) => found.counts.push(records),
                other => panic!("{other:?}"),
            },
            Some(_) => found.broken += 1,
            None => {}
        }
    }
    found
}

fn check_events(arrived: &Arrived, events: u64) {
    let expected: Vec<_> = (0..events).map(|it| (it as u32, event(it).0, event(it).1)).collect();
    assert_eq!(arrived.records, expected);
}

const ABOUT_LOG: &[u8] = br#"{"log":{"ticks_per_second":32768}}"#;

#[test]
fn every_event_arrives_and_what_describes_it_again_and_again() {
    let mut memory = AlignedBytes::<1024>::new();
    let mut ring = Ring::format(memory.as_mut(), 32).unwrap();
    let (mut producer, mut consumer) = ring.split();
    let meta = [(MetaTopic::Log, ABOUT_LOG), (MetaTopic::EventType(7), b"{}")];
    let mut sink =
        FramedSink::new(Device::with_room(usize::MAX), -3, ClockKind::Ticks).meta(&meta).repeat_every(50);
    for start in (0..300).step_by(10) {
        for (header, payload) in (start..start + 10).map(event) {
            producer.write_event(&header, &payload).unwrap();
        }
        assert_eq!(sink.drain(&mut consumer, 4), Ok(4));
        assert_eq!(sink.drain(&mut consumer, usize::MAX), Ok(6));
        assert_eq!(sink.drain(&mut consumer, usize::MAX), Ok(0));
    }
    assert_eq!((sink.write_count(), sink.records()), (Ok(()), 300));
    let found = arrived(&sink.into_inner().bytes);
    check_events(&found, 300);
    assert_eq!((found.headers.len(), found.broken), (7, 0), "at 0, 50, ... 250, and before the count");
    assert!(found.headers.iter().all(|it| it.created_at == -3 && it.has(file_flags::STREAM)));
    assert_eq!(found.meta[..2], meta.map(|(topic, json)| (topic, json.to_vec())));
    assert_eq!((found.meta.len(), &found.counts[..]), (14, &[300][..]));
}

/// At any byte at which the device takes no more for a while, no event is lost, repeated or cut.
#[test]
fn a_device_that_is_full_anywhere_costs_no_event() {
    for room in 0..400 {
        for is_timing_out in [false, true] {
            let mut memory = AlignedBytes::<1024>::new();
            let mut ring = Ring::format(memory.as_mut(), 32).unwrap();
            let (mut producer, mut consumer) = ring.split();
            for (header, payload) in (0..8).map(event) {
                producer.write_event(&header, &payload).unwrap();
            }
            let device = Device { is_timing_out, ..Device::with_room(room) };
            let mut sink = FramedSink::new(device, 1, ClockKind::Ticks).meta(&[(MetaTopic::Log, ABOUT_LOG)]);
            let refused =
                if is_timing_out { StreamError::Io(ErrorKind::TimedOut) } else { StreamError::WroteNothing };
            let first = sink.drain(&mut consumer, usize::MAX);
            assert!(first == Ok(8) || first == Err(refused), "{first:?}");
            // Whole frames stay: an event is written, or it is the ring's next one.
            assert_eq!(sink.drain(&mut consumer, usize::MAX).is_ok(), first.is_ok());
            grow(&mut sink, 10_000);
            sink.drain(&mut consumer, usize::MAX).unwrap();
            assert!(consumer.is_empty());
            let found = arrived(&sink.into_inner().bytes);
            check_events(&found, 8);
            assert_eq!(found.broken, 0, "the frame is continued: room {room}");
        }
    }
}

fn grow(sink: &mut FramedSink<'_, Device>, room: usize) {
    sink.get_mut().room = room;
}

#[test]
fn another_event_after_an_error_cuts_the_frame_and_takes_its_number() {
    for room in 0..200 {
        let mut sink = FramedSink::new(Device::with_room(room), 1, ClockKind::Ticks);
        let first = sink.write_event(&EventHeader::new(77, 7, 5), b"first");
        grow(&mut sink, usize::MAX);
        sink.write_event(&EventHeader::new(78, 7, 6), b"second").unwrap();
        let found = arrived(&sink.into_inner().bytes);
        let times: Vec<_> =
            found.records.iter().map(|(number, header, _)| (*number, header.timestamp)).collect();
        match first {
            Ok(()) => assert_eq!(times, [(0, 77), (1, 78)]),
            Err(_) => assert_eq!(times, [(0, 78)], "room {room}: nobody was promised the first"),
        }
        assert!(found.headers.len() == 1 && found.broken <= 1);
    }
}

/// A future that is dropped wherever it waits loses no event and repeats none.
#[test]
fn awaited_events_arrive_also_if_the_future_is_dropped() {
    for polls in 1..60 {
        let mut memory = AlignedBytes::<1024>::new();
        let mut ring = Ring::format(memory.as_mut(), 32).unwrap();
        let (mut producer, mut consumer) = ring.split();
        for (header, payload) in (0..8).map(event) {
            producer.write_event(&header, &payload).unwrap();
        }
        let device = Awaited(Device::with_room(usize::MAX), false);
        let mut sink = FramedSink::new(device, 1, ClockKind::Ticks);
        let mut context = Context::from_waker(Waker::noop());
        while sink.records() < 8 {
            let mut drain = pin!(sink.drain_async(&mut consumer, usize::MAX));
            for _ in 0..polls {
                if drain.as_mut().poll(&mut context).is_ready() {
                    break;
                }
            }
        }
        {
            let mut count = pin!(sink.write_count_async());
            while count.as_mut().poll(&mut context).is_pending() {}
        }
        let found = arrived(&sink.into_inner().0.bytes);
        check_events(&found, 8);
        assert_eq!((found.broken, &found.counts[..]), (0, &[8][..]), "after {polls} polls");
    }
}

#[test]
fn losses_of_the_ring_go_out_as_gap_records() {
    let mut memory = AlignedBytes::<512>::new();
    let mut ring = Ring::format(memory.as_mut(), 16).unwrap();
    let (producer, mut consumer) = ring.split();
    let mut producer = producer.lossy();
    let mut sink = FramedSink::new(Device::with_room(100), 1, ClockKind::Ticks);
    for number in 0..50 {
        producer.write_event(&EventHeader::new(number, 0, 0), b"").unwrap();
        // The wire takes nothing after the first bytes.
        let _ = sink.drain(&mut consumer, usize::MAX);
    }
    grow(&mut sink, usize::MAX);
    sink.drain(&mut consumer, usize::MAX).unwrap();
    assert_eq!(producer.flush(), Ok(true));
    sink.drain(&mut consumer, usize::MAX).unwrap();
    let found = arrived(&sink.into_inner().bytes);
    let gaps: Vec<_> =
        found.records.iter().filter_map(|(_, header, payload)| Gap::from_event(header, payload)).collect();
    let lost: u64 = gaps.iter().map(|gap| gap.count).sum();
    assert_eq!((found.records.len() - gaps.len()) as u64 + lost, 50);
    assert!(lost > 0);
}

#[test]
fn text_of_other_code_costs_no_event() {
    let mut sink = FramedSink::new(Device::with_room(usize::MAX), 1, ClockKind::Ticks);
    for number in 0..4 {
        sink.get_mut().bytes.extend_from_slice(b"text without an end of line");
        let (header, payload) = event(number);
        assert!(sink.consume(&header, &payload));
    }
    assert_eq!(sink.name(), "frames");
    let found = arrived(&sink.into_inner().bytes);
    check_events(&found, 4);
    assert_eq!(found.broken, 4);
}

#[test]
fn events_that_no_log_takes_are_refused() {
    let mut sink = FramedSink::new(Device::with_room(usize::MAX), 1, ClockKind::Ticks);
    let flagged = EventHeader::new(1, 1, 2).with_flags(0x20);
    for (header, payload) in [(EventHeader::new(1, 1, 3), b"ab"), (flagged, b"ab")] {
        let refused = sink.write_event(&header, payload);
        assert!(
            matches!(
                refused,
                Err(StreamError::Event(WriteError::Flags { .. } | WriteError::LengthMismatch { .. }))
            ),
            "{refused:?}"
        );
    }
    assert!(sink.into_inner().bytes.is_empty());
}
