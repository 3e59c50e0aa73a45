//! The formats of times in a table.

use std::ops::Range;

use super::calendar::{self, ClockStyle, DateOrder, Style};
use super::number::{DecimalSign, Unit, is_rounded};
use super::options::{TableOptions, TimeUnit};
use super::strftime::parse_strftime;

const SECOND: u64 = 1_000_000_000;
/// Numbers in this range are taken for times without an option: the years 2000 to 2100.
///
/// No number is in it in two units. Counts from other years (.NET, Windows, GPS) are mostly outside of it.
const LIKELY: Range<u64> = 946_684_800 * SECOND..4_102_444_800 * SECOND;
/// The range for a unit from an option: from April 1970 to 2100.
const POSSIBLE: Range<u64> = 10_000_000 * SECOND..4_102_444_800 * SECOND;

/// The format of a time. A row with a time in another format does not fit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum TimeFormat {
    /// A number since 1970, its required range, and whether it may lack digits.
    Number { unit: Unit, sign: DecimalSign, range: Option<Range<u64>>, rounded: bool },
    /// A date.
    Calendar(Style),
    /// A date as RFC 3339 has it, in this style, with or without an offset.
    Rfc3339(Style),
    /// A format that the user gave.
    Strftime(String),
}

impl TimeFormat {
    /// Returns nanoseconds since 1970; `None` for a text in another format or before 1970.
    pub(super) fn parse(&self, text: &str) -> Option<u64> {
        let text = text.trim();
        match self {
            Self::Number { unit, sign, range, rounded } => {
                let nanos = unit.to_nanos(text, *sign).filter(|_| *rounded || !is_rounded(text, *sign))?;
                range.as_ref().is_none_or(|range| range.contains(&nanos)).then_some(nanos)
            }
            Self::Calendar(style) => style.to_nanos(text).or_else(|| parse_annotated(text, *style)),
            Self::Rfc3339(style) => {
                let styles = [*style, style.with_zone(!style.has_zone)];
                styles.into_iter().find_map(|style| Self::Calendar(style).parse(text))
            }
            Self::Strftime(format) => parse_strftime(format, text),
        }
    }

    /// Returns the formats in which this text is a time.
    pub(super) fn readings(text: &str, sign: Option<DecimalSign>) -> Vec<Self> {
        let text = text.trim();
        let found = if text.contains(',') { DecimalSign::Comma } else { DecimalSign::Point };
        let sign = sign.unwrap_or(found);
        let rounded = is_rounded(text, sign);
        let numbers = Unit::ALL.map(|unit| Self::Number { unit, sign, range: Some(LIKELY), rounded });
        let orders = [DateOrder::YearMonthDay, DateOrder::DayMonthYear, DateOrder::MonthDayYear];
        let styles =
            orders.into_iter().filter_map(|order| calendar::read(text, order)).map(|(style, _)| style);
        let mut readings: Vec<Self> = numbers.into_iter().filter(|it| it.parse(text).is_some()).collect();
        for style in styles.map(Self::Calendar) {
            if !readings.contains(&style) {
                readings.push(style);
            }
        }
        readings
    }

    /// Returns the formats that the options allow, if they give one.
    pub(super) fn given(options: &TableOptions) -> Option<Vec<Self>> {
        if let Some(format) = &options.time_format {
            return Some(vec![Self::Strftime(format.clone())]);
        }
        let unit = match options.time_unit? {
            TimeUnit::S => Unit::Seconds,
            TimeUnit::Ms => Unit::Millis,
            TimeUnit::Us => Unit::Micros,
            TimeUnit::Ns => Unit::Nanos,
            TimeUnit::Rfc3339 => return None,
        };
        let signs: &[_] = if options.decimal_comma {
            &[DecimalSign::Comma]
        } else {
            &[DecimalSign::Point, DecimalSign::Comma]
        };
        // Of the formats that read the most times, the first is taken: a rounded one only if there are rounded times.
        let numbers = [false, true].into_iter().flat_map(|rounded| {
            signs.iter().map(move |&sign| Self::Number { unit, sign, range: None, rounded })
        });
        Some(numbers.collect())
    }

