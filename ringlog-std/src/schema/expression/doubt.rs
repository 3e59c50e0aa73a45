//! Comparisons that hold for no event, or for each one that has the field: valid, but hardly meant.
#![forbid(unsafe_code)]

use crate::schema::error::ExpressionError;
use crate::schema::expression::compile::{Builtin, Target, builtin, clipped, field, order};
use crate::schema::expression::syntax::{Comparison, LiteralValue, Tree};
use crate::schema::field::{Format, Kind};
use crate::schema::set::SchemaSet;
use crate::schema::value::Decimal;

/// Returns such comparisons with their places.
pub(super) fn doubts(expression: &str, tree: &Tree, set: &SchemaSet) -> Vec<ExpressionError> {
    let reported = tree.comparisons().filter_map(|comparison| {
        let Doubt { holds, reason } = doubt(comparison, set)?;
        let (events, name) = (
            if holds { "each event that has it" } else { "no event" },
            &expression[comparison.name.place.clone()],
        );
        let ends = comparison.literals.first().zip(comparison.literals.last());
        let place = ends.map_or(0..0, |(first, last)| first.place.start..last.place.end);
        let problem = format!("holds for {events}: `{name}` has {reason}; check the number");
        Some(ExpressionError::new(expression, place, problem))
    });
    reported.collect()
}

#[derive(PartialEq, Eq)]
struct Doubt {
    holds: bool,
    reason: String,
}

/// Returns the doubt that all types share; `None` if there is a type in which the comparison says something.
fn doubt(comparison: &Comparison, set: &SchemaSet) -> Option<Doubt> {
    let all = (0, i128::from(u64::MAX));
    match builtin(&comparison.name) {
        Some(Builtin::Type) => return in_type(comparison, &Format::PLAIN, (0, 255)),
        Some(Builtin::Number(_)) => return in_type(comparison, &Format::PLAIN, all),
        None => {}
    }
    let mut shared: Option<Doubt> = None;
    for schema in set.types() {
        let Ok(Some(target)) = field(&comparison.name, schema, set) else { continue };
        if target.check(comparison).is_err() {
            continue;
        }
        let Target::Field(_, _, format) = target else { return None };
        let range = if format.kind == Kind::Timestamp { all } else { format.kind.integer_range()? };
        let found = in_type(comparison, format, range)?;
        if shared.as_ref().is_some_and(|shared| shared.holds != found.holds) {
            return None;
        }
        shared.get_or_insert(found);
    }
    shared
}

/// Returns the doubt about integers of this format and range.
fn in_type(comparison: &Comparison, format: &Format, range: (i128, i128)) -> Option<Doubt> {
    let (order, is_negated) = order(comparison.operator)?;
    let (mut holds, mut is_whole) = (false, true);
    for literal in &comparison.literals {
        let LiteralValue::Number(number) = &literal.value else { return None };
        let floor = number.in_units(format.scale);
        is_whole &= floor.is_exact;
        match clipped(order, floor.floor, floor.is_exact, range) {
            None => {}
            Some(found) if found == range => holds = true,
            Some(_) => return None,
        }
    }
    let is_in_range = |literal: &LiteralValue| match literal {
        LiteralValue::Number(number) => (range.0..=range.1).contains(&number.in_units(format.scale).floor),
        _ => false,
    };
    let is_near = comparison.literals.iter().all(|literal| is_in_range(&literal.value));
    let reason = match format.scale {
        0 if !is_whole && is_near => "whole numbers alone".to_owned(),
        scale if !is_whole && is_near => format!("multiples of {} alone", Decimal::new(1, scale)),
        scale => format!("values from {} to {}", Decimal::new(range.0, scale), Decimal::new(range.1, scale)),
    };
    Some(Doubt { holds: holds != is_negated, reason })
}

#[cfg(test)]
mod tests {
    use crate::schema::{Expression, SchemaSet};

    #[test]
    fn a_comparison_that_says_nothing_is_reported_with_its_place() {
        let set = SchemaSet::from_json(
            br#"[{"type":1,"name":"order","size":16,"fields":[
                    {"name":"side","offset":0,"kind":"u8","labels":{"0":"buy","1":"sell"}},
                    {"name":"price","offset":1,"kind":"i32","scale":-2},
                    {"name":"ratio","offset":5,"kind":"f32"},{"name":"id","offset":9,"kind":"u8"}]},
                 {"type":2,"name":"other","size":2,"fields":[{"name":"id","offset":0,"kind":"u16"}]}]"#,
        )
        .unwrap();
        let doubts = |expression: &str| -> Vec<String> {
            let expression = Expression::parse(expression).unwrap();
            expression.bind(&set).unwrap_or_else(|error| panic!("{error}"));
            expression.doubts(&set).iter().map(ToString::to_string).collect()
        };
        for (expression, wanted) in [
            (
                "side == 300",
                "holds for no event: `side` has values from 0 to 255; check the number\n  side == 300\n          ^^^",
            ),
            (
                "side < 0",
                "holds for no event: `side` has values from 0 to 255; check the number\n  side < 0\n         ^",
            ),
            (
                "side != -1",
                "holds for each event that has it: `side` has values from 0 to 255; check the number\n  side != -1\n          ^^",
            ),
            (
                "side in (300, 301)",
                "holds for no event: `side` has values from 0 to 255; check the number\n  side in (300, 301)\n           ^^^^^^^^",
            ),
            (
                "price == 1.234",
                "holds for no event: `price` has multiples of 0.01 alone; check the number\n  price == 1.234\n           ^^^^^",
            ),
            (
                "price < 1e9",
                "holds for each event that has it: `price` has values from -21474836.48 to 21474836.47; check the number\n  price < 1e9\n          ^^^",
            ),
            (
                "side == 1.5",
                "holds for no event: `side` has whole numbers alone; check the number\n  side == 1.5\n          ^^^",
            ),
            (
                "id == 70000",
                "holds for no event: `id` has values from 0 to 255; check the number\n  id == 70000\n        ^^^^^",
            ),
            (
                "type == 256",
                "holds for no event: `type` has values from 0 to 255; check the number\n  type == 256\n          ^^^",
            ),
            (
                "sequence < 0",
                "holds for no event: `sequence` has values from 0 to 18446744073709551615; check the number\n  sequence < 0\n             ^",
            ),
        ] {
            assert_eq!(doubts(expression), [wanted]);
        }
        for expression in [
            "side == 7",
            "side in (0, 300)",
            "id == 300",
            "price > 1.234",
            "ratio > 1e30",
            "side == 'buy'",
            "len > 9",
        ] {
            assert_eq!(doubts(expression), [] as [&str; 0], "{expression}");
        }
        assert_eq!(doubts("side == 300 || !(id > 99999 && len < 0)").len(), 3);
    }
}
