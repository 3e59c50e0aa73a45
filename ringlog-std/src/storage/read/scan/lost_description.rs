//! Descriptions of events that are damaged: what each was about, and that their bytes held nothing else.

#![forbid(unsafe_code)]

use std::fmt;
use std::path::PathBuf;

use ringlog_nostd::format::{HEADER_LEN, MetaTopic, record_len};

use crate::event::{Event, EventHeader, flags};
use crate::storage::read::decode::bulk::Demand;

/// What the payloads of META records begin with.
const BEGINNINGS: [&[u8]; 2] = [b"{\"type\":", b"{\"log\":"];
/// The longest name that is read out of damaged bytes.
const MOST_NAME_BYTES: usize = 256;

/// A description of events that is damaged: a META record that is valid no more. No event is missing with it.
///
/// ```
/// use ringlog::event::MetaTopic;
/// use ringlog::storage::salvage_log;
/// # let folder = tempfile::tempdir()?;
///
/// let damaged = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/typed/damaged_preamble.evtl");
/// let report = salvage_log(damaged, folder.path().join("out"))?;
/// let lost = &report.lost_descriptions[0];
/// assert_eq!((lost.topic, lost.name.as_deref()), (MetaTopic::EventType(1), Some("tick")));
/// assert_eq!((lost.sequence, lost.offset), (0, 64));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct LostDescription {
    /// The segment.
    pub path: PathBuf,
    /// Offset of the record in it.
    pub offset: u64,
    /// Sequence of the record.
    pub sequence: u64,
    /// What it was about.
    pub topic: MetaTopic,
    /// Name of the event type, as other segments have it, or as the damaged bytes do.
    pub name: Option<String>,
}

impl LostDescription {
    /// Returns whether it was about events of this type.
    pub(crate) fn is_about(&self, event: &Event<'_>) -> bool {
        self.topic == MetaTopic::EventType(event.header.event_type)
    }
}

impl fmt::Display for LostDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.topic {
            MetaTopic::Log => f.write_str("the description of the log")?,
            MetaTopic::EventType(number) => write!(f, "the description of event type {number}")?,
        }
        if let Some(name) = &self.name {
            write!(f, " ({name})")?;
        }
        write!(f, ", record {}", self.sequence)
    }
}

/// What is left of a damaged META record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Remains {
    /// Where it begins in the damaged bytes.
    pub(super) at: usize,
    pub(super) topic: MetaTopic,
    pub(super) name: Option<String>,
    stride: usize,
}

/// Returns the META records that these bytes were, one after the other, without anything else; `None` if they may have been
/// something else as well. `offset` is their place in the file.
pub(super) fn remains_in(bytes: &[u8], offset: u64, demand: Demand) -> Option<Vec<Remains>> {
    let (mut found, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let record = remains_at(bytes, at, offset, demand)?;
        at += record.stride;
        found.push(record);
    }
    Some(found)
}

fn remains_at(bytes: &[u8], at: usize, offset: u64, demand: Demand) -> Option<Remains> {
    let rest = bytes.get(at..)?;
    let header = EventHeader::from_bytes(rest.first_chunk()?);
    let payload = rest.get(HEADER_LEN..)?;
    let offset = offset + at as u64;
    let of_payload = with_damaged_header(&header, payload, offset, demand);
    let (topic, stride) = of_payload.or_else(|| with_damaged_payload(&header, payload, offset, demand))?;
    // What follows is the end of the damage, or another one.
    let after = rest.get(stride..)?;
    let name = name_in(payload);
    (after.is_empty() || after.len() >= HEADER_LEN).then_some(Remains { at, topic, name, stride })
}

/// Returns topic and length of a record whose payload is whole: with the header that belongs to it, its checksum is right.
fn with_damaged_header(
    stored: &EventHeader,
    payload: &[u8],
    offset: u64,
    demand: Demand,
) -> Option<(MetaTopic, usize)> {
    let topic = topic_in(payload)?;
    let payload = payload.get(..object_len(payload)?)?;
    let header = topic.header(u16::try_from(payload.len()).ok()?);
    let header = EventHeader {
        checksum: stored.checksum,
        flags: header.flags | flags::COMMITTED | flags::CHECKSUMMED,
        ..header
    };
    demand.check(&header, payload, offset).ok().map(|()| (topic, header.stride()))
}

/// Returns topic and length of a record whose header is that of a META record, and is no damaged one of an event.
fn with_damaged_payload(
    header: &EventHeader,
    payload: &[u8],
    offset: u64,
    demand: Demand,
) -> Option<(MetaTopic, usize)> {
    let topic = MetaTopic::of(header)?;
    let len = usize::from(header.payload_len);
    let payload = payload.get(..len)?;
    let wanted = topic.header(header.payload_len);
    let is_header = header.flags == wanted.flags | flags::COMMITTED | flags::CHECKSUMMED
        && (header.timestamp, header.event_type) == (0, wanted.event_type);
    let looks_like_one = begins_like_meta(payload) || payload.ends_with(b"}");
    let event = EventHeader { flags: header.flags & !flags::META, ..*header };
    let is_event = demand.check(&event, payload, offset).is_ok();
    (is_header && looks_like_one && !is_event).then(|| (topic, record_len(len)))
}

/// Returns whether a payload begins as that of a META record does.
pub(super) fn begins_like_meta(payload: &[u8]) -> bool {
    BEGINNINGS.iter().any(|beginning| payload.starts_with(beginning))
}

