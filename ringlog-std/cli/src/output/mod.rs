//! Prints events in the formats of `cat`.

mod csv;
mod hex;
pub(crate) mod json;
pub(crate) mod payload;
mod raw;
pub(crate) mod slots;
mod table_file;
pub(crate) mod tables;
mod text;
mod typed;

use std::io::{self, Write};
use std::sync::Arc;

use super::descriptions::Descriptions;
use super::error::CliError;
use super::terminal::print::eprint;
use super::terminal::screen::Screen;
use super::terminal::words::{counted, grouped};
use super::terminal::zone::Zone;
use payload::{Encoding, PayloadForm, is_text};
use ringlog::event::{ClockKind, Event, EventHeader};
use ringlog::schema::{Decoded, Schema};
use ringlog::storage::SchemaList;

/// `--payload auto` decides by this many events.
const FIRST_EVENTS: usize = 1000;
/// Or by this many bytes of payload, if these come first.
const FIRST_BYTES: usize = 1 << 20;

/// How `cat` prints an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub(crate) enum CatFormat {
    /// One line each, for people: sequence, time, type, length, payload. A terminal cuts it to its width
    #[default]
    Text,
    /// One JSON object per line; the payload is in "text", "hex" or "base64"
    Json,
    /// A table with a header; the column "encoding" says how the payloads are written
    Csv,
    /// One line each: sequence, timestamp, type, stored flags, whole payload in hex
    Hex,
    /// The bytes of the payloads alone, with nothing between them but the --separator
    Raw,
}

/// How events are printed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct PrintStyle {
    pub(crate) format: CatFormat,
    pub(crate) payload: PayloadForm,
    /// What follows each payload of the raw format.
    pub(crate) separator: Vec<u8>,
    /// Whether cells of CSV must not look like formulas.
    pub(crate) is_safe: bool,
    pub(crate) zone: Zone,
    /// What the lines of the text format are written for.
    pub(crate) screen: Screen,
    /// What the events mean.
    pub(crate) descriptions: Arc<Descriptions>,
    /// The type of which CSV is a table; `None` for a table of payloads.
    pub(crate) table: Option<Arc<Schema>>,
    /// Whether CSV holds each payload exactly, to be read back: tables of one type have the column `payload (hex)`, and GAP records
    /// their bytes.
    pub(crate) is_exact: bool,
}

impl PrintStyle {
    /// Returns a style with the defaults of all but the format.
    #[cfg(test)]
    pub(crate) fn of(format: CatFormat) -> Self {
        Self { format, ..Self::default() }
    }

    /// Checks that each option has an effect. `payload` is set if it was given.
    pub(crate) fn check(&self, is_payload_given: bool) -> Result<(), CliError> {
        let has_payload = matches!(self.format, CatFormat::Text | CatFormat::Json | CatFormat::Csv);
        let refused = |words: &str| Err(CliError::Usage(words.into()));
        match self.format {
            format if self.is_safe && format != CatFormat::Csv => {
                refused("--csv-safe is for CSV; give --format csv")
            }
            format if !self.separator.is_empty() && format != CatFormat::Raw => {
                refused("--separator is for payloads alone; give --format raw")
            }
            _ if is_payload_given && !has_payload => {
                refused("--payload is for text, JSON and CSV; give --format text, json or csv")
            }
            _ => Ok(()),
        }
    }
}

/// Prints events in one of the formats.
#[derive(Debug)]
pub(crate) struct Printer<W: Write> {
    sheet: Sheet<W>,
    style: PrintStyle,
    /// `None` until the first events have decided.
    encoding: Option<Encoding>,
    /// What came before it was decided.
    held: Vec<Held>,
    held_bytes: usize,
    /// Payloads that are no text, in an output whose encoding is text.
    misfits: u64,
    /// Payloads that do not fit the description of their type: one of a segment, and one of a file.
    unfit: [u64; 2],
    /// Events in a table that nothing describes where they are.
    undescribed: u64,
    /// Events of types that a table does not have.
    left_out: u64,
    /// Rows of a table whose type has other fields than its columns.
    other_layout: u64,
}

