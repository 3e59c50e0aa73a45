//! A compressed file, with its end and its errors.
#![forbid(unsafe_code)]

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};

/// How a file is compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Compression {
    /// gzip, with one or several members.
    Gzip,
    /// Zstandard, with one or several frames.
    Zstd,
}

impl Compression {
    pub(super) fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0x1F, 0x8B, ..] => Some(Self::Gzip),
            // The second is the magic of a skippable frame: pzstd files start with one.
            [0x28, 0xB5, 0x2F, 0xFD, ..] | [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..] => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Whether data of this compression may begin with these bytes, which may be fewer than its magic.
    fn may_begin(self, head: &[u8]) -> bool {
        let is_skippable = matches!(head.first(), Some(0x50..=0x5F));
        let magic: &[u8] = match self {
            Self::Gzip => &[0x1F, 0x8B],
            Self::Zstd if is_skippable => &[0x2A, 0x4D, 0x18],
            Self::Zstd => &[0x28, 0xB5, 0x2F, 0xFD],
        };
        let head = head.get(usize::from(self == Self::Zstd && is_skippable)..).unwrap_or_default();
        head.iter().zip(magic).all(|(found, wanted)| found == wanted)
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

/// A compressed file that remembers its end and its errors.
pub(super) struct Watched {
    file: File,
    pub(crate) bytes: u64,
    is_at_end: bool,
    failed: Option<i32>,
    /// Where bytes begin that follow whole data and are no such data.
    other_from: Option<u64>,
    /// The end of the last data of which a checksum was right.
    checked_to: u64,
}

impl Watched {
    pub(super) const fn new(file: File) -> Self {
        Self { file, bytes: 0, is_at_end: false, failed: None, other_from: None, checked_to: 0 }
    }

    /// Explains an error after this many bytes of the file. Decoders report an early end, damage and a failed disk alike, so
    /// their text is replaced.
    fn explain(&self, compression: Compression, bytes: u64, error: io::Error) -> io::Error {
        if let Some(code) = self.failed {
            return io::Error::from_raw_os_error(code);
        }
        if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::Interrupted) {
            return error;
        }
        let (kind, text) = if let Some(at) = self.other_from {
            let text = format!(
                "its {compression} data ends at byte {at} of the file, and no such data follows, but what is before was \
                 read; cut the file there if the rest is not wanted, or copy it again"
            );
            (ErrorKind::InvalidData, text)
        } else if self.is_at_end {
            let text = format!(
                "its {compression} data is cut short: it ends with byte {bytes} of the file, in the middle, and what is \
                 before was read; copy the file again"
            );
            (ErrorKind::UnexpectedEof, text)
        } else {
            let text = format!(
                "its {compression} data is damaged before byte {bytes} of the file, and as no checksum confirms what was \
                 read from byte {} on, any of that may be wrong; copy the file again",
                self.checked_to
            );
            (ErrorKind::InvalidData, text)
        };
        io::Error::new(kind, text)
    }
}

/// Returns the offset in the file of the byte that is read next.
pub(super) fn offset(source: &Source) -> u64 {
    source.get_ref().bytes - source.buffer().len() as u64
}

/// Notes that a checksum confirms everything that was read.
pub(super) fn note_checked(source: &mut Source) {
    source.get_mut().checked_to = offset(source);
}

/// Explains an error of a decoder of this source.
pub(super) fn explained(source: &Source, compression: Compression, error: io::Error) -> io::Error {
    source.get_ref().explain(compression, offset(source), error)
}

/// Checks that data of this compression may follow; `false` at the end of the source.
pub(super) fn begins(source: &mut Source, compression: Compression) -> io::Result<bool> {
    let head = source.fill_buf()?;
    let (is_end, is_other) = (head.is_empty(), !compression.may_begin(head));
    if is_other {
        let at = offset(source);
        source.get_mut().other_from = Some(at);
        return Err(ErrorKind::InvalidData.into());
    }
    Ok(!is_end)
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
