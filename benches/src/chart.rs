//! Draws line charts as SVG text: small, the same for the same figures, readable on light and dark pages.
//!
//! ```
//! use ringlog_benches::chart::{Axis, LineChart, Scale, Series, plain};
//!
//! let chart = LineChart {
//!     title: "Cost of one event".to_owned(),
//!     x: Axis { label: "payload, bytes".to_owned(), scale: Scale::Log, tick_text: plain },
//!     y: Axis { label: "ns".to_owned(), scale: Scale::Linear, tick_text: plain },
//!     series: vec![Series { name: "ring".to_owned(), points: vec![(16.0, 4.0), (1024.0, 40.0)] }],
//! };
//! assert!(chart.to_svg().starts_with("<svg "));
//! ```

mod scale;
#[cfg(test)]
mod tests;

use scale::Span;
pub use scale::{Scale, duration, percent, plain};
use std::fmt::Write as _;

const WIDTH: f64 = 820.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 72.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 58.0;
/// Width of a legend without its text, and of one letter of it.
const LEGEND: f64 = 52.0;
const LETTER: f64 = 6.4;
const ROW: f64 = 20.0;

/// Line colours on a light page and on a dark one. Those for light pages are readable on both.
const COLOURS: [(&str, &str); 11] = [
    ("#0a66c2", "#6cb6ff"),
    ("#c2410c", "#ff9d5c"),
    ("#15803d", "#57d98a"),
    ("#9333ea", "#c99bff"),
    ("#b91c5c", "#ff8fb8"),
    ("#57606a", "#b1bac4"),
    ("#0e7490", "#5fd4e8"),
    ("#8a6100", "#e3b341"),
    ("#5b8a00", "#b5dd5a"),
    ("#6d5bd0", "#b3a7ff"),
    ("#a0522d", "#e6a57e"),
];
/// Lines differ by more than their colour.
const DASHES: [&str; 4] = ["none", "7 3", "2 3", "9 3 2 3"];

/// One direction of a chart.
#[derive(Clone, Debug)]
pub struct Axis {
    /// What is counted, and its unit.
    pub label: String,
    /// How values become distances.
    pub scale: Scale,
    /// Returns the text of a value beside its tick: [`plain`], [`duration`], [`percent`], or another function.
    pub tick_text: fn(f64) -> String,
}

/// One line.
#[derive(Clone, Debug)]
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// Its points (x, y), joined in this order. Points outside of an axis are left out, for example zero on a
    /// logarithmic one.
    pub points: Vec<(f64, f64)>,
}

/// A chart of lines.
#[derive(Clone, Debug)]
pub struct LineChart {
    /// The text above it.
    pub title: String,
    /// The axis at the bottom.
    pub x: Axis,
    /// The axis at the left.
    pub y: Axis,
    /// The lines, in the order of the legend.
    pub series: Vec<Series>,
}

impl LineChart {
    /// Returns the chart as an SVG document without external references.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let plot = Plot::new(self);
        let mut svg = String::new();
        open(&mut svg, &self.title);
        plot.draw_grid(&mut svg, self);
        for (number, series) in self.series.iter().enumerate() {
            plot.draw_line(&mut svg, series, number);
            plot.draw_legend(&mut svg, &series.name, number);
        }
        svg.push_str("</svg>\n");
        svg
    }
}

/// Where the lines are drawn: the scales' spans and the edges in pixels.
struct Plot {
    x: Span,
    y: Span,
    right: f64,
    bottom: f64,
}

impl Plot {
    fn new(chart: &LineChart) -> Self {
        let points = || chart.series.iter().flat_map(|series| &series.points);
        let longest = chart.series.iter().map(|series| series.name.chars().count()).max().unwrap_or(0);
        Self {
            x: chart.x.scale.span(points().map(|point| point.0)),
            y: chart.y.scale.span(points().map(|point| point.1)),
            right: (WIDTH - LEGEND - LETTER * longest as f64).max(WIDTH / 2.0),
            bottom: HEIGHT - BOTTOM,
        }
    }

    fn pixel_x(&self, value: f64) -> Option<f64> {
        self.x.fraction(value).map(|fraction| LEFT + fraction * (self.right - LEFT))
    }