#[derive(Debug)]
enum Sheet<W: Write> {
    Lines(W),
    Table(Box<::csv::Writer<W>>),
}

/// What is printed once the encoding is decided.
#[derive(Debug)]
enum Held {
    Event(HeldEvent),
    /// A line that needs no encoding.
    Line(Vec<u8>),
}

#[derive(Debug)]
struct HeldEvent {
    header: EventHeader,
    payload: Vec<u8>,
    sequence: u64,
    offset: u64,
    clock: ClockKind,
}

impl HeldEvent {
    fn event(&self) -> Event<'_> {
        let Self { header, payload, sequence, offset, .. } = self;
        Event::new(*header, payload, *sequence, *offset)
    }
}

impl<W: Write> Printer<W> {
    /// Makes a printer to `out`; CSV starts with its header.
    pub(crate) fn new(style: PrintStyle, out: W) -> io::Result<Self> {
        let sheet = match style.format {
            CatFormat::Csv => Sheet::Table(Box::new(match &style.table {
                Some(schema) => typed::begin_table(schema, style.is_exact, out)?,
                None => csv::begin(out)?,
            })),
            _ => Sheet::Lines(out),
        };
        let encoding = match (style.format, style.payload) {
            // They have no choice of an encoding.
            (CatFormat::Hex | CatFormat::Raw, _) | (_, PayloadForm::Hex) => Some(Encoding::Hex),
            _ if style.table.is_some() => Some(Encoding::Hex),
            (_, PayloadForm::Text) => Some(Encoding::Text),
            (_, PayloadForm::Base64) => Some(Encoding::Base64),
            (_, PayloadForm::Auto) => None,
        };
        Ok(Self {
            sheet,
            style,
            encoding,
            held: Vec::new(),
            held_bytes: 0,
            misfits: 0,
            unfit: [0; 2],
            undescribed: 0,
            left_out: 0,
            other_layout: 0,
        })
    }

    /// Prints one event or GAP record, at the latest with the next [`flush`](Self::flush).
    pub(crate) fn print(&mut self, event: &Event<'_>, clock: ClockKind) -> io::Result<()> {
        let has_fields = matches!(self.style.format, CatFormat::Text | CatFormat::Json | CatFormat::Csv);
        let descriptions = Arc::clone(&self.style.descriptions);
        match descriptions.decode(event).filter(|_| has_fields) {
            Some(Ok(decoded)) => return self.print_decoded(event, clock, decoded),
            Some(Err(_)) => self.unfit[usize::from(descriptions.is_of_file(event))] += 1,
            None if self.style.table.is_some() && !event.header.is_gap() => self.undescribed += 1,
            None => {}
        }
        if let Some(encoding) = self.encoding {
            return self.write(event, clock, encoding);
        }
        let Event { header, payload, sequence, offset, .. } = *event;
        self.held.push(Held::Event(HeldEvent { header, payload: payload.into(), sequence, offset, clock }));
        self.held_bytes += payload.len();
        let is_enough = self.held.len() >= FIRST_EVENTS || self.held_bytes >= FIRST_BYTES;
        if is_enough { self.decide(eprint) } else { Ok(()) }
    }

    /// Prints what a segment says of its events, a line for each description. It is for text and JSON.
    pub(crate) fn print_meta(&mut self, list: &SchemaList) -> io::Result<()> {
        list.iter().try_for_each(|(topic, json)| match self.style.format {
            CatFormat::Json => self.print_line(&json::meta_line(topic, json)?),
            _ => self.print_line(&text::meta_line(topic, json)),
        })
    }

    /// Prints a line that is no event.
    fn print_line(&mut self, line: &str) -> io::Result<()> {
        match &mut self.sheet {
            Sheet::Lines(out) if self.held.is_empty() => out.write_all(line.as_bytes()),
            _ => {
                self.held.push(Held::Line(line.into()));
                Ok(())
            }
        }
    }

