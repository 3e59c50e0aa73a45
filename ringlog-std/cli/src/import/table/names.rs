//! What the name of a column says about its content.

use super::number::Unit;

/// How likely a name means the time of an event, the likeliest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum NameClass {
    /// The time of the event.
    Time,
    /// Some time, such as that of a trade.
    SomeTime,
    /// The name says nothing, or there is none.
    Neutral,
    /// Another time, such as an expiry date, or a duration.
    OtherTime,
}

const TIMES: [&str; 7] = ["time", "timestamp", "datetime", "date", "dateandtime", "ts", "when"];
const UNITS: [&str; 21] = [
    "utc",
    "gmt",
    "unix",
    "epoch",
    "posix",
    "s",
    "sec",
    "secs",
    "seconds",
    "ms",
    "msec",
    "millis",
    "milliseconds",
    "us",
    "usec",
    "micros",
    "microseconds",
    "ns",
    "nsec",
    "nanos",
    "nanoseconds",
];
/// Parts of words for other times than that of the event.
const OTHER: [&str; 30] = [
    "expir",
    "settle",
    "matur",
    "deliver",
    "life",
    "uptime",
    "downtime",
    "runtime",
    "overtime",
    "elapsed",
    "duration",
    "latency",
    "birth",
    "valid",
    "due",
    "until",
    "list",
    "launch",
    "issue",
    "issuance",
    "first",
    "last",
    "next",
    "prev",
    "ttl",
    "timeout",
    "timeframe",
    "timezone",
    "update",
    "candidate",
];

impl NameClass {
    pub(super) fn of(name: &str) -> Self {
        let mut words = words_of(name);
        drop_offset(&mut words);
        if words.iter().any(|word| OTHER.iter().any(|other| word.contains(other))) {
            return Self::OtherTime;
        }
        let core: Vec<&str> = words.iter().map(String::as_str).filter(|word| !UNITS.contains(word)).collect();
        let has_only_units = core.is_empty() && words.iter().any(|word| UNITS[..5].contains(&word.as_str()));
        if has_only_units || TIMES.contains(&core.concat().as_str()) {
            return Self::Time;
        }
        let sounds = |word: &String| {
            ["time", "date", "stamp"].iter().any(|end| word.ends_with(end))
                || ["ts", "t", "when", "epoch", "clock"].contains(&word.as_str())
        };
        if words.iter().any(sounds) { Self::SomeTime } else { Self::Neutral }
    }

    pub(super) fn is_time(self) -> bool {
        self <= Self::SomeTime
    }
}

const FRACTIONS: [&str; 14] = [
    "ms", "us", "ns", "msec", "usec", "nsec", "milli", "millis", "micro", "micros", "nano", "nanos", "msecs",
    "usecs",
];
const TIMES_OF_DAY: [&str; 24] = [
    "uhrzeit", "zeit", "heure", "heures", "hora", "ora", "orario", "tijd", "tid", "czas", "godzina", "hour",
    "hours", "hr", "hrs", "hrmn", "hhmm", "hhmmss", "minute", "minutes", "tod", "second", "stunde", "clock",
];
/// Abbreviations of zones that rarely mean anything else.
const ZONES: [&str; 26] = [
    "est", "edt", "cst", "cdt", "mst", "mdt", "pst", "pdt", "cet", "cest", "mez", "mesz", "bst", "eet",
    "eest", "wet", "west", "msk", "jst", "kst", "hkt", "sgt", "aest", "aedt", "nzst", "nzdt",
];
const REGIONS: [&str; 8] = ["europe", "america", "asia", "australia", "africa", "pacific", "atlantic", "us"];

/// Whether this names a fraction of the second.
pub(super) fn is_fraction(name: &str) -> bool {
    let is_part = |word: &str| ["milli", "micro", "nano"].iter().any(|part| word.starts_with(part));
    let is_second = |word: &str| word.contains("sec") || word.contains("sek");
    let is_it = |word: &String| {
        FRACTIONS.contains(&word.as_str())
            || (is_part(word) && is_second(word))
            || ["frac", "fraction", "fractional", "subsec", "subsecond", "subseconds"]
                .contains(&word.as_str())
    };
    words_of(name).iter().any(is_it)
}

