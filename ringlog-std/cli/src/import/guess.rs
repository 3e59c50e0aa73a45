//! Guesses the format of a file.

use std::io;
use std::path::Path;

use super::{exported, pcap};
use crate::input::{Input, is_utf16};

/// The formats that can be imported.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Format {
    /// Packet captures, pcap or pcapng.
    Pcap,
    /// Rows with a time column.
    Csv,
    /// Lines of JSON objects with a time field.
    Json,
    /// Lines of text.
    Lines,
    /// What `export` wrote: lines of JSON, or CSV, a file or a folder of them.
    Ringlog,
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Pcap => "packet capture",
            Self::Csv => "CSV",
            Self::Json => "lines of JSON",
            Self::Lines => "lines",
            Self::Ringlog => "an export of ringlog",
        })
    }
}

/// Guesses the format of a file from its first bytes, then from its name.
///
/// # Errors
///
/// Returns the problem if neither decides and the bytes are not text: line feeds among such bytes end no lines.
pub(crate) fn guess(path: &Path, head: &[u8]) -> Result<Format, String> {
    let format = from_bytes(head).unwrap_or_else(|| from_name(path));
    not_text(head).filter(|_| format == Format::Lines).map_or(Ok(format), Err)
}

fn not_text(head: &[u8]) -> Option<String> {
    if is_utf16(head) {
        let problem = "text in UTF-16; convert it with `iconv -f UTF-16 -t UTF-8`, or give --format csv or json, which read it";
        return Some(problem.into());
    }
    let zero = head.iter().position(|&byte| byte == 0)?;
    Some(format!(
        "no text, as byte {zero} is zero, and in no format that is known by its first bytes; give --format, which may be \
         lines, to have its bytes cut at each line feed"
    ))
}

/// Says which time events of lines get.
pub(crate) fn time_of_lines(path: &Path) -> io::Result<String> {
    let is_json = Input::open(path)?.head().trim_ascii_start().starts_with(b"{\"");
    let json = "; the first one looks like JSON, of which --format json reads the time";
    Ok(format!("time: that of the import{}", if is_json { json } else { "" }))
}

fn from_bytes(first: &[u8]) -> Option<Format> {
    if exported::is_export(first) {
        return Some(Format::Ringlog);
    }
    first.first_chunk().is_some_and(|magic| pcap::is_capture(*magic)).then_some(Format::Pcap)
}

fn from_name(path: &Path) -> Format {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        // The name without the extension of the compression.
        "gz" | "gzip" | "zst" | "zstd" => from_name(Path::new(path.file_stem().unwrap_or_default())),
        "pcap" | "pcapng" | "cap" => Format::Pcap,
        "csv" | "tsv" => Format::Csv,
        "jsonl" | "ndjson" | "json" => Format::Json,
        _ => Format::Lines,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_decide_before_names() {
        assert_eq!(from_bytes(&[0x0A, 0x0D, 0x0D, 0x0A, 1, 2]), Some(Format::Pcap));
        assert_eq!(from_bytes(&[0xA1, 0xB2, 0x3C, 0x4D]), Some(Format::Pcap));
        assert_eq!(from_bytes(b"time,price"), None);
        assert_eq!(from_bytes(b""), None);
    }

    #[test]
    fn what_is_no_text_is_not_taken_for_lines() {
        for head in [&b"\xFF\xFEt\0"[..], b"\xFE\xFF\0t", b"\x93NUMPY\x01\0", b"\x7FELF\x02\x01\x01\0"] {
            assert!(not_text(head).unwrap().contains("; "), "{head:?}");
        }
        for head in [&b""[..], b"caf\xE9 in Latin-1\n", "\u{feff}text".as_bytes(), b"\x1b[1mbold"] {
            assert_eq!(not_text(head), None, "{head:?}");
        }
    }

    #[test]
    fn names_decide_where_bytes_do_not() {
        assert_eq!(from_name(Path::new("ticks.CSV")), Format::Csv);
        assert_eq!(from_name(Path::new("a.pcapng")), Format::Pcap);
        assert_eq!(from_name(Path::new("b/ticks.csv.GZ")), Format::Csv);
        assert_eq!(from_name(Path::new("ticks.tsv.zst")), Format::Csv);
        assert_eq!(from_name(Path::new("app.jsonl.gz")), Format::Json);
        assert_eq!(from_name(Path::new("/var/log/messages")), Format::Lines);
    }
}
