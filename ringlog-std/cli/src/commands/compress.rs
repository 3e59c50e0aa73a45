//! Compresses files of a backup with Zstandard.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{self, Read};

use zstd::stream::write::Encoder;

/// What the compression costs: 3 is that of `zstd` without options.
const LEVEL: i32 = 3;

/// Writes content as one frame that says how long it is and has a checksum.
pub(super) fn compress(content: &mut dyn Read, len: u64, to: &File) -> io::Result<()> {
    let mut encoder = Encoder::new(to, LEVEL)?;
    encoder.set_pledged_src_size(Some(len))?;
    encoder.include_contentsize(true)?;
    encoder.include_checksum(true)?;
    io::copy(content, &mut encoder)?;
    encoder.finish().map(drop)
}
