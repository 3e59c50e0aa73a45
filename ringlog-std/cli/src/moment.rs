//! Parses points in time as people type them: dates, times ago, numbers of the log's clock.
#![forbid(unsafe_code)]

use std::time::Duration;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::values;

const EXPECTED: &str = "expected a time such as 2026-11-28, '2026-11-28 21:05:20', 2026-11-28T21:05:20Z, 21:05, 10m or \
                        -1h (back from now), now, today, yesterday, @1700000000s (since 1970), or a number N, which is N of the \
                        log's clock";
const TOO_EARLY: &str = "times before 1970 cannot be in a log; give a later one";
const TOO_LATE: &str = "times after July 2554 cannot be in a log; give an earlier one";

/// A point in time as it was typed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Moment {
    /// The words of the command line.
    pub(crate) text: String,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// A number in the log's clock.
    Timestamp(u64),
    /// Nanoseconds since 1970.
    Unix(u64),
    /// This long ago.
    Ago(Duration),
    /// A date and time in a zone that is not typed.
    Civil(DateTime),
    /// A time of today.
    Today(Time),
    /// The start of the day before today.
    Yesterday,
}

/// Parses a point in time.
pub(crate) fn moment(text: &str) -> Result<Moment, String> {
    Ok(Moment { kind: kind(text.trim())?, text: text.into() })
}

fn kind(text: &str) -> Result<Kind, String> {
    if is_number(text) {
        return text.parse().map(Kind::Timestamp).map_err(|_| EXPECTED.into());
    }
    if let Some(epoch) = text.strip_prefix('@') {
        let nanos = epoch_nanos(epoch).ok_or(EXPECTED)?;
        return unix_of(nanos).map(Kind::Unix).map_err(|problem| in_another_unit(epoch).unwrap_or(problem));
    }
    match text {
        "now" => return Ok(Kind::Ago(Duration::ZERO)),
        "today" => return Ok(Kind::Today(Time::midnight())),
        "yesterday" => return Ok(Kind::Yesterday),
        _ => {}
    }
    let ago = text.strip_prefix('-').unwrap_or(text);
    if let Some(ago) = Some(ago).filter(|ago| !is_number(ago)).and_then(|ago| values::duration(ago).ok()) {
        return Ok(Kind::Ago(ago));
    }
    if let Ok(instant) = text.parse::<Timestamp>() {
        return unix_of(instant.as_nanosecond()).map(Kind::Unix);
    }
    let civil = text.parse::<DateTime>().map(Kind::Civil);
    let time = || text.parse::<Time>().ok().filter(|_| text.contains(':')).map(Kind::Today);
    civil.ok().or_else(time).ok_or_else(|| impossible_part(text).unwrap_or_else(|| EXPECTED.into()))
}

/// Returns what is wrong with a number of seconds that is too large, if its digits show the unit that was meant.
fn in_another_unit(epoch: &str) -> Option<String> {
    let number = epoch.strip_suffix('s').unwrap_or(epoch);
    let whole = number.split_once('.').map_or(number, |(whole, _)| whole);
    let (unit, words) = unit_by_digits(whole);
    // No unit makes a time of more than 19 digits.
    if !is_number(whole) || unit == "s" || whole.len() > 19 {
        return None;
    }
    Some(format!(
        "seconds after July 2554, which cannot be in a log; {} digits are probably {words}: write @{number}{unit}",
        whole.len()
    ))
}

/// Returns the unit in which a number with as many digits is a time near today, and its name.
const fn unit_by_digits(number: &str) -> (&'static str, &'static str) {
    match number.len() {
        ..=11 => ("s", "seconds"),
        12..=14 => ("ms", "milliseconds"),
        15..=17 => ("us", "microseconds"),
        _ => ("ns", "nanoseconds"),
    }
}

/// Returns which part of a date or time there is not; `None` for what is neither of them.
fn impossible_part(text: &str) -> Option<String> {
    let (date, time) = match text.split_once(['T', 't', ' ']) {
        Some((date, time)) => (Some(date), Some(time)),
        None if text.contains(':') => (None, Some(text)),
        None => (Some(text), None),
    };
    date.and_then(impossible_date).or_else(|| time.and_then(impossible_time))
}

fn impossible_date(date: &str) -> Option<String> {
    let [year, month, day] = numbers(date, '-')?;
    let Some(first) = Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, 1).ok() else {
        return Some(format!("there is no month {month:02}; months are 01 to 12"));
    };
    let days = first.days_in_month();
    let is_there = (1..=i64::from(days)).contains(&i64::from(day));
    (!is_there)
        .then(|| format!("there is no day {day:02} in {year:04}-{month:02}; its days are 01 to {days}"))
}

