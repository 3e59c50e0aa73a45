//! Events as lines for people.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::payload::Encoding;
use super::{PrintStyle, gap_words};
use crate::terminal::screen::{Screen, fitting};
use crate::terminal::words::{escaped, gap_moment, moment};
use ringlog::event::{ClockKind, Event, MetaTopic};

const PLACE: Style = Style::new().dimmed();
pub(super) const TYPE: Style = AnsiColor::Cyan.on_default();
const GAP: Style = AnsiColor::Red.on_default().bold();
pub(super) const PLAIN: Style = Style::new();
/// No more bytes of a payload are decoded for each column of a terminal.
const BYTES_PER_COLUMN: usize = 4;

/// Writes one line.
pub(super) fn write(
    out: &mut impl Write,
    event: &Event<'_>,
    clock: ClockKind,
    encoding: Encoding,
    style: &PrintStyle,
) -> io::Result<()> {
    let (header, screen) = (&event.header, style.screen);
    if let Some(gap) = event.gap() {
        let time = gap_moment(header.timestamp, clock, &style.zone);
        let place = format!("{:>10}  {time}  ", event.sequence);
        return write_line(out, screen, &[(PLACE, &place), (GAP, &format!("GAP  {}", gap_words(&gap)))]);
    }
    let place = place(event, clock, style);
    let event_type = format!("type {:>3}", header.event_type);
    let mut rest = format!("  {:>5} B  ", header.payload_len);
    if header.user_flags() != 0 {
        rest += &format!("flags {:x}  ", header.user_flags());
    }
    if encoding == Encoding::Hex {
        rest += "0x";
    }
    let shown = match screen.width {
        Some(width) => event.payload.get(..width * BYTES_PER_COLUMN).unwrap_or(event.payload),
        None => event.payload,
    };
    rest += &encoding.of(shown, &['\t'], false);
    write_line(out, screen, &[(place.0, &place.1), (TYPE, &event_type), (PLAIN, &rest)])
}

/// Returns the line for a description.
pub(super) fn meta_line(topic: MetaTopic, json: &[u8]) -> String {
    let about = match topic {
        MetaTopic::Log => "the log".into(),
        MetaTopic::EventType(event_type) => format!("type {event_type}"),
    };
    format!("{:>10}  META  {about}  {}\n", "", escaped(&String::from_utf8_lossy(json), &[]))
}

/// Returns where and when an event is, and the colour of that.
pub(super) fn place(event: &Event<'_>, clock: ClockKind, style: &PrintStyle) -> (Style, String) {
    let time = moment(event.header.timestamp, clock, &style.zone);
    (PLACE, format!("{:>10}  {time}  ", event.sequence))
}

/// Writes the parts of a line, each in its colour, up to the width of the terminal.
pub(super) fn write_line(out: &mut impl Write, screen: Screen, parts: &[(Style, &str)]) -> io::Result<()> {
    let mut left = match screen.width {
        Some(width) if !fits(parts, width) => Some(width.saturating_sub(1)),
        _ => None,
    };
    for (style, part) in parts {
        let (part, taken) = left.map_or((*part, 0), |left| fitting(part, left));
        left = left.map(|left| left - taken);
        if screen.is_coloured && *style != PLAIN {
            write!(out, "{style}{part}{style:#}")?;
        } else {
            out.write_all(part.as_bytes())?;
        }
    }
    out.write_all(if left.is_some() { "…\n".as_bytes() } else { b"\n" })
}

fn fits(parts: &[(Style, &str)], width: usize) -> bool {
    let line: String = parts.iter().map(|(_, part)| *part).collect();
    fitting(&line, width).0.len() == line.len()
}
