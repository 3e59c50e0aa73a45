//! Reads files, and decompresses compressed ones.

mod foreign;
mod gzip;
mod padding;
mod peeked;
pub(crate) mod source;
mod zstd;

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;

use gzip::GzipReader;

pub(crate) use padding::Padding;
pub(crate) use peeked::Peeked;
pub(crate) use source::Compression;
use source::{Watched, explained};
use zstd::ZstdReader;

/// Bytes that hold every magic; the magic of tar is at byte 257.
const HEAD_BYTES: u64 = 512;
const BUFFER_BYTES: usize = 64 * 1024;

/// Reads a regular file; decompresses gzip and zstd with bounded memory.
///
/// Refuses archives and other formats without events by their first bytes, also inside gzip and zstd: their lines would
/// mean nothing.
#[derive(Debug)]
pub(crate) struct Input {
    compression: Option<Compression>,
    content: Peeked<Decoder>,
    padding: Padding,
}

/// Whether text that starts like this is UTF-16.
pub(crate) fn is_utf16(head: &[u8]) -> bool {
    head.starts_with(b"\xFF\xFE") || head.starts_with(b"\xFE\xFF")
}

impl Input {
    /// Opens a file and checks its first bytes.
    ///
    /// # Errors
    ///
    /// The kind is `Unsupported` for a refused format; the text then names the format and what to do.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let input = Self::open_any(path)?;
        foreign::refuse(input.head(), input.compression)?;
        Ok(input)
    }

    /// Opens a file whose first bytes may be those of any format.
    pub(crate) fn open_any(path: &Path) -> io::Result<Self> {
        #[cfg(test)]
        OPENED_INPUTS.set(OPENED_INPUTS.get() + 1);
        let mut file = File::open(path)?;
        let mut magic = Vec::new();
        file.by_ref().take(4).read_to_end(&mut magic)?;
        file.rewind()?;
        let compression = Compression::of(&magic);
        let padding = Padding::default();
        let content = Peeked::new(Decoder::new(compression, file, &padding), HEAD_BYTES)?;
        Ok(Self { compression, content, padding })
    }

    /// Returns how the file is compressed; `None` if it is not.
    pub(crate) fn compression(&self) -> Option<Compression> {
        self.compression
    }

    /// Returns the zeros found after compressed data so far.
    pub(crate) fn padding(&self) -> Padding {
        self.padding.clone()
    }

    /// Returns the first bytes, decompressed.
    pub(crate) fn head(&self) -> &[u8] {
        self.content.head()
    }

    /// Whether there is nothing to read.
    pub(crate) fn is_empty(&self) -> bool {
        self.head().is_empty()
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.content.read(buffer)
    }
}

enum Decoder {
    Plain(File),
    Gzip(Box<BufReader<GzipReader>>),
    Zstd(Box<ZstdReader>),
}

impl Decoder {
    fn new(compression: Option<Compression>, file: File, padding: &Padding) -> Self {
        let source = |file| BufReader::with_capacity(BUFFER_BYTES, Watched::new(file));
        match compression {
            None => Self::Plain(file),
            Some(Compression::Gzip) => {
                let gzip = GzipReader::new(source(file), padding.clone());
                Self::Gzip(Box::new(BufReader::with_capacity(BUFFER_BYTES, gzip)))
            }
            Some(Compression::Zstd) => Self::Zstd(Box::new(ZstdReader::new(source(file), padding.clone()))),
        }
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decoder")
    }
}

impl Read for Decoder {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.read(buffer),
            Self::Gzip(gzip) => {
                let read = gzip.read(buffer);
                read.map_err(|error| explained(gzip.get_ref().source(), Compression::Gzip, error))
            }
            Self::Zstd(zstd) => {
                let read = zstd.read(buffer);
                read.map_err(|error| explained(zstd.source(), Compression::Zstd, error))
            }
        }
    }
}

