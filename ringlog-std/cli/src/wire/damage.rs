//! A wire that damages what it carries, and what must arrive all the same.
//!
//! What arrived whole is known without the decoder: a piece between two delimiters that has exactly the bytes of a frame.

use std::collections::{HashMap, VecDeque};

use crate::dice::Dice;
use crate::wire::arrivals::Arrivals;
use crate::wire::heard::Heard;
use ringlog::event::{ClockKind, EventHeader, Gap, GapReason, MAX_PAYLOAD, MetaTopic};
use ringlog_nostd::format::{FileHeader, add_checksum, crc32c_append, encode, file_flags, place_word};
use ringlog_nostd::frame::{Content, Frame};

const RUNS: u64 = 10_000;
const RECORDS: u32 = 40;
/// The starts of a device in a recording.
const STARTS: [i64; 3] = [41, 42, 43];

/// What a device sent in three lives, and each of its frames by its bytes.
struct Recording {
    bytes: Vec<u8>,
    frames: HashMap<Vec<u8>, Known>,
}

/// A frame: its life, the number of records up to its end, and what of it is heard.
#[derive(Clone)]
struct Known {
    life: i64,
    records: u64,
    record: Option<Heard>,
}

fn header_of(start: i64) -> FileHeader {
    let mut header = FileHeader::new(start, ClockKind::Ticks, true);
    header.flags |= file_flags::STREAM;
    header
}

/// Records of many lengths, with zeros in them, and a GAP record now and then. No two are equal.
fn record_of(start: i64, number: u32) -> (EventHeader, Vec<u8>) {
    let timestamp = start as u64 * 1_000_000 + u64::from(number);
    if number % 13 == 5 {
        return (Gap::header(timestamp), Gap::new(GapReason::RingFull, 2).to_payload().to_vec());
    }
    let len = if number % 17 == 7 { 700 } else { number * 7 % 41 };
    let payload: Vec<u8> =
        (0..len).map(|at| if at % 5 == 3 { 0 } else { (at * 31 + number) as u8 }).collect();
    (EventHeader::new(timestamp, number as u8, len as u16).with_flags(number as u8 & 15), payload)
}

