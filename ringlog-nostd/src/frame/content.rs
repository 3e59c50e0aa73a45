//! What a frame holds.
//!
//! ```text
//!   0  lead, u8: version << 4 | kind
//!   1  life, u8: the low byte of the salt of the life's file header
//!   2  number, u32: records of this life before this frame
//!   6  body
//!      checksum, u32: CRC-32C over all before it
//! ```
#![forbid(unsafe_code)]

use crate::format::file_fields::FILE_HEADER_LEN;
use crate::format::file_header::FileHeader;
use crate::format::gap::GAP_PAYLOAD_LEN;
use crate::format::header::{EventHeader, MAX_PAYLOAD, flags};
use crate::format::meta::MetaTopic;

/// The version of the framing, 1 to 15.
///
/// ```
/// assert_eq!(ringlog_nostd::frame::FRAMING_VERSION, 1);
/// ```
pub const FRAMING_VERSION: u8 = 1;

/// Length of the longest frame in bytes, without its delimiters: what a [`FrameDecoder`](crate::frame::FrameDecoder)
/// needs as its buffer to find every frame.
///
/// ```
/// use ringlog_nostd::frame::MAX_FRAME_LEN;
///
/// assert_eq!(MAX_FRAME_LEN, 65_814);
/// ```
pub const MAX_FRAME_LEN: usize = stuffed_len(LEAD_LEN + RECORD_FIELDS_LEN + MAX_PAYLOAD + CHECKSUM_LEN);

/// Lead byte, life and number.
pub(crate) const LEAD_LEN: usize = 6;
pub(crate) const CHECKSUM_LEN: usize = 4;
/// Timestamp, type and flags before a payload.
const RECORD_FIELDS_LEN: usize = 10;
/// What is before the first slice of the longest frame head, that of a file header.
pub(crate) const HEAD_LEN: usize = LEAD_LEN + FILE_HEADER_LEN;

const HEADER: u8 = 1;
const META: u8 = 2;
const COUNT: u8 = 3;
const RECORD: u8 = 8;
/// Kinds with this bit take a number.
const NUMBERED: u8 = 8;

const fn stuffed_len(len: usize) -> usize {
    len + len.div_ceil(254)
}

/// A frame: a record or what describes records, and its place in the life of a device.
///
/// See [the module](crate::frame) for an example.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame<'a> {
    /// The low byte of the [salt](FileHeader::salt) of the life's file header. A device that counts its starts has another
    /// one after a reset, but for one time in 256.
    pub life: u8,
    /// Number of records that the device has sent in this life before this frame, modulo 2^32.
    pub number: u32,
    /// What the frame holds.
    pub content: Content<'a>,
}

/// What a frame holds.
///
/// ```
/// use ringlog_nostd::EventHeader;
/// use ringlog_nostd::frame::Content;
///
/// assert!(Content::Record(EventHeader::new(1, 7, 2), b"ab").takes_number());
/// assert!(!Content::Count(5).takes_number());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Content<'a> {
    /// The header of the file that the records of this life would be.
    Header(FileHeader),
    /// What payloads mean: the JSON of a META record.
    Meta(MetaTopic, &'a [u8]),
    /// An event or a GAP record. Of the flags it has those of the user and GAP.
    Record(EventHeader, &'a [u8]),
    /// Number of records that the device has sent in this life. Sent now and then, so that a loss at the end is noticed.
    Count(u64),
    /// A kind that this version does not know, 0 to 15, or a content that is none of its kind. It is passed over; from 8 on it
    /// counts as a record that cannot be read.
    Unknown {
        /// The low half of the lead byte.
        kind: u8,
    },
}

impl Content<'_> {
    /// Returns whether the next frame has a larger number.
    ///
    /// See [`Content`] for an example.
    #[must_use]
    pub const fn takes_number(&self) -> bool {
        self.kind() & NUMBERED != 0
    }

    const fn kind(&self) -> u8 {
        match self {
            Self::Header(_) => HEADER,
            Self::Meta(..) => META,
            Self::Count(_) => COUNT,
            Self::Record(..) => RECORD,
            Self::Unknown { kind } => *kind & 0x0F,
        }
    }
}

/// The bytes of a frame before its slices.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    bytes: [u8; HEAD_LEN],
    len: usize,
}

impl Head {
    /// Returns the head of a frame, and the slice that follows it.
    pub(crate) fn of<'a>(frame: &Frame<'a>) -> (Self, &'a [u8]) {
        let mut head = Self { bytes: [0; HEAD_LEN], len: 0 };
        head.put(&[FRAMING_VERSION << 4 | frame.content.kind(), frame.life]);
        head.put(&frame.number.to_le_bytes());
        let slice = match frame.content {
            Content::Header(header) => {
                head.put(&header.to_bytes());
                &[]
            }
            Content::Meta(topic, json) => {
                let header = topic.header(0);
                head.put(&[header.event_type, header.flags & flags::USER]);
                json
            }
            Content::Record(header, payload) => {
                head.put(&header.timestamp.to_le_bytes());
                head.put(&[header.event_type, header.flags & (flags::USER | flags::GAP)]);
                payload
            }
            Content::Count(records) => {
                head.put(&records.to_le_bytes());
                &[]
            }
            Content::Unknown { .. } => &[],
        };
        (head, slice)
    }

    fn put(&mut self, bytes: &[u8]) {
        let places = self.bytes.get_mut(self.len..).unwrap_or_default();
        for (place, byte) in places.iter_mut().zip(bytes) {
            *place = *byte;
            self.len += 1;
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// Reads a frame whose checksum is right and was cut off. `Err` has the version of another framing.
pub(crate) fn parse(bytes: &[u8]) -> Result<Frame<'_>, u8> {
    let Some((&[lead, life, a, b, c, d], body)) = bytes.split_first_chunk::<LEAD_LEN>() else {
        return Err(0);
    };
    if lead >> 4 != FRAMING_VERSION {
        return Err(lead >> 4);
    }
    let kind = lead & 0x0F;
    let content = match kind {
        HEADER => header(body, life),
        META => meta(body),
        COUNT => body.first_chunk().map(|count| Content::Count(u64::from_le_bytes(*count))),
        RECORD => record(body),
        _ => None,
    };
    let number = u32::from_le_bytes([a, b, c, d]);
    Ok(Frame { life, number, content: content.unwrap_or(Content::Unknown { kind }) })
}

fn header(body: &[u8], life: u8) -> Option<Content<'_>> {
    let header = FileHeader::from_bytes(body.first_chunk()?).ok()?;
    (header.salt() as u8 == life).then_some(Content::Header(header))
}

fn meta(body: &[u8]) -> Option<Content<'_>> {
    let (&[event_type, user], json) = body.split_first_chunk::<2>()?;
    let len = u16::try_from(json.len()).ok()?;
    let header = EventHeader::new(0, event_type, len).with_flags(user & flags::USER | flags::META);
    MetaTopic::of(&header).map(|topic| Content::Meta(topic, json))
}

fn record(body: &[u8]) -> Option<Content<'_>> {
    let (fields, payload) = body.split_first_chunk::<RECORD_FIELDS_LEN>()?;
    let (timestamp, &[event_type, stored]) = fields.split_first_chunk::<8>()? else { return None };
    let is_valid = stored & !(flags::USER | flags::GAP) == 0
        && (stored & flags::GAP == 0 || payload.len() == GAP_PAYLOAD_LEN);
    let len = u16::try_from(payload.len()).ok().filter(|_| is_valid)?;
    let header = EventHeader::new(u64::from_le_bytes(*timestamp), event_type, len);
    Some(Content::Record(header.with_flags(stored), payload))
}
