//! All frames of a Zstandard file.

use std::io::{self, BufRead, ErrorKind, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::padding::Padding;
use super::source::Source;

/// The window that `zstd -d` takes without being asked; more is memory that a file may not claim.
const WINDOW_BYTES_MAX: u64 = 128 << 20;

/// Of no bytes, with room for a checksum after it.
const EMPTY_LAST_BLOCK: &[u8] = &[1, 0, 0, 0, 0, 0, 0];

/// Decompresses a source frame by frame, and checks each frame's checksum.
pub(super) struct ZstdReader {
    source: Source,
    padding: Padding,
    frame: FrameDecoder,
    is_in_frame: bool,
    /// Why the frame has no more; told once all of it that was decoded is given.
    error: Option<io::Error>,
}

impl ZstdReader {
    pub(super) fn new(source: Source, padding: Padding) -> Self {
        let mut frame = FrameDecoder::new();
        frame.set_max_window_size(WINDOW_BYTES_MAX);
        Self { source, padding, frame, is_in_frame: false, error: None }
    }

    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    /// Begins the next frame; `false` at the end of the source.
    fn begin_frame(&mut self) -> io::Result<bool> {
        loop {
            self.padding.skip(&mut self.source)?;
            if self.source.fill_buf()?.is_empty() {
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

    /// Gives decompressed bytes of this frame; none at its end.
    fn read_frame(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.frame.can_collect() == 0 && !self.frame.is_finished() {
            let block = || BlockDecodingStrategy::UptoBlocks(1);
            if let Err(error) = self.frame.decode_blocks(&mut self.source, block()) {
                self.error = Some(frame_error(error));
                // The decoder keeps back its window, megabytes perhaps, until it meets the last block.
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
        let is_damaged = stored.is_some() && stored != self.frame.get_calculated_checksum();
        if is_damaged { Err(ErrorKind::InvalidData.into()) } else { Ok(()) }
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

/// What can be done about it is said here; the rest is damage.
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
