//! Random expressions, whose literals are often near the values of the payloads.

use std::fmt::Write as _;

use super::oracle::{Value, value};
use super::schemas::{LABELS, Model, TYPES};
use crate::dice::Dice;

#[derive(Clone, Debug)]
pub(super) enum Literal {
    Number(String),
    Text(Vec<u8>),
    Bool(bool),
}

impl Literal {
    pub(super) fn typed(&self) -> String {
        match self {
            Self::Number(text) => text.clone(),
            Self::Bool(value) => value.to_string(),
            Self::Text(bytes) => {
                let mut text = String::from("\"");
                for &byte in bytes {
                    match byte {
                        b'a'..=b'z' | b' ' => text.push(char::from(byte)),
                        _ => write!(text, "\\x{byte:02x}").unwrap(),
                    }
                }
                text + "\""
            }
        }
    }
}

#[derive(Clone, Debug)]
pub(super) enum Tree {
    Not(Box<Tree>),
    All(Vec<Tree>),
    Any(Vec<Tree>),
    Compare { name: String, operator: &'static str, literals: Vec<Literal> },
}

const OPERATORS: [&str; 9] = ["==", "!=", "<", "<=", ">", ">=", "in", "contains", "starts_with"];

impl Tree {
    pub(super) fn roll(dice: &mut Dice, models: &[Model], payloads: &[Vec<u8>], depth: usize) -> Self {
        match dice.below(if depth < 3 { 6 } else { 3 }) {
            3 => Self::Not(Box::new(Self::roll(dice, models, payloads, depth + 1))),
            kind @ (4 | 5) => {
                let parts =
                    (0..2 + dice.below(2)).map(|_| Self::roll(dice, models, payloads, depth + 1)).collect();
                if kind == 4 { Self::All(parts) } else { Self::Any(parts) }
            }
            _ => Self::comparison(dice, models, payloads),
        }
    }

    fn comparison(dice: &mut Dice, models: &[Model], payloads: &[Vec<u8>]) -> Self {
        let at = dice.below(models.len());
        let model = &models[at];
        let leaf = dice.pick(&model.leaves);
        let prefix = dice.pick(&["", "", "payload.", model.name]);
        let dot = if prefix.is_empty() || prefix.ends_with('.') { "" } else { "." };
        let name = match dice.below(16) {
            0 => "type".into(),
            1 => dice.pick(&["timestamp", "sequence", "len"]).into(),
            2 => dice.pick(&["tail", "nothing", "legs[9].id", "price.x"]).into(),
            3 if !model.wholes.is_empty() => dice.pick(&model.wholes),
            _ => format!("{prefix}{dot}{}", leaf.path),
        };
        let operator = dice.pick(&OPERATORS);
        let found = payloads[at]
            .get(leaf.offset..leaf.offset + leaf.kind.size())
            .and_then(|it| value(&leaf.kind, it));
        let count = if operator == "in" { 1 + dice.below(3) } else { 1 };
        let literals = (0..count).map(|_| literal(dice, found.as_ref())).collect();
        Self::Compare { name, operator, literals }
    }

    pub(super) fn typed(&self, dice: &mut Dice) -> String {
        let space = dice.pick(&["", " ", "  "]);
        let join = |parts: &[Self], sign: &str, dice: &mut Dice| {
            let parts: Vec<String> = parts.iter().map(|part| part.in_parentheses(dice)).collect();
            parts.join(&format!("{space}{sign}{space}"))
        };
        match self {
            Self::Not(inner) => format!("!{space}{}", inner.in_parentheses(dice)),
            Self::All(parts) => join(parts, "&&", dice),
            Self::Any(parts) => join(parts, "||", dice),
            Self::Compare { name, operator: "in", literals } => {
                let literals: Vec<String> = literals.iter().map(Literal::typed).collect();
                format!("{name} in{space}({})", literals.join(&format!("{space},{space}")))
            }
            Self::Compare { name, operator, literals } => {
                format!("{name} {operator} {}", literals[0].typed())
            }
        }
    }

    fn in_parentheses(&self, dice: &mut Dice) -> String {
        match self {
            Self::Compare { .. } if dice.one_in(2) => self.typed(dice),
            _ => format!("({})", self.typed(dice)),
        }
    }
}

/// Returns a literal that is often near the value.
fn literal(dice: &mut Dice, near: Option<&Value>) -> Literal {
    match near {
        Some(Value::Number(number, labels)) if !dice.one_in(6) => {
            if !labels.is_empty() && dice.one_in(2) {
                return Literal::Text(dice.pick(&LABELS).as_bytes().to_vec());
            }
            let sign = if number.is_negative { "-" } else { "" };
            let mut digits = if number.digits.is_empty() { "0".into() } else { number.digits.clone() };
            let mut exponent = number.exponent;
            match dice.below(4) {
                0 => {
                    // More digits than the field has.
                    digits.push(dice.pick(&['0', '1', '9']));
                    exponent -= 1;
                }
                1 => {
                    digits.pop();
                    digits.push(dice.pick(&['0', '5', '9']));
                }
                _ => {}
            }
            Literal::Number(match (-2 * i64::try_from(digits.len()).unwrap()..0).contains(&exponent) {
                true if dice.one_in(2) => {
                    let decimals = usize::try_from(-exponent).unwrap();
                    let padded = format!("{digits:0>width$}", width = decimals + 1);
                    let (whole, fraction) = padded.split_at(padded.len() - decimals);
                    format!("{sign}{whole}.{fraction}")
                }
                _ if exponent == 0 => format!("{sign}{digits}"),
                _ => format!("{sign}{digits}e{exponent}"),
            })
        }
        Some(Value::Float(number, is_double)) if number.is_finite() && !dice.one_in(6) => {
            Literal::Number(if *is_double { format!("{number:?}") } else { format!("{:?}", *number as f32) })
        }
        Some(Value::Bool(_)) if !dice.one_in(6) => Literal::Bool(dice.one_in(2)),
        Some(Value::Bytes(bytes)) if !dice.one_in(6) => {
            let start = dice.below(bytes.len() + 1);
            let end = start + dice.below(bytes.len() - start + 1);
            let mut text = bytes[if dice.one_in(2) { 0 } else { start }..end].to_vec();
            if dice.one_in(6) {
                text.push(b'b');
            }
            Literal::Text(text)
        }
        _ => match dice.below(4) {
            0 => Literal::Text(dice.pick(&TYPES).as_bytes().to_vec()),
            1 => Literal::Bool(true),
            _ => Literal::Number(dice.pick(&["0", "1", "2", "0.1", "-1.5", "50", "1e3", "-0", "256"]).into()),
        },
    }
}
