//! A stream file whose records are not where its header puts them.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use ringlog_nostd::format::{FILE_HEADER_LEN, FileHeader, file_flags};

use crate::wire::unframed::Unframed;

const READ_MOST: usize = 1 << 20;

/// Whether a file is a stream in which bytes are missing or are there besides, that was heard late, or that has another stream after it.
///
/// Damage that moves nothing is not meant: all that read logs report it by its offset.
pub(crate) fn is_displaced_stream(path: &Path) -> io::Result<bool> {
    let is_file = path.metadata().is_ok_and(|metadata| metadata.is_file());
    if !is_file {
        return Ok(false);
    }
    let (mut file, mut chunk) = (File::open(path)?, Vec::new());
    let (mut unframed, mut heard, mut text) = (Unframed::default(), VecDeque::new(), Vec::new());
    let mut is_first = true;
    loop {
        chunk.clear();
        file.by_ref().take(READ_MOST as u64).read_to_end(&mut chunk)?;
        if is_first && is_other_log(&chunk) {
            return Ok(false);
        }
        if chunk.is_empty() {
            unframed.cut(&mut heard, &mut text);
        } else {
            unframed.take(&chunk, &mut heard, &mut text);
        }
        heard.clear();
        text.clear();
        let is_no_stream = unframed.records() == 0 && !is_first;
        if unframed.is_displaced() || is_no_stream || chunk.is_empty() {
            return Ok(unframed.is_displaced());
        }
        is_first = false;
    }
}

/// Whether this is the start of a file that is no stream of checked records.
fn is_other_log(start: &[u8]) -> bool {
    let bytes = start.first_chunk::<FILE_HEADER_LEN>();
    let header = bytes.and_then(|bytes| FileHeader::from_bytes(bytes).ok());
    header.is_some_and(|header| !header.has(file_flags::STREAM | file_flags::CHECKSUMS))
}
