//! Which frame comes next, and how much of it the wire has.
#![forbid(unsafe_code)]

use crate::format::file_fields::file_flags;
use crate::format::file_header::{ClockKind, FileHeader};
use crate::format::header::EventHeader;
use crate::format::meta::MetaTopic;
use crate::frame::content::{Content, Frame};
use crate::frame::encoder::FrameBytes;
#[cfg(feature = "macros")]
use crate::payload::event_types::EventSchema;
use core::iter::{Chain, Skip};
use core::slice;

/// Frames between two repetitions of what describes them, unless the application says otherwise.
const REPEAT_EVERY: u32 = 256;

/// The sending side of a life, without the device.
#[derive(Debug)]
pub(crate) struct Framing<'m> {
    header: FileHeader,
    life: u8,
    pub(crate) meta: &'m [(MetaTopic, &'m [u8])],
    #[cfg(feature = "macros")]
    pub(crate) schemas: &'static [EventSchema],
    pub(crate) repeat_every: u32,
    /// Records that were sent whole.
    records: u64,
    /// The next frame of the preamble: 0 is the header, then each description; past them there is none.
    next_in_preamble: usize,
    /// Frames since the preamble.
    since_preamble: u32,
    partial: Partial,
}

/// A frame that the wire has not taken as a whole.
#[derive(Debug)]
struct Partial {
    /// Bytes of the frame that the wire has, what is sent before it included.
    sent: usize,
    /// The checksum of the frame.
    checksum: u32,
    /// The frame comes after a pause, in which other code may have used the wire.
    is_first: bool,
    /// The wire ends with a part of a frame that will not be continued.
    was_cut: bool,
}

/// The bytes to send: what ends earlier ones, then a frame.
pub(crate) type Outgoing<'a> = Skip<Chain<core::iter::Copied<slice::Iter<'static, u8>>, FrameBytes<'a>>>;

impl<'m> Framing<'m> {
    pub(crate) fn new(created_at: i64, clock: ClockKind) -> Self {
        let mut header = FileHeader::new(created_at, clock, true);
        header.flags |= file_flags::STREAM;
        Self {
            header,
            life: header.salt() as u8,
            meta: &[],
            #[cfg(feature = "macros")]
            schemas: &[],
            repeat_every: REPEAT_EVERY,
            records: 0,
            next_in_preamble: 0,
            since_preamble: 0,
            partial: Partial { sent: 0, checksum: 0, is_first: true, was_cut: false },
        }
    }

    pub(crate) const fn records(&self) -> u64 {
        self.records
    }

    /// The next frame comes after a pause.
    pub(crate) const fn pause(&mut self) {
        // What is sent before a frame stays the same until the frame is complete.
        self.partial.is_first |= self.partial.sent == 0;
    }

    /// Returns the frame of the preamble that is due, if one is.
    pub(crate) fn preamble(&self) -> Option<Frame<'m>> {
        let content = match self.next_in_preamble.checked_sub(1) {
            None => Content::Header(self.header),
            Some(number) => {
                let (topic, json) = self.description(number)?;
                Content::Meta(topic, json)
            }
        };
        Some(self.frame(content))
    }

    fn description(&self, number: usize) -> Option<(MetaTopic, &'m [u8])> {
        let given = self.meta.get(number).copied();
        #[cfg(feature = "macros")]
        let given = given.or_else(|| {
            let schema = self.schemas.get(number.checked_sub(self.meta.len())?)?;
            Some((MetaTopic::EventType(schema.event_type), schema.meta))
        });
        given
    }

    pub(crate) const fn frame<'a>(&self, content: Content<'a>) -> Frame<'a> {
        Frame { life: self.life, number: self.records as u32, content }
    }

    /// Returns the bytes of a record that the wire does not have yet.
    pub(crate) fn record<'a>(
        &mut self,
        header: &EventHeader,
        first: &'a [u8],
        second: &'a [u8],
    ) -> Outgoing<'a> {
        let frame = self.frame(Content::Record(*header, first));
        self.begin(frame.bytes_with(second))
    }

    /// Returns the bytes of a frame that the wire does not have yet: all, or the rest if this frame was begun.
    pub(crate) fn begin<'a>(&mut self, frame: FrameBytes<'a>) -> Outgoing<'a> {
        let partial = &mut self.partial;
        if partial.sent > 0 && partial.checksum != frame.checksum() {
            (partial.sent, partial.was_cut) = (0, true);
        }
        partial.checksum = frame.checksum();
        let before: &'static [u8] = match (partial.was_cut, partial.is_first) {
            // The byte makes the part invalid, even if it lacks its delimiter alone.
            (true, _) => &[1, 0],
            (false, true) => &[0],
            (false, false) => &[],
        };
        before.iter().copied().chain(frame).skip(partial.sent)
    }

    /// Notes how many more bytes the wire has taken.
    pub(crate) const fn sent(&mut self, bytes: usize) {
        self.partial.sent = self.partial.sent.saturating_add(bytes);
    }

    /// Notes that the wire has the frame.
    pub(crate) const fn complete(&mut self, content: &Content<'_>) {
        self.partial = Partial { sent: 0, checksum: 0, is_first: false, was_cut: false };
        match content {
            Content::Header(_) => (self.next_in_preamble, self.since_preamble) = (1, 0),
            Content::Meta(..) => self.next_in_preamble = self.next_in_preamble.saturating_add(1),
            other => {
                self.records = self.records.wrapping_add(other.takes_number() as u64);
                self.since_preamble = self.since_preamble.saturating_add(1);
                if self.since_preamble >= self.repeat_every {
                    self.next_in_preamble = 0;
                }
            }
        }
    }
}

/// Moves the next bytes into a buffer, so that the device gets several at a time.
pub(crate) fn stage<'s>(outgoing: &mut Outgoing<'_>, staged: &'s mut [u8; 32]) -> &'s [u8] {
    let mut len = 0;
    for place in staged.iter_mut() {
        let Some(byte) = outgoing.next() else { break };
        *place = byte;
        len += 1;
    }
    staged.get(..len).unwrap_or_default()
}
