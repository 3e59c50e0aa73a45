//! From a tree to a program for each type.
#![forbid(unsafe_code)]

use crate::schema::error::ExpressionError;
use crate::schema::expression::advice::{
    Fault, article, listed, no_label, not_alone, operator_fault, quoted_number, unknown_name,
};
use crate::schema::expression::program::{
    BytesLoad, Check, Fit, FloatLoad, Load, Needle, Order, Program, Test, Width, signed_key,
};
use crate::schema::expression::syntax::{Comparison, Literal, LiteralValue, Name, Operator, Tree};
use crate::schema::field::{Format, Kind, Labels};
use crate::schema::near::nearest;
use crate::schema::path::{NoPlace, Step, locate};
use crate::schema::set::SchemaSet;
use crate::schema::types::{Schema, Tail};

/// A program for each event type: an index for each into the programs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Programs {
    programs: Vec<Program>,
    by_type: Box<[u16; 256]>,
}

impl Programs {
    pub(super) fn new(tree: &Tree, set: &SchemaSet) -> Self {
        let (mut programs, mut by_type) = (Vec::<Program>::new(), Box::new([0; 256]));
        for (event_type, index) in (0..=u8::MAX).zip(by_type.iter_mut()) {
            let program = Compiler { set, event_type }.program(tree, false);
            let at = programs.iter().position(|it| *it == program).unwrap_or_else(|| {
                programs.push(program);
                programs.len() - 1
            });
            *index = u16::try_from(at).expect("at most 256 programs");
        }
        Self { programs, by_type }
    }

    #[inline]
    pub(super) fn of(&self, event_type: u8) -> &Program {
        &self.programs[usize::from(self.by_type[usize::from(event_type)])]
    }
}

/// Returns an error for a comparison that no type can make.
pub(super) fn check(expression: &str, tree: &Tree, set: &SchemaSet) -> Result<(), ExpressionError> {
    tree.comparisons().try_for_each(|comparison| {
        check_comparison(comparison, set)
            .map_err(|fault| ExpressionError::new(expression, fault.place, fault.problem))
    })
}

fn check_comparison(comparison: &Comparison, set: &SchemaSet) -> Result<(), Fault> {
    if let Some(builtin) = builtin(&comparison.name) {
        return match builtin {
            Builtin::Type => check_type(comparison, set),
            Builtin::Number(load) => {
                integer(&Format::PLAIN, load, (0, u64::MAX.into()), comparison).map(drop)
            }
        };
    }
    let mut first_fault = None;
    for schema in set.types() {
        match field(&comparison.name, schema, set) {
            Ok(Some(target)) => match target.check(comparison) {
                Ok(_) => return Ok(()),
                Err(fault) => {
                    first_fault.get_or_insert(fault);
                }
            },
            Ok(None) => {}
            Err(fault) => {
                first_fault.get_or_insert(fault);
            }
        }
    }
    Err(first_fault.unwrap_or_else(|| unknown_name(&comparison.name, set)))
}

fn check_type(comparison: &Comparison, set: &SchemaSet) -> Result<(), Fault> {
    for literal in &comparison.literals {
        match &literal.value {
            LiteralValue::Text(name) if set.types().all(|schema| schema.name().as_bytes() != name) => {
                let name = String::from_utf8_lossy(name);
                let names = || set.types().map(Schema::name);
                let advice = match nearest(&name, names()) {
                    Some(near) => format!("did you mean \"{near}\"?"),
                    None if set.types().next().is_none() => "give the number of a type instead".to_owned(),
                    None => format!("the types are {}", listed(names())),
                };
                return Err(Fault::at(&literal.place, format!("no type has this name; {advice}")));
            }
            LiteralValue::Text(_)
                if !matches!(comparison.operator, Operator::Equal | Operator::NotEqual | Operator::In) =>
            {
                return Err(operator_fault(comparison, "a type's name"));
            }
            LiteralValue::Bool(_) => {
                return Err(Fault::at(&literal.place, "a type is a name or a number; write one"));
            }
            _ => {}
        }
    }
    if matches!(comparison.operator, Operator::Contains | Operator::StartsWith) {
        return Err(operator_fault(comparison, "a type"));
    }
    Ok(())
}

pub(super) enum Builtin {
    Type,
    Number(Load),
}

pub(super) fn builtin(name: &Name) -> Option<Builtin> {
    let [Step::Name(word)] = name.steps.as_slice() else { return None };
    Some(match word.as_str() {
        "type" => Builtin::Type,
        "timestamp" => Builtin::Number(Load::Timestamp),
        "sequence" => Builtin::Number(Load::Sequence),
        "len" => Builtin::Number(Load::Len),
        _ => return None,
    })
}

