//! Parses values of the command line: sizes, durations, rates, bytes. `moment` parses times, `feed::spec` parses feeds.

use std::io::IsTerminal;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use log::LevelFilter;
use rustix::thread::CpuSet;

/// How fast a feed may go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rate {
    /// This many events per second.
    PerSecond(NonZeroU64),
    /// As fast as the log takes them.
    Max,
}

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::PerSecond(events) => {
                write!(f, "{} events/s", crate::terminal::words::grouped(events.get()))
            }
            Self::Max => f.write_str("as fast as the log takes them"),
        }
    }
}

/// How fast a log is replayed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Speed {
    /// This many times as fast as the events happened.
    Times(f64),
    /// Without waiting.
    Max,
}

/// Parses `max` or a number such as `1`, `0.5` or `10x`.
pub(crate) fn speed(text: &str) -> Result<Speed, String> {
    if text == "max" {
        return Ok(Speed::Max);
    }
    match text.strip_suffix('x').unwrap_or(text).parse::<f64>() {
        Ok(times) if times.is_finite() && times >= MIN_SPEED => Ok(Speed::Times(times)),
        _ => Err("expected max or a number such as 1, 0.5 or 10x".into()),
    }
}

/// The lowest speed; at a far lower one, 1 ns between two events would take years.
const MIN_SPEED: f64 = 1e-6;

/// Where replayed events go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum ReplayTo {
    /// Into a new log in this folder.
    Log(PathBuf),
    /// Into the shared ring in this file.
    Ring(PathBuf),
}

/// Parses `ring:FILE` or the path of a folder.
pub(crate) fn replay_target(text: &str) -> Result<ReplayTo, String> {
    match text.strip_prefix("ring:") {
        Some("") => Err("expected a file, as in ring:/dev/shm/events".into()),
        Some(path) => Ok(ReplayTo::Ring(path.into())),
        None if text.is_empty() => Err("expected a folder or ring:FILE".into()),
        None => Ok(ReplayTo::Log(text.into())),
    }
}

/// Parses a size such as `4GiB`, `500MB` or a number of bytes.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    match text.parse::<bytesize::ByteSize>() {
        Ok(bytesize::ByteSize(0)) => Err("expected a size of at least one byte".into()),
        Ok(size) => Ok(size.as_u64()),
        Err(_) => Err("expected a size such as 4GiB, 500MB or 65536".into()),
    }
}

/// Names of each unit of time, and its length in nanoseconds.
const UNITS: [(&[&str], f64); 8] = [
    (&["ns"], 1.0),
    (&["us", "µs"], 1e3),
    (&["ms"], 1e6),
    (&["", "s", "sec", "second", "seconds"], 1e9),
    (&["m", "min", "minute", "minutes"], 60e9),
    (&["h", "hour", "hours"], 3_600e9),
    (&["d", "day", "days"], 86_400e9),
    (&["w", "week", "weeks"], 604_800e9),
];

/// Parses a duration such as `5s`, `1m30s`, `250ms` or `30d`; a number without a unit counts seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    match nanos(text) {
        Some(nanos) if (1.0..=MAX_NANOS).contains(&nanos) => Ok(Duration::from_nanos(nanos.round() as u64)),
        Some(_) => Err("expected a duration longer than zero and of at most 500 years".into()),
        None => Err("expected a duration such as 5s, 1m30s, 250ms, 12h, 30d or 2w".into()),
    }
}

/// 500 years in nanoseconds.
const MAX_NANOS: f64 = 500.0 * 365.0 * 86_400e9;

/// Returns the sum of the parts in nanoseconds; each part is a number and a unit.
fn nanos(text: &str) -> Option<f64> {
    let mut rest = text.trim();
    let is_plain = rest.bytes().all(|byte| byte.is_ascii_digit());
    let mut sum = 0.0;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(number_end);
        let after = after.trim_start();
        let unit_end = after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let (_, length) = UNITS.iter().find(|(names, _)| names.contains(&unit))?;
        sum += number.parse::<f64>().ok()? * length;
        rest = after.trim_start();
        if unit.is_empty() && !is_plain {
            return None;
        }
    }
    (!text.is_empty()).then_some(sum)
}

