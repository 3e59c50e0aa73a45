//! Records that are in memory, one after another.
#![forbid(unsafe_code)]

use crate::event::{Event, EventHeader};

/// Records that are in memory, and where they are in their file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecordSlice<'a> {
    /// Starts with a record.
    pub(crate) bytes: &'a [u8],
    /// Offset of the first record in its file.
    pub(crate) offset: u64,
    /// Sequence of the first record.
    pub(crate) sequence: u64,
    /// A record that starts at this offset or past it is left alone.
    pub(crate) starts_below: u64,
}

/// What was decoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Decoded {
    pub(crate) bytes: usize,
    pub(crate) events: u64,
}

impl<'a> RecordSlice<'a> {
    /// Hands each record that `decode` reads to `f`, up to the first one that it does not read, or that is a META record. Inlined, so that it takes
    /// over the processor features of its caller.
    #[inline(always)]
    pub(crate) fn pass_decoded(
        self,
        decode: impl Fn(&'a [u8], u64) -> Option<(EventHeader, &'a [u8], usize)>,
        mut f: impl FnMut(Event<'a>),
    ) -> Decoded {
        let Self { bytes: mut rest, mut offset, sequence, starts_below } = self;
        let mut events = 0;
        while offset < starts_below
            && let Some((header, payload, stride)) = decode(rest, offset)
            && !header.is_meta()
        {
            f(Event::new(header, payload, sequence + events, offset));
            rest = rest.get(stride..).unwrap_or_default();
            offset += stride as u64;
            events += 1;
        }
        Decoded { bytes: self.bytes.len() - rest.len(), events }
    }
}
