//! What the name of a column says about it.

/// How much a name sounds like the time of an event; the surest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum NameClass {
    /// The time, and nothing else.
    Time,
    /// Some time, such as that of a trade.
    SomeTime,
    /// Nothing; or there is no name.
    Neutral,
    /// A time that is not the event's, such as an expiry date, or a duration.
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
/// Parts of words about times that are not the event's.
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
        let words = words_of(name);
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

/// The words of a name, in small letters: `tradeTime_ms` has three.
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
    fn names_by_their_words() {
        for (class, names) in [
            (
                NameClass::Time,
                &["time", "Timestamp", "TS", "Gmt time", "time (UTC)", "timestamp_ms", "DateTime"][..],
            ),
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
