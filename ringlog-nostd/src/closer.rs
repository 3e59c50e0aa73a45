//! Whether an end that is dropped closes its side of the ring.
#![forbid(unsafe_code)]

/// Which process an end belongs to. A forked child has a copy of the end and must not close the ring of the other.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Closer {
    /// The process, and what tells whether it is the present one; `None` where there are no processes.
    #[cfg(feature = "processes")]
    pub(crate) process: Option<(u32, fn(u32) -> bool)>,
}

impl Closer {
    /// Whether the end is dropped where it was made.
    #[inline]
    pub(crate) fn closes(self) -> bool {
        #[cfg(feature = "processes")]
        if let Some((process, is_here)) = self.process {
            return is_here(process);
        }
        true
    }
}