    fn print_decoded(&mut self, event: &Event<'_>, clock: ClockKind, decoded: Decoded<'_>) -> io::Result<()> {
        let style = &self.style;
        let mut line = Vec::new();
        match (&mut self.sheet, &style.table) {
            (Sheet::Table(table), Some(schema)) if decoded.schema().number() == schema.number() => {
                self.other_layout += u64::from(decoded.schema() != &**schema);
                return typed::write_row(table, event, clock, schema, Some(decoded), style);
            }
            (Sheet::Table(_), Some(_)) => {
                self.left_out += 1;
                return Ok(());
            }
            (Sheet::Table(_), None) => {
                let encoding = self.encoding.unwrap_or(Encoding::Hex);
                return self.write(event, clock, encoding);
            }
            (Sheet::Lines(_), _) if style.format == CatFormat::Json => {
                // The bytes beside the fields are for programs.
                let encoding = self.encoding.unwrap_or(Encoding::Hex);
                json::write(&mut line, event, clock, encoding, &style.zone, Some(decoded))?;
            }
            (Sheet::Lines(_), _) => typed::write_text(&mut line, event, clock, decoded, style)?,
        }
        match &mut self.sheet {
            Sheet::Lines(out) if self.held.is_empty() => out.write_all(&line),
            _ => {
                self.held_bytes += line.len();
                self.held.push(Held::Line(line));
                if self.held_bytes >= FIRST_BYTES { self.decide(eprint) } else { Ok(()) }
            }
        }
    }

    /// Returns the number of events that the table of one type left out.
    pub(crate) const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Returns the number of rows whose events had other fields than the table, or none.
    pub(crate) const fn other_layout(&self) -> u64 {
        self.other_layout + self.undescribed
    }

    /// Flushes what was printed. The encoding is then decided by what has come so far.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.decide(eprint)?;
        match &mut self.sheet {
            Sheet::Lines(out) => out.flush(),
            Sheet::Table(table) => table.flush(),
        }
    }

    /// Flushes, and reports payloads that do not fit the encoding of the output.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.flush()?;
        // All bytes of an export are in it, in a way that says which.
        if self.misfits > 0 && !self.style.is_exact {
            let how = if self.style.format == CatFormat::Json { "in \"hex\"" } else { r"as \xNN" };
            let payloads = counted(self.misfits, "payload");
            eprint(&format!(
                "ringlog: {payloads} without valid UTF-8, {how}; --payload hex writes all payloads alike"
            ));
            self.misfits = 0;
        }
        for (unfit, is_of_file) in std::mem::take(&mut self.unfit).into_iter().zip([false, true]) {
            if unfit == 0 {
                continue;
            }
            let source = self.style.descriptions.source_words(is_of_file);
            let has_cells = self.style.table.is_some();
            let how = match (has_cells, self.style.is_exact) {
                (true, true) => "with its bytes alone",
                (true, false) => "with empty cells",
                (false, _) => "shown as bytes",
            };
            eprint(&format!(
                "ringlog: {} whose payload does not fit its description, {how}; {source}",
                counted(unfit, "event")
            ));
        }
        if self.undescribed > 0 && !self.style.is_exact {
            eprint(&format!(
                "ringlog: {} with empty cells, which their segment does not describe; describe them with --schema FILE, or \
                 see their bytes with --format json",
                counted(self.undescribed, "event")
            ));
            self.undescribed = 0;
        }
        if self.left_out > 0 {
            let name = self.style.table.as_ref().map_or("", |schema| schema.name());
            let advice = match self.style.is_exact {
                true => "OUT without the ending .csv is a folder with a table for each type",
                false => "--to FOLDER writes a table for each type",
            };
            eprint(&format!(
                "ringlog: not in the table of {name}: {} of other types; {advice}",
                counted(self.left_out, "event")
            ));
            self.left_out = 0;
        }
        Ok(())
    }

    /// Decides the encoding by the events that are held, and prints these. Reports payloads that it does not suit.
    fn decide(&mut self, report: fn(&str)) -> io::Result<()> {
        let held = std::mem::take(&mut self.held);
        self.held_bytes = 0;
        let held_events =
            || held.iter().filter_map(|it| if let Held::Event(event) = it { Some(event) } else { None });
        let events = || held_events().filter(|it| !it.header.is_gap());
        let (all, text) = (events().count(), events().filter(|it| is_text(&it.payload)).count());
        if self.encoding.is_none() && all > 0 {
            self.encoding = Some(if text == all { Encoding::Text } else { Encoding::Hex });
            if 0 < text && text < all && !self.style.is_exact {
                let (text, all) = (grouped(text as u64), counted(all as u64, "event"));
                report(&format!(
                    "ringlog: all payloads are in hex (text among the first {all}: {text}); --payload text shows text"
                ));
            }
        }
        let encoding = self.encoding.unwrap_or(Encoding::Text);
        held.iter().try_for_each(|held| match (held, &mut self.sheet) {
            (Held::Event(held), _) => self.write(&held.event(), held.clock, encoding),
            (Held::Line(line), Sheet::Lines(out)) => out.write_all(line),
            (Held::Line(_), Sheet::Table(_)) => Ok(()),
        })
    }

    fn write(&mut self, event: &Event<'_>, clock: ClockKind, encoding: Encoding) -> io::Result<()> {
        let style = &self.style;
        if encoding == Encoding::Text && !event.header.is_gap() && std::str::from_utf8(event.payload).is_err()
        {
            self.misfits += 1;
        }
        match (&mut self.sheet, style.format) {
            (Sheet::Table(table), _) => match &style.table {
                Some(schema) if event.header.is_gap() || event.header.event_type == schema.number() => {
                    typed::write_row(table, event, clock, schema, None, style)
                }
                Some(_) => {
                    self.left_out += 1;
                    Ok(())
                }
                None => csv::write(table, event, clock, encoding, style),
            },
            (Sheet::Lines(out), CatFormat::Json) => {
                json::write(out, event, clock, encoding, &style.zone, None)
            }
            (Sheet::Lines(out), CatFormat::Hex) => hex::write(out, event),
            (Sheet::Lines(out), CatFormat::Raw) => raw::write(out, event, &style.separator),
            (Sheet::Lines(out), CatFormat::Text | CatFormat::Csv) => {
                text::write(out, event, clock, encoding, style)
            }
        }
    }
}

