//! All members of a gzip file.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

use super::padding::Padding;
use super::source::Source;

/// Decompresses a file member by member, and has each member's checksum compared.
pub(super) struct GzipReader {
    /// `None` only while the next one is begun.
    member: Option<GzDecoder<Source>>,
    padding: Padding,
}

impl GzipReader {
    pub(super) fn new(source: Source, padding: Padding) -> Self {
        Self { member: Some(GzDecoder::new(source)), padding }
    }

    pub(super) fn source(&self) -> Option<&Source> {
        self.member.as_ref().map(GzDecoder::get_ref)
    }

    /// Begins the next member; `false` at the end of the source.
    fn begin_member(&mut self) -> io::Result<bool> {
        let Some(member) = &mut self.member else { return Ok(false) };
        self.padding.skip(member.get_mut())?;
        if member.get_mut().fill_buf()?.is_empty() {
            return Ok(false);
        }
        self.member = self.member.take().map(|member| GzDecoder::new(member.into_inner()));
        Ok(true)
    }
}

impl Read for GzipReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let Some(member) = &mut self.member else { return Ok(0) };
            let read = member.read(buffer)?;
            if read > 0 || !self.begin_member()? {
                return Ok(read);
            }
        }
    }
}