impl Recording {
    fn framed() -> Self {
        let mut recording = Self { bytes: b"boot loader 1.2\r\n".to_vec(), frames: HashMap::new() };
        for start in STARTS {
            let header = header_of(start);
            let life = header.salt() as u8;
            let about = format!(r#"{{"log":{{"user":{{"start":"{start}"}}}}}}"#);
            recording.bytes.push(0);
            for number in 0..RECORDS {
                if number % 16 == 0 {
                    recording.add(start, &Frame { life, number, content: Content::Header(header) });
                    let content = Content::Meta(MetaTopic::Log, about.as_bytes());
                    recording.add(start, &Frame { life, number, content });
                }
                if number % 9 == 4 {
                    recording.bytes.extend_from_slice(b"a line of text\n\0");
                }
                let (header, payload) = record_of(start, number);
                recording.add(start, &Frame { life, number, content: Content::Record(header, &payload) });
            }
            recording.add(start, &Frame { life, number: RECORDS, content: Content::Count(RECORDS.into()) });
        }
        recording
    }

    fn add(&mut self, life: i64, frame: &Frame<'_>) {
        let bytes: Vec<u8> = frame.bytes().collect();
        let record = match frame.content {
            Content::Record(header, payload) => Some(Heard::Record(header, payload.to_vec())),
            _ => None,
        };
        let records = u64::from(frame.number) + u64::from(record.is_some());
        self.bytes.extend_from_slice(&bytes);
        self.frames.insert(bytes[..bytes.len() - 1].to_vec(), Known { life, records, record });
    }

    /// The frames that are whole in these bytes.
    fn whole(&self, bytes: &[u8]) -> Vec<&Known> {
        bytes.split(|&byte| byte == 0).filter_map(|piece| self.frames.get(piece)).collect()
    }
}

/// Does to the bytes what a wire does: it loses some, changes some, adds some, starts late or ends early.
fn damage(bytes: &mut Vec<u8>, dice: &mut Dice) {
    for _ in 0..1 + dice.below(8_u64) {
        let len = bytes.len();
        if len < 2 {
            return;
        }
        let from = dice.below(len);
        let longest = if dice.one_in(4) { len / 4 } else { 12 };
        let to = (from + 1 + dice.below(longest.max(1))).min(len);
        match dice.below(6_u64) {
            0 => drop(bytes.drain(from..to)),
            1 => bytes[from] ^= 1 << dice.below(8_u64),
            2 => {
                let noise: Vec<u8> = (from..to).map(|_| dice.next() as u8).collect();
                bytes.splice(from..from, noise);
            }
            // The wrong baud rate.
            3 => bytes[from..to].iter_mut().for_each(|byte| *byte = dice.next() as u8),
            4 if dice.one_in(3) => drop(bytes.drain(..from)),
            5 if dice.one_in(3) => bytes.truncate(from),
            _ => bytes[from] = 0,
        }
    }
}

/// What is heard of the bytes, given in pieces.
fn hear(bytes: &[u8], dice: &mut Dice) -> VecDeque<Heard> {
    let (mut arrivals, mut heard, mut text) = (Arrivals::new(), VecDeque::new(), Vec::new());
    let mut rest = bytes;
    while !rest.is_empty() {
        let (piece, later) = rest.split_at(rest.len().min(1 + dice.below(400_usize)));
        arrivals.take(piece, &mut heard, &mut text);
        rest = later;
    }
    arrivals.cut(&mut heard, &mut text);
    heard
}

#[test]
fn every_record_whose_frame_arrives_is_heard_and_the_others_are_counted() {
    let recording = Recording::framed();
    let mut seen = [0; 3];
    for seed in 0..RUNS {
        let mut dice = Dice(seed);
        let mut bytes = recording.bytes.clone();
        damage(&mut bytes, &mut dice);
        let whole = recording.whole(&bytes);
        let heard = hear(&bytes, &mut dice);

        let expected: Vec<_> = whole.iter().filter_map(|known| known.record.as_ref()).collect();
        let found: Vec<_> = heard.iter().filter(|it| matches!(it, Heard::Record(..))).collect();
        assert!(found == expected, "seed {seed}: {} records instead of {}", found.len(), expected.len());

        let heard: Vec<_> = heard.into_iter().collect();
        let lives: Vec<&[Heard]> = heard.split(|it| *it == Heard::Life).skip(1).collect();
        let of_lives: Vec<_> = STARTS
            .iter()
            .filter_map(|start| whole.iter().rev().find(|known| known.life == *start))
            .map(|last| last.records)
            .collect();
        let counted = |life: &&[Heard]| -> u64 {
            let count = |it: &Heard| match it {
                Heard::Record(..) | Heard::NotReadable => 1,
                Heard::Missing(missing) => *missing,
                _ => 0,
            };
            life.iter().map(count).sum()
        };
        assert_eq!(lives.iter().map(counted).collect::<Vec<_>>(), of_lives, "seed {seed}");
        let has_loss = heard.iter().any(|it| matches!(it, Heard::Missing(_)));
        seen[usize::from(has_loss) + usize::from(lives.len() < STARTS.len())] += 1;
    }
    assert!(seen.iter().all(|&runs| runs > RUNS / 100), "the damage is of all kinds: {seen:?}");
}

/// Streams one after the other, as without frames, and where each record is.
pub(crate) fn unframed() -> (Vec<u8>, Vec<(usize, usize, Heard)>) {
    let (mut bytes, mut records) = (b"boot loader 1.2\r\n".to_vec(), Vec::new());
    for start in STARTS {
        let header = header_of(start);
        let begin = bytes.len();
        bytes.extend(header.to_bytes());
        for number in 0..RECORDS {
            let (header_of_record, payload) = record_of(start, number);
            let mut buffer = vec![0; 16 + MAX_PAYLOAD.min(payload.len() + 8)];
            let len = encode(&mut buffer, &header_of_record, &payload).unwrap();
            let place = place_word(header.salt(), (bytes.len() - begin) as u64);
            add_checksum(&mut buffer[..len], place, crc32c_append).unwrap();
            records.push((bytes.len(), bytes.len() + len, Heard::Record(header_of_record, payload)));
            bytes.extend_from_slice(&buffer[..len]);
        }
    }
    (bytes, records)
}

fn records(heard: impl IntoIterator<Item = Heard>) -> Vec<Heard> {
    heard.into_iter().filter(|it| matches!(it, Heard::Record(..))).collect()
}

#[test]
fn a_stream_without_frames_is_told_apart_and_loses_two_records_at_most_in_one_place() {
    let (bytes, sent) = unframed();
    let mut dice = Dice(1);
    let all: Vec<_> = sent.iter().map(|(_, _, record)| record.clone()).collect();
    let heard = hear(&bytes, &mut dice);
    assert_eq!(heard.iter().filter(|it| **it == Heard::Life).count(), STARTS.len());
    assert!(records(heard) == all);
    for at in (17 + 64..bytes.len() - 3).step_by(7) {
        for damaged in [
            [&bytes[..at], &bytes[at + 3..]].concat(),
            [&bytes[..at], b"???", &bytes[at..]].concat(),
            [&bytes[..at], b"???", &bytes[at + 3..]].concat(),
        ] {
            let found = records(hear(&damaged, &mut dice));
            let is_in_order = found.iter().try_fold(0, |from, record| {
                all[from..].iter().position(|it| it == record).map(|place| from + place + 1)
            });
            assert!(is_in_order.is_some(), "byte {at}: something was invented");
            // Not even a header that is hit costs more.
            assert!(found.len() + 2 >= all.len(), "byte {at}: {} of {}", found.len(), all.len());
        }
    }
}

#[test]
fn of_a_stream_that_is_heard_late_all_whole_records_are_found() {
    let (bytes, sent) = unframed();
    let mut dice = Dice(2);
    for at in (17..bytes.len()).step_by(5) {
        let whole: Vec<_> = sent.iter().filter(|(from, ..)| *from >= at).collect();
        // Three records show the salt of their stream.
        let in_life = whole.len() % RECORDS as usize;
        let unknown = if in_life < 3 { in_life } else { 0 };
        let found = records(hear(&bytes[at..], &mut dice));
        let expected: Vec<_> = whole[unknown..].iter().map(|(_, _, record)| record.clone()).collect();
        assert!(found == expected, "from byte {at}: {} of {}", found.len(), expected.len());
    }
}
