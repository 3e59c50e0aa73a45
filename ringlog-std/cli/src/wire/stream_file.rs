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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::bytes::WireBytes;
    use crate::wire::damage::unframed;

    #[test]
    fn a_stream_is_displaced_if_bytes_are_missing_or_another_one_follows() {
        let (bytes, sent) = unframed();
        let (begin, end) = (sent[0].0 - FILE_HEADER_LEN, sent[39].1);
        let life = &bytes[begin..end];
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("capture");
        for (is_displaced, content) in [
            (false, life.to_vec()),
            (false, b"a line of text\n".repeat(100)),
            (false, Vec::new()),
            (true, [&life[..500], &life[503..]].concat()),
            (true, life[301..].to_vec()),
            (true, bytes[begin..].to_vec()),
        ] {
            std::fs::write(&path, &content).unwrap();
            assert_eq!(is_displaced_stream(&path).unwrap(), is_displaced, "{} bytes", content.len());
            // A capture is read with any first bytes.
            assert!(WireBytes::open(&path, 0).is_ok());
        }
    }
}
