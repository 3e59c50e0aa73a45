//! How far a search for bytes has come in a file.

#![forbid(unsafe_code)]

/// How far a file was searched.
#[derive(Debug, Default)]
pub(crate) struct Search {
    pub(crate) window: Vec<u8>,
    /// Offset in the file where the window starts.
    pub(crate) window_offset: u64,
    /// No match before this offset is inside the payload of a record that is still to come.
    pub(crate) searched: u64,
    /// All matches of the file, if they were found before.
    pub(crate) hits: Option<Vec<u64>>,
    /// Whether the file is read record by record.
    pub(crate) is_off: bool,
}

impl Search {
    /// Forgets what was read.
    pub(crate) fn restart(&mut self) {
        self.searched = 0;
    }
}

/// All matches of the bytes in a file, also those outside of payloads.
#[derive(Debug)]
pub(crate) struct FileHits {
    /// The salt and the end of the file that was searched.
    pub(crate) salt: u32,
    pub(crate) end: u64,
    pub(crate) hits: Vec<u64>,
}

/// The matches in the next files of a log, which were searched at the same time.
#[derive(Debug, Default)]
pub(crate) struct HitsAhead {
    /// The number of the file to which the first of these belongs.
    pub(crate) first: usize,
    /// `None` for a file to be searched as it is read: one that cannot be opened now, or with many matches.
    pub(crate) files: Vec<Option<FileHits>>,
}