fn impossible_time(time: &str) -> Option<String> {
    let end = time.find(|sign: char| !sign.is_ascii_digit() && sign != ':').unwrap_or(time.len());
    let time = &time[..end];
    let parts = numbers(time, ':').or_else(|| numbers(time, ':').map(|[hour, minute]| [hour, minute, 0]));
    let names = [("hour", 23), ("minute", 59), ("second", 59)];
    let (part, (name, most)) = parts?.into_iter().zip(names).find(|&(part, (_, most))| part > most)?;
    Some(format!("there is no {name} {part:02}; {name}s are 00 to {most}"))
}

/// Returns numbers of at most four digits between separators; `None` if there are more, fewer or others.
fn numbers<const N: usize>(text: &str, separator: char) -> Option<[u16; N]> {
    let part = |part: &str| is_number(part).then(|| part.parse().ok())?.filter(|_| part.len() <= 4);
    let parts: Option<Vec<u16>> = text.split(separator).map(part).collect();
    parts?.try_into().ok()
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns the nanoseconds of `1700000000s`, `1700000000.5` or `1700000000123ms`; without a unit, seconds count.
fn epoch_nanos(text: &str) -> Option<i128> {
    let unit_at = text.find(|sign: char| !sign.is_ascii_digit() && sign != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let nanos_per_unit: i128 = match unit {
        "" | "s" => 1_000_000_000,
        "ms" => 1_000_000,
        "us" | "µs" => 1_000,
        "ns" => 1,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    // Longer numbers are after the year 2554 in every unit, or finer than a nanosecond.
    if whole.len() > 20 || fraction.len() > 9 || !is_number(whole) || fraction.contains('.') {
        return None;
    }
    let fraction_nanos = fraction.bytes().zip(1..).try_fold(0, |sum, (digit, place)| {
        let parts = nanos_per_unit * i128::from(digit - b'0');
        let power = 10_i128.pow(place);
        (parts % power == 0).then_some(sum + parts / power)
    })?;
    Some(whole.parse::<i128>().ok()? * nanos_per_unit + fraction_nanos)
}

fn unix_of(nanos: i128) -> Result<u64, String> {
    u64::try_from(nanos).map_err(|_| if nanos < 0 { TOO_EARLY.into() } else { TOO_LATE.into() })
}

impl Moment {
    /// Returns the number if it counts in the log's clock.
    pub(crate) const fn timestamp(&self) -> Option<u64> {
        match self.kind {
            Kind::Timestamp(timestamp) => Some(timestamp),
            _ => None,
        }
    }

    /// Returns the unit in which the number that was typed is a time near today, and its name.
    pub(crate) fn likely_unit(&self) -> (&'static str, &'static str) {
        unit_by_digits(self.text.trim())
    }

    /// Whether its meaning depends on the time zone.
    pub(crate) const fn needs_zone(&self) -> bool {
        matches!(self.kind, Kind::Civil(_) | Kind::Today(_) | Kind::Yesterday)
    }

    /// Returns the nanoseconds since 1970. A time that a change of the clocks leaves out means the same time after it.
    pub(crate) fn unix_nanos(&self, zone: &TimeZone, now: Timestamp) -> Result<u64, String> {
        let today = || now.to_zoned(zone.clone()).date();
        let civil = match self.kind {
            Kind::Timestamp(nanos) | Kind::Unix(nanos) => return Ok(nanos),
            Kind::Ago(ago) => {
                return unix_of(now.as_nanosecond().saturating_sub_unsigned(ago.as_nanos()));
            }
            Kind::Civil(civil) => civil,
            Kind::Today(time) => today().to_datetime(time),
            Kind::Yesterday => today().saturating_sub(1.day()).to_datetime(Time::midnight()),
        };
        let zoned = civil.to_zoned(zone.clone()).map_err(|_| EXPECTED)?;
        unix_of(zoned.timestamp().as_nanosecond())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000;

    /// The nanoseconds since 1970 in Berlin, when it is 2023-11-14T23:13:20 there.
    fn unix(text: &str) -> Result<u64, String> {
        let berlin = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        moment(text)?.unix_nanos(&berlin, Timestamp::from_second(NOW).unwrap())
    }

    #[test]
    fn moments_as_people_type_them() {
        let second = 1_000_000_000;
        let now = NOW as u64 * second;
        for (text, nanos) in [
            ("1970-01-01T00:00:01.5Z", 1_500_000_000),
            ("1970-01-01T01:00:00+01:00", 0),
            ("1970-01-02", 23 * 3600 * second),
            ("1970-01-02 01:00:05", (24 * 3600 + 5) * second),
            ("1970-01-02T01:00", 24 * 3600 * second),
            ("2023-07-01 02:00:00.000000001", 1_688_169_600 * second + 1),
            ("now", now),
            ("10m", now - 600 * second),
            ("-1h", now - 3600 * second),
            ("1h30m", now - 5400 * second),
            ("today", now - (23 * 3600 + 13 * 60 + 20) * second),
            ("yesterday", now - (47 * 3600 + 13 * 60 + 20) * second),
            ("21:05:20", now - (2 * 3600 + 8 * 60) * second),
            ("@1700000000s", now),
            ("@1700000000", now),
            ("@1700000000.25", now + second / 4),
            ("@1700000000123ms", now + 123_000_000),
            ("@1700000000123456us", now + 123_456_000),
            ("@1700000000123456789ns", now + 123_456_789),
            // An hour that the clocks skip, and one that they repeat: its first one.
            ("2023-03-26 02:30:00", 1_679_794_200 * second),
            ("2023-10-29 02:30:00", 1_698_539_400 * second),
        ] {
            assert_eq!(unix(text), Ok(nanos), "{text}");
        }
    }

    #[test]
    fn numbers_count_in_the_clock_of_the_log() {
        assert_eq!(moment("1700000000000000001").unwrap().timestamp(), Some(1_700_000_000_000_000_001));
        assert_eq!(moment("@1").unwrap().timestamp(), None);
        assert!(moment("2026-11-28").unwrap().needs_zone() && !moment("10m").unwrap().needs_zone());
    }

    #[test]
    fn the_part_that_there_is_not_is_named() {
        for (bad, problem) in [
            ("2026-13-01", "there is no month 13; months are 01 to 12"),
            ("2026-00-01", "there is no month 00; months are 01 to 12"),
            ("2026-02-30", "there is no day 30 in 2026-02; its days are 01 to 28"),
            ("2024-02-30 10:00", "there is no day 30 in 2024-02; its days are 01 to 29"),
            ("2026-04-00T10:00:00Z", "there is no day 00 in 2026-04; its days are 01 to 30"),
            ("25:00", "there is no hour 25; hours are 00 to 23"),
            ("24:00", "there is no hour 24; hours are 00 to 23"),
            ("21:60", "there is no minute 60; minutes are 00 to 59"),
            ("2026-11-28T21:05:77.5+01:00", "there is no second 77; seconds are 00 to 59"),
        ] {
            assert_eq!(moment(bad).map(|it| it.kind), Err(problem.into()), "{bad}");
        }
    }

    #[test]
    fn seconds_that_are_too_many_are_another_unit() {
        let words = "seconds after July 2554, which cannot be in a log;";
        for (bad, advice) in [
            ("@1700000000000000000", "19 digits are probably nanoseconds: write @1700000000000000000ns"),
            ("@1700000000000000s", "16 digits are probably microseconds: write @1700000000000000us"),
            ("@1700000000000.5", "13 digits are probably milliseconds: write @1700000000000.5ms"),
        ] {
            assert_eq!(moment(bad).map(|it| it.kind), Err(format!("{words} {advice}")), "{bad}");
        }
        for (text, unit) in [("1700000000", "s"), ("1700000000000", "ms"), ("1700000000000000", "us")] {
            assert_eq!(moment(text).unwrap().likely_unit().0, unit);
        }
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for bad in [
            "",
            " ",
            "soon",
            "-1",
            "@",
            "@-1s",
            "@1.5ns",
            "@1 fortnight",
            "@1.2.3s",
            "2026-1-1-1",
            "a-b-c",
            "1:2:3:4",
            "99999999999999999999",
            "0s",
            "@99999999999999999999999999s",
            "1.5",
        ] {
            assert_eq!(moment(bad).map(|it| it.kind), Err(EXPECTED.into()), "{bad}");
        }
        assert_eq!(unix("1969-12-31T23:59:59Z"), Err(TOO_EARLY.into()));
        assert_eq!(unix("1969-12-31"), Err(TOO_EARLY.into()));
        assert_eq!(unix("500y"), Err(EXPECTED.into()));
        assert_eq!(unix("60w").map(|_| ()), Ok(()));
        assert_eq!(unix("@99999999999s"), Err(TOO_LATE.into()));
        assert_eq!(unix("9999-01-01"), Err(TOO_LATE.into()));
    }
}
