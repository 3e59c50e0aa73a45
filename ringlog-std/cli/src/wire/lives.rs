//! Finds frames, and the lives of a device in them.

use std::collections::VecDeque;

use ringlog_nostd::format::FileHeader;
use ringlog_nostd::frame::{Chunk, Content, Frame, FrameDecoder, MAX_FRAME_LEN};

use crate::wire::heard::{Heard, Noise};
use crate::wire::text::as_text;

/// Where the frames of a device are, and what was heard of it.
#[derive(Debug)]
pub(crate) struct Lives {
    buffer: Vec<u8>,
    /// Bytes of the buffer that hold the start of a frame.
    pending: usize,
    tracker: Tracker,
}

/// What is known of the present life.
#[derive(Debug, Default)]
struct Tracker {
    /// The mark of the life; `None` before the first frame.
    life: Option<u8>,
    header: Option<FileHeader>,
    /// The number of the next record.
    next: u32,
    frames: u64,
    noise: Noise,
}

impl Lives {
    pub(crate) fn new() -> Self {
        Self { buffer: vec![0; MAX_FRAME_LEN], pending: 0, tracker: Tracker::default() }
    }

    /// Returns the number of whole frames.
    pub(crate) const fn frames(&self) -> u64 {
        self.tracker.frames
    }

    pub(crate) const fn noise(&self) -> Noise {
        self.tracker.noise
    }

    /// Takes bytes of any length; adds what they mean to `heard`, and text between frames to `text`.
    pub(crate) fn take(&mut self, bytes: &[u8], heard: &mut VecDeque<Heard>, text: &mut Vec<String>) {
        let pending = self.buffer[..self.pending].to_vec();
        let mut decoder = FrameDecoder::new(&mut self.buffer);
        decoder.push(&pending);
        let mut rest = bytes;
        while !rest.is_empty() {
            let (taken, chunk) = decoder.push(rest);
            rest = &rest[taken..];
            if let Some(chunk) = chunk {
                self.tracker.chunk(&chunk, heard, text);
            }
        }
        self.pending = decoder.pending().len();
    }

    /// Ends what came last: nothing follows it, or something else.
    pub(crate) fn cut(&mut self, heard: &mut VecDeque<Heard>, text: &mut Vec<String>) {
        self.take(&[0], heard, text);
    }
}

impl Tracker {
    fn chunk(&mut self, chunk: &Chunk<'_>, heard: &mut VecDeque<Heard>, text: &mut Vec<String>) {
        match *chunk {
            Chunk::Frame(frame) => {
                self.frames += 1;
                self.frame(&frame, heard);
            }
            Chunk::OtherVersion(version) => self.noise.other_version = Some(version),
            Chunk::Broken { bytes, len } => match as_text(bytes) {
                Some(lines) => text.extend(lines),
                None => {
                    self.noise.pieces += 1;
                    self.noise.bytes += len;
                }
            },
            // A later version of the decoder may know more.
            _ => self.noise.pieces += 1,
        }
    }

    fn frame(&mut self, frame: &Frame<'_>, heard: &mut VecDeque<Heard>) {
        let new_header = match frame.content {
            Content::Header(header) => Some(header),
            _ => None,
        };
        let is_other = new_header.is_some() && self.header.is_some() && self.header != new_header;
        if self.life != Some(frame.life) || is_other || self.missing(frame.number).is_none() {
            heard.push_back(Heard::Life);
            *self =
                Self { life: Some(frame.life), frames: self.frames, noise: self.noise, ..Self::default() };
        }
        if let (None, Some(header)) = (self.header, new_header) {
            self.header = Some(header);
            heard.push_back(Heard::Header(header));
        }
        if let Some(missing @ 1..) = self.missing(frame.number) {
            heard.push_back(Heard::Missing(missing));
        }
        self.next = frame.number.wrapping_add(u32::from(frame.content.takes_number()));
        match frame.content {
            Content::Meta(topic, json) => heard.push_back(Heard::Meta(topic, json.to_vec())),
            Content::Record(header, payload) => heard.push_back(Heard::Record(header, payload.to_vec())),
            content if content.takes_number() => heard.push_back(Heard::NotReadable),
            _ => {}
        }
    }

    /// Returns how many records are missing before this number; `None` if it is one that was there before.
    fn missing(&self, number: u32) -> Option<u64> {
        let missing = number.wrapping_sub(self.next);
        (missing <= u32::MAX / 2).then_some(u64::from(missing))
    }
}