/// What a name means in one type.
pub(super) enum Target<'a> {
    Field(Fit, usize, &'a Format),
    Tail(Fit),
}

/// Returns what a name means in a type; `None` if the type does not have it.
pub(super) fn field<'a>(
    name: &Name,
    schema: &'a Schema,
    set: &SchemaSet,
) -> Result<Option<Target<'a>>, Fault> {
    let mut steps = name.steps.as_slice();
    if let [Step::Name(first), rest @ ..] = steps
        && matches!(rest, [Step::Name(_), ..])
    {
        if first == "payload" {
            steps = rest;
        } else if set.by_name(first).is_some() {
            if schema.name() != first {
                return Ok(None);
            }
            steps = rest;
        }
    }
    let fit = Fit { size: schema.size, has_tail: schema.tail != Tail::None };
    match locate(&schema.fields, steps) {
        Ok((offset, format)) => Ok(Some(Target::Field(fit, offset, format))),
        Err(_) if fit.has_tail && matches!(steps, [Step::Name(tail)] if tail == "tail") => {
            Ok(Some(Target::Tail(fit)))
        }
        Err(NoPlace::Name(0, _)) => Ok(None),
        Err(NoPlace::Name(at, fields)) => {
            let Some(Step::Name(wanted)) = steps.get(at) else { return Ok(None) };
            let names = || fields.iter().map(|field| field.name.as_str());
            let advice = match nearest(wanted, names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it has {}", listed(names())),
            };
            Err(Fault::at(&name.place, format!("the struct has no such field; {advice}")))
        }
        Err(NoPlace::Index(length)) => Err(Fault::at(
            &name.place,
            format!("the array has {length} values; use an index from 0 to {}", length - 1),
        )),
        Err(NoPlace::Kind(kind)) => {
            let advice = match kind {
                Kind::Array { .. } => "write an index after its name, such as [0]",
                Kind::Struct { .. } => "write a dot and a name after it",
                _ => "write its name alone",
            };
            Err(Fault::at(&name.place, format!("part of this name is {}; {advice}", article(kind))))
        }
    }
}

impl Target<'_> {
    /// Returns the comparison, or why this field cannot make it.
    pub(super) fn check(&self, comparison: &Comparison) -> Result<Outcome, Fault> {
        let (fit, offset, format) = match *self {
            Self::Field(fit, offset, format) => (fit, offset, format),
            Self::Tail(fit) => return bytes(BytesLoad::Tail { fit }, "a text", comparison),
        };
        let is_bool_or_whole = matches!(format.kind, Kind::Bool | Kind::Array { .. } | Kind::Struct { .. });
        if comparison.is_alone() && !is_bool_or_whole {
            return Err(not_alone(comparison, format));
        }
        let load = |width| Load::Field { fit, offset, width };
        let width = match &format.kind {
            Kind::U8 => Width::U8,
            Kind::U16 => Width::U16,
            Kind::U32 => Width::U32,
            Kind::U64 | Kind::Timestamp => Width::U64,
            Kind::I8 => Width::I8,
            Kind::I16 => Width::I16,
            Kind::I32 => Width::I32,
            Kind::I64 => Width::I64,
            Kind::F32 | Kind::F64 => {
                let is_double = format.kind == Kind::F64;
                return float(FloatLoad { fit, offset, is_double }, comparison);
            }
            Kind::Bool => return truth(load(Width::Bool), comparison),
            &Kind::Text { length } => {
                return bytes(BytesLoad::Text { fit, offset, length }, "a text", comparison);
            }
            &Kind::Bytes { length } => {
                return bytes(BytesLoad::Bytes { fit, offset, length }, "bytes", comparison);
            }
            Kind::Array { .. } => {
                return Err(Fault::at(
                    &comparison.name.place,
                    "an array; compare one of its values, such as [0]",
                ));
            }
            Kind::Struct { fields, .. } => {
                let field = fields.first().map_or("name", |field| field.name.as_str());
                return Err(Fault::at(
                    &comparison.name.place,
                    format!("a struct; compare one of its fields, such as .{field}"),
                ));
            }
        };
        let range = format.kind.integer_range().unwrap_or((0, u64::MAX.into()));
        integer(format, load(width), range, comparison)
    }
}

/// What a comparison comes to: known before any event, or a check.
pub(super) enum Outcome {
    Known(bool),
    /// A check, and whether it is negated.
    Check(Check, bool),
}

impl Format {
    /// The format of numbers that are not in a payload.
    pub(super) const PLAIN: Self =
        Self { kind: Kind::U64, scale: 0, unit: None, labels: Labels::NONE, unknown: Vec::new() };
}

