//! The bytes of one segment: read with another header, written without its zeros, read back and compared.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::unix::fs::FileExt;
use std::path::Path;

use ringlog_nostd::format::FILE_HEADER_LEN;

use crate::checksum::crc32c::crc32c_hardware;
use crate::event::FileHeader;
use crate::storage::error::ReadError;
#[cfg(feature = "compressed")]
use crate::storage::names::is_compressed;
use crate::storage::read::scan::segment_scan::FileScan;
#[cfg(feature = "compressed")]
use crate::storage::segment::compressed::Unpacker;
use crate::storage::segment::file::SegmentFile;

/// Bytes that are read and written at a time.
const PIECE_BYTES: usize = 256 * 1024;

/// Compresses a segment: gets its bytes, how many they are, and the file to write.
pub type Compressor = dyn Fn(&mut dyn Read, u64, &File) -> io::Result<()>;

/// Length and CRC-32C of bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Extent {
    pub(crate) bytes: u64,
    pub(crate) crc: u32,
}

impl Extent {
    fn add(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.crc = crc32c_hardware(self.crc, bytes);
    }
}

/// Bytes of a file from its start on, the first ones replaced where there is another header.
pub(crate) struct Content {
    source: Box<dyn Read>,
    header: Option<[u8; FILE_HEADER_LEN]>,
    /// How many bytes there should be.
    pub(crate) len: u64,
    /// What was given so far.
    pub(crate) extent: Extent,
}

impl Content {
    fn new(source: Box<dyn Read>, len: u64, header: Option<&FileHeader>) -> Self {
        Self { source, len, header: header.map(FileHeader::to_bytes), extent: Extent::default() }
    }

    /// Gives the first `len` bytes of a file.
    pub(crate) fn of_file(file: &File, len: u64, header: Option<&FileHeader>) -> io::Result<Self> {
        let (bytes, _) = open_plain(file)?;
        Ok(Self::new(Box::new(bytes.take(len)), len, header))
    }

    /// Gives all of a file.
    pub(crate) fn of_whole(file: &File) -> io::Result<Self> {
        let (bytes, len) = open_plain(file)?;
        Ok(Self::new(Box::new(bytes), len, None))
    }

    /// Gives all that a file holds, decompressed.
    pub(crate) fn of_copy(path: &Path, file: &File) -> io::Result<Self> {
        let (bytes, len) = open_copy(path, file)?;
        Ok(Self::new(bytes, len, None))
    }
}

impl Read for Content {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        let given = buffer.get_mut(..read).unwrap_or_default();
        if let Some(header) = &self.header {
            let from = usize::try_from(self.extent.bytes).unwrap_or(usize::MAX);
            let replaced = header.get(from..).unwrap_or_default();
            given.iter_mut().zip(replaced).for_each(|(byte, new)| *byte = *new);
        }
        self.extent.add(given);
        Ok(read)
    }
}

/// Opens a file to be read from its start. Returns its length as well.
fn open_plain(file: &File) -> io::Result<(File, u64)> {
    let mut file = file.try_clone()?;
    file.rewind()?;
    let len = file.metadata()?.len();
    Ok((file, len))
}

/// Does the same with what a file holds, which is compressed if its name says so.
fn open_copy(path: &Path, file: &File) -> io::Result<(Box<dyn Read>, u64)> {
    #[cfg(feature = "compressed")]
    if is_compressed(path) {
        let content = Unpacker::of(file)?;
        let len = content.content_bytes();
        return Ok((Box::new(content), len));
    }
    let _ = path;
    let (file, len) = open_plain(file)?;
    Ok((Box::new(file), len))
}

/// Writes `len` bytes to an empty file. Zeros become holes.
pub(crate) fn write(content: &mut dyn Read, len: u64, to: &File) -> io::Result<()> {
    let (mut piece, mut at) = (vec![0; PIECE_BYTES], 0);
    while at < len {
        let wanted = usize::try_from(len - at).map_or(PIECE_BYTES, |left| left.min(PIECE_BYTES));
        let piece = piece.get_mut(..wanted).unwrap_or_default();
        content.read_exact(piece)?;
        if piece.iter().any(|&byte| byte != 0) {
            to.write_all_at(piece, at)?;
        }
        at += wanted as u64;
    }
    // At its end compressed content compares its checksum.
    if content.read(&mut [0])? != 0 {
        return Err(io::ErrorKind::InvalidData.into());
    }
    to.set_len(len)
}

/// Reads a file of a copy from the start, decompressed.
pub(crate) fn read_back(path: &Path, file: &File) -> io::Result<Extent> {
    let (mut content, _) = open_copy(path, file)?;
    let (mut piece, mut extent) = (vec![0; PIECE_BYTES], Extent::default());
    loop {
        match content.read(&mut piece)? {
            0 => return Ok(extent),
            read => extent.add(piece.get(..read).unwrap_or_default()),
        }
    }
}

/// Checks the records of a segment up to an offset, and returns how many there are.
pub(crate) fn count_records(
    segment: SegmentFile,
    end: u64,
    end_position: Option<u64>,
) -> Result<u64, ReadError> {
    let base_sequence = segment.info.header.base_sequence;
    let mut scan = FileScan::up_to(segment, end);
    end_position.into_iter().for_each(|position| scan.end_at_position(position));
    loop {
        scan.pass_valid(|_| {});
        if !scan.advance()? {
            return Ok(scan.next_sequence() - base_sequence);
        }
    }
}
