//! Reads compressed copies of segments: a file `NAME.evtl.zst` holds the bytes of a segment as one Zstandard frame.
//!
//! A frame says how long its content is, and more is refused. A reader gets a file without a name that holds the
//! content, in the folder for temporary files: it is mapped and read as any segment.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Seek};
use std::os::unix::fs::FileExt;

use ringlog_nostd::format::FILE_HEADER_LEN;
use rustix::fs::fstatvfs;
use ruzstd::decoding::errors::FrameDecoderError;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use crate::event::{FileHeader, file_flags};
use crate::os::temporary::create_unnamed;
use crate::storage::segment::options::CAPACITY_BYTES;

/// Largest window in bytes, as for `zstd -d`; a file may not claim more memory.
const WINDOW_BYTES_MAX: u64 = 128 << 20;
/// Bytes that are read from the compressed file at a time.
const SOURCE_BYTES: usize = 128 * 1024;
/// Bytes that are written at a time. Zeros are not written.
const PIECE_BYTES: usize = 64 * 1024;

/// Gives the content of a compressed segment, and an error in place of more or less than its frame announces.
pub(crate) struct Unpacker<R> {
    source: R,
    frame: FrameDecoder,
    len: u64,
    given: u64,
}

impl<R: Read> Unpacker<R> {
    /// Reads how the frame begins.
    ///
    /// # Errors
    ///
    /// What the source gives; `InvalidData` or `Unsupported` for what is no copy of a segment.
    pub(crate) fn new(mut source: R) -> io::Result<Self> {
        let mut frame = FrameDecoder::new();
        frame.set_max_window_size(WINDOW_BYTES_MAX);
        frame.reset(&mut source).map_err(explained)?;
        let len = frame.content_size();
        if !(FILE_HEADER_LEN as u64..=*CAPACITY_BYTES.end()).contains(&len) {
            return Err(unsupported("it does not say how long the segment is"));
        }
        Ok(Self { source, frame, len, given: 0 })
    }

    /// Returns the length of the content in bytes, as the frame announces it.
    pub(crate) const fn content_bytes(&self) -> u64 {
        self.len
    }

    fn check_end(&mut self) -> io::Result<()> {
        let stored = self.frame.get_checksum_from_data();
        let is_right = stored.is_none() || stored == self.frame.get_calculated_checksum();
        if self.given != self.len || !is_right {
            return Err(damaged());
        }
        match self.source.read(&mut [0])? {
            0 => Ok(()),
            _ => Err(unsupported("more than one frame is in it")),
        }
    }
}

impl<R: Read> Read for Unpacker<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.frame.can_collect() == 0 && !self.frame.is_finished() {
            let block = BlockDecodingStrategy::UptoBlocks(1);
            self.frame.decode_blocks(&mut self.source, block).map_err(explained)?;
        }
        let read = self.frame.read(buffer)?;
        self.given += read as u64;
        if self.given > self.len {
            return Err(damaged());
        }
        if read == 0 && !buffer.is_empty() {
            self.check_end()?;
        }
        Ok(read)
    }
}

impl Unpacker<BufReader<File>> {
    /// Reads the content of a file from its start.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub(crate) fn of(file: &File) -> io::Result<Self> {
        let mut file = file.try_clone()?;
        file.rewind()?;
        Self::new(BufReader::with_capacity(SOURCE_BYTES, file))
    }
}

/// Returns the first bytes of a compressed segment, and how long it is.
pub(crate) fn header_of(file: &File) -> io::Result<([u8; FILE_HEADER_LEN], u64)> {
    let mut content = Unpacker::of(file)?;
    let mut header = [0; FILE_HEADER_LEN];
    content.read_exact(&mut header)?;
    Ok((header, content.content_bytes()))
}

/// Returns a file without a name that holds what is compressed in this one.
///
/// In a file that its writer closed nothing after the records is read, so that it stays zero here.
pub(crate) fn unpack(file: &File) -> io::Result<File> {
    let mut content = Unpacker::of(file)?;
    let to = create_unnamed()?;
    let mut piece = vec![0; PIECE_BYTES];
    content.read_exact(&mut piece[..FILE_HEADER_LEN])?;
    to.write_all_at(&piece[..FILE_HEADER_LEN], 0)?;
    let header = piece.first_chunk().and_then(|head| FileHeader::from_bytes(head).ok());
    let is_closed = |header: &FileHeader| {
        header.has(file_flags::SEALED | file_flags::CLEAN) && !header.has(file_flags::STREAM)
    };
    let end = header.filter(is_closed).map_or(content.len, |header| header.write_offset.min(content.len));
    check_room(&to, end)?;
    let mut at = FILE_HEADER_LEN as u64;
    while at < end {
        let wanted = usize::try_from(end - at).map_or(PIECE_BYTES, |left| left.min(PIECE_BYTES));
        let piece = piece.get_mut(..wanted).unwrap_or_default();
        content.read_exact(piece)?;
        if piece.iter().any(|&byte| byte != 0) {
            to.write_all_at(piece, at)?;
        }
        at += wanted as u64;
    }
    // At its end the content compares its length and checksum.
    if end == content.len && content.read(&mut [0])? != 0 {
        return Err(damaged());
    }
    to.set_len(content.len)?;
    Ok(to)
}

/// Refuses to fill the folder for temporary files, whose bytes may be memory.
fn check_room(to: &File, bytes: u64) -> io::Result<()> {
    let system = fstatvfs(to)?;
    if bytes > system.f_bavail.saturating_mul(system.f_frsize) / 2 {
        let why = "its segment takes more than half of the room for temporary files; set TMPDIR to a folder with more, \
                   or restore the backup";
        return Err(io::Error::new(ErrorKind::StorageFull, why));
    }
    Ok(())
}

fn unsupported(why: &str) -> io::Error {
    let advice = "decompress it with `zstd -d`, and delete the compressed file";
    io::Error::new(
        ErrorKind::Unsupported,
        format!("{why}, so it is no copy that `ringlog backup` made; {advice}"),
    )
}

fn damaged() -> io::Error {
    let why = "its compressed data is damaged; take the file from another backup, or back up the log again";
    io::Error::new(ErrorKind::InvalidData, why)
}

fn explained(error: FrameDecoderError) -> io::Error {
    match error {
        FrameDecoderError::WindowSizeTooBig { .. } | FrameDecoderError::DictNotProvided { .. } => {
            unsupported("its zstd data needs a dictionary, or a window of more than 128 MiB")
        }
        _ => damaged(),
    }
}