/// Whether this names units of time, but not this unit.
pub(super) fn names_other_unit(name: &str, unit: Unit) -> bool {
    let units: Vec<Unit> = words_of(name).iter().filter_map(|word| unit_of(word)).collect();
    !units.is_empty() && !units.contains(&unit)
}

/// Returns the unit of a word such as `ms`, `msec`, `milliseconds` or `timems`.
fn unit_of(word: &str) -> Option<Unit> {
    let heads = ["timestamp", "datetime", "epoch", "unix", "time", "ts"];
    // `times` is a plural.
    let after = heads.iter().find_map(|head| word.strip_prefix(head)).filter(|after| *after != "s");
    let word = after.unwrap_or(word);
    let begins = |heads: &[&str]| heads.iter().any(|head| word.starts_with(head));
    match word {
        "s" | "sec" | "secs" | "second" | "seconds" => Some(Unit::Seconds),
        "ms" => Some(Unit::Millis),
        "us" | "\u{B5}s" | "\u{3BC}s" => Some(Unit::Micros),
        "ns" => Some(Unit::Nanos),
        _ if begins(&["milli", "msec"]) => Some(Unit::Millis),
        _ if begins(&["micro", "usec"]) => Some(Unit::Micros),
        _ if begins(&["nano", "nsec"]) => Some(Unit::Nanos),
        _ => None,
    }
}

/// Whether this names a time of day.
pub(super) fn is_time_of_day(name: &str) -> bool {
    let words = words_of(name);
    let is_unit = |word: &String| ["s", "sec", "secs", "seconds", "t"].contains(&word.as_str());
    words.iter().any(|word| TIMES_OF_DAY.contains(&word.as_str()))
        || words.iter().all(is_unit) && !words.is_empty()
}

/// Whether this names a count of time that does not start in 1970.
pub(super) fn counts_from_elsewhere(name: &str) -> bool {
    let others = ["ntp", "gps", "tai", "labview", "filetime", "ticks"];
    words_of(name)
        .iter()
        .any(|word| others.contains(&word.trim_end_matches("time")) || others.contains(&word.as_str()))
}

/// Whether the name of a time names a zone other than UTC.
pub(super) fn has_zone(name: &str) -> bool {
    let words = words_of(name);
    let is_it = |word: &String| {
        ZONES.contains(&word.as_str())
            || ["local", "lokal", "lokalzeit", "ortszeit", "localtime", "et", "ct", "pt", "ist"]
                .contains(&word.as_str())
    };
    let is_standard =
        |pair: &[String]| pair[1] == "time" && ["standard", "daylight", "summer"].contains(&pair[0].as_str());
    words.iter().any(is_it) || words.windows(2).any(is_standard) || has_region(name) || has_offset(name)
}

fn has_region(name: &str) -> bool {
    let small = name.to_ascii_lowercase();
    REGIONS.iter().any(|region| {
        small
            .split(|c: char| !c.is_alphanumeric() && c != '/')
            .any(|part| part.strip_prefix(region).is_some_and(|rest| rest.starts_with('/') && rest.len() > 3))
    })
}

fn has_offset(name: &str) -> bool {
    let small: String = name.to_ascii_lowercase().split_whitespace().collect();
    let after = ["utc", "gmt", "(", "["].into_iter().flat_map(|word| small.split(word).skip(1));
    let is_offset = |rest: &str| {
        let digits = rest.strip_prefix(['+', '-', '\u{2212}']).unwrap_or_default();
        digits.starts_with(|c: char| c.is_ascii_digit()) && digits.contains(|c| matches!(c, '1'..='9'))
    };
    // Windows writes minutes without a sign in a second pair of brackets.
    let is_minutes = |rest: &str| rest.starts_with(|c| matches!(c, '1'..='9'));
    after.into_iter().any(is_offset) || small.split(")(").skip(1).any(is_minutes)
}