    fn pixel_y(&self, value: f64) -> Option<f64> {
        self.y.fraction(value).map(|fraction| self.bottom - fraction * (self.bottom - TOP))
    }

    fn draw_grid(&self, svg: &mut String, chart: &LineChart) {
        let (right, bottom) = (self.right, self.bottom);
        for tick in self.x.ticks() {
            let Some(x) = self.pixel_x(tick) else { continue };
            line(svg, (x, TOP), (x, bottom));
            text(svg, "middle", (x, bottom + 18.0), &(chart.x.tick_text)(tick));
        }
        for tick in self.y.ticks() {
            let Some(y) = self.pixel_y(tick) else { continue };
            line(svg, (LEFT, y), (right, y));
            text(svg, "end", (LEFT - 7.0, y + 4.0), &(chart.y.tick_text)(tick));
        }
        text(svg, "middle", ((LEFT + right) / 2.0, HEIGHT - 14.0), &chart.x.label);
        let middle = (TOP + bottom) / 2.0;
        let label = escape(&chart.y.label);
        let _ = writeln!(
            svg,
            "<text text-anchor=\"middle\" transform=\"translate(15 {middle:.1}) rotate(-90)\">{label}</text>"
        );
    }

    fn draw_line(&self, svg: &mut String, series: &Series, number: usize) {
        let pixels: Vec<_> = series
            .points
            .iter()
            .filter_map(|(x, y)| Some(format!("{:.1},{:.1}", self.pixel_x(*x)?, self.pixel_y(*y)?)))
            .collect();
        if !pixels.is_empty() {
            let _ = writeln!(svg, "<polyline class=\"{}\" points=\"{}\"/>", class(number), pixels.join(" "));
        }
    }

    fn draw_legend(&self, svg: &mut String, name: &str, number: usize) {
        let (x, y) = (self.right + 14.0, TOP + 8.0 + ROW * number as f64);
        let _ = writeln!(svg, "<path class=\"{}\" d=\"M{x:.1} {y:.1}h26\"/>", class(number));
        text(svg, "start", (x + 32.0, y + 4.0), name);
    }
}

/// Returns the CSS class of a line: its colour and dashes.
fn class(number: usize) -> String {
    format!("s s{}", number % COLOURS.len())
}

fn open(svg: &mut String, title: &str) {
    let title = escape(title);
    let _ = writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         width=\"{WIDTH}\" height=\"{HEIGHT}\" role=\"img\">\n<title>{title}</title>"
    );
    style(svg);
    let _ = writeln!(svg, "<text class=\"t\" x=\"{LEFT}\" y=\"24\">{title}</text>");
}

fn style(svg: &mut String) {
    svg.push_str("<style>\ntext{font:12px sans-serif;fill:#3d444d}.t{font-size:15px;font-weight:600}\n");
    svg.push_str(".g{stroke:#8c959f;stroke-opacity:.35}.s{fill:none;stroke-width:2;stroke-linejoin:round}\n");
    for (number, (light, _)) in COLOURS.iter().enumerate() {
        let dashes = DASHES[number % DASHES.len()];
        let _ = writeln!(svg, ".s{number}{{stroke:{light};stroke-dasharray:{dashes}}}");
    }
    svg.push_str("@media (prefers-color-scheme:dark){text{fill:#d1d7e0}\n");
    for (number, (_, dark)) in COLOURS.iter().enumerate() {
        let _ = write!(svg, ".s{number}{{stroke:{dark}}}");
    }
    svg.push_str("\n}</style>\n");
}

fn line(svg: &mut String, from: (f64, f64), to: (f64, f64)) {
    let _ = writeln!(svg, "<path class=\"g\" d=\"M{:.1} {:.1}L{:.1} {:.1}\"/>", from.0, from.1, to.0, to.1);
}

fn text(svg: &mut String, anchor: &str, at: (f64, f64), text: &str) {
    let text = escape(text);
    let _ = writeln!(svg, "<text text-anchor=\"{anchor}\" x=\"{:.1}\" y=\"{:.1}\">{text}</text>", at.0, at.1);
}

/// Escapes text for use between tags. Removes control characters, which XML does not allow.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars().filter(|letter| !letter.is_control()) {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}
