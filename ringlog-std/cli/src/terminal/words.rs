//! Formats numbers, sizes, times and paths for people.

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use crate::terminal::zone::Zone;
use ringlog::event::{ClockKind, Event};
pub(crate) use ringlog::programs::is_risky;
use ringlog::programs::unix_nanos;

/// Returns the nanoseconds since 1970 by the system's clock.
#[inline]
pub(crate) fn unix_now() -> u64 {
    u64::try_from(unix_nanos()).unwrap_or(0)
}

/// Groups the digits of a number: `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns a number and its noun: `1 event`, `2,000 events`.
pub(crate) fn counted(number: u64, one: &str) -> String {
    format!("{} {one}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// Returns a size in binary units: `1.5 GiB`.
pub(crate) fn size(bytes: u64) -> String {
    bytesize::ByteSize(bytes).display().iec().to_string()
}

/// Returns a duration in the largest unit that it reaches: `53.2 years`.
pub(crate) fn span(duration: Duration) -> String {
    const UNITS: [(f64, &str); 4] =
        [(31_557_600.0, "years"), (86_400.0, "days"), (3600.0, "hours"), (60.0, "minutes")];
    let seconds = duration.as_secs_f64();
    let (unit, name) = UNITS.into_iter().find(|&(unit, _)| seconds >= unit).unwrap_or((1.0, "s"));
    format!("{:.1} {name}", seconds / unit)
}

/// Returns a timestamp as its clock counts: date and time for a unix clock, seconds or ticks for others.
pub(crate) fn moment(timestamp: u64, clock: ClockKind, zone: &Zone) -> String {
    match clock {
        ClockKind::UnixNanos => zone.date(timestamp).unwrap_or_else(|| timestamp.to_string()),
        ClockKind::MonotonicNanos => {
            format!("{}.{:09}s", timestamp / 1_000_000_000, timestamp % 1_000_000_000)
        }
        _ => timestamp.to_string(),
    }
}

/// Returns the time of a GAP record; a timestamp of 0 means that it is not known.
pub(crate) fn gap_moment(timestamp: u64, clock: ClockKind, zone: &Zone) -> String {
    if timestamp == 0 { format!("{:30}", "time not known") } else { moment(timestamp, clock, zone) }
}

/// Returns the date of a record by a unix clock; `None` for other clocks and for a GAP record of unknown time.
pub(crate) fn date_of(event: &Event<'_>, clock: ClockKind, zone: &Zone) -> Option<String> {
    let timestamp = event.header.timestamp;
    let is_known = timestamp > 0 || !event.header.is_gap();
    if clock == ClockKind::UnixNanos && is_known { zone.date(timestamp) } else { None }
}

/// Returns date and time in UTC with nine digits of the second; `None` past the year 9999.
pub(crate) fn rfc3339(unix_nanos: u64) -> Option<String> {
    Zone::Utc.date(unix_nanos)
}

/// Names what the timestamps of a clock count.
pub(crate) fn clock_name(clock: ClockKind) -> String {
    match clock {
        ClockKind::UnixNanos => "unix nanoseconds".into(),
        ClockKind::MonotonicNanos => "monotonic nanoseconds".into(),
        ClockKind::Ticks => "ticks".into(),
        ClockKind::Unspecified => "unspecified".into(),
        other => format!("clock {}", other.code()),
    }
}

/// Quotes a word for a shell if it must be quoted.
pub(crate) fn shell_word(word: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=+,@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        Cow::Borrowed(word)
    } else {
        Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
    }
}

/// Returns the command line `program words...`, for a message that says what to type next.
///
/// The program has the name by which it was started, so the line works from the same shell.
pub(crate) fn command_line(program: &str, words: &[&str]) -> String {
    let mut line = shell_word(program).into_owned();
    for word in words {
        line.push(' ');
        line.push_str(&shell_word(word));
    }
    line
}

/// Returns a path for a command line.
pub(crate) fn path_word(path: &Path) -> Cow<'_, str> {
    path.to_string_lossy()
}

/// Escapes risky characters, except some, as JSON does: ESC becomes `\u001b`.
pub(crate) fn escaped<'a>(text: &'a str, except: &[char]) -> Cow<'a, str> {
    let is_escaped = |sign: char| is_risky(sign) && !except.contains(&sign);
    if !text.contains(is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 5);
    for sign in text.chars() {
        match sign {
            '\n' if is_escaped(sign) => escaped.push_str("\\n"),
            '\r' if is_escaped(sign) => escaped.push_str("\\r"),
            '\t' if is_escaped(sign) => escaped.push_str("\\t"),
            // All risky characters are below U+10000, so four digits are enough.
            _ if is_escaped(sign) => escaped.push_str(&format!("\\u{:04x}", u32::from(sign))),
            _ => escaped.push(sign),
        }
    }
    Cow::Owned(escaped)
}

/// Escapes lines for a terminal, except line ends and tabs: the rest may come from a payload or the name of a file.
pub(crate) fn printable_lines(text: &str) -> Cow<'_, str> {
    escaped(text, &['\n', '\t'])
}

/// Escapes the risky characters of JSON. Line ends stay: they are between tokens only, as JSON escapes them in strings.
pub(crate) fn printable_json(json: &str) -> Cow<'_, str> {
    escaped(json, &['\n'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
        assert_eq!([0, 1, 2000].map(|it| counted(it, "event")), ["0 events", "1 event", "2,000 events"]);
    }

    #[test]
    fn moments_keep_every_nanosecond() {
        assert_eq!(moment(1_500_000_001, ClockKind::UnixNanos, &Zone::Utc), "1970-01-01T00:00:01.500000001Z");
        assert_eq!(moment(1_500_000_001, ClockKind::MonotonicNanos, &Zone::Utc), "1.500000001s");
        assert_eq!(moment(7, ClockKind::Ticks, &Zone::Utc), "7");
        assert_eq!(moment(u64::MAX, ClockKind::UnixNanos, &Zone::Utc), "2554-07-21T23:34:33.709551615Z");
    }

    #[test]
    fn risky_characters_are_escaped_and_no_others() {
        let text = "\u{1b}[2J \u{9b}1m \u{202E}abc\u{2069} \u{7f}\0 \u{2028}\r";
        let shown = r"\u001b[2J \u009b1m \u202eabc\u2069 \u007f\u0000 \u2028\r";
        assert_eq!(escaped(text, &[]), shown);
        assert_eq!(escaped("a\tb\nc", &['\t']), "a\tb\\nc");
        for plain in ["", "price 5 \\n", "é ü 日本 👩\u{200D}🚀 עברית العربية"] {
            assert!(matches!(escaped(plain, &[]), Cow::Borrowed(text) if text == plain), "{plain}");
        }
    }

    #[test]
    fn spans_have_one_unit() {
        let words =
            [5.25, 61.0, 5400.0, 100_000.0, 1_700_000_000.0].map(|it| span(Duration::from_secs_f64(it)));
        assert_eq!(words, ["5.2 s", "1.0 minutes", "1.5 hours", "1.2 days", "53.9 years"]);
    }

    #[test]
    fn commands_can_be_pasted() {
        assert_eq!(command_line("target/release/ringlog", &["cat", "./d"]), "target/release/ringlog cat ./d");
        assert_eq!(command_line("ringlog", &["cat", "my log's"]), r"ringlog cat 'my log'\''s'");
        assert_eq!(shell_word(""), "''");
    }
}