#[cfg(test)]
thread_local! {
    /// How many inputs this thread opened, for tests.
    pub(crate) static OPENED_INPUTS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

#[cfg(test)]
#[path = "../../../tests/integration/cli/compress.rs"]
pub(crate) mod compress;

#[cfg(test)]
mod tests {
    use super::compress::{gzip, zstd};
    use super::*;
    use std::io::{ErrorKind, Write};

    /// Returns content that is compressed in blocks of every kind.
    fn content(bytes: usize) -> Vec<u8> {
        (0..bytes as u32)
            .map(|at| if at % 300 < 200 { b'a' } else { (at.wrapping_mul(at) >> 5) as u8 | 32 })
            .collect()
    }

    fn read(file_bytes: &[u8]) -> (Vec<u8>, Option<io::Error>) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(file_bytes).unwrap();
        let mut content = Vec::new();
        let error = Input::open(file.path()).and_then(|mut input| input.read_to_end(&mut content)).err();
        (content, error)
    }

    #[test]
    fn files_are_read_as_they_are_or_decompressed() {
        let skippable = [&[0x5F, 0x2A, 0x4D, 0x18, 3, 0, 0, 0][..], b"any"].concat();
        for bytes in [0, 1, 511, 512, 513, 300_000] {
            let content = content(bytes);
            let files = [
                content.clone(),
                gzip(&content),
                zstd(&content),
                [gzip(&content[..bytes / 2]), gzip(b""), gzip(&content[bytes / 2..])].concat(),
                [
                    skippable.clone(),
                    zstd(&content[..bytes / 2]),
                    skippable.clone(),
                    zstd(&content[bytes / 2..]),
                ]
                .concat(),
            ];
            for file in files {
                let (found, error) = read(&file);
                assert!(error.is_none() && found == content, "{bytes}: {error:?}");
            }
        }
    }

    #[test]
    fn every_cut_is_an_error_that_comes_after_what_is_before() {
        let content = content(3000);
        for whole in [gzip(&content), zstd(&content)] {
            for end in 4..whole.len() {
                let (found, error) = read(&whole[..end]);
                let error = error.expect("the end is missing");
                assert!(content.starts_with(&found), "cut at {end}");
                assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "cut at {end}: {error}");
                assert!(error.to_string().contains(&format!("ends with byte {end} of the file")), "{error}");
            }
        }
    }

    #[test]
    fn no_changed_bit_changes_the_content_in_silence() {
        let content = content(600);
        for whole in [gzip(&content), zstd(&content)] {
            for bit in 32..whole.len() * 8 {
                let mut file = whole.clone();
                file[bit / 8] ^= 1 << (bit % 8);
                let (found, error) = read(&file);
                assert!(error.is_some() || found == content, "bit {bit}");
            }
        }
    }

    #[test]
    fn all_that_was_decompressed_before_damage_is_read() {
        let content = content(300_000);
        let whole = gzip(&content);
        for at in (30..whole.len() - 8).step_by(whole.len() / 40) {
            let mut file = whole.clone();
            file[at] ^= 0x10;
            let mut wanted = Vec::new();
            // Byte by byte, only what the damaged one would have given is missing.
            let _ = flate2::bufread::GzDecoder::new(BufReader::with_capacity(1, &file[..]))
                .read_to_end(&mut wanted);
            let (found, error) = read(&file);
            assert!(error.unwrap().to_string().contains("is damaged before byte"), "{at}");
            assert!(found.starts_with(&wanted), "{at}: {} of {} bytes", found.len(), wanted.len());
        }
        for cut in 1..=8 {
            let (found, error) = read(&whole[..whole.len() - cut]);
            assert!(found == content && error.unwrap().kind() == ErrorKind::UnexpectedEof, "{cut}");
        }
    }

    #[test]
    fn damage_names_the_bytes_that_no_checksum_confirms() {
        let content = content(30_000);
        for whole in [gzip(&content), zstd(&content)] {
            for members in [0, 2] {
                let before = whole.repeat(members);
                let mut file = [&before[..], &whole].concat();
                let last = file.len() - 1;
                file[last] ^= 1;
                let (found, error) = read(&file);
                let (error, from) = (error.unwrap().to_string(), before.len());
                assert_eq!(found, content.repeat(members + 1));
                assert!(
                    error.contains(&format!("no checksum confirms what was read from byte {from} on")),
                    "{error}"
                );
            }
        }
    }

    #[test]
    fn what_follows_compressed_data_is_reported() {
        for whole in [gzip(b"text"), zstd(b"text")] {
            for rest in [&b"and more that is not compressed"[..], b"x", b"\0\0x", b"(", b"\x1F", b"Q*"] {
                let (found, error) = read(&[&whole[..], rest].concat());
                let error = error.unwrap();
                assert_eq!(found, b"text");
                let is_start = matches!(rest, b"(" | b"\x1F" | b"Q*");
                let at = whole.len() + rest.iter().take_while(|&&byte| byte == 0).count();
                let is_named = error.to_string().contains(&format!("data ends at byte {at} of the file"));
                assert!(is_named || is_start, "{rest:?}: {error}");
                assert!(error.kind() == ErrorKind::InvalidData || is_start, "{rest:?}: {error}");
            }
        }
    }

    #[test]
    fn zeros_after_or_between_compressed_data_are_reported_and_cost_nothing() {
        for (half, whole) in [(gzip(b"one "), gzip(b"two")), (zstd(b"one "), zstd(b"two"))] {
            for zeros in [1, 3, 4, 511, 200_000] {
                let padding = vec![0; zeros];
                let after = [&half[..], &whole, &padding].concat();
                let between = [&half[..], &padding, &whole].concat();
                for (bytes, at) in [(after, half.len() + whole.len()), (between, half.len())] {
                    let mut file = tempfile::NamedTempFile::new().unwrap();
                    file.write_all(&bytes).unwrap();
                    let (mut input, mut text) = (Input::open(file.path()).unwrap(), String::new());
                    input.read_to_string(&mut text).unwrap();
                    assert_eq!(text, "one two");
                    let note = input.padding().note().unwrap();
                    assert!(note.ends_with(&format!("from byte {at} of the file on: {zeros}")), "{note}");
                }
            }
            let (text, error) = read(&[&whole[..], &[0; 100], b"no compressed data"].concat());
            assert_eq!((&text[..], error.unwrap().kind()), (&b"two"[..], ErrorKind::InvalidData));
        }
        let (text, error) = read(b"two\0\0");
        assert!(text == b"two\0\0" && error.is_none());
    }

    #[test]
    fn archives_inside_are_refused() {
        let mut tar = vec![b'n'; 257];
        tar.extend(b"ustar\x0000");
        for inside in [&tar[..], b"PK\x03\x04", &gzip(b"text")] {
            for file in [gzip(inside), zstd(inside)] {
                assert_eq!(read(&file).1.unwrap().kind(), ErrorKind::Unsupported);
            }
        }
    }

    #[test]
    fn a_window_that_a_file_may_not_claim_is_refused_with_a_remedy() {
        // A frame header that asks for a window of 2 GiB.
        let (_, error) = read(&[0x28, 0xB5, 0x2F, 0xFD, 0x00, 21 << 3, 0, 0, 0]);
        let error = error.unwrap();
        assert!(error.to_string().contains("2048 MiB") && error.to_string().contains("--long=31"), "{error}");
    }
}
