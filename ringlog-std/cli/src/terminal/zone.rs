//! The time zone in which times are read and printed.
#![forbid(unsafe_code)]

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The time zone of printed times.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) enum Zone {
    /// Printed with a `Z`.
    #[default]
    Utc,
    /// Printed with the offset from UTC at that time.
    Local(TimeZone),
}

impl Zone {
    /// Returns the zone of this machine: that of the variable `TZ`, else of `/etc/localtime`.
    pub(crate) fn local() -> Self {
        Self::Local(TimeZone::system())
    }

    /// Returns a time in the format of `strftime`; `None` past the year 9999.
    pub(crate) fn format(&self, unix_nanos: u64, format: &str) -> Option<String> {
        let moment = Timestamp::from_nanosecond(i128::from(unix_nanos)).ok()?;
        let zone = match self {
            Self::Utc => TimeZone::UTC,
            Self::Local(zone) => zone.clone(),
        };
        Some(moment.to_zoned(zone).strftime(format).to_string())
    }

    /// Returns date and time with nine digits of the second; `None` past the year 9999.
    pub(crate) fn date(&self, unix_nanos: u64) -> Option<String> {
        match self {
            Self::Utc => Some(format!("{:.9}", Timestamp::from_nanosecond(i128::from(unix_nanos)).ok()?)),
            Self::Local(_) => self.format(unix_nanos, "%Y-%m-%dT%H:%M:%S%.9f%:z"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_time_has_its_offset() {
        let zone = Zone::Local(TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap());
        assert_eq!(zone.date(1_500_000_001).unwrap(), "1970-01-01T01:00:01.500000001+01:00");
        assert_eq!(zone.date(1_378_054_800_000_000_000).unwrap(), "2013-09-01T19:00:00.000000000+02:00");
        assert_eq!(Zone::Utc.date(1_378_054_800_000_000_000).unwrap(), "2013-09-01T17:00:00.000000000Z");
    }
}
