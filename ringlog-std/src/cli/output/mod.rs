//! Events as `cat` prints them.

mod csv;
mod hex;
mod json;
mod raw;
mod text;

use std::io::{self, Write};

use super::error::CliError;
use crate::event::{ClockKind, Event};

/// How `cat` prints an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum CatFormat {
    /// For people: sequence, time, type, length, payload (text with control characters escaped, other bytes as the
    /// first 32)
    Text,
    /// One JSON object a line; payload under "text" if it is UTF-8, else under "hex"
    Json,
    /// With a header; payload as text if it is UTF-8 ("escaped" as in JSON if there are control characters in it), else
    /// in hexadecimal
    Csv,
    /// The same with `--csv-safe`.
    #[value(skip)]
    SafeCsv,
    /// One line each: sequence, timestamp, type, stored flags, whole payload in hexadecimal
    Hex,
    /// The payloads alone, each followed by a newline: imported lines and rows as they were
    Raw,
}

impl CatFormat {
    /// What `--format` and `--csv-safe` come to.
    pub(crate) fn csv_safe(self, is_safe: bool) -> Result<Self, CliError> {
        match (self, is_safe) {
            (format, false) => Ok(format),
            (Self::Csv, true) => Ok(Self::SafeCsv),
            (_, true) => Err(CliError::Usage("--csv-safe is for CSV; give --format csv".into())),
        }
    }
}

/// Prints events in one of the formats.
#[derive(Debug)]
pub(crate) enum Printer<W: Write> {
    Text(W),
    Json(W),
    Csv { table: Box<::csv::Writer<W>>, is_safe: bool },
    Hex(W),
    Raw(W),
}

impl<W: Write> Printer<W> {
    /// Prints to `out`; a CSV begins with its header.
    pub(crate) fn new(format: CatFormat, out: W) -> io::Result<Self> {
        Ok(match format {
            CatFormat::Text => Self::Text(out),
            CatFormat::Json => Self::Json(out),
            CatFormat::Csv | CatFormat::SafeCsv => {
                Self::Csv { table: Box::new(csv::begin(out)?), is_safe: format == CatFormat::SafeCsv }
            }
            CatFormat::Hex => Self::Hex(out),
            CatFormat::Raw => Self::Raw(out),
        })
    }

    /// Prints one event, or what a GAP record says.
    pub(crate) fn print(&mut self, event: &Event<'_>, clock: ClockKind) -> io::Result<()> {
        match self {
            Self::Text(out) => text::write(out, event, clock),
            Self::Json(out) => json::write(out, event, clock),
            Self::Csv { table, is_safe } => csv::write(table, event, clock, *is_safe),
            Self::Hex(out) => hex::write(out, event),
            Self::Raw(out) => raw::write(out, event),
        }
    }

    /// Has everything written.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Text(out) | Self::Json(out) | Self::Hex(out) | Self::Raw(out) => out.flush(),
            Self::Csv { table, .. } => table.flush(),
        }
    }
}

impl Printer<Vec<u8>> {
    /// What was printed in the text format.
    pub(crate) fn into_text(self) -> String {
        match self {
            Self::Text(printed) => String::from_utf8_lossy(&printed).into_owned(),
            _ => String::new(),
        }
    }
}

/// Bytes in hexadecimal.
fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 0xF)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