    /// Requires a possible time in each row from now on, if half of the numbers so far are possible times.
    pub(super) fn check_unit(&mut self, times: &[Option<u64>]) {
        if let Self::Number { range: range @ None, .. } = self {
            let possible = times.iter().flatten().filter(|time| POSSIBLE.contains(time)).count();
            if possible > 0 && possible * 2 >= times.iter().flatten().count() {
                *range = Some(POSSIBLE);
            }
        }
    }

    /// Whether it has a date but no time of day.
    pub(super) fn is_date_only(&self) -> bool {
        match self {
            Self::Number { .. } => false,
            Self::Calendar(style) | Self::Rfc3339(style) => style.clock == ClockStyle::None,
            Self::Strftime(format) => !["%H", "%I", "%k", "%l", "%T", "%R", "%s", "%c", "%r", "%X", "%P"]
                .iter()
                .any(|clock| format.contains(clock)),
        }
    }

    /// Whether it is a number that may not be a time since 1970.
    pub(super) fn is_unlikely(&self) -> bool {
        matches!(self, Self::Number { range: None, .. })
    }

    /// Whether the times in the file lack digits.
    pub(super) fn is_rounded(&self) -> bool {
        matches!(self, Self::Number { rounded: true, .. })
    }

    /// Returns what a number counts.
    pub(super) fn unit(&self) -> Option<Unit> {
        if let Self::Number { unit, .. } = self { Some(*unit) } else { None }
    }

    pub(super) fn is_number(&self) -> bool {
        matches!(self, Self::Number { .. })
    }

    /// Returns the formats of RFC 3339 among these; an offset may be there or not.
    pub(super) fn rfc3339(found: &[Self]) -> Vec<Self> {
        let mut styles: Vec<Style> = Vec::new();
        for format in found {
            let Self::Calendar(style) = *format else { continue };
            let is_same = |other: &&mut Style| other.with_zone(style.has_zone) == style;
            match styles.iter_mut().find(is_same) {
                Some(other) => other.has_zone |= style.has_zone,
                None if style.is_rfc3339() => styles.push(style),
                None => {}
            }
        }
        styles.into_iter().map(Self::Rfc3339).collect()
    }

    /// Whether each time has an offset from UTC.
    pub(super) fn has_zone(&self) -> bool {
        self.is_number() || self.zone().starts_with("as each time says")
    }

    /// Returns the zone in words.
    pub(super) fn zone(&self) -> &'static str {
        match self {
            Self::Number { .. } => "UTC",
            Self::Calendar(style) if style.has_zone => "as each time says",
            Self::Rfc3339(style) if style.has_zone => "as each time says, UTC if it names none",
            Self::Strftime(format) if ["z", "Q", "s"].iter().any(|zone| has_specifier(format, zone)) => {
                "as each time says"
            }
            _ => "UTC, as the times name none",
        }
    }

    /// Returns the option that selects this format.
    pub(super) fn option(&self) -> String {
        let unit = |name| format!("--time-unit {name}");
        match self {
            Self::Number { unit: Unit::Seconds, .. } => unit("s"),
            Self::Number { unit: Unit::Millis, .. } => unit("ms"),
            Self::Number { unit: Unit::Micros, .. } => unit("us"),
            Self::Number { unit: Unit::Nanos, .. } => unit("ns"),
            Self::Calendar(style) | Self::Rfc3339(style) => format!("--time-format {:?}", style.strftime()),
            Self::Strftime(format) => format!("--time-format {format:?}"),
        }
    }
}

fn has_specifier(format: &str, letter: &str) -> bool {
    format.split('%').skip(1).any(|after| after.trim_start_matches(':').starts_with(letter))
}

