//! Times in a format of strftime.
#![forbid(unsafe_code)]

use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::Offset;

/// Whether times in this format can be read: strftime must be able to read what it writes.
pub(super) fn is_strftime(format: &str) -> bool {
    // A moment of which no format writes a digit as a space.
    let moment = jiff::civil::date(2023, 12, 11).at(22, 10, 11, 0).to_zoned(jiff::tz::TimeZone::UTC);
    let written = moment.ok().and_then(|moment| jiff::fmt::strtime::format(format, &moment).ok());
    written.is_some_and(|text| parse_strftime(format, &text).is_some())
}

pub(super) fn parse_strftime(format: &str, text: &str) -> Option<u64> {
    let fields = BrokenDownTime::parse(format, text).ok()?;
    let moment = match fields.to_timestamp() {
        Ok(moment) => moment,
        // A zone that gives no moment must not be ignored.
        Err(_) if fields.offset().is_some() || fields.iana_time_zone().is_some() => return None,
        Err(_) => Offset::UTC.to_timestamp(fields.to_datetime().ok()?).ok()?,
    };
    u64::try_from(moment.as_nanosecond()).ok()
}
