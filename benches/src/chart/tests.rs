//! Tests a chart's text.

use super::*;

fn chart(series: Vec<Series>) -> LineChart {
    LineChart {
        title: "ring & <rivals>".to_owned(),
        x: Axis { label: "quantile".to_owned(), scale: Scale::Nines, tick_text: percent },
        y: Axis { label: "\"time\"".to_owned(), scale: Scale::Log, tick_text: duration },
        series,
    }
}

fn series(name: &str, points: &[(f64, f64)]) -> Series {
    Series { name: name.to_owned(), points: points.to_vec() }
}

/// As large as a chart here gets: eight lines of seventy points.
fn large() -> LineChart {
    let points = |line: i32| {
        let quantile = |step: i32| 1.0 - 10_f64.powf(-f64::from(step) / 10.0);
        (0..70).map(|step| (quantile(step), f64::from(20 + line) * 1.15_f64.powi(step))).collect()
    };
    let line = |line| Series { name: format!("a name for line {line}"), points: points(line) };
    chart((0..8).map(line).collect())
}

/// Checks that tags are closed in order, with no bare `&` or `<` between or in them. Returns the number of
/// tags.
fn count_tags(xml: &str) -> usize {
    let mut open = Vec::new();
    let mut tags = 0;
    let mut rest = xml;
    while let Some(start) = rest.find('<') {
        assert_text(&rest[..start]);
        let end = start + rest[start..].find('>').expect("a tag ends");
        let tag = &rest[start + 1..end];
        assert!(!tag.contains('<'), "a tag in a tag: {tag}");
        assert!(tag.matches('"').count().is_multiple_of(2), "an open attribute: {tag}");
        let name = |tag: &str| tag.split_whitespace().next().unwrap_or("").to_owned();
        match tag.strip_prefix('/') {
            Some(closed) => assert_eq!(open.pop(), Some(name(closed))),
            None if tag.ends_with('/') => tags += 1,
            None => {
                tags += 1;
                open.push(name(tag));
            }
        }
        rest = &rest[end + 1..];
    }
    assert!(open.is_empty(), "never closed: {open:?}");
    assert_eq!(rest, "\n");
    tags
}

fn assert_text(text: &str) {
    for (at, _) in text.match_indices('&') {
        let known = ["&amp;", "&lt;", "&gt;", "&quot;"];
        assert!(known.iter().any(|entity| text[at..].starts_with(entity)), "a bare &: {text}");
    }
}

/// Returns the pixels of the chart's only line.
fn pixels(chart: &LineChart) -> Vec<(f64, f64)> {
    let svg = chart.to_svg();
    let (_, points) = svg.split_once("points=\"").expect("a line");
    let (points, _) = points.split_once('"').expect("a whole line");
    let pair = |text: &str| text.split_once(',').map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap()));
    points.split(' ').map(|text| pair(text).expect("a pair")).collect()
}

#[test]
fn is_well_formed_whatever_the_names_are() {
    let names = ["a < b", "\"quoted\" & more", "]]>", "line\nbreak\u{7}", ""];
    let chart = chart(names.iter().map(|name| series(name, &[(0.0, 10.0), (0.99, 1000.0)])).collect());
    let svg = chart.to_svg();
    assert!(count_tags(&svg) > 20);
    assert!(svg.contains("ring &amp; &lt;rivals&gt;"));
    assert!(svg.contains("&quot;time&quot;"));
    assert!(svg.contains(">linebreak<"));
}

#[test]
fn is_the_same_for_the_same_figures_and_small() {
    let svg = large().to_svg();
    assert_eq!(svg, large().to_svg());
    assert!(svg.len() < 20_000, "{} bytes", svg.len());
    assert_eq!(svg.matches("<polyline").count(), 8);
    count_tags(&svg);
}

#[test]
fn is_readable_on_dark_pages() {
    let svg = large().to_svg();
    let (light, dark) = svg.split_once("@media (prefers-color-scheme:dark)").expect("a style for dark pages");
    for number in 0..COLOURS.len() {
        assert!(light.contains(&format!(".s{number}{{stroke:")));
        assert!(dark.contains(&format!(".s{number}{{stroke:")));
    }
}

#[test]
fn text_is_text() {
    let svg = large().to_svg();
    for text in [">99.9%<", ">quantile<", ">1 µs<", ">a name for line 7<"] {
        assert!(svg.contains(text), "{text}");
    }
}

#[test]
fn points_stand_where_the_scales_put_them() {
    let pixels = pixels(&chart(vec![series("line", &[(0.0, 10.0), (0.9, 100.0), (0.99, 1000.0)])]));
    let [first, middle, last] = pixels[..] else { panic!("{pixels:?}") };
    assert_eq!(first, (LEFT, HEIGHT - BOTTOM));
    assert_eq!(last.1, TOP);
    assert!((middle.0 - (first.0 + last.0) / 2.0).abs() < 0.11);
    assert!((middle.1 - (first.1 + last.1) / 2.0).abs() < 0.11);
}

#[test]
fn what_has_no_place_is_left_out() {
    let points = [(0.5, 0.0), (0.5, -1.0), (1.0, 10.0), (-0.1, 10.0), (f64::NAN, 10.0), (0.5, f64::INFINITY)];
    let svg = chart(vec![series("nothing", &points), series("empty", &[])]).to_svg();
    assert!(!svg.contains("<polyline") && !svg.contains("NaN") && !svg.contains("inf"));
    count_tags(&svg);
    assert_eq!(pixels(&chart(vec![series("one", &[(0.5, 0.0), (0.5, 7.0)])])).len(), 1);
}

#[test]
fn ticks_are_round_numbers_that_hold_the_values() {
    let ticks = |scale: Scale, values: &[f64]| scale.span(values.iter().copied()).ticks();
    assert_eq!(ticks(Scale::Linear, &[3.0, 97.0]), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
    assert_eq!(ticks(Scale::Linear, &[-3.0, 4.0]), [-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0]);
    assert_eq!(ticks(Scale::Log, &[15.0, 300.0]), [10.0, 20.0, 50.0, 100.0, 200.0, 500.0]);
    assert_eq!(ticks(Scale::Log, &[1.0, 1e6]), [1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6]);
    let nines = ticks(Scale::Nines, &[0.5, 0.9995]);
    assert_eq!(nines.iter().copied().map(percent).collect::<Vec<_>>(), ["0%", "90%", "99%", "99.9%"]);
}

#[test]
fn a_single_value_still_has_an_axis() {
    for scale in [Scale::Linear, Scale::Log, Scale::Nines] {
        for value in [0.0, 0.25, 1.0, 1e9] {
            let span = scale.span(std::iter::once(value));
            assert!(!span.ticks().is_empty(), "{scale:?} {value}");
            let fraction = span.fraction(value);
            assert!(fraction.is_none_or(|fraction| (0.0..=1.0).contains(&fraction)));
        }
    }
}

#[test]
fn values_have_short_names() {
    assert_eq!([0.0, 5.0, 1500.0, 2e6, 3e9].map(plain), ["0", "5", "1.5k", "2M", "3G"]);
    assert_eq!([0.5, 20.0, 1500.0, 1e6].map(duration), ["0.5 ns", "20 ns", "1.5 µs", "1 ms"]);
    assert_eq!([0.0, 0.9, 0.9999].map(percent), ["0%", "90%", "99.99%"]);
}