/// Returns the order of an operator and whether it is negated; `None` for `contains` and `starts_with`.
pub(super) const fn order(operator: Operator) -> Option<(Order, bool)> {
    Some(match operator {
        Operator::Equal | Operator::In => (Order::Equal, false),
        Operator::NotEqual => (Order::Equal, true),
        Operator::Less => (Order::Less, false),
        Operator::LessOrEqual => (Order::LessOrEqual, false),
        Operator::Greater => (Order::Greater, false),
        Operator::GreaterOrEqual => (Order::GreaterOrEqual, false),
        Operator::Contains | Operator::StartsWith => return None,
    })
}

/// Compares an integer, or its label.
fn integer(
    format: &Format,
    load: Load,
    range: (i128, i128),
    comparison: &Comparison,
) -> Result<Outcome, Fault> {
    let Some((order, is_negated)) = order(comparison.operator) else {
        let what = if format.labels.is_empty() { "a number" } else { "a label" };
        return Err(operator_fault(comparison, what));
    };
    let key = |value: i128| match range.0 {
        0 => u64::try_from(value).ok(),
        _ => i64::try_from(value).ok().map(signed_key),
    };
    let ranges = comparison.literals.iter().map(|literal| {
        let (floor, is_exact) = units(format, literal, comparison)?;
        Ok(clipped(order, floor, is_exact, range))
    });
    let ranges: Vec<Option<(i128, i128)>> = ranges.collect::<Result<_, Fault>>()?;
    let keys = ranges.into_iter().flatten().filter_map(|(least, most)| Some((key(least)?, key(most)?)));
    let mut keys: Vec<(u64, u64)> = keys.collect();
    let check = match keys.as_slice() {
        // No value is in an empty range.
        [] => Check::OneOf { load, keys: Box::new([]) },
        [(least, most)] => Check::Range { load, least: *least, most: *most },
        _ => {
            keys.sort_unstable();
            Check::OneOf { load, keys: keys.into_iter().map(|(key, _)| key).collect() }
        }
    };
    Ok(Outcome::Check(check, is_negated))
}

/// Returns the literal in units of the stored integer: its floor, and whether that is exact.
fn units(format: &Format, literal: &Literal, comparison: &Comparison) -> Result<(i128, bool), Fault> {
    let text = match &literal.value {
        LiteralValue::Number(number) => {
            let floor = number.in_units(format.scale);
            return Ok((floor.floor, floor.is_exact));
        }
        LiteralValue::Bool(_) => {
            let advice = if format.labels.is_empty() { "write a number" } else { "write a label in quotes" };
            return Err(Fault::at(&literal.place, format!("a bool, and the field is a number; {advice}")));
        }
        LiteralValue::Text(text) if format.labels.is_empty() => {
            let is_time = format.kind == Kind::Timestamp || comparison.name.is("timestamp");
            return Err(Fault::at(&literal.place, quoted_number(text, is_time)));
        }
        LiteralValue::Text(text) => String::from_utf8_lossy(text),
    };
    if !matches!(comparison.operator, Operator::Equal | Operator::NotEqual | Operator::In) {
        return Err(operator_fault(comparison, "a label"));
    }
    let value = format.labelled(&text).ok_or_else(|| no_label(literal, &text, format))?;
    Ok((value, true))
}

/// Returns the values of a field for which the comparison holds; `None` if there are none.
pub(super) fn clipped(
    order: Order,
    floor: i128,
    is_exact: bool,
    (least, most): (i128, i128),
) -> Option<(i128, i128)> {
    let above = floor.saturating_add(1);
    let (from, to) = match order {
        Order::Equal if is_exact => (floor, floor),
        Order::Equal => return None,
        Order::Less if is_exact => (least, floor.saturating_sub(1)),
        Order::Less | Order::LessOrEqual => (least, floor),
        Order::GreaterOrEqual if is_exact => (floor, most),
        Order::Greater | Order::GreaterOrEqual => (above, most),
    };
    let (from, to) = (from.max(least), to.min(most));
    (from <= to).then_some((from, to))
}

fn float(load: FloatLoad, comparison: &Comparison) -> Result<Outcome, Fault> {
    let Some((order, is_negated)) = order(comparison.operator) else {
        return Err(operator_fault(comparison, "a number"));
    };
    let bits = comparison.literals.iter().map(|literal| match &literal.value {
        LiteralValue::Number(number) if load.is_double => Ok(number.to_f64().to_bits()),
        // So that `ratio == 0.1` holds for the number of 32 bits that is written so.
        LiteralValue::Number(number) => Ok(f64::from(number.to_f32()).to_bits()),
        LiteralValue::Text(text) => Err(Fault::at(&literal.place, quoted_number(text, false))),
        LiteralValue::Bool(_) => {
            Err(Fault::at(&literal.place, "a bool, and the field is a number; write a number"))
        }
    });
    let bits = bits.collect::<Result<_, _>>()?;
    Ok(Outcome::Check(Check::Float { load, order, bits }, is_negated))
}

