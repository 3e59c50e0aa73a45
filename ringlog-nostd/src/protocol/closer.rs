//! Whether an end that is dropped closes its side of the ring.
#![forbid(unsafe_code)]

/// Which process an end belongs to. A forked child has a copy of the end and must not close the ring of the other.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Closer {
    /// `None` where there are no processes.
    #[cfg(feature = "processes")]
    pub(crate) process: Option<Process>,
}

/// A process, and what tells whether it is the present one.
#[cfg(feature = "processes")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process {
    pub(crate) id: u32,
    pub(crate) is_here: fn(u32) -> bool,
}

impl Closer {
    /// Whether the end is dropped where it was made.
    #[inline]
    pub(crate) fn closes(self) -> bool {
        #[cfg(feature = "processes")]
        if let Some(Process { id, is_here }) = self.process {
            return is_here(id);
        }
        true
    }
}