/// Returns what a description says that it is about.
fn topic_in(payload: &[u8]) -> Option<MetaTopic> {
    if payload.starts_with(BEGINNINGS[1]) {
        return Some(MetaTopic::Log);
    }
    let (number, _) = number_and_rest(payload)?;
    Some(MetaTopic::EventType(number))
}

fn number_and_rest(payload: &[u8]) -> Option<(u8, &[u8])> {
    let rest = payload.strip_prefix(BEGINNINGS[0])?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = rest.split_at(digits);
    Some((std::str::from_utf8(number).ok()?.parse().ok()?, rest))
}

/// Returns the name in the description of an event type, if it can be read.
pub(crate) fn name_in(payload: &[u8]) -> Option<String> {
    let (_, rest) = number_and_rest(payload)?;
    let rest = rest.strip_prefix(b",\"name\":\"")?;
    let len = rest.iter().take(MOST_NAME_BYTES).position(|&byte| byte == b'"')?;
    let name = std::str::from_utf8(&rest[..len]).ok()?;
    let is_plain = |sign: char| sign.is_alphanumeric() || "_-.: ".contains(sign);
    name.chars().all(is_plain).then(|| name.to_owned())
}

/// Returns the length of the JSON object at the start of `text`.
fn object_len(text: &[u8]) -> Option<usize> {
    let (mut depth, mut is_in_string, mut is_escaped) = (0_usize, false, false);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_in_string,
            b'"' => is_in_string = !is_in_string,
            b'{' if !is_in_string => depth += 1,
            b'}' if !is_in_string => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::crc32c::placed_crc;
    use ringlog_nostd::format::{encode, place_word};

    const SALT: u32 = 77;
    const DEMAND: Demand = Demand::Verify { salt: SALT };
    const TICK: &[u8] = br#"{"type":1,"name":"tick","size":0,"fields":[]}"#;

    fn stored(header: EventHeader, payload: &[u8], offset: u64) -> Vec<u8> {
        let header = header.with_flags(header.flags | flags::COMMITTED | flags::CHECKSUMMED);
        let checksum = placed_crc(&header, payload, place_word(SALT, offset));
        let mut bytes = vec![0; header.stride()];
        let _ = encode(&mut bytes, &EventHeader { checksum, ..header }, payload);
        bytes
    }

    fn described(payload: &[u8], topic: MetaTopic, offset: u64) -> Vec<u8> {
        stored(topic.header(payload.len() as u16), payload, offset)
    }

    #[test]
    fn any_two_flipped_bits_of_a_description_never_name_another_one() {
        let whole = described(TICK, MetaTopic::EventType(1), 64);
        let record = HEADER_LEN + TICK.len();
        let mut named = 0;
        for bit in 0..record * 8 {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let found = remains_in(&damaged, 64, DEMAND).expect("one flipped bit is never in doubt");
            assert_eq!(found.iter().map(|it| it.topic).collect::<Vec<_>>(), [MetaTopic::EventType(1)]);
            named += usize::from(found[0].name.as_deref() == Some("tick"));
            for other in (bit + 1..record * 8).step_by(13) {
                let mut damaged = damaged.clone();
                damaged[other / 8] ^= 1 << (other % 8);
                let Some(found) = remains_in(&damaged, 64, DEMAND) else { continue };
                let is_header_whole = bit / 8 >= HEADER_LEN;
                assert!(!is_header_whole || found[0].topic == MetaTopic::EventType(1), "{bit} {other}");
            }
        }
        assert!(named > record * 4, "{named}");
    }

    #[test]
    fn descriptions_one_after_the_other_are_found_and_anything_between_them_is_in_doubt() {
        let log = br#"{"log":{"user":{"host":"a } \" b"}}}"#;
        let mut bytes = described(log, MetaTopic::Log, 64);
        let second = bytes.len();
        bytes.extend(described(TICK, MetaTopic::EventType(1), 64 + second as u64));
        bytes[3] ^= 1;
        bytes[second + HEADER_LEN + 30] ^= 1;
        let found = remains_in(&bytes, 64, DEMAND).unwrap();
        let topics: Vec<_> = found.iter().map(|it| (it.at, it.topic, it.name.as_deref())).collect();
        assert_eq!(topics, [(0, MetaTopic::Log, None), (second, MetaTopic::EventType(1), Some("tick"))]);
        let event = stored(EventHeader::new(0, 1, 8), b"an event", 64 + bytes.len() as u64);
        bytes.extend(event);
        assert_eq!(remains_in(&bytes, 64, DEMAND), None);
    }

    #[test]
    fn an_event_whose_flags_or_payload_look_like_a_description_is_none() {
        // JSON of another program, and a header that says nothing.
        let mut text = stored(EventHeader::new(5, 1, TICK.len() as u16), TICK, 64);
        text[9] ^= flags::META;
        assert_eq!(remains_in(&text, 64, DEMAND), None);
        text[HEADER_LEN + 20] ^= 1;
        assert_eq!(remains_in(&text, 64, DEMAND), None, "a description has no time");
        text[10] ^= 0xFF;
        assert_eq!(remains_in(&text, 64, DEMAND), None);
        let mut event = stored(EventHeader::new(0, 1, 8), b"an event", 64);
        event[9] ^= flags::META;
        assert_eq!(remains_in(&event, 64, DEMAND), None);
        let mut text = stored(EventHeader::new(0, 1, TICK.len() as u16), TICK, 64);
        text[9] ^= flags::META;
        assert_eq!(remains_in(&text, 64, DEMAND), None, "its checksum is right without the flag");
        assert_eq!(remains_in(&[0; 64], 64, DEMAND), None);
        assert_eq!(remains_in(&[0xFF; 20], 64, DEMAND), None);
    }
}
