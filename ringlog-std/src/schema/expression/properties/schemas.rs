//! Random schemas and payloads.

use std::fmt::Write as _;

use crate::dice::Dice;

/// What a value without parts is.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Kind {
    Integer { bytes: usize, is_signed: bool, scale: i32, labels: Vec<(i128, &'static str)> },
    Float { bytes: usize },
    Bool,
    Text { length: usize },
    Bytes { length: usize },
}

#[derive(Clone, Debug)]
pub(super) struct Leaf {
    pub(super) path: String,
    pub(super) offset: usize,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) number: u8,
    pub(super) name: &'static str,
    pub(super) size: usize,
    pub(super) tail: &'static str,
    pub(super) leaves: Vec<Leaf>,
    /// Names that lead to an array or a struct.
    pub(super) wholes: Vec<String>,
    pub(super) json: String,
}

const NAMES: [&str; 8] = ["price", "id", "side", "len", "type", "legs", "alpha", "x_1"];
pub(super) const LABELS: [&str; 4] = ["buy", "sell", "a \"b\"", "é"];
pub(super) const TYPES: [&str; 4] = ["alpha", "beta", "id", "order_add"];

impl Model {
    pub(super) fn roll(dice: &mut Dice, number: u8, name: &'static str) -> Self {
        let mut model = Self {
            number,
            name,
            size: 0,
            tail: dice.pick(&["none", "text", "bytes", "cbor"]),
            leaves: Vec::new(),
            wholes: Vec::new(),
            json: String::new(),
        };
        let (fields, size) = model.fields(dice, "", 0, 0);
        model.size = size;
        model.json = format!(
            r#"{{"type":{number},"name":"{name}","size":{size},"fields":{fields},"tail":"{}"}}"#,
            model.tail
        );
        model
    }

