//! Frames, or a stream file without frames: what comes first decides.

use std::collections::VecDeque;

use crate::wire::heard::{Heard, Noise};
use crate::wire::lives::Lives;
use crate::wire::unframed::Unframed;

/// Bytes that are kept until it is known what they are.
const UNKNOWN_MOST: usize = 256 * 1024;
/// How many bytes are looked through first for a stream that began before; then twice as many, and so on.
const LOOK_AT: usize = 1024;

/// Makes sense of bytes.
#[derive(Debug)]
pub(crate) struct Arrivals {
    lives: Lives,
    unframed: Unframed,
    form: Form,
}

#[derive(Debug)]
enum Form {
    /// What came so far is in the buffer. At this length it is looked through for records of a stream.
    Unknown(Vec<u8>, usize),
    Framed,
    Unframed,
}

impl Arrivals {
    pub(crate) fn new() -> Self {
        Self { lives: Lives::new(), unframed: Unframed::default(), form: Form::Unknown(Vec::new(), LOOK_AT) }
    }

    /// Returns the number of whole frames, or of whole records of a stream.
    pub(crate) const fn frames(&self) -> u64 {
        self.lives.frames() + self.unframed.records()
    }

    /// Returns what was neither.
    pub(crate) const fn noise(&self) -> Noise {
        if matches!(self.form, Form::Unframed) { self.unframed.noise() } else { self.lives.noise() }
    }

    /// Takes bytes of any length; adds what they mean to `heard`, and text in between to `text`.
    pub(crate) fn take(&mut self, bytes: &[u8], heard: &mut VecDeque<Heard>, text: &mut Vec<String>) {
        match &mut self.form {
            Form::Framed => self.lives.take(bytes, heard, text),
            Form::Unframed => self.unframed.take(bytes, heard, text),
            Form::Unknown(before, look_at) => {
                before.extend_from_slice(bytes);
                let looks = before.len() >= *look_at;
                if looks {
                    *look_at = (2 * before.len()).min(UNKNOWN_MOST + LOOK_AT);
                }
                // No frame holds the bytes of a header as they are: they have zeros.
                if Unframed::begins_in(before) || looks && Unframed::continues_in(before) {
                    return self.take_unframed(heard, text);
                }
                let excess = before.len().saturating_sub(UNKNOWN_MOST);
                before.drain(..excess);
                self.lives.take(bytes, heard, text);
                if self.lives.frames() > 0 {
                    self.form = Form::Framed;
                }
            }
        }
    }

    /// Takes what came so far for a stream without frames.
    fn take_unframed(&mut self, heard: &mut VecDeque<Heard>, text: &mut Vec<String>) {
        if let Form::Unknown(before, _) = std::mem::replace(&mut self.form, Form::Unframed) {
            // What the other decoder took for text is shown by this one.
            text.clear();
            self.unframed.take(&before, heard, text);
        }
    }

    /// Ends what came last: nothing follows it, or something else.
    pub(crate) fn cut(&mut self, heard: &mut VecDeque<Heard>, text: &mut Vec<String>) {
        match &mut self.form {
            Form::Unframed => self.unframed.cut(heard, text),
            Form::Framed => self.lives.cut(heard, text),
            Form::Unknown(before, _) if Unframed::continues_in(before) => {
                self.take_unframed(heard, text);
                self.unframed.cut(heard, text);
            }
            Form::Unknown(before, look_at) => {
                before.clear();
                *look_at = LOOK_AT;
                self.lives.cut(heard, text);
            }
        }
    }
}
