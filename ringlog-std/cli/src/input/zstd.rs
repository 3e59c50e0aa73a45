//! Reads all frames of a Zstandard file.

use std::io::{self, ErrorKind, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::padding::Padding;
use super::source::{Compression, Source, begins, note_checked};

/// Largest window in bytes, as for `zstd -d`; a file may not claim more memory.
const WINDOW_BYTES_MAX: u64 = 128 << 20;

/// An empty last block, with room for a checksum after it.
const EMPTY_LAST_BLOCK: &[u8] = &[1, 0, 0, 0, 0, 0, 0];

/// Decompresses a source frame by frame, and checks the checksum of each.
pub(super) struct ZstdReader {
    source: Source,
    padding: Padding,
    frame: FrameDecoder,
    is_in_frame: bool,
    /// Whether each frame so far had a checksum.
    is_all_checked: bool,
    /// Why the frame ended early; returned once everything that was decoded is given.
    error: Option<io::Error>,
}

impl ZstdReader {
    pub(super) fn new(source: Source, padding: Padding) -> Self {
        let mut frame = FrameDecoder::new();
        frame.set_max_window_size(WINDOW_BYTES_MAX);
        Self { source, padding, frame, is_in_frame: false, is_all_checked: true, error: None }
    }

    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    /// Begins the next frame; `false` at the end of the source.
    fn begin_frame(&mut self) -> io::Result<bool> {
        loop {
            self.padding.skip(&mut self.source)?;
            if !begins(&mut self.source, Compression::Zstd)? {
                return Ok(false);
            }
            match self.frame.reset(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let skipped = self.source.by_ref().take(length.into());
                    if io::copy(&mut { skipped }, &mut io::sink())? < u64::from(length) {
                        return Err(ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(frame_error(error)),
            }
        }
    }

    /// Reads decompressed bytes of this frame; 0 at its end.
    fn read_frame(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.frame.can_collect() == 0 && !self.frame.is_finished() {
            let block = || BlockDecodingStrategy::UptoBlocks(1);
            if let Err(error) = self.frame.decode_blocks(&mut self.source, block()) {
                self.error = Some(frame_error(error));
                // The decoder holds back its window, perhaps megabytes, until it gets a last block.
                self.frame.decode_blocks(EMPTY_LAST_BLOCK, block()).map_err(frame_error)?;
            }
        }
        self.frame.read(buffer)
    }

    fn end_frame(&mut self) -> io::Result<()> {
        self.is_in_frame = false;
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        let stored = self.frame.get_checksum_from_data();
        if stored.is_some() && stored != self.frame.get_calculated_checksum() {
            return Err(ErrorKind::InvalidData.into());
        }
        // A frame without a checksum leaves open whether it is right.
        self.is_all_checked &= stored.is_some();
        if self.is_all_checked {
            note_checked(&mut self.source);
        }
        Ok(())
    }
}

impl Read for ZstdReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.is_in_frame {
                self.is_in_frame = self.begin_frame()?;
                if !self.is_in_frame {
                    return Ok(0);
                }
            }
            match self.read_frame(buffer)? {
                0 => self.end_frame()?,
                read => return Ok(read),
            }
        }
    }
}

/// Names the remedy for errors that have one; all others are damage.
fn frame_error(error: FrameDecoderError) -> io::Error {
    let remedy = match error {
        FrameDecoderError::WindowSizeTooBig { requested, .. } => format!(
            "its zstd data needs a window of {} MiB, this program takes 128; decompress it with `zstd -d --long=31`",
            requested >> 20
        ),
        FrameDecoderError::DictNotProvided { .. } => {
            "its zstd data needs a dictionary; decompress it with `zstd -d -D DICTIONARY`".into()
        }
        _ => return ErrorKind::InvalidData.into(),
    };
    io::Error::new(ErrorKind::Unsupported, remedy)
}
