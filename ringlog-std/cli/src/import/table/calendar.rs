//! Reads dates and times of day as people and programs write them.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;

/// The order of day, month and year.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum DateOrder {
    YearMonthDay,
    DayMonthYear,
    MonthDayYear,
}

/// The format of the time of day.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ClockStyle {
    /// There is none.
    None,
    /// `17:00:00.083`
    Colons,
    /// `5:00:00 PM`
    Halves,
    /// `170000083`
    Digits,
}

/// The format of a moment. All rows of a table have the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Style {
    pub(super) order: DateOrder,
    /// The separator of the parts of the date; none if they are digits in a row.
    separator: Option<u8>,
    pub(super) clock: ClockStyle,
    pub(super) has_zone: bool,
    /// Whether a time of day with colons has its seconds.
    has_seconds: bool,
    /// Number of digits of a date and time without separators, else 0.
    pub(super) digits: usize,
}

impl Style {
    /// Returns the nanoseconds since 1970 of a text in this style.
    pub(super) fn to_nanos(self, text: &str) -> Option<u64> {
        read(text, self.order).filter(|(style, _)| *style == self).map(|(_, nanos)| nanos)
    }

    /// Returns this style with or without an offset.
    pub(super) const fn with_zone(self, has_zone: bool) -> Self {
        Self { has_zone, ..self }
    }

    /// Returns this style for strftime.
    pub(super) fn strftime(self) -> String {
        let parts = match self.order {
            DateOrder::YearMonthDay => ["%Y", "%m", "%d"],
            DateOrder::DayMonthYear => ["%d", "%m", "%Y"],
            DateOrder::MonthDayYear => ["%m", "%d", "%Y"],
        };
        let separator = self.separator.map_or(String::new(), |byte| char::from(byte).to_string());
        let zone = if self.has_zone { "%z" } else { "" };
        parts.join(&separator) + self.strftime_clock() + zone
    }

    const fn strftime_clock(self) -> &'static str {
        match (self.clock, self.has_seconds) {
            (ClockStyle::None, _) => "",
            (ClockStyle::Colons, true) => " %H:%M:%S%.f",
            (ClockStyle::Colons, false) => " %H:%M",
            (ClockStyle::Halves, true) => " %I:%M:%S%.f %p",
            (ClockStyle::Halves, false) => " %I:%M %p",
            (ClockStyle::Digits, _) => match self.digits {
                0 => " %H%M%S",
                10 => "%H",
                12 => "%H%M",
                14 => "%H%M%S",
                _ => "%H%M%S%f",
            },
        }
    }

    /// Whether this is RFC 3339, or close to it.
    pub(super) fn is_rfc3339(self) -> bool {
        self.order == DateOrder::YearMonthDay && self.separator == Some(b'-')
    }
}

impl std::fmt::Display for Style {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [first, second, third] = match self.order {
            DateOrder::YearMonthDay => ["YYYY", "MM", "DD"],
            DateOrder::DayMonthYear => ["DD", "MM", "YYYY"],
            DateOrder::MonthDayYear => ["MM", "DD", "YYYY"],
        };
        let separator = self.separator.map_or(String::new(), |byte| char::from(byte).to_string());
        write!(f, "{first}{separator}{second}{separator}{third}")?;
        f.write_str(match self.clock {
            ClockStyle::None => "",
            ClockStyle::Colons if self.has_seconds => " HH:MM:SS",
            ClockStyle::Colons => " HH:MM",
            ClockStyle::Halves if self.has_seconds => " HH:MM:SS AM/PM",
            ClockStyle::Halves => " HH:MM AM/PM",
            ClockStyle::Digits => " HHMMSS in digits",
        })
    }
}

/// Reads a date, with or without a time of day and a zone; `None` for other text and for dates before 1970.
pub(super) fn read(text: &str, order: DateOrder) -> Option<(Style, u64)> {
    let mut reader = Reader { rest: text.trim().as_bytes() };
    let digits = reader.digits_ahead();
    let (order, separator, date) = reader.date(order)?;
    let is_run = separator.is_none() && digits > 8;
    let has_clock = is_run || reader.passes_date_end();
    let before = reader.rest;
    let (clock, time) = if has_clock { reader.clock(is_run)? } else { (ClockStyle::None, Time::midnight()) };
    let clock_bytes = before.get(..before.len() - reader.rest.len()).unwrap_or_default();
    let has_seconds = clock_bytes.iter().filter(|byte| **byte == b':').count() > 1;
    let offset = reader.zone()?;
    if !reader.rest.is_empty() {
        return None;
    }
    let moment = offset.unwrap_or(Offset::UTC).to_timestamp(DateTime::from_parts(date, time)).ok()?;
    let digits = if is_run { digits } else { 0 };
    let has_zone = offset.is_some();
    let style = Style { order, separator, clock, has_zone, has_seconds, digits };
    Some((style, u64::try_from(moment.as_nanosecond()).ok()?))
}

