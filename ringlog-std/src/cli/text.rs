//! Numbers, sizes, moments and paths as people read them.

use std::borrow::Cow;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::event::{ClockKind, Event};

/// Nanoseconds since 1970 by the system's clock.
pub(crate) fn unix_now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// A number with its thousands set apart: `1,234,567`.
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

/// So many things, the number grouped: `1 event`, `2,000 events`.
pub(crate) fn counted(number: u64, one: &str) -> String {
    format!("{} {one}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// A size in binary units: `1.5 GiB`.
pub(crate) fn size(bytes: u64) -> String {
    bytesize::ByteSize(bytes).display().iec().to_string()
}

/// A timestamp as its clock means it: date and time for a unix clock, seconds or ticks for others.
pub(crate) fn moment(timestamp: u64, clock: ClockKind) -> String {
    match clock {
        ClockKind::UnixNanos => rfc3339(timestamp).unwrap_or_else(|| timestamp.to_string()),
        ClockKind::MonotonicNanos => {
            format!("{}.{:09}s", timestamp / 1_000_000_000, timestamp % 1_000_000_000)
        }
        _ => timestamp.to_string(),
    }
}

/// The time of a GAP record, which is 0 where nobody knows it.
pub(crate) fn gap_moment(timestamp: u64, clock: ClockKind) -> String {
    if timestamp == 0 { format!("{:30}", "time not known") } else { moment(timestamp, clock) }
}

/// The date of a record by a unix clock; `None` by any other, and of a GAP record whose time nobody knows.
pub(crate) fn date_of(event: &Event<'_>, clock: ClockKind) -> Option<String> {
    let timestamp = event.header.timestamp;
    let is_known = timestamp > 0 || !event.header.is_gap();
    if clock == ClockKind::UnixNanos && is_known { rfc3339(timestamp) } else { None }
}

/// Date and time in UTC, with all nine digits; `None` past the year 9999.
pub(crate) fn rfc3339(unix_nanos: u64) -> Option<String> {
    let moment = jiff::Timestamp::from_nanosecond(i128::from(unix_nanos)).ok()?;
    Some(format!("{moment:.9}"))
}

/// What a clock's timestamps count.
pub(crate) fn clock_name(clock: ClockKind) -> String {
    match clock {
        ClockKind::UnixNanos => "unix nanoseconds".into(),
        ClockKind::MonotonicNanos => "monotonic nanoseconds".into(),
        ClockKind::Ticks => "ticks".into(),
        ClockKind::Unspecified => "unspecified".into(),
        other => format!("clock {}", other.code()),
    }
}

/// A word as a shell takes it, quoted only where it has to be.
pub(crate) fn shell_word(word: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=+,@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        Cow::Borrowed(word)
    } else {
        Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
    }
}

/// The command line `program words...`, for a message that says what to type next.
///
/// The program is named as it was started, so the line works from the same shell.
pub(crate) fn command_line(program: &str, words: &[&str]) -> String {
    let mut line = shell_word(program).into_owned();
    for word in words {
        line.push(' ');
        line.push_str(&shell_word(word));
    }
    line
}

/// A path for a command line.
pub(crate) fn path_word(path: &Path) -> Cow<'_, str> {
    path.to_string_lossy()
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
        assert_eq!(moment(1_500_000_001, ClockKind::UnixNanos), "1970-01-01T00:00:01.500000001Z");
        assert_eq!(moment(1_500_000_001, ClockKind::MonotonicNanos), "1.500000001s");
        assert_eq!(moment(7, ClockKind::Ticks), "7");
        assert_eq!(moment(u64::MAX, ClockKind::UnixNanos), "2554-07-21T23:34:33.709551615Z");
    }

    #[test]
    fn commands_can_be_pasted() {
        assert_eq!(command_line("target/release/ringlog", &["cat", "./d"]), "target/release/ringlog cat ./d");
        assert_eq!(command_line("ringlog", &["cat", "my log's"]), r"ringlog cat 'my log'\''s'");
        assert_eq!(shell_word(""), "''");
    }
}
