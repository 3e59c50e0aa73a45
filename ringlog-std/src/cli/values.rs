//! Values as they are typed: sizes, durations, times, rates. Feeds are in `feed::spec`.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

/// How fast a feed may go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rate {
    /// So many events a second.
    PerSecond(NonZeroU64),
    /// As fast as the log takes them.
    Max,
}

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::PerSecond(events) => write!(f, "{} events/s", super::text::grouped(events.get())),
            Self::Max => f.write_str("as fast as the log takes them"),
        }
    }
}

/// How fast a log is replayed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Speed {
    /// So many times as fast as it happened.
    Times(f64),
    /// Without any wait.
    Max,
}

/// Reads `max` or a number such as `1`, `0.5` or `10x`.
pub(crate) fn speed(text: &str) -> Result<Speed, String> {
    if text == "max" {
        return Ok(Speed::Max);
    }
    match text.strip_suffix('x').unwrap_or(text).parse::<f64>() {
        Ok(times) if times.is_finite() && times >= MIN_SPEED => Ok(Speed::Times(times)),
        _ => Err("expected max or a number such as 1, 0.5 or 10x".into()),
    }
}

/// Slower than this an event a nanosecond later would be years away.
const MIN_SPEED: f64 = 1e-6;

/// Where replayed events go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum ReplayTo {
    /// Into a new log in this folder.
    Log(PathBuf),
    /// Into the shared ring in this file.
    Ring(PathBuf),
}

/// Reads `ring:FILE` or the path of a folder.
pub(crate) fn replay_target(text: &str) -> Result<ReplayTo, String> {
    match text.strip_prefix("ring:") {
        Some("") => Err("expected a file, as in ring:/dev/shm/events".into()),
        Some(path) => Ok(ReplayTo::Ring(path.into())),
        None if text.is_empty() => Err("expected a folder or ring:FILE".into()),
        None => Ok(ReplayTo::Log(text.into())),
    }
}

/// Reads a size such as `4GiB`, `500MB` or a plain number of bytes.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    match text.parse::<bytesize::ByteSize>() {
        Ok(bytesize::ByteSize(0)) => Err("a size of at least one byte is needed".into()),
        Ok(size) => Ok(size.as_u64()),
        Err(_) => Err("expected a size such as 4GiB, 500MB or 65536".into()),
    }
}

/// Reads a duration such as `5s`, `1m30s` or `250ms`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let expected = "expected a duration such as 5s, 1m30s or 250ms";
    let signed = match text.parse::<u32>() {
        Ok(seconds) => jiff::SignedDuration::from_secs(seconds.into()),
        Err(_) => text.parse().map_err(|error| format!("{expected} ({error})"))?,
    };
    match Duration::try_from(signed) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("expected a duration longer than zero".into()),
    }
}

/// Reads a moment: a number of nanoseconds, or a date and time as in RFC 3339.
pub(crate) fn timestamp(text: &str) -> Result<u64, String> {
    if let Ok(nanos) = text.parse::<u64>() {
        return Ok(nanos);
    }
    let moment: jiff::Timestamp = text
        .parse()
        .map_err(|error| format!("expected 2026-01-31T09:30:00Z or a number of nanoseconds ({error})"))?;
    u64::try_from(moment.as_nanosecond()).map_err(|_| "times before 1970 cannot be in a log".into())
}

/// Reads `max` or a number of events a second, with `_`, `k` and `M` allowed.
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
        _ => Err("expected max, or events a second from 1 to 1000000000, such as 100000, 100k or 2M".into()),
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
        for bad in ["", "0s", "-5s", "soon"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn moments_as_rfc_3339_and_as_nanoseconds() {
        assert_eq!(timestamp("1700000000000000001"), Ok(1_700_000_000_000_000_001));
        assert_eq!(timestamp("1970-01-01T00:00:01.5Z"), Ok(1_500_000_000));
        assert_eq!(timestamp("1970-01-01T01:00:00+01:00"), Ok(0));
        for bad in ["", "yesterday", "1969-12-31T23:59:59Z", "-1"] {
            assert!(timestamp(bad).is_err(), "{bad}");
        }
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
