//! Errors of `ringlog-nostd`, and of what hands its events on. They are causes: the error of a file or of a ring in one says
//! where, and what to do.

use std::path::Path;

use ringlog::consumer::{EventConsumer, EventDispatcher};
use ringlog::event::{EventHeader, RecordErrorKind, flags};
use ringlog::ring::{RingBuffer, RingError, RingFault, RingOptions, WriteError};
use ringlog_nostd::{AlignedBytes, Ring, SkipError, StaticRing};

use super::Row;
use super::library::{failed, made};

const ELSEWHERE: &str = "the tests of ringlog-nostd trigger it";

fn writing(folder: &Path) -> Vec<Row> {
    let mut ring = RingBuffer::new(1024);
    let mut write = |header: EventHeader, payload: &[u8]| ring.write_event(&header, payload);
    let user = EventHeader::new(1, 2, 3).with_flags(flags::GAP);
    let (long, other) = (EventHeader::new(1, 2, 2000), EventHeader::new(1, 2, 5));
    let rows = vec![
        failed("WriteError::PayloadTooLarge", folder, write(long, &[7; 2000])),
        failed("WriteError::LengthMismatch", folder, write(other, b"x")),
        failed("WriteError::Flags", folder, write(user, b"abc")),
    ];
    let full = (0..100).map(|_| write(EventHeader::new(1, 2, 3), b"abc")).find(Result::is_err).unwrap();
    let fault = RingFault::Position { own: 8, foreign: 4096 };
    let others = vec![
        failed("WriteError::Full", folder, full),
        made("WriteError::Fault", ELSEWHERE, WriteError::Fault(fault)),
        made("WriteError::Closed", "the tests of `many` trigger it", WriteError::Closed),
        made("RingFault::Position", ELSEWHERE, fault),
        made("RingFault::Record", ELSEWHERE, RingFault::Record { position: 64 }),
    ];
    [rows, others].concat()
}

fn rings(folder: &Path) -> Vec<Row> {
    let mut memory = AlignedBytes::<1024>::new();
    let bytes: &mut [u8] = memory.as_mut();
    let odd = RingOptions { capacity: Some(100), max_payload: Some(8), ..RingOptions::default() };
    let large = RingOptions { max_payload: Some(70_000), ..RingOptions::default() };
    let mut format = |from: usize, to: usize, options: &RingOptions| {
        Ring::format_with(&mut bytes[from..to], options).map(drop)
    };
    let small = RingOptions { max_payload: Some(8), ..RingOptions::default() };
    static RING: StaticRing<1024, 8> = StaticRing::new();
    let _ends = RING.split();
    vec![
        failed("RingError::Capacity", folder, format(0, 1024, &odd)),
        failed("RingError::MaxPayload", folder, format(0, 1024, &large)),
        failed("RingError::TooSmall", folder, format(0, 8, &small)),
        failed("RingError::Misaligned", folder, format(1, 1024, &small)),
        failed("RingError::AlreadySplit", folder, RING.split()),
        made("RingError::NotARing", ELSEWHERE, RingError::NotARing),
        made("RingError::Damaged", ELSEWHERE, RingError::Damaged),
        made("SkipError::Outside", ELSEWHERE, SkipError::Outside { position: 8, tail: 16, head: 64 }),
        made("SkipError::InsideRecord", ELSEWHERE, SkipError::InsideRecord { position: 24, start: 16 }),
        made("SkipError::Fault", ELSEWHERE, SkipError::Fault(RingFault::Record { position: 64 })),
    ]
}

fn records() -> Vec<Row> {
    use RecordErrorKind::{
        Checksum, ChecksumMissing, ChecksumUnexpected, GapLength, MetaAndGap, MisplacedMeta, NotCommitted,
        Padding, Truncated,
    };
    let kinds = [
        ("Truncated", Truncated { needed: 24, available: 1 }),
        ("NotCommitted", NotCommitted),
        ("MetaAndGap", MetaAndGap),
        ("MisplacedMeta", MisplacedMeta),
        ("Padding", Padding),
        ("GapLength", GapLength { found: 1 }),
        ("ChecksumMissing", ChecksumMissing),
        ("ChecksumUnexpected", ChecksumUnexpected),
        ("Checksum", Checksum { stored: 0x0123_4567, computed: 0x89AB_CDEF }),
    ];
    kinds.map(|(name, kind)| made(&format!("RecordErrorKind::{name}"), ELSEWHERE, kind)).into()
}

struct Panicking;

impl EventConsumer for Panicking {
    fn consume(&mut self, _: &EventHeader, _: &[u8]) -> bool {
        std::panic::resume_unwind(Box::new("a consumer's own panic"))
    }

    fn name(&self) -> &str {
        "a consumer"
    }
}

fn draining(folder: &Path) -> Row {
    let mut ring = RingBuffer::new(1024);
    ring.write_event(&EventHeader::new(1, 2, 3), b"abc").unwrap();
    failed(
        "DrainError::ConsumerFailed",
        folder,
        EventDispatcher::new().add_required(Panicking).drain(&mut ring),
    )
}

pub(super) fn rows(folder: &Path) -> Vec<Row> {
    [writing(folder), rings(folder), records(), vec![draining(folder)]].concat()
}