/// Whether this names a column of zones or of offsets from UTC.
pub(super) fn is_zone_column(name: &str) -> bool {
    let words = words_of(name);
    let all = words.concat();
    ["timezone", "tz", "zone", "tzname", "tzoffset", "zeitzone"].contains(&all.as_str())
        || words.iter().any(|word| ["timezone", "tz", "zeitzone"].contains(&word.as_str()))
        || (all.contains("offset") && ["utc", "gmt", "time", "tz", "zone"].iter().any(|it| all.contains(it)))
}

/// Whether a cell is a zone other than UTC.
pub(super) fn is_zone(cell: &str) -> bool {
    let is_abbreviation =
        cell.chars().all(char::is_uppercase) && ZONES.contains(&cell.to_ascii_lowercase().as_str());
    let is_offset =
        |it: &str| it.len() == 6 && it.starts_with(['+', '-']) && it.as_bytes().get(3) == Some(&b':');
    is_abbreviation || has_region(cell) || is_offset(cell)
}

/// Whether a cell means UTC.
pub(super) fn is_utc(cell: &str) -> bool {
    let small = cell.to_ascii_lowercase();
    ["utc", "gmt", "z", "etc/utc", "zulu"].contains(&small.as_str())
        || (small.contains('0') && small.chars().all(|c| matches!(c, '+' | '-' | '0' | ':' | '.')))
}

/// Removes the numbers after UTC or GMT: `Time (UTC+02:00)` is the time.
fn drop_offset(words: &mut Vec<String>) {
    let mut follows_zone = false;
    words.retain(|word| {
        let is_offset = follows_zone && word.bytes().all(|byte| byte.is_ascii_digit());
        follows_zone = is_offset || ["utc", "gmt"].contains(&word.as_str());
        !is_offset
    });
}

/// Returns the words of a name in lower case: `tradeTime_ms` has three.
fn words_of(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for letter in name.chars() {
        let begins = !letter.is_alphanumeric() || (letter.is_uppercase() && before.is_lowercase());
        if begins {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| letter.is_alphanumeric()) {
            word.extend(letter.to_lowercase());
        }
        before = letter;
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_in_names() {
        let all = |name: &str| Unit::ALL.map(|unit| !names_other_unit(name, unit));
        for (names, is_possible) in [
            (&["time_s", "Time (sec)", "epoch seconds", "timestamp(s)"][..], [true, false, false, false]),
            (
                &["time_ms", "timeMs", "timestampMS", "epochms", "t [msec]", "Millis"],
                [false, true, false, false],
            ),
            (&["time_us", "ts (\u{B5}s)", "microseconds", "tsus"], [false, false, true, false]),
            (&["time_ns", "nanos", "recv.ts.ns"], [false, false, false, true]),
            (&["milli seconds"], [true, true, false, false]),
            (&["time", "times", "timestamps", "Status", "items", "tsunami", "x", ""], [true; 4]),
        ] {
            for name in names {
                assert_eq!(all(name), is_possible, "{name}");
            }
        }
    }

    #[test]
    fn names_by_their_words() {
        for (class, names) in [
            (
                NameClass::Time,
                &["time", "Timestamp", "TS", "Gmt time", "time (UTC)", "timestamp_ms", "DateTime"][..],
            ),
            (NameClass::Time, &["Time (UTC+02:00)", "Date Time, GMT-05:00", "timestamp_utc"]),
            (NameClass::Time, &["Date", "unix", "Epoch ms", "ts_ns", "date_time", "dateTime"]),
            (
                NameClass::SomeTime,
                &["tradeTime", "local time", "transact_time", "eventtimestamp", "t", "trade date"],
            ),
            (NameClass::Neutral, &["price", "id", "", "a", "ms", "s", "volume", "temperature", "sentiment"]),
            (
                NameClass::OtherTime,
                &["lifetime", "settlement_date", "expiry_date", "expirationTime", "uptime"],
            ),
            (NameClass::OtherTime, &["latency_ns", "maturity date", "lastUpdate", "valid_until"]),
        ] {
            for name in names {
                assert_eq!(NameClass::of(name), class, "{name}");
            }
        }
    }
}