fn truth(load: Load, comparison: &Comparison) -> Result<Outcome, Fault> {
    if !matches!(comparison.operator, Operator::Equal | Operator::NotEqual | Operator::In) {
        return Err(operator_fault(comparison, "a bool"));
    }
    let values = comparison.literals.iter().map(|literal| match literal.value {
        LiteralValue::Bool(value) => Ok(u64::from(value)),
        _ => Err(Fault::at(&literal.place, "no bool; write true or false")),
    });
    let mut keys = values.collect::<Result<Vec<u64>, _>>()?;
    keys.sort_unstable();
    let is_negated = comparison.operator == Operator::NotEqual;
    Ok(Outcome::Check(Check::OneOf { load, keys: keys.into() }, is_negated))
}

fn bytes(load: BytesLoad, what: &str, comparison: &Comparison) -> Result<Outcome, Fault> {
    let literals = comparison.literals.iter().map(|literal| match &literal.value {
        LiteralValue::Text(text) => Ok(text.clone().into_boxed_slice()),
        _ => Err(Fault::at(&literal.place, format!("no text; the field is {what}, so put it in quotes"))),
    });
    let mut literals = literals.collect::<Result<Vec<Box<[u8]>>, _>>()?;
    if comparison.operator == Operator::In {
        return Ok(Outcome::Check(Check::BytesOneOf { load, literals: literals.into() }, false));
    }
    let literal = literals.pop().unwrap_or_default();
    Ok(match (order(comparison.operator), comparison.operator) {
        (Some((order, is_negated)), _) => Outcome::Check(Check::Bytes { load, order, literal }, is_negated),
        (None, Operator::StartsWith) => Outcome::Check(Check::StartsWith { load, literal }, false),
        (None, _) => Outcome::Check(Check::Contains { load, literal: Needle::new(&literal) }, false),
    })
}

/// Makes the program for one event type.
struct Compiler<'a> {
    set: &'a SchemaSet,
    event_type: u8,
}

impl Compiler<'_> {
    fn program(&self, tree: &Tree, is_negated: bool) -> Program {
        match tree {
            Tree::Not(inner) => self.program(inner, !is_negated),
            // By De Morgan's laws.
            Tree::All(parts) => Program::join(self.programs(parts, is_negated), is_negated),
            Tree::Any(parts) => Program::join(self.programs(parts, is_negated), !is_negated),
            Tree::Comparison(comparison) => match self.outcome(comparison) {
                None => Program::Constant(false),
                Some(Outcome::Known(value)) => Program::Constant(value != is_negated),
                Some(Outcome::Check(check, is_not)) => {
                    Program::Test(Test { check, is_negated: is_not != is_negated })
                }
            },
        }
    }

    fn programs(&self, parts: &[Tree], is_negated: bool) -> Vec<Program> {
        parts.iter().map(|part| self.program(part, is_negated)).collect()
    }

    /// Returns `None` if events of the type lack the field, or cannot be compared so.
    fn outcome(&self, comparison: &Comparison) -> Option<Outcome> {
        match builtin(&comparison.name) {
            Some(Builtin::Type) => Some(Outcome::Known(self.type_fits(comparison)?)),
            Some(Builtin::Number(load)) => {
                integer(&Format::PLAIN, load, (0, u64::MAX.into()), comparison).ok()
            }
            None => {
                let schema = self.set.by_number(self.event_type)?;
                field(&comparison.name, schema, self.set).ok()??.check(comparison).ok()
            }
        }
    }

    fn type_fits(&self, comparison: &Comparison) -> Option<bool> {
        let (order, is_negated) = order(comparison.operator)?;
        let number = i128::from(self.event_type);
        let mut fits = false;
        for literal in &comparison.literals {
            fits |= match &literal.value {
                LiteralValue::Number(wanted) => {
                    let floor = wanted.in_units(0);
                    let range = clipped(order, floor.floor, floor.is_exact, (0, 255));
                    range.is_some_and(|(least, most)| (least..=most).contains(&number))
                }
                LiteralValue::Text(name) if order == Order::Equal => {
                    let schema = self.set.by_number(self.event_type);
                    schema.is_some_and(|schema| schema.name().as_bytes() == name)
                }
                _ => return None,
            };
        }
        Some(fits != is_negated)
    }
}
