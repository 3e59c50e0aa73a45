//! Reads all members of a gzip file.
#![forbid(unsafe_code)]

use std::io::{self, BufRead, ErrorKind, Read};

use flate2::bufread::GzDecoder;
use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::padding::Padding;
use super::source::{Compression, Source, begins, note_checked};

/// Decompresses a file member by member, and checks the checksum of each.
///
/// Gives all bytes before an error if it reads into 32 KiB at least, the longest distance in such data. `GzDecoder` does
/// not give those that it decompressed in the call that met damage.
pub(super) struct GzipReader {
    source: Source,
    padding: Padding,
    part: Part,
    inflate: Decompress,
    crc: Crc,
    /// Damage after the bytes that were given last.
    error: Option<io::Error>,
}

/// What is read next.
#[derive(Clone, Copy)]
enum Part {
    Header,
    Data,
    Trailer,
}

impl GzipReader {
    pub(super) fn new(source: Source, padding: Padding) -> Self {
        let (inflate, crc) = (Decompress::new(false), Crc::new());
        Self { source, padding, part: Part::Header, inflate, crc, error: None }
    }

    pub(super) const fn source(&self) -> &Source {
        &self.source
    }

    /// Reads the header of the next member; `false` at the end of the source.
    fn begin_member(&mut self) -> io::Result<bool> {
        self.padding.skip(&mut self.source)?;
        if !begins(&mut self.source, Compression::Gzip)? {
            return Ok(false);
        }
        let mut decoder = GzDecoder::new(&mut self.source);
        if decoder.header().is_none() {
            // It returns the problem of the header.
            io::copy(&mut decoder, &mut io::sink())?;
        }
        self.inflate.reset(false);
        self.crc.reset();
        self.part = Part::Data;
        Ok(true)
    }

    /// Decompresses some bytes of this member.
    fn read_data(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let input = self.source.fill_buf()?;
        let is_end = input.is_empty();
        let flush = if is_end { FlushDecompress::Finish } else { FlushDecompress::None };
        let (total_in, total_out) = (self.inflate.total_in(), self.inflate.total_out());
        let status = self.inflate.decompress(input, buffer, flush);
        let read = (self.inflate.total_out() - total_out) as usize;
        self.source.consume((self.inflate.total_in() - total_in) as usize);
        self.crc.update(buffer.get(..read).unwrap_or_default());
        match status {
            Ok(Status::StreamEnd) => self.part = Part::Trailer,
            Ok(_) if is_end && read == 0 => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(_) => {}
            Err(_) => self.error = Some(ErrorKind::InvalidData.into()),
        }
        Ok(read)
    }

    /// Compares the checksum and the length of this member.
    fn end_member(&mut self) -> io::Result<()> {
        let mut trailer = [0; 8];
        self.source.read_exact(&mut trailer)?;
        self.part = Part::Header;
        let found = [self.crc.sum().to_le_bytes(), self.crc.amount().to_le_bytes()].concat();
        if trailer[..] != found {
            return Err(ErrorKind::InvalidData.into());
        }
        note_checked(&mut self.source);
        Ok(())
    }
}

impl Read for GzipReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if let Some(error) = self.error.take() {
                return Err(error);
            }
            match self.part {
                Part::Header => {
                    if !self.begin_member()? {
                        return Ok(0);
                    }
                }
                Part::Data => match self.read_data(buffer)? {
                    0 => {}
                    read => return Ok(read),
                },
                Part::Trailer => self.end_member()?,
            }
        }
    }
}