impl Printer<Vec<u8>> {
    /// Returns what was printed in the text format.
    pub(crate) fn into_text(mut self) -> String {
        // A vector takes all that is written.
        let _ = self.decide(|_| ());
        match self.sheet {
            Sheet::Lines(printed) => String::from_utf8_lossy(&printed).into_owned(),
            Sheet::Table(_) => String::new(),
        }
    }
}

/// Describes a gap in a few words.
fn gap_words(gap: &ringlog::event::Gap) -> String {
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
    use crate::terminal::words::is_risky;
    use ringlog::event::{EventHeader, Gap, GapReason};

    const NANOS: u64 = 1_378_054_800_083_000_007;

    fn print(format: CatFormat, header: EventHeader, payload: &[u8]) -> String {
        print_as(PrintStyle::of(format), header, payload)
    }

    fn print_text(format: CatFormat, header: EventHeader, payload: &[u8]) -> String {
        print_as(PrintStyle { payload: PayloadForm::Text, ..PrintStyle::of(format) }, header, payload)
    }

    fn print_as(style: PrintStyle, header: EventHeader, payload: &[u8]) -> String {
        let mut printed = Vec::new();
        let mut printer = Printer::new(style, &mut printed).unwrap();
        let event = Event::new(header, payload, 12, 64);
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
        assert!(long.ends_with(&format!("  0x{}\n", "ab".repeat(40))), "{long}");
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
    fn csv_payload(is_safe: bool, payload: &[u8]) -> (String, String) {
        let style = PrintStyle { is_safe, payload: PayloadForm::Text, ..PrintStyle::of(CatFormat::Csv) };
        let table = print_as(style, event(payload), payload);
        let mut reader = ::csv::Reader::from_reader(table.as_bytes());
        let row = reader.records().next().unwrap().unwrap();
        (row[6].to_owned(), row[7].to_owned())
    }

    #[test]
    fn no_format_for_people_or_tables_lets_a_risky_character_through_and_none_is_lost() {
        for sign in ('\0'..=char::MAX).filter(|&sign| is_risky(sign)) {
            let payload = format!("a \\ \"{sign}\" b");
            for format in [CatFormat::Text, CatFormat::Json, CatFormat::Csv] {
                let printed = print_text(format, event(payload.as_bytes()), payload.as_bytes());
                let is_kept = match sign {
                    '\t' => format != CatFormat::Json,
                    '\n' => true,
                    _ => false,
                };
                assert!(is_kept || !printed.contains(sign), "{format:?} {sign:?}: {printed:?}");
            }
            let line = print_text(CatFormat::Text, event(payload.as_bytes()), payload.as_bytes());
            assert_eq!(line.lines().count(), 1, "{sign:?}");
            let json = print_text(CatFormat::Json, event(payload.as_bytes()), payload.as_bytes());
            let json: serde_json::Value = serde_json::from_str(&json).unwrap();
            assert_eq!(json["text"], payload);
            let (encoding, cell) = csv_payload(false, payload.as_bytes());
            let escaped = cell.replace('"', "\\\"").replace('\n', "\\n").replace('\t', "\\t");
            let read: String = serde_json::from_str(&format!("\"{escaped}\"")).unwrap();
            assert_eq!((&*encoding, read), ("text", payload));
        }
    }

    #[test]
    fn safe_csv_begins_no_cell_like_a_formula() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "-1\u{1b}"] {
            let (_, cell) = csv_payload(true, formula.as_bytes());
            assert!(cell.starts_with(['\'', '\\']), "{formula:?}: {cell:?}");
            let (_, cell) = csv_payload(false, formula.as_bytes());
            assert!(!cell.starts_with('\''), "{formula:?}: {cell:?}");
        }
        for plain in ["", "a=1", "5", "'x", "{\"a\":-1}"] {
            assert_eq!(csv_payload(true, plain.as_bytes()).1, plain);
        }
    }

    #[test]
    fn options_without_an_effect_are_refused() {
        let safe = |format| PrintStyle { is_safe: true, ..PrintStyle::of(format) }.check(false).is_ok();
        assert!(!safe(CatFormat::Json) && safe(CatFormat::Csv));
        let parted =
            |format| PrintStyle { separator: vec![0], ..PrintStyle::of(format) }.check(false).is_ok();
        assert!(!parted(CatFormat::Csv) && parted(CatFormat::Raw));
        let formats = [CatFormat::Text, CatFormat::Json, CatFormat::Csv, CatFormat::Hex, CatFormat::Raw];
        assert_eq!(
            formats.map(|format| PrintStyle::of(format).check(true).is_ok()),
            [true, true, true, false, false]
        );
    }

    /// The lines that a printer writes for these payloads.
    fn lines(style: PrintStyle, payloads: &[&[u8]]) -> Vec<String> {
        let mut printer = Printer::new(style, Vec::new()).unwrap();
        for (payload, sequence) in payloads.iter().zip(0..) {
            let event = Event::new(event(payload), payload, sequence, 64);
            printer.print(&event, ClockKind::UnixNanos).unwrap();
        }
        printer.flush().unwrap();
        let Sheet::Lines(printed) = printer.sheet else { return Vec::new() };
        String::from_utf8(printed).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn one_encoding_holds_for_the_whole_output() {
        let keys = |payload, payloads: &[&[u8]]| -> Vec<&'static str> {
            let lines = lines(PrintStyle { payload, ..PrintStyle::of(CatFormat::Json) }, payloads);
            let keys = lines.iter().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
            keys.map(|line| {
                ["text", "hex", "base64"].into_iter().find(|key| line.get(key).is_some()).unwrap()
            })
            .collect()
        };
        assert_eq!(keys(PayloadForm::Auto, &[b"a", b"b"]), ["text"; 2]);
        assert_eq!(keys(PayloadForm::Auto, &[b"a", b"\xFF", b"b"]), ["hex"; 3]);
        assert_eq!(keys(PayloadForm::Hex, &[b"a"]), ["hex"]);
        assert_eq!(keys(PayloadForm::Base64, &[b"a", b"\xFF"]), ["base64"; 2]);
        // JSON cannot hold these bytes as text.
        assert_eq!(keys(PayloadForm::Text, &[b"a", b"\xFF"]), ["text", "hex"]);
        // The first 1,000 events decide.
        let mut many: Vec<&[u8]> = vec![b"a"; FIRST_EVENTS];
        many.extend([&b"\0"[..]; 2]);
        assert_eq!(keys(PayloadForm::Auto, &many), ["text"; FIRST_EVENTS + 2]);
        many[FIRST_EVENTS - 1] = b"\0";
        assert_eq!(keys(PayloadForm::Auto, &many), ["hex"; FIRST_EVENTS + 2]);
    }

    #[test]
    fn a_flush_decides_by_the_events_so_far() {
        let mut printer = Printer::new(PrintStyle::of(CatFormat::Text), Vec::new()).unwrap();
        let (header, payload) = lost(1);
        let gap = Event::new(header, &payload, 0, 64);
        printer.print(&gap, ClockKind::UnixNanos).unwrap();
        printer.flush().unwrap();
        assert_eq!(printer.encoding, None, "a GAP record has no payload of a user");
        for payload in [&b"a"[..], b"\xFF"] {
            let event = Event::new(event(payload), payload, 1, 96);
            printer.print(&event, ClockKind::UnixNanos).unwrap();
            printer.flush().unwrap();
        }
        assert_eq!((printer.encoding, printer.misfits), (Some(Encoding::Text), 1));
        assert!(printer.into_text().ends_with("B  flags 3  \\xff\n"));
    }

    #[test]
    fn a_terminal_cuts_and_colours_lines_and_nothing_else() {
        let of = |width, is_coloured, payload: &[u8]| {
            let screen = Screen { width, is_coloured };
            lines(PrintStyle { screen, ..PrintStyle::of(CatFormat::Text) }, &[payload]).concat()
        };
        let payload = "price 5 日本 ".repeat(9);
        let whole = of(None, false, payload.as_bytes());
        assert!(whole.ends_with(&payload));
        for width in [20, 60, 80, 100] {
            let cut = of(Some(width), false, payload.as_bytes());
            let (fits, taken) = crate::terminal::screen::fitting(&cut, usize::MAX);
            assert!(fits == cut && (width - 1..=width).contains(&taken), "{width}: {cut}");
            let cut = cut.strip_suffix('…').unwrap();
            assert!(whole.starts_with(cut));
            let coloured =
                anstream::adapter::strip_str(&of(Some(width), true, payload.as_bytes())).to_string();
            assert_eq!(coloured, format!("{cut}…"));
        }
        assert_eq!(of(Some(500), false, payload.as_bytes()), whole);
        assert!(of(None, true, b"a").contains('\x1b'));
        let long = of(Some(100), false, &[0xAB; 60_000]);
        assert!(long.contains("0xabab") && long.ends_with('…') && long.chars().count() == 100, "{long}");
    }

    #[test]
    fn raw_payloads_have_nothing_between_them_but_the_separator() {
        let of = |separator: &[u8]| {
            let style = PrintStyle { separator: separator.into(), ..PrintStyle::of(CatFormat::Raw) };
            print_as(style, event(b"a\tb\r"), b"a\tb\r")
        };
        assert_eq!(of(b"\r\n"), "a\tb\r\r\n");
        assert_eq!((of(b""), of(b"\0")), ("a\tb\r".into(), "a\tb\r\0".into()));
    }

    #[test]
    fn hex_is_whole_and_raw_is_the_payload() {
        let line = print(CatFormat::Hex, event(&[0xAB; 40]), &[0xAB; 40]);
        assert_eq!(line, format!("12 {NANOS} 7 c3 {}\n", "ab".repeat(40)));
        assert_eq!(print(CatFormat::Raw, event(b"a\tb\r"), b"a\tb\r"), "a\tb\r");
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