/// Parses a whole number.
pub(crate) fn count(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "expected a whole number such as 10".into())
}

/// Parses a cursor and where it has to be, such as `audit=1000`.
pub(crate) fn cursor_position(text: &str) -> Result<(String, u64), String> {
    let parsed =
        text.rsplit_once('=').and_then(|(name, sequence)| Some((name.to_owned(), sequence.parse().ok()?)));
    parsed.ok_or_else(|| "expected a cursor and a sequence such as audit=1000".into())
}

/// Parses a list of processors such as `2` or `0-3,6`.
pub(crate) fn cpus(text: &str) -> Result<CpuSet, String> {
    let mut cpus = CpuSet::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        match (first.parse::<usize>(), last.parse::<usize>()) {
            (Ok(first), Ok(last)) if first <= last && last < CpuSet::MAX_CPU => {
                (first..=last).for_each(|cpu| cpus.set(cpu));
            }
            _ => return Err("expected processors such as 2 or 0-3,6".into()),
        }
    }
    Ok(cpus)
}

/// Parses a nice value that is no higher priority than the normal one.
pub(crate) fn nice(text: &str) -> Result<i32, String> {
    let nice = text.parse().ok().filter(|nice| (0..=19).contains(nice));
    nice.ok_or_else(|| "expected a nice value from 0 (normal) to 19 (lowest)".into())
}

/// Parses a whole number above zero.
pub(crate) fn positive(text: &str) -> Result<NonZeroU64, String> {
    text.parse().map_err(|_| "expected a whole number from 1 on, such as 64".into())
}

/// Parses the numbers of two processors.
pub(crate) fn two_processors(text: &str) -> Result<(usize, usize), String> {
    let numbers =
        text.split_once(',').and_then(|(one, other)| Some((one.parse().ok()?, other.parse().ok()?)));
    numbers.ok_or_else(|| "expected the numbers of two processors, such as 0,1".into())
}

/// Parses how many rows or columns a chart has.
pub(crate) fn chart_size(text: &str) -> Result<usize, String> {
    let size = text.parse().ok().filter(|size| (1..=MOST_CHARACTERS).contains(size));
    size.ok_or_else(|| format!("expected a number from 1 to {MOST_CHARACTERS}"))
}

/// Most rows or columns of a chart in the terminal.
pub(crate) const MOST_CHARACTERS: usize = 2000;

/// Parses the type of an event.
pub(crate) fn event_type(text: &str) -> Result<u8, String> {
    text.parse().map_err(|_| "expected an event type from 0 to 255".into())
}

/// Parses the length of a payload in bytes.
pub(crate) fn payload_len(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| "expected a number of bytes from 0 to 65535".into())
}

/// Parses a number of seconds above zero.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let duration = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    duration.filter(|it| !it.is_zero()).ok_or_else(|| "expected a number of seconds such as 5 or 0.5".into())
}

/// Bytes as they were typed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

/// Parses text with the escapes `\n`, `\r`, `\t`, `\0`, `\\` and `\xNN`, or bytes in hexadecimal such as `0x0d0a`.
pub(crate) fn bytes(text: &str) -> Result<Bytes, String> {
    let bytes = match text.strip_prefix("0x") {
        Some(digits) => hexadecimal(digits).ok_or("expected two hexadecimal digits for each byte, such as 0x0d0a")?,
        None => unescaped(text).ok_or(
            "expected text, in which a backslash begins \\n, \\r, \\t, \\0, \\xNN or \\\\, or hexadecimal bytes such as 0x0d0a",
        )?,
    };
    if bytes.is_empty() { Err("expected at least one byte".into()) } else { Ok(Bytes(bytes)) }
}

