//! Decides whether an end that is dropped closes its side of the ring.
#![forbid(unsafe_code)]

/// The process that an end belongs to. A forked child has a copy of the end and must not close its parent's ring.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Closer {
    /// `None` if the end is not bound to a process.
    #[cfg(feature = "processes")]
    pub(crate) process: Option<Process>,
}

/// A process, and the function that checks whether it is the calling one.
#[cfg(feature = "processes")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process {
    pub(crate) id: u32,
    pub(crate) is_here: fn(u32) -> bool,
}

impl Closer {
    /// Returns whether the calling process is the end's own.
    #[inline]
    pub(crate) fn closes(self) -> bool {
        #[cfg(feature = "processes")]
        if let Some(Process { id, is_here }) = self.process {
            return is_here(id);
        }
        true
    }
}
