//! What it means for a reader that a segment vanished.
#![forbid(unsafe_code)]

use std::path::Path;

use crate::storage::error::ReadError;
use crate::storage::folder::listing::Folder;

/// Returns the error of a reader at record `from` whose segment vanished: retention took it, and the log continues with
/// a later one. `None` if the folder has none, so that something else is wrong.
pub(crate) fn overtaken(folder: &Path, from: u64) -> Option<ReadError> {
    let listed = Folder::list(folder).ok()?;
    let to = listed.segments.iter().map(|(base_sequence, _)| *base_sequence).find(|base| *base > from)?;
    Some(ReadError::Overtaken { path: folder.into(), from, to })
}
