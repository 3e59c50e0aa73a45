//! Formats that cannot be imported, with a remedy for each.

use std::io::{self, ErrorKind};

use super::source::Compression;

/// A format, its magic, and how to turn it into a file that can be imported.
struct Foreign {
    name: &'static str,
    at: usize,
    magic: &'static [u8],
    remedy: &'static str,
}

const fn foreign(name: &'static str, magic: &'static [u8], remedy: &'static str) -> Foreign {
    Foreign { name, at: 0, magic, remedy }
}

const ONCE_MORE: &str = "decompress it once";
const EXPORT: &str = "export a table from it as CSV";
const REWRITE: &str = "rewrite it with `editcap -F pcapng`";

const FORMATS: &[Foreign] = &[
    // These two are decompressed, so here one is inside the other.
    foreign("gzip data", b"\x1F\x8B", ONCE_MORE),
    foreign("zstd data", b"\x28\xB5\x2F\xFD", ONCE_MORE),
    foreign(
        "a zip archive or a workbook",
        b"PK\x03\x04",
        "unpack it with `unzip`, or export the workbook as CSV",
    ),
    foreign("an empty zip archive", b"PK\x05\x06", "unpack it with `unzip`"),
    foreign("a zip archive in parts", b"PK\x07\x08", "unpack it with `unzip`"),
    foreign("a 7z archive", b"7z\xBC\xAF\x27\x1C", "unpack it with `7z x`"),
    foreign("a RAR archive", b"Rar!\x1A\x07", "unpack it with `unrar x`"),
    foreign("a cabinet", b"MSCF\0\0\0\0", "unpack it with `cabextract`"),
    foreign("an ar archive", b"!<arch>\n", "unpack it with `ar x`"),
    Foreign { name: "a tar archive", at: 257, magic: b"ustar", remedy: "unpack it with `tar -x`" },
    foreign("xz data", b"\xFD7zXZ\0", "decompress it with `xz -d`"),
    foreign("bzip2 data", b"BZh", "decompress it with `bzip2 -d`"),
    foreign("LZMA data", b"\x5D\0\0", "decompress it with `xz -d --format=lzma`"),
    foreign("lzip data", b"LZIP\x01", "decompress it with `lzip -d`"),
    foreign("LZ4 data", b"\x04\x22\x4D\x18", "decompress it with `lz4 -d`"),
    foreign("LZ4 data", b"\x02\x21\x4C\x18", "decompress it with `lz4 -d`"),
    foreign("lzop data", b"\x89LZO\0\r\n\x1A\n", "decompress it with `lzop -d`"),
    foreign("snappy data", b"\xFF\x06\0\0sNaPpY", "decompress it with `snzip -d`"),
    foreign("data of `compress`", b"\x1F\x9D", "decompress it with `gzip -d`"),
    foreign("data of `pack`", b"\x1F\x1E", "decompress it with `gzip -d`"),
    foreign("LZH data", b"\x1F\xA0", "decompress it with `gzip -d`"),
    foreign("a Parquet file", b"PAR1", EXPORT),
    foreign("an Arrow file", b"ARROW1", EXPORT),
    foreign("an Avro file", b"Obj\x01", EXPORT),
    foreign("an HDF5 file", b"\x89HDF\r\n\x1A\n", EXPORT),
    foreign("an SQLite database", b"SQLite format 3\0", EXPORT),
    foreign("a workbook of an old Excel", b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", EXPORT),
    foreign("a PDF", b"%PDF-", EXPORT),
    foreign("a capture of snoop", b"snoop\0\0\0", REWRITE),
    foreign("a capture of NetMon", b"GMBU", REWRITE),
    foreign("a capture of NetMon", b"RTSS", REWRITE),
    foreign("a capture of a Sniffer", b"TRSNIFF data", REWRITE),
    foreign("a capture of NetXRay", b"XCP\0", REWRITE),
    foreign("a capture with a magic that only its maker knows", b"\xA1\xB2\x34\xCD", REWRITE),
    foreign("a capture with a magic that only its maker knows", b"\xCD\x34\xB2\xA1", REWRITE),
    foreign(
        "a file of a ringlog log",
        b"EVTL",
        "copy it with `ringlog replay --to`, or read it with `ringlog cat`",
    ),
];

/// Refuses a file that starts with the magic of one of these formats.
pub(super) fn refuse(head: &[u8], inside: Option<Compression>) -> io::Result<()> {
    let Some(found) = FORMATS.iter().find(|format| format.is_in(head)) else { return Ok(()) };
    let Foreign { name, remedy, .. } = found;
    let inside = inside.map(|compression| format!(" inside {compression}")).unwrap_or_default();
    let result = if found.magic == b"EVTL" { "" } else { ", and import the result" };
    Err(io::Error::new(ErrorKind::Unsupported, format!("{name}{inside}; {remedy}{result}")))
}

impl Foreign {
    /// Whether this is the start of such a file. A magic of only letters may also be the first word of a text.
    fn is_in(&self, head: &[u8]) -> bool {
        let has_magic = head.get(self.at..).is_some_and(|rest| rest.starts_with(self.magic));
        has_magic && (!self.magic.iter().all(u8::is_ascii_graphic) || !is_text(head))
    }
}

/// Whether these bytes are text, of which the last character may be cut.
fn is_text(head: &[u8]) -> bool {
    let is_utf8 = std::str::from_utf8(head).err().is_none_or(|error| error.error_len().is_none());
    is_utf8 && !head.iter().any(|&byte| byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0C | 0x1B))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file_with(format: &Foreign) -> Vec<u8> {
        let mut file = vec![0; format.at];
        file.extend(format.magic);
        file.extend([0xFE; 100]);
        file
    }

    #[test]
    fn every_format_is_refused_by_name_with_a_remedy() {
        for format in FORMATS {
            let error = refuse(&file_with(format), None).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            let text = error.to_string();
            assert!(text.contains(format.name) && text.contains(format.remedy), "{text}");
            let inside = refuse(&file_with(format), Some(Compression::Gzip)).unwrap_err();
            assert!(inside.to_string().contains("inside gzip"), "{inside}");
        }
    }

    #[test]
    fn words_that_are_also_a_magic_are_text() {
        for text in
            ["BZhang,5", "PAR1 opened\n", "EVTL é", "RTSS\tup", "%PDF- is a magic", "LZIP", "", "PK", "7z"]
        {
            assert!(refuse(text.as_bytes(), None).is_ok(), "{text}");
        }
    }
}