fn hexadecimal(digits: &str) -> Option<Vec<u8>> {
    let value = |digit: u8| char::from(digit).to_digit(16);
    let byte = |pair: &[u8]| match pair {
        [high, low] => u8::try_from(value(*high)? * 16 + value(*low)?).ok(),
        _ => None,
    };
    digits.as_bytes().chunks(2).map(byte).collect()
}

fn unescaped(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut rest) = (Vec::new(), text);
    while let Some((plain, escape)) = rest.split_once('\\') {
        bytes.extend_from_slice(plain.as_bytes());
        let (byte, len) = match escape.as_bytes().first()? {
            b'n' => (b'\n', 1),
            b'r' => (b'\r', 1),
            b't' => (b'\t', 1),
            b'0' => (0, 1),
            b'\\' => (b'\\', 1),
            b'x' => (*hexadecimal(escape.get(1..3)?)?.first()?, 3),
            _ => return None,
        };
        bytes.push(byte);
        rest = escape.get(len..)?;
    }
    bytes.extend_from_slice(rest.as_bytes());
    Some(bytes)
}

/// Parses `max` or a number of events per second; `_`, `k` and `M` are allowed.
pub(crate) fn rate(text: &str) -> Result<Rate, String> {
    if text == "max" {
        return Ok(Rate::Max);
    }
    let plain: String = text.chars().filter(|&c| c != '_').collect();
    let (digits, factor) = match plain.as_bytes().last() {
        Some(b'k' | b'K') => (&plain[..plain.len() - 1], 1_000),
        Some(b'M') => (&plain[..plain.len() - 1], 1_000_000),
        _ => (plain.as_str(), 1),
    };
    let events = digits.parse::<u64>().ok().and_then(|n| n.checked_mul(factor)).and_then(NonZeroU64::new);
    match events {
        Some(events) if events.get() <= 1_000_000_000 => Ok(Rate::PerSecond(events)),
        _ => {
            Err("expected max, or events per second from 1 to 1000000000, such as 100000, 100k or 2M".into())
        }
    }
}

/// Parses the level up to which there are messages.
pub(crate) fn level(text: &str) -> Result<LevelFilter, String> {
    text.parse().map_err(|_| "expected off, error, warn, info, debug or trace".into())
}

/// Where progress is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Show {
    /// On a terminal: one line that changes.
    Bar,
    /// Elsewhere, with `--progress`: a message every 2 seconds.
    Lines,
    /// Elsewhere: nothing, so that a service does not fill its journal.
    Nothing,
}