/// Whether this is a time of day with colons.
pub(super) fn is_clock(text: &str) -> bool {
    let mut reader = Reader { rest: text.trim().as_bytes() };
    let clock = reader.clock(false);
    let is_colons = matches!(clock, Some((ClockStyle::Colons | ClockStyle::Halves, _)));
    is_colons && reader.zone().is_some() && reader.rest.is_empty()
}

/// Whether this is a date, with or without a time of day.
pub(super) fn is_moment(text: &str) -> bool {
    let orders = [DateOrder::YearMonthDay, DateOrder::DayMonthYear, DateOrder::MonthDayYear];
    orders.into_iter().any(|order| read(text, order).is_some())
}

/// Whether this starts with a year before 1970, or is a negative number.
pub(super) fn is_before_1970(text: &str) -> bool {
    let (year, after) = text.split_at_checked(4).unwrap_or_default();
    let is_year =
        year.parse::<u16>().is_ok_and(|year| year > 999 && year < 1970) && after.starts_with(['-', '/', '.']);
    is_year && may_be_moment(text) || (text.starts_with('-') && super::number::is_number(text))
}

/// Whether this looks like a moment in an unknown format.
pub(super) fn may_be_moment(text: &str) -> bool {
    let text = text.trim();
    let groups = text.split(|c: char| !c.is_ascii_digit()).filter(|group| !group.is_empty()).count();
    groups >= 2 && text.contains(['-', '/', ':', ' ']) && !super::number::is_number(text)
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn digits_ahead(&self) -> usize {
        self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
    }

    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn pass(&mut self, count: usize) {
        self.rest = self.rest.get(count..).unwrap_or_default();
    }

    fn pass_if(&mut self, wanted: impl Fn(u8) -> bool) -> bool {
        let is_there = self.peek().is_some_and(wanted);
        self.pass(usize::from(is_there));
        is_there
    }

    fn pass_word(&mut self, word: &[u8]) -> bool {
        let is_there = self.rest.get(..word.len()).is_some_and(|ahead| ahead.eq_ignore_ascii_case(word));
        self.pass(if is_there { word.len() } else { 0 });
        is_there
    }

    fn pass_spaces(&mut self) {
        while self.pass_if(|byte| byte == b' ') {}
    }

    /// Reads exactly this many digits.
    fn number(&mut self, digits: usize) -> Option<i16> {
        let (text, rest) = self.rest.split_at_checked(digits)?;
        let number =
            std::str::from_utf8(text).ok().filter(|it| it.bytes().all(|byte| byte.is_ascii_digit()))?;
        self.rest = rest;
        number.parse().ok()
    }

    /// Reads one or two digits that no other digit follows.
    fn short(&mut self) -> Option<i8> {
        let digits = self.digits_ahead();
        let number = self.number(digits).filter(|_| digits <= 2)?;
        i8::try_from(number).ok()
    }

    fn two(&mut self) -> Option<i8> {
        i8::try_from(self.number(2)?).ok()
    }

    fn date(&mut self, order: DateOrder) -> Option<(DateOrder, Option<u8>, Date)> {
        match self.digits_ahead() {
            8 | 10 | 12 | 14 | 17 | 20 | 23 => {
                let (year, month, day) = (self.number(4)?, self.two()?, self.two()?);
                Some((DateOrder::YearMonthDay, None, Date::new(year, month, day).ok()?))
            }
            4 => self.year_first(),
            1 | 2 if order != DateOrder::YearMonthDay => self.year_last(order),
            _ => None,
        }
    }

    fn separator(&mut self, wanted: Option<u8>) -> Option<u8> {
        let found = self.peek().filter(|byte| b"-/.".contains(byte))?;
        self.pass(1);
        wanted.is_none_or(|wanted| wanted == found).then_some(found)
    }

    fn year_first(&mut self) -> Option<(DateOrder, Option<u8>, Date)> {
        let year = self.number(4)?;
        let separator = self.separator(None)?;
        let month = self.short()?;
        self.separator(Some(separator))?;
        let day = self.short()?;
        Some((DateOrder::YearMonthDay, Some(separator), Date::new(year, month, day).ok()?))
    }

    fn year_last(&mut self, order: DateOrder) -> Option<(DateOrder, Option<u8>, Date)> {
        let first = self.short()?;
        let separator = self.separator(None)?;
        let second = self.short()?;
        self.separator(Some(separator))?;
        if self.digits_ahead() != 4 || (separator == b'.' && order == DateOrder::MonthDayYear) {
            return None;
        }
        let year = self.number(4)?;
        let (day, month) = if order == DateOrder::DayMonthYear { (first, second) } else { (second, first) };
        Some((order, Some(separator), Date::new(year, month, day).ok()?))
    }

    /// Skips what separates a date from a time of day; returns whether there was anything.
    fn passes_date_end(&mut self) -> bool {
        if self.pass_if(|byte| b"TtD".contains(&byte)) {
            return true;
        }
        let before = self.rest.len();
        self.pass_spaces();
        before != self.rest.len()
    }

    fn clock(&mut self, is_run: bool) -> Option<(ClockStyle, Time)> {
        match self.digits_ahead() {
            1 | 2 => self.colon_clock(is_run),
            digits => self.digit_clock(digits),
        }
    }

    fn digit_clock(&mut self, digits: usize) -> Option<(ClockStyle, Time)> {
        let hour = self.two()?;
        let minute = if digits >= 4 { self.two()? } else { 0 };
        let second = if digits >= 6 { self.two()? } else { 0 };
        let nanos = match digits {
            2 | 4 => 0,
            6 => self.fraction_after_sign()?,
            9 | 12 | 15 => self.fraction(digits - 6)?,
            _ => return None,
        };
        Some((ClockStyle::Digits, Time::new(hour, minute, second, nanos).ok()?))
    }

    fn colon_clock(&mut self, is_run: bool) -> Option<(ClockStyle, Time)> {
        let run = self.digits_ahead();
        // Of digits in a row that began with the date, the hour may be all that is left.
        let hour = self.short()?;
        if is_run && run == 2 && self.peek() != Some(b':') {
            return Some((ClockStyle::Digits, Time::new(hour, 0, 0, 0).ok()?))
                .filter(|_| self.rest.is_empty());
        }
        let minute = self.colon_part()?;
        let (second, nanos) = match self.peek() {
            Some(b':') => (self.colon_part()?, self.fraction_after_sign()?),
            _ => (0, 0),
        };
        let (style, hour) = self.half(hour)?;
        Some((style, Time::new(hour, minute, second, nanos).ok()?))
    }

    fn colon_part(&mut self) -> Option<i8> {
        if !self.pass_if(|byte| byte == b':') || self.digits_ahead() != 2 {
            return None;
        }
        self.two()
    }

    fn fraction_after_sign(&mut self) -> Option<i32> {
        if !self.pass_if(|byte| byte == b'.' || byte == b',') {
            return Some(0);
        }
        let digits = self.digits_ahead();
        self.fraction(digits)
    }

    /// Reads a fraction as nanoseconds; cuts finer digits.
    fn fraction(&mut self, digits: usize) -> Option<i32> {
        let text = self.rest.get(..digits).filter(|text| !text.is_empty())?;
        let digit = |at: usize| text.get(at).map_or(0, |byte| i32::from(byte - b'0'));
        let nanos = (0..9).fold(0, |sum, at| sum * 10 + digit(at));
        self.pass(digits);
        Some(nanos)
    }

    /// Returns the hour of 24, and the style with or without AM and PM.
    fn half(&mut self, hour: i8) -> Option<(ClockStyle, i8)> {
        let before = self.rest;
        self.pass_spaces();
        let is_morning = self.pass_word(b"AM");
        if !is_morning && !self.pass_word(b"PM") {
            self.rest = before;
            return Some((ClockStyle::Colons, hour));
        }
        let in_half = (1..=12).contains(&hour).then_some(hour % 12)?;
        Some((ClockStyle::Halves, if is_morning { in_half } else { in_half + 12 }))
    }

    /// Reads the offset from UTC, if there is one.
    fn zone(&mut self) -> Option<Option<Offset>> {
        let before = self.rest.len();
        self.pass_spaces();
        if self.rest.is_empty() {
            return Some(None);
        }
        // Hours alone are a zone only directly after the time: after a space they may be any number.
        if before != self.rest.len() && matches!(self.rest, [b'+' | b'-', ..]) && self.rest.len() < 5 {
            return None;
        }
        if self.pass_word(b"Z") {
            return Some(Some(Offset::UTC));
        }
        let is_named = self.pass_word(b"UTC") || self.pass_word(b"GMT");
        if is_named && self.rest.is_empty() {
            return Some(Some(Offset::UTC));
        }
        self.offset().map(Some)
    }

    fn offset(&mut self) -> Option<Offset> {
        let sign = if self.pass_if(|byte| byte == b'-') { -1 } else { 1 };
        if sign == 1 && !self.pass_if(|byte| byte == b'+') {
            return None;
        }
        let hours = self.two()?;
        self.pass_if(|byte| byte == b':');
        let minutes = if self.rest.is_empty() { 0 } else { self.two()? };
        let is_real = hours <= 18 && minutes < 60;
        Offset::from_seconds(sign * (i32::from(hours) * 3600 + i32::from(minutes) * 60))
            .ok()
            .filter(|_| is_real)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: u64 = 1_378_054_800_083_000_000;

    fn nanos(text: &str) -> Option<u64> {
        let orders = [DateOrder::YearMonthDay, DateOrder::DayMonthYear];
        orders.into_iter().find_map(|order| read(text, order)).map(|(_, nanos)| nanos)
    }

    #[test]
    fn moments_in_many_styles() {
        for text in [
            "2013-09-01 17:00:00.083",
            "2013-09-01T17:00:00.083Z",
            "2013-09-01T19:00:00.083+02:00",
            "2013-09-01 19:00:00.083+0200",
            "2013-09-01 17:00:00,083 UTC",
            "2013-09-01 17:00:00.083 +0000",
            "2013/09/01 17:00:00.083",
            "2013.09.01D17:00:00.083000000",
            "2013.09.01 17:00:00.083",
            "01.09.2013 17:00:00.083",
            "1.9.2013 05:00:00.083 PM",
            "01.09.2013 19:00:00.083 GMT+0200",
            "20130901170000083",
            "20130901170000.083",
            "20130901 170000083",
            "20130901T170000.083Z",
            " 20130901 17:00:00.083 ",
        ] {
            assert_eq!(nanos(text), Some(MOMENT), "{text}");
        }
        assert_eq!(nanos("201309011700"), Some(MOMENT - 83_000_000));
        assert_eq!(nanos("2013090117"), Some(MOMENT - 83_000_000));
        assert_eq!(nanos("20130901"), Some(1_377_993_600_000_000_000));
        assert_eq!(nanos("2013-09-01 12:00 AM"), nanos("2013-09-01"));
    }

    #[test]
    fn what_is_no_moment() {
        for text in [
            "",
            "soon",
            "2013",
            "2013-13-01",
            "2013-09-01 25:00:00",
            "2013-09-01 17:00:0",
            "2013-09/01",
            "13:00:00",
            "1969-12-31T23:59:59Z",
            "2013-09-01 13:00 PM",
            "2013-09-01 17:00:00 EST",
            "2013-09-01T",
            "01-02-13",
            "1378054800083",
            "20130901170000.",
            "2013-09-01 17:00:00+02:0",
            "2013-09-01 17",
            "2013-09-01T17",
            "2013-09-01 17:00 +10",
            "2013-09-01 17:00:00 -5",
        ] {
            assert_eq!(nanos(text), None, "{text}");
        }
    }

    #[test]
    fn the_order_of_day_and_month_is_the_readers_choice() {
        let (day, month) =
            (read("05/06/2013", DateOrder::DayMonthYear), read("05/06/2013", DateOrder::MonthDayYear));
        assert!(day.unwrap().1 > month.unwrap().1);
        assert!(read("13/06/2013", DateOrder::MonthDayYear).is_none());
    }

    #[test]
    fn styles_distinguish_zones_and_clocks() {
        let style = |text| read(text, DateOrder::YearMonthDay).unwrap().0;
        assert_ne!(style("2013-09-01"), style("2013-09-01 17:00"));
        assert_ne!(style("2013-09-01 17:00:00"), style("2013-09-01 17:00:00Z"));
        assert_ne!(style("2013-09-01 05:00 PM"), style("2013-09-01 05:00"));
        assert_ne!(style("2013-09-01 05:00:00"), style("2013-09-01 05:00"));
        assert_eq!(style("2013-09-01 05:00+02:00"), style("2013-09-01 06:00+02"));
        assert_eq!(style("2013-09-01 17:00:00"), style("2013-09-01T17:00:00.5"));
        assert!(is_clock("17:00") && is_clock("5:00:00.1 pm") && !is_clock("170000") && !is_clock("5"));
    }
}
