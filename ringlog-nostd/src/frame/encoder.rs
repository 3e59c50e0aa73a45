//! The bytes of a frame: COBS over its content, then the delimiter.
//!
//! COBS replaces each zero byte by the distance to the next one, so that zero is only the delimiter. The distance is counted in the
//! slices that are there, so a frame of any length is sent without a buffer.
#![forbid(unsafe_code)]

use crate::format::checksum::crc32c_append;
use crate::frame::content::{CHECKSUM_LEN, Frame, Head};

/// Bytes without a zero in one block.
const BLOCK: u8 = 254;

/// The bytes of a frame on the wire, from [`Frame::bytes`], its delimiter included.
///
/// See [the module](crate::frame) for an example.
#[derive(Clone, Debug)]
pub struct FrameBytes<'a> {
    head: Head,
    slices: [&'a [u8]; 2],
    checksum: [u8; CHECKSUM_LEN],
    /// The part that is next, 0 to 3, and the byte in it.
    part: usize,
    at: usize,
    /// What comes next.
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// The code byte of a block. `owes_block` after a zero byte, which needs a block after it even if nothing is left.
    Code { owes_block: bool },
    /// Bytes of a block, and whether a zero follows them, which is not sent.
    Data { left: u8, ends_at_zero: bool },
    /// The delimiter was sent.
    Done,
}

impl<'a> Frame<'a> {
    /// Returns the bytes of the frame on the wire, the delimiter after it included.
    ///
    /// ```
    /// use ringlog_nostd::frame::{Content, Frame};
    ///
    /// let bytes: Vec<u8> = Frame { life: 9, number: 5, content: Content::Count(5) }.bytes().collect();
    /// assert_eq!(bytes.iter().position(|&byte| byte == 0), Some(bytes.len() - 1));
    /// ```
    #[must_use]
    pub fn bytes(&self) -> FrameBytes<'a> {
        self.bytes_with(&[])
    }

    /// Returns the bytes of a frame whose content continues in a second slice.
    pub(crate) fn bytes_with(&self, second: &'a [u8]) -> FrameBytes<'a> {
        let (head, first) = Head::of(self);
        let checksum = crc32c_append(crc32c_append(crc32c_append(0, head.bytes()), first), second);
        FrameBytes {
            head,
            slices: [first, second],
            checksum: checksum.to_le_bytes(),
            part: 0,
            at: 0,
            state: State::Code { owes_block: true },
        }
    }
}

impl FrameBytes<'_> {
    /// Returns the frame's checksum, which differs from that of another frame.
    #[cfg(feature = "embedded-io")]
    pub(crate) const fn checksum(&self) -> u32 {
        u32::from_le_bytes(self.checksum)
    }

    /// Returns one of the four parts; nothing after them.
    fn part(&self, number: usize) -> &[u8] {
        match number {
            0 => self.head.bytes(),
            1 => self.slices[0],
            2 => self.slices[1],
            3 => &self.checksum,
            _ => &[],
        }
    }

    /// Returns the number of bytes up to the next zero, at most `BLOCK`, and whether a zero comes then.
    fn look_ahead(&self) -> (u8, bool) {
        let (mut count, mut at) = (0, self.at);
        for part in self.part..4 {
            for &byte in self.part(part).get(at..).unwrap_or_default() {
                if byte == 0 {
                    return (count, true);
                }
                count += 1;
                if count == BLOCK {
                    return (count, false);
                }
            }
            at = 0;
        }
        (count, false)
    }

    /// Returns the next byte of the content.
    fn take(&mut self) -> Option<u8> {
        while self.part < 4 {
            if let Some(&byte) = self.part(self.part).get(self.at) {
                self.at += 1;
                return Some(byte);
            }
            self.part += 1;
            self.at = 0;
        }
        None
    }

    fn is_empty(&self) -> bool {
        self.part(self.part).len() <= self.at && (self.part + 1..4).all(|part| self.part(part).is_empty())
    }
}

impl Iterator for FrameBytes<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        loop {
            match self.state {
                State::Code { owes_block } => {
                    if !owes_block && self.is_empty() {
                        self.state = State::Done;
                        return Some(0);
                    }
                    let (count, ends_at_zero) = self.look_ahead();
                    self.state = State::Data { left: count, ends_at_zero };
                    return Some(count + 1);
                }
                State::Data { left: 0, ends_at_zero } => {
                    if ends_at_zero {
                        self.take();
                    }
                    self.state = State::Code { owes_block: ends_at_zero };
                }
                State::Data { left, ends_at_zero } => {
                    self.state = State::Data { left: left - 1, ends_at_zero };
                    return self.take();
                }
                State::Done => return None,
            }
        }
    }
}

impl core::iter::FusedIterator for FrameBytes<'_> {}