impl Show {
    /// Chooses by what standard error is and by `--progress`.
    pub(crate) fn on_stderr(wants_lines: bool) -> Self {
        match std::io::stderr().is_terminal() {
            true => Self::Bar,
            false if wants_lines => Self::Lines,
            false => Self::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_in_binary_and_decimal_units() {
        assert_eq!(size("4GiB"), Ok(4 << 30));
        assert_eq!(size("500MB"), Ok(500_000_000));
        assert_eq!(size("65536"), Ok(65536));
        for bad in ["", "0", "four", "-1", "4XB"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations_need_a_length() {
        assert_eq!(duration("5s"), Ok(Duration::from_secs(5)));
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("5"), Ok(Duration::from_secs(5)));
        assert_eq!(duration("1.5h"), Ok(Duration::from_secs(5_400)));
        for days in ["5d", "5days", "5 days", "120h", "4d 24h"] {
            assert_eq!(duration(days), Ok(Duration::from_secs(5 * 86_400)), "{days}");
        }
        assert_eq!(duration("2w"), Ok(Duration::from_secs(14 * 86_400)));
        for bad in
            ["", " ", "0s", "-5s", "soon", "5 fortnights", "1.2.3s", "d", "1m30", "9999999w", "inf", "1e3s"]
        {
            let said = duration(bad).unwrap_err();
            assert!(said.starts_with("expected a duration"), "{bad}: {said}");
        }
    }

    #[test]
    fn bytes_are_text_with_escapes_or_hexadecimal() {
        let good: [(&str, &[u8]); 7] = [
            ("order 7", b"order 7"),
            ("0x0d0A", b"\r\n"),
            (r"\r\n\t\0\\", b"\r\n\t\0\\"),
            (r"a\xFfb\x00", b"a\xFFb\0"),
            ("é", "é".as_bytes()),
            ("0X1", b"0X1"),
            (" ", b" "),
        ];
        for (text, expected) in good {
            assert_eq!(bytes(text), Ok(Bytes(expected.into())), "{text}");
        }
        for bad in ["", "0x", "0x1", "0xgg", "0x+1", r"\", r"\q", r"\x", r"\x1", r"\xé", r"a\x1g"] {
            assert!(bytes(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn processors_one_by_one_and_in_ranges() {
        let list = |text| {
            cpus(text).map(|set| (0..CpuSet::MAX_CPU).filter(|&cpu| set.is_set(cpu)).collect::<Vec<_>>())
        };
        assert_eq!((list("2"), list("0-3,6")), (Ok(vec![2]), Ok(vec![0, 1, 2, 3, 6])));
        for bad in ["", "a", "1-", "-1", "3-1", "0,,1", "0-1024", "18446744073709551616"] {
            assert!(list(bad).is_err(), "{bad}");
        }
        assert_eq!((nice("0"), nice("19")), (Ok(0), Ok(19)));
        assert!(["-1", "20", "low"].iter().all(|bad| nice(bad).is_err()));
    }

    #[test]
    fn rates_with_suffixes() {
        let per_second = |n| Ok(Rate::PerSecond(NonZeroU64::new(n).unwrap()));
        assert_eq!(rate("max"), Ok(Rate::Max));
        assert_eq!(rate("100_000"), per_second(100_000));
        assert_eq!(rate("100k"), per_second(100_000));
        assert_eq!(rate("2M"), per_second(2_000_000));
        for bad in ["", "0", "k", "-5", "1000000001", "99999999999999999999M"] {
            assert!(rate(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn speeds_are_numbers_or_max() {
        assert_eq!(speed("max"), Ok(Speed::Max));
        assert_eq!((speed("1"), speed("0.5"), speed("10x")), times(1.0, 0.5, 10.0));
        for bad in ["", "0", "-1", "nan", "inf", "x", "1e-9", "fast"] {
            assert!(speed(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn charts_have_a_size_that_can_be_drawn() {
        assert_eq!([chart_size("1"), chart_size("2000")], [Ok(1), Ok(2000)]);
        for bad in ["", "0", "-1", "2001", "100000", "99999999999999999999", "wide"] {
            assert!(chart_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn processors_come_in_pairs_and_batches_have_an_event() {
        assert_eq!(two_processors("0,12"), Ok((0, 12)));
        for bad in ["", "0", "0,", ",1", "0,1,2", "0, 1", "-1,0", "a,b"] {
            assert!(two_processors(bad).is_err(), "{bad}");
        }
        assert_eq!(positive("64").map(NonZeroU64::get), Ok(64));
        assert!(positive("0").is_err() && positive("many").is_err());
    }

    fn times(
        a: f64,
        b: f64,
        c: f64,
    ) -> (Result<Speed, String>, Result<Speed, String>, Result<Speed, String>) {
        (Ok(Speed::Times(a)), Ok(Speed::Times(b)), Ok(Speed::Times(c)))
    }

    #[test]
    fn replay_targets_are_folders_or_rings() {
        assert_eq!(replay_target("x/y"), Ok(ReplayTo::Log("x/y".into())));
        assert_eq!(replay_target("ring:/dev/shm/r"), Ok(ReplayTo::Ring("/dev/shm/r".into())));
        assert!(replay_target("ring:").is_err() && replay_target("").is_err());
    }
}
