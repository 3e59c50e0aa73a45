//! What a name means for an event, and what a comparison gives: slow and simple.

use std::cmp::Ordering;

use super::schemas::{Kind, Model};
use super::trees::{Literal, Tree};
use crate::event::{Event, EventHeader};

/// A decimal number of any length: its sign, digits without zeros at the start, and the power of ten of the last digit.
#[derive(Clone, Debug)]
pub(super) struct Big {
    pub(super) is_negative: bool,
    pub(super) digits: String,
    pub(super) exponent: i64,
}

impl Big {
    pub(super) fn read(text: &str) -> Self {
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{}{fraction}", whole.trim_start_matches('-'));
        let digits = digits.trim_start_matches('0').to_owned();
        Self {
            is_negative: whole.starts_with('-') && !digits.is_empty(),
            digits,
            exponent: exponent.parse::<i64>().unwrap() - i64::try_from(fraction.len()).unwrap(),
        }
    }

    pub(super) fn compare(&self, other: &Self) -> Ordering {
        let low = self.exponent.min(other.exponent);
        let padded = |it: &Self| {
            let zeros = if it.digits.is_empty() { 0 } else { usize::try_from(it.exponent - low).unwrap() };
            it.digits.clone() + &"0".repeat(zeros)
        };
        let (left, right) = (padded(self), padded(other));
        let absolute = left.len().cmp(&right.len()).then_with(|| left.cmp(&right));
        match (self.is_negative, other.is_negative) {
            (false, false) => absolute,
            (true, true) => absolute.reverse(),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Number(Big, Vec<(i128, &'static str)>),
    Float(f64, bool),
    Bool(bool),
    Bytes(Vec<u8>),
}

pub(super) fn value(kind: &Kind, bytes: &[u8]) -> Option<Value> {
    Some(match kind {
        Kind::Integer { is_signed, scale, labels, .. } => {
            let mut number = 0_i128;
            for (at, &byte) in bytes.iter().enumerate() {
                number += i128::from(byte) << (8 * at);
            }
            if *is_signed && bytes[bytes.len() - 1] >= 128 {
                number -= 1 << (8 * bytes.len());
            }
            Value::Number(Big::read(&format!("{number}e{scale}")), labels.clone())
        }
        Kind::Float { bytes: 8 } => Value::Float(f64::from_le_bytes(bytes.try_into().unwrap()), true),
        Kind::Float { .. } => Value::Float(f32::from_le_bytes(bytes.try_into().unwrap()).into(), false),
        Kind::Bool if bytes[0] > 1 => return None,
        Kind::Bool => Value::Bool(bytes[0] == 1),
        Kind::Text { .. } => Value::Bytes(bytes.iter().copied().take_while(|&byte| byte != 0).collect()),
        Kind::Bytes { .. } => Value::Bytes(bytes.to_vec()),
    })
}

impl Tree {
    /// Returns whether the event is chosen; `None` if that is not known.
    pub(super) fn holds(&self, models: &[Model], event: &Event<'_>) -> Option<bool> {
        match self {
            Self::Not(inner) => inner.holds(models, event).map(|holds| !holds),
            Self::All(parts) => joined(parts.iter().map(|part| part.holds(models, event)), false),
            Self::Any(parts) => joined(parts.iter().map(|part| part.holds(models, event)), true),
            Self::Compare { name, operator, literals } => {
                let found = found(name, models, event)?;
                let values = literals.iter().map(|literal| found.compare(operator, literal, models));
                // One literal that cannot be compared spoils all.
                values.collect::<Option<Vec<bool>>>().map(|all| all.contains(&true))
            }
        }
    }

    /// Returns whether each comparison can be made by one type at least.
    pub(super) fn is_sound(&self, models: &[Model]) -> bool {
        match self {
            Self::Not(inner) => inner.is_sound(models),
            Self::All(parts) | Self::Any(parts) => parts.iter().all(|part| part.is_sound(models)),
            Self::Compare { name, operator, literals } => {
                models.iter().any(|model| {
                    let payload = vec![0; model.size];
                    let header = EventHeader::new(0, model.number, 0);
                    let event = Event::new(header, &payload, 0, 64);
                    let is_named = literals.iter().all(|literal| match literal {
                        Literal::Text(text) if name == "type" => {
                            models.iter().any(|it| it.name.as_bytes() == text)
                        }
                        _ => true,
                    });
                    let found = found(name, models, &event);
                    is_named
                        && found.is_some_and(|it| {
                            literals.iter().all(|literal| it.compare(operator, literal, models).is_some())
                        })
                }) || (models.is_empty() && found(name, models, &NOTHING).is_some())
            }
        }
    }
}

const NOTHING: Event<'static> = Event::new(EventHeader::new(0, 0, 0), &[], 0, 64);

/// `||` if true decides, else `&&`.
fn joined(parts: impl Iterator<Item = Option<bool>>, decides: bool) -> Option<bool> {
    let parts: Vec<Option<bool>> = parts.collect();
    if parts.contains(&Some(decides)) {
        return Some(decides);
    }
    if parts.contains(&None) { None } else { Some(!decides) }
}

enum Found {
    Type(u8),
    Value(Value),
}

/// Returns what a name means for an event.
fn found(name: &str, models: &[Model], event: &Event<'_>) -> Option<Found> {
    let number = |number: u64| Some(Found::Value(Value::Number(Big::read(&number.to_string()), Vec::new())));
    match name {
        "type" => return Some(Found::Type(event.header.event_type)),
        "timestamp" => return number(event.header.timestamp),
        "sequence" => return number(event.sequence),
        "len" => return number(event.payload.len() as u64),
        _ => {}
    }
    let model = models.iter().find(|model| model.number == event.header.event_type)?;
    let mut path = name;
    if let Some((first, rest)) = name.split_once('.') {
        let owner = models.iter().find(|it| it.name == first);
        if first == "payload" || owner.is_some_and(|it| it.number == model.number) {
            path = rest;
        } else if owner.is_some() {
            return None;
        }
    }
    if !model.fits(event.payload) {
        return None;
    }
    if let Some(leaf) = model.leaves.iter().find(|leaf| leaf.path == path) {
        let bytes = &event.payload[leaf.offset..leaf.offset + leaf.kind.size()];
        return value(&leaf.kind, bytes).map(Found::Value);
    }
    let is_tail = path == "tail" && model.tail != "none";
    is_tail.then(|| Found::Value(Value::Bytes(event.payload[model.size..].to_vec())))
}

impl Found {
    fn compare(&self, operator: &str, literal: &Literal, models: &[Model]) -> Option<bool> {
        let is_equality = matches!(operator, "==" | "!=" | "in");
        match (self, literal) {
            (Self::Type(number), Literal::Number(text)) => {
                ordered(operator, Big::read(&number.to_string()).compare(&Big::read(text)))
            }
            (Self::Type(number), Literal::Text(text)) if is_equality => {
                let is_it = models.iter().any(|it| it.number == *number && it.name.as_bytes() == text);
                Some(is_it != (operator == "!="))
            }
            (Self::Value(Value::Number(number, _)), Literal::Number(text)) => {
                ordered(operator, number.compare(&Big::read(text)))
            }
            (Self::Value(Value::Number(number, labels)), Literal::Text(text)) if is_equality => {
                let (label, _) = labels.iter().find(|(_, name)| name.as_bytes() == text)?;
                ordered(operator, number.compare(&Big::read(&label.to_string())))
            }
            (Self::Value(Value::Float(number, is_double)), Literal::Number(text)) => {
                let literal: f64 =
                    if *is_double { text.parse().unwrap() } else { text.parse::<f32>().unwrap().into() };
                match number.partial_cmp(&literal) {
                    Some(order) => ordered(operator, order),
                    None if matches!(operator, "contains" | "starts_with") => None,
                    None => Some(operator == "!="),
                }
            }
            (Self::Value(Value::Bool(value)), Literal::Bool(literal)) if is_equality => {
                Some((value == literal) != (operator == "!="))
            }
            (Self::Value(Value::Bytes(bytes)), Literal::Text(text)) => match operator {
                "contains" => Some((0..=bytes.len()).any(|at| bytes[at..].starts_with(text))),
                "starts_with" => Some(bytes.starts_with(text)),
                _ => ordered(operator, bytes.cmp(text)),
            },
            _ => None,
        }
    }
}

fn ordered(operator: &str, order: Ordering) -> Option<bool> {
    Some(match operator {
        "==" | "in" => order.is_eq(),
        "!=" => order.is_ne(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        ">=" => order.is_ge(),
        _ => return None,
    })
}
