//! Guesses the format of a file.

use std::io::{self, Read};
use std::path::Path;

use super::pcap;
use crate::cli::input::Input;

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
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Pcap => "packet capture",
            Self::Csv => "CSV",
            Self::Json => "lines of JSON",
            Self::Lines => "lines",
        })
    }
}

/// Guesses the format from the first bytes, then from the name.
pub(crate) fn guess(path: &Path) -> io::Result<Format> {
    let mut first = Vec::new();
    Input::open(path)?.take(8).read_to_end(&mut first)?;
    Ok(from_bytes(&first).unwrap_or_else(|| from_name(path)))
}

fn from_bytes(first: &[u8]) -> Option<Format> {
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
    fn bytes_tell_more_than_names() {
        assert_eq!(from_bytes(&[0x0A, 0x0D, 0x0D, 0x0A, 1, 2]), Some(Format::Pcap));
        assert_eq!(from_bytes(&[0xA1, 0xB2, 0x3C, 0x4D]), Some(Format::Pcap));
        assert_eq!(from_bytes(b"time,price"), None);
        assert_eq!(from_bytes(b""), None);
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
