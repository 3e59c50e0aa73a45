//! Maps values to distances along an axis, and places its ticks.

/// How values become distances.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scale {
    /// Equal differences, equal distances. Begins at zero unless a value is below.
    Linear,
    /// Equal ratios, equal distances. Zero and less have no place.
    Log,
    /// For quantiles from 0 to below 1: each further nine (0.9, 0.99, 0.999) takes the same distance.
    Nines,
}

/// The range that an axis shows, from its beginning to its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    scale: Scale,
    /// On the scale: `begin < end`, both finite.
    begin: f64,
    end: f64,
}

/// Most ticks of a linear axis, and of a logarithmic one with ticks between decades.
const MOST_TICKS: f64 = 7.0;
const FEW_DECADES: f64 = 3.0;

impl Scale {
    /// Returns the place of a value on an endless axis; `None` if it has none.
    fn place(self, value: f64) -> Option<f64> {
        let place = match self {
            Self::Linear => value,
            Self::Log => value.log10(),
            Self::Nines if value < 0.0 => f64::NAN,
            Self::Nines => -(1.0 - value).log10(),
        };
        place.is_finite().then_some(place)
    }

    /// Returns the part of an axis that shows all values.
    pub(super) fn span(self, values: impl Iterator<Item = f64>) -> Span {
        let places = values.filter_map(|value| self.place(value));
        let (low, high) = places
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), place| (low.min(place), high.max(place)));
        let (begin, end) = match self {
            _ if low > high => (0.0, 1.0),
            Self::Linear => {
                let (low, high) = (low.min(0.0), high.max(0.0));
                let step = step(high - low);
                ((low / step).floor() * step, (high / step).ceil() * step)
            }
            Self::Log => (down_to_125(low), -down_to_125(-high)),
            Self::Nines => (0.0, high),
        };
        // If all values are the same, the axis must still have a length.
        let end = if end > begin { end } else { begin + 1.0 };
        Span { scale: self, begin, end }
    }
}

impl Span {
    /// Returns how far along the axis a value is, from 0 to 1; `None` if it has no place.
    pub(super) fn fraction(&self, value: f64) -> Option<f64> {
        let fraction = (self.scale.place(value)? - self.begin) / (self.end - self.begin);
        Some(fraction.clamp(0.0, 1.0))
    }

    /// Returns the values that get a tick, from the lowest on.
    pub(super) fn ticks(&self) -> Vec<f64> {
        match self.scale {
            Scale::Linear => {
                let step = step(self.end - self.begin);
                let first = (self.begin / step).round() as i64;
                (first..).map(|number| number as f64 * step).take_while(|tick| self.shows(*tick)).collect()
            }
            Scale::Log => {
                let few = self.end - self.begin <= FEW_DECADES;
                let within: &[f64] = if few { &[1.0, 2.0, 5.0] } else { &[1.0] };
                let decades = self.begin.floor() as i32..=self.end.ceil() as i32;
                let all =
                    decades.flat_map(|decade| within.iter().map(move |part| part * 10_f64.powi(decade)));
                all.filter(|tick| self.shows(*tick)).collect()
            }
            Scale::Nines => (0..=self.end.floor() as i32).map(|nines| 1.0 - 10_f64.powi(-nines)).collect(),
        }
    }

    /// Returns whether a value is inside, apart from rounding.
    fn shows(&self, value: f64) -> bool {
        let slack = (self.end - self.begin) * 1e-6;
        let place = self.scale.place(value);
        place.is_some_and(|place| (self.begin - slack..=self.end + slack).contains(&place))
    }
}

/// Returns a step of 1, 2 or 5 times a power of ten that divides a length into few parts.
fn step(length: f64) -> f64 {
    if length <= 0.0 {
        return 1.0;
    }
    let least = length / MOST_TICKS;
    let decade = 10_f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0].into_iter().map(|part| part * decade).find(|step| *step >= least).unwrap_or(10.0 * decade)
}

/// Returns the logarithm of the next number at or below that is 1, 2 or 5 times a power of ten.
///
/// The reciprocals of these numbers are such numbers again, so `-down_to_125(-log)` is the next one above.
fn down_to_125(log: f64) -> f64 {
    let parts = [5_f64, 2.0, 1.0].map(|part| log.floor() + part.log10());
    parts.into_iter().find(|place| *place <= log + 1e-6).unwrap_or(log.floor())
}

/// Formats a number with a suffix for thousands, millions and so on: 1500 is `1.5k`.
#[must_use]
pub fn plain(value: f64) -> String {
    let (scaled, suffix) = match value.abs() {
        size if size >= 1e9 => (value / 1e9, "G"),
        size if size >= 1e6 => (value / 1e6, "M"),
        size if size >= 1e3 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    format!("{}{suffix}", short(scaled))
}

/// Formats nanoseconds in a suitable unit: 1500 is `1.5 µs`.
#[must_use]
pub fn duration(nanos: f64) -> String {
    let (scaled, unit) = match nanos.abs() {
        size if size >= 1e9 => (nanos / 1e9, "s"),
        size if size >= 1e6 => (nanos / 1e6, "ms"),
        size if size >= 1e3 => (nanos / 1e3, "µs"),
        _ => (nanos, "ns"),
    };
    format!("{} {unit}", short(scaled))
}

/// Formats a quantile in percent, with all its nines: 0.999 is `99.9%`.
#[must_use]
pub fn percent(quantile: f64) -> String {
    format!("{}%", short(quantile * 100.0))
}

/// Formats a number without zeros at the end and without rounding errors.
fn short(value: f64) -> String {
    let text = format!("{value:.6}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}