/// What a gap says in a few words.
fn gap_words(gap: &crate::event::Gap) -> String {
    let events = match gap.count {
        0 => "an unknown number of events".into(),
        1 => "1 event".into(),
        count => format!("{count} events"),
    };
    format!("{events} lost: {}", gap.reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::terminal::words::is_risky;
    use crate::event::{EventHeader, Gap, GapReason};

    const NANOS: u64 = 1_378_054_800_083_000_007;

    fn print(format: CatFormat, header: EventHeader, payload: &[u8]) -> String {
        let mut printed = Vec::new();
        let mut printer = Printer::new(format, &mut printed).unwrap();
        let event = Event { header, payload, sequence: 12, offset: 64 };
        printer.print(&event, ClockKind::UnixNanos).unwrap();
        printer.flush().unwrap();
        drop(printer);
        String::from_utf8(printed).unwrap()
    }

    fn event(payload: &[u8]) -> EventHeader {
        EventHeader::new(NANOS, 7, payload.len() as u16).with_flags(0xC3)
    }

    fn lost(count: u64) -> (EventHeader, [u8; 16]) {
        (Gap::header(NANOS), Gap::new(GapReason::RingFull, count).to_payload())
    }

    #[test]
    fn text_shows_text_as_it_is_and_other_bytes_in_hexadecimal() {
        let line = print(CatFormat::Text, event(b"price 5"), b"price 5");
        assert_eq!(line, "        12  2013-09-01T17:00:00.083000007Z  type   7      7 B  flags 3  price 5\n");
        assert!(print(CatFormat::Text, event(b"\x1b[2J\t"), b"\x1b[2J\t").ends_with("  \\u001b[2J\t\n"));
        let long = print(CatFormat::Text, event(&[0xAB; 40]), &[0xAB; 40]);
        assert!(long.ends_with(&format!("  0x{}...\n", "ab".repeat(32))), "{long}");
    }

    #[test]
    fn json_keeps_every_byte() {
        let read = |payload: &[u8]| {
            let line = print(CatFormat::Json, event(payload), payload);
            serde_json::from_str::<serde_json::Value>(&line).unwrap()
        };
        let text = read("a \"b\"\n\u{1b}é".as_bytes());
        assert_eq!(text["text"], "a \"b\"\n\u{1b}é");
        assert_eq!((&text["timestamp"], &text["event_type"]), (&NANOS.into(), &7.into()));
        assert_eq!((&text["sequence"], &text["flags"]), (&12.into(), &3.into()));
        let bytes = read(b"\xFF\x00");
        assert_eq!((&bytes["hex"], bytes.get("text")), (&"ff00".into(), None));
    }

    #[test]
    fn csv_quotes_what_has_to_be_quoted() {
        let table = print(CatFormat::Csv, event(b"a,\"b\""), b"a,\"b\"");
        let mut reader = ::csv::Reader::from_reader(table.as_bytes());
        let row = reader.records().next().unwrap().unwrap();
        let cells: Vec<&str> = row.iter().collect();
        let time = "2013-09-01T17:00:00.083000007Z";
        let stamp = NANOS.to_string();
        assert_eq!(cells, ["12", &stamp, time, "7", "3", "event", "text", "a,\"b\""]);
    }

    /// The payload of the only row, and how it is encoded.
    fn csv_payload(format: CatFormat, payload: &[u8]) -> (String, String) {
        let table = print(format, event(payload), payload);
        let mut reader = ::csv::Reader::from_reader(table.as_bytes());
        let row = reader.records().next().unwrap().unwrap();
        (row[6].to_owned(), row[7].to_owned())
    }

    #[test]
    fn no_format_for_people_or_tables_lets_a_risky_character_through_and_none_is_lost() {
        for sign in ('\0'..=char::MAX).filter(|&sign| is_risky(sign)) {
            let payload = format!("a \\ \"{sign}\" b");
            for format in [CatFormat::Text, CatFormat::Json, CatFormat::Csv, CatFormat::SafeCsv] {
                let printed = print(format, event(payload.as_bytes()), payload.as_bytes());
                let is_kept = match sign {
                    '\t' => format != CatFormat::Json,
                    '\n' => true,
                    _ => false,
                };
                assert!(is_kept || !printed.contains(sign), "{format:?} {sign:?}: {printed:?}");
            }
            let line = print(CatFormat::Text, event(payload.as_bytes()), payload.as_bytes());
            assert_eq!(line.lines().count(), 1, "{sign:?}");
            let json = print(CatFormat::Json, event(payload.as_bytes()), payload.as_bytes());
            let json: serde_json::Value = serde_json::from_str(&json).unwrap();
            assert_eq!(json["text"], payload);
            let (encoding, cell) = csv_payload(CatFormat::Csv, payload.as_bytes());
            if matches!(sign, '\t' | '\n') {
                assert_eq!((&*encoding, cell), ("text", payload));
            } else {
                let read: String = serde_json::from_str(&format!("\"{cell}\"")).unwrap();
                assert_eq!((&*encoding, read), ("escaped", payload));
            }
        }
    }

    #[test]
    fn safe_csv_begins_no_cell_like_a_formula() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "-1\u{1b}"] {
            let (_, cell) = csv_payload(CatFormat::SafeCsv, formula.as_bytes());
            assert!(cell.starts_with(['\'', '\\']), "{formula:?}: {cell:?}");
            let (_, cell) = csv_payload(CatFormat::Csv, formula.as_bytes());
            assert!(!cell.starts_with('\''), "{formula:?}: {cell:?}");
        }
        for plain in ["", "a=1", "5", "'x", "{\"a\":-1}"] {
            assert_eq!(csv_payload(CatFormat::SafeCsv, plain.as_bytes()).1, plain);
        }
        assert!(CatFormat::Json.csv_safe(true).is_err() && CatFormat::Text.csv_safe(false).is_ok());
    }

    #[test]
    fn hex_is_whole_and_raw_is_the_payload() {
        let line = print(CatFormat::Hex, event(&[0xAB; 40]), &[0xAB; 40]);
        assert_eq!(line, format!("12 {NANOS} 7 c3 {}\n", "ab".repeat(40)));
        assert_eq!(print(CatFormat::Raw, event(b"a\tb\r"), b"a\tb\r"), "a\tb\r\n");
    }

    #[test]
    fn gaps_are_shown_as_gaps() {
        let (header, payload) = lost(3);
        assert!(print(CatFormat::Text, header, &payload).ends_with("  GAP  3 events lost: ring full\n"));
        let line: serde_json::Value =
            serde_json::from_str(&print(CatFormat::Json, header, &payload)).unwrap();
        assert_eq!((&line["gap"]["count"], &line["gap"]["reason"]), (&3.into(), &"ring full".into()));
        assert!(print(CatFormat::Csv, header, &payload).contains(",gap,"));
        assert_eq!(print(CatFormat::Raw, header, &payload), "");
        let (header, payload) = lost(0);
        assert!(print(CatFormat::Text, header, &payload).contains("an unknown number of events lost"));
        let line: serde_json::Value =
            serde_json::from_str(&print(CatFormat::Json, header, &payload)).unwrap();
        assert!(line["gap"]["count"].is_null());
    }
}
