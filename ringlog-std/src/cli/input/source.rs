//! A compressed file, and what reading it came to.
#![forbid(unsafe_code)]

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};

/// How a file is compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Compression {
    /// gzip, of one or several members.
    Gzip,
    /// Zstandard, of one or several frames.
    Zstd,
}

impl Compression {
    pub(super) fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0x1F, 0x8B, ..] => Some(Self::Gzip),
            // The second is a frame that a reader skips: pzstd begins with one.
            [0x28, 0xB5, 0x2F, 0xFD, ..] | [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..] => Some(Self::Zstd),
            _ => None,
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

pub(super) type Source = BufReader<Watched>;

/// A compressed file, and what reading it came to.
pub(super) struct Watched {
    file: File,
    pub(crate) bytes: u64,
    is_at_end: bool,
    failed: Option<i32>,
}

impl Watched {
    pub(super) const fn new(file: File) -> Self {
        Self { file, bytes: 0, is_at_end: false, failed: None }
    }

    /// Says what happened in words of ours: the decoders tell an early end, damage and a bad disk alike.
    pub(super) fn explain(&self, compression: Compression, error: io::Error) -> io::Error {
        let bytes = self.bytes;
        if let Some(code) = self.failed {
            return io::Error::from_raw_os_error(code);
        }
        if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::Interrupted) {
            return error;
        }
        let (kind, text) = if self.is_at_end {
            let text = format!(
                "its {compression} data is cut short: it ends with byte {bytes} of the file, in the middle, and what is \
                 before was read; copy the file again"
            );
            (ErrorKind::UnexpectedEof, text)
        } else {
            let text = format!(
                "its {compression} data is damaged before byte {bytes} of the file, and the last of what was read may be wrong; \
                 copy the file again"
            );
            (ErrorKind::InvalidData, text)
        };
        io::Error::new(kind, text)
    }
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer);
        match &read {
            Ok(bytes) => {
                self.bytes += *bytes as u64;
                self.is_at_end |= *bytes == 0;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => self.failed = error.raw_os_error(),
        }
        read
    }
}
