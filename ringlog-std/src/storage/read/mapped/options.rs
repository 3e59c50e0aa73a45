//! Options of the readers that map.
#![forbid(unsafe_code)]

/// Options for opening a [`LogReader`](crate::storage::LogReader) or an
/// [`MmapReader`](crate::storage::MmapReader).
///
/// ```
/// use ringlog::storage::{LogReader, MmapReader, ReaderOptions};
///
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
/// let options = ReaderOptions::new().verify(false);
/// assert_eq!(LogReader::open_with(path, &options)?.len(), 4);
/// assert_eq!(MmapReader::open_with(path, &options)?.len(), 4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ReaderOptions {
    pub(crate) verify: bool,
}

impl ReaderOptions {
    /// Returns the default options.
    ///
    /// ```
    /// use ringlog::storage::{OpenError, LogReader, ReaderOptions};
    ///
    /// let opened = LogReader::open_with("no such log", &ReaderOptions::new());
    /// assert!(matches!(opened, Err(OpenError::Io { .. })));
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self { verify: true }
    }

    /// Sets whether checksums are verified as records are read. The default is `true`.
    #[must_use]
    pub const fn verify(mut self, verify: bool) -> Self {
        self.verify = verify;
        self
    }
}

impl Default for ReaderOptions {
    fn default() -> Self {
        Self::new()
    }
}