    /// Adds fields from an offset on; returns their JSON and the size of what holds them.
    fn fields(&mut self, dice: &mut Dice, parent: &str, base: usize, depth: usize) -> (String, usize) {
        let mut names: Vec<&str> = NAMES.to_vec();
        let (mut parts, mut end) = (Vec::new(), 0);
        for _ in 0..=dice.below(if depth == 0 { 6 } else { 2 }) {
            let name = names.swap_remove(dice.below(names.len()));
            let offset = end + dice.pick(&[0, 0, 1, 3]);
            let path = if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") };
            let (format, size) = self.format(dice, &path, base + offset, depth);
            parts.push(format!(r#"{{"name":"{name}","offset":{offset},{format}}}"#));
            end = offset + size;
        }
        // The order in the schema is not that in the payload.
        let turned = dice.below(parts.len());
        parts.rotate_left(turned);
        (format!("[{}]", parts.join(",")), end + dice.pick(&[0, 0, 2]))
    }

    fn format(&mut self, dice: &mut Dice, path: &str, offset: usize, depth: usize) -> (String, usize) {
        if depth < 3 && dice.one_in(5) {
            self.wholes.push(path.to_owned());
            if dice.one_in(2) {
                let (fields, size) = self.fields(dice, path, offset, depth + 1);
                return (format!(r#""kind":"struct","size":{size},"fields":{fields}"#), size);
            }
            let length = 1 + dice.below(3);
            // Each item is made by the same numbers, so all have one format.
            let seed = dice.next();
            let (mut format, mut size) = (String::new(), 0);
            for at in 0..length {
                (format, size) =
                    self.format(&mut Dice(seed), &format!("{path}[{at}]"), offset + at * size, depth + 1);
            }
            return (format!(r#""kind":"array","length":{length},"item":{{{format}}}"#), length * size);
        }
        let (json, kind, size) = leaf(dice);
        self.leaves.push(Leaf { path: path.to_owned(), offset, kind });
        (json, size)
    }

    pub(super) fn fits(&self, payload: &[u8]) -> bool {
        payload.len() == self.size || (self.tail != "none" && payload.len() > self.size)
    }

    pub(super) fn payload(&self, dice: &mut Dice) -> Vec<u8> {
        let size = match dice.below(8) {
            0 => dice.below(self.size + 4),
            1 => self.size + 1,
            _ => self.size,
        };
        let mut payload: Vec<u8> =
            (0..size).map(|_| dice.pick(&[0, 0, 1, 127, 128, 255, b'a', b'b'])).collect();
        for leaf in &self.leaves {
            let Some(bytes) = payload.get_mut(leaf.offset..leaf.offset + leaf.kind.size()) else { continue };
            match leaf.kind {
                Kind::Bool if !dice.one_in(8) => bytes[0] &= 1,
                Kind::Integer { .. } if dice.one_in(2) => {
                    bytes.fill(0);
                    bytes[0] = dice.pick(&[0, 1, 2, 99]);
                }
                Kind::Float { bytes: 8 } if dice.one_in(2) => {
                    bytes.copy_from_slice(&dice.pick(&[0.1_f64, -1.5, f64::NAN, 1e300]).to_le_bytes());
                }
                Kind::Float { bytes: 4 } if dice.one_in(2) => {
                    bytes.copy_from_slice(&dice.pick(&[0.1_f32, -1.5, f32::INFINITY]).to_le_bytes());
                }
                Kind::Text { .. } if !dice.one_in(4) => bytes.iter_mut().for_each(|it| *it &= 0x63),
                _ => {}
            }
        }
        if self.tail != "none" && self.fits(&payload) {
            payload.extend((0..dice.below(4)).map(|_| dice.pick(b"ab\"\n")));
        }
        payload
    }
}

fn leaf(dice: &mut Dice) -> (String, Kind, usize) {
    match dice.below(8) {
        0 => {
            let bytes = dice.pick(&[4, 8]);
            (format!(r#""kind":"f{}""#, bytes * 8), Kind::Float { bytes }, bytes)
        }
        1 => (r#""kind":"bool""#.into(), Kind::Bool, 1),
        2 => {
            let length = 1 + dice.below(5);
            (format!(r#""kind":"text","length":{length}"#), Kind::Text { length }, length)
        }
        3 => {
            let length = 1 + dice.below(5);
            (format!(r#""kind":"bytes","length":{length}"#), Kind::Bytes { length }, length)
        }
        4 => {
            let kind = Kind::Integer { bytes: 8, is_signed: false, scale: 0, labels: Vec::new() };
            (r#""kind":"timestamp""#.into(), kind, 8)
        }
        _ => {
            let (bytes, is_signed) = (dice.pick(&[1, 2, 4, 8]), dice.one_in(2));
            let mut json = format!(r#""kind":"{}{}""#, if is_signed { 'i' } else { 'u' }, bytes * 8);
            let mut labels = Vec::new();
            let mut scale = 0;
            match dice.below(3) {
                0 => {
                    scale = dice.pick(&[-18, -8, -2, -1, 1, 3, 18, -100, 120]);
                    write!(json, r#","scale":{scale}"#).unwrap();
                }
                1 => {
                    for (value, label) in [2, 1, 0].into_iter().zip(LABELS).take(1 + dice.below(3)) {
                        labels.push((value, label));
                    }
                    let listed: Vec<String> = labels
                        .iter()
                        .map(|(value, name)| format!("\"{value}\":{}", serde_json::json!(name)))
                        .collect();
                    write!(json, r#","labels":{{{}}}"#, listed.join(",")).unwrap();
                }
                _ => {}
            }
            (json, Kind::Integer { bytes, is_signed, scale, labels }, bytes)
        }
    }
}

impl Kind {
    pub(super) fn size(&self) -> usize {
        match *self {
            Self::Integer { bytes, .. } | Self::Float { bytes } => bytes,
            Self::Bool => 1,
            Self::Text { length } | Self::Bytes { length } => length,
        }
    }
}
