//! Bytes that a payload must hold.
#![forbid(unsafe_code)]

use std::ops::Range;

use memchr::memmem::Finder;

/// Bytes to find in payloads.
#[derive(Clone, Debug)]
pub struct Needle(Finder<'static>);

impl Needle {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self(Finder::new(bytes).into_owned())
    }

    /// Returns where the bytes are found first.
    #[inline]
    pub(crate) fn find(&self, bytes: &[u8]) -> Option<usize> {
        self.0.find(bytes)
    }

    /// Returns the number of bytes.
    pub(crate) fn len(&self) -> usize {
        self.0.needle().len()
    }

    /// Whether a match at `hit` is inside this payload.
    pub(crate) fn fits(&self, payload: &Range<u64>, hit: u64) -> bool {
        hit >= payload.start && hit + self.len() as u64 <= payload.end
    }
}

impl PartialEq for Needle {
    fn eq(&self, other: &Self) -> bool {
        self.0.needle() == other.0.needle()
    }
}

impl Eq for Needle {}
