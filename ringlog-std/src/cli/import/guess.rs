//! What kind of file it is.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::pcap;

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

/// What a look at a file says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Guess {
    /// It can be imported like this.
    Format(Format),
    /// It is compressed, by this program.
    Compressed(&'static str),
}

/// Guesses from the first bytes, then from the name.
pub(crate) fn guess(path: &Path) -> io::Result<Guess> {
    let mut first = Vec::new();
    File::open(path)?.take(8).read_to_end(&mut first)?;
    Ok(from_bytes(&first).unwrap_or_else(|| Guess::Format(from_name(path))))
}

fn from_bytes(first: &[u8]) -> Option<Guess> {
    if first.first_chunk().is_some_and(|magic| pcap::is_capture(*magic)) {
        return Some(Guess::Format(Format::Pcap));
    }
    let compressed: [(&[u8], &str); 4] = [
        (&[0x1F, 0x8B], "gzip"),
        (b"\xFD7zXZ", "xz"),
        (&[0x28, 0xB5, 0x2F, 0xFD], "zstd"),
        (b"BZh", "bzip2"),
    ];
    compressed.iter().find(|(magic, _)| first.starts_with(magic)).map(|(_, name)| Guess::Compressed(name))
}

fn from_name(path: &Path) -> Format {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "pcap" | "pcapng" | "cap" => Format::Pcap,
        "csv" | "tsv" => Format::Csv,
        _ => Format::Lines,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_tell_more_than_names() {
        assert_eq!(from_bytes(&[0x0A, 0x0D, 0x0D, 0x0A, 1, 2]), Some(Guess::Format(Format::Pcap)));
        assert_eq!(from_bytes(&[0xA1, 0xB2, 0x3C, 0x4D]), Some(Guess::Format(Format::Pcap)));
        assert_eq!(from_bytes(&[0x1F, 0x8B, 8, 0]), Some(Guess::Compressed("gzip")));
        assert_eq!(from_bytes(b"time,price"), None);
        assert_eq!(from_bytes(b""), None);
    }

    #[test]
    fn names_decide_where_bytes_do_not() {
        assert_eq!(from_name(Path::new("ticks.CSV")), Format::Csv);
        assert_eq!(from_name(Path::new("a.pcapng")), Format::Pcap);
        assert_eq!(from_name(Path::new("/var/log/messages")), Format::Lines);
    }
}