impl std::fmt::Display for TimeFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number { unit, sign, rounded, .. } => {
                write!(f, "{unit} since 1970")?;
                f.write_str(if *sign == DecimalSign::Comma { " with a decimal comma" } else { "" })?;
                f.write_str(if *rounded { ", rounded in the file" } else { "" })
            }
            Self::Calendar(style) | Self::Rfc3339(style) => style.fmt(f),
            Self::Strftime(format) => write!(f, "{format:?}"),
        }
    }
}

/// Reads RFC 3339 with the name of a zone after it in brackets.
fn parse_annotated(text: &str, style: Style) -> Option<u64> {
    let is_annotated = style.is_rfc3339() && style.has_zone && text.ends_with(']');
    let moment: jiff::Timestamp = text.parse().ok().filter(|_| is_annotated)?;
    u64::try_from(moment.as_nanosecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::super::strftime::is_strftime;
    use super::*;

    const MOMENT: u64 = 1_378_054_800_083_000_000;

    #[test]
    fn units_by_magnitude() {
        let number = |unit| {
            let (sign, range) = (DecimalSign::Point, Some(LIKELY));
            vec![TimeFormat::Number { unit, sign, range, rounded: false }]
        };
        for (text, formats) in [
            ("1378054800", number(Unit::Seconds)),
            ("1378054800.083", number(Unit::Seconds)),
            ("1378054800083", number(Unit::Millis)),
            ("1378054800083000", number(Unit::Micros)),
            ("1378054800083000000", number(Unit::Nanos)),
            // An id, ticks of .NET, of Windows, a price.
            ("503123456", vec![]),
            ("635136444000830000", vec![]),
            ("130225284000830000", vec![]),
            ("1640.25", vec![]),
        ] {
            assert_eq!(TimeFormat::readings(text, None), formats, "{text}");
        }
        // Seconds in 2033, or a date with an hour; day or month first.
        assert_eq!(TimeFormat::readings("2013090117", None).len(), 2);
        assert_eq!(TimeFormat::readings("05/06/2013", None).len(), 2);
    }

    #[test]
    fn formats_of_strftime() {
        for (format, text) in [
            ("%d.%m.%Y %H:%M:%S%.f", "01.09.2013 17:00:00.083"),
            ("%Y%m%d%H%M%S%3f", "20130901170000083"),
            ("%Y%m%d %H%M%S%3f", "20130901 170000083"),
            ("%Y-%m-%d %H:%M:%S%.f %z", "2013-09-01 19:00:00.083 +0200"),
            ("%m/%d/%Y %I:%M:%S%.f %p", "09/01/2013 05:00:00.083 PM"),
        ] {
            let strftime = TimeFormat::Strftime(format.into());
            assert_eq!(strftime.parse(text), Some(MOMENT), "{format}");
            assert_eq!(strftime.parse(&format!("{text} x")), None, "{format}");
            assert!(!strftime.is_date_only(), "{format}");
        }
        assert_eq!(TimeFormat::Strftime("%H:%M".into()).parse("17:00"), None);
        for format in ["", "%", "%K", "%H:%M:%S", "%Y", "%Y-%m-%d %Z"] {
            assert!(!is_strftime(format), "{format}");
        }
        for format in [
            "%d.%m.%Y",
            "%s",
            "%s%.f",
            "%Y%m%d%H%M%S%3f",
            "%e %b %Y %l:%M %p",
            "%D %T",
            "%Y-%j",
            "%FT%T%.f%:z[%Q]",
            "[%d/%b/%Y:%H:%M:%S %z]",
            "%A, %d %B %Y %k.%M",
            "%m/%d/%y %I:%M:%S %p",
            "%y%m%d %H",
        ] {
            assert!(is_strftime(format), "{format}");
        }
        assert!(TimeFormat::Strftime("%d.%m.%Y".into()).is_date_only());
    }
}
