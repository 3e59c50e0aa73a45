//! Random schemas, payloads and expressions: what is decoded and chosen is what a slow and simple oracle says.
//!
//! `RINGLOG_SCHEMAS` sets the number of cases.

mod headers;
mod oracle;
mod schemas;
mod trees;

use oracle::{Big, Value, value};
use schemas::{Kind, Leaf, Model, TYPES};
use trees::Tree;

use super::Expression;
use crate::dice::Dice;
use crate::event::{Event, EventHeader};
use crate::schema::SchemaSet;

const CASES: u64 = 2000;

/// Runs one case; returns how many events were chosen, and of how many expressions all names were known.
fn case(seed: u64) -> (u64, u64) {
    let mut dice = Dice(seed.wrapping_mul(0xA24B_AED4_963E_E407));
    let count = 1 + dice.below(TYPES.len());
    let models: Vec<Model> =
        (1..).zip(TYPES).take(count).map(|(number, name)| Model::roll(&mut dice, number, name)).collect();
    let mut set = SchemaSet::new();
    models.iter().for_each(|model| set.add_type(model.number, model.json.as_bytes()));
    assert_eq!(set.unreadable().next(), None, "{models:#?}");
    let (mut chosen, mut sound) = (0, 0);
    for _ in 0..3 {
        let payloads: Vec<Vec<u8>> = models.iter().map(|model| model.payload(&mut dice)).collect();
        for (model, payload) in models.iter().zip(&payloads) {
            check_decoded(&set, model, payload);
        }
        let tree = Tree::roll(&mut dice, &models, &payloads, 0);
        let typed = tree.typed(&mut dice);
        let expression = Expression::parse(&typed).unwrap_or_else(|error| panic!("{error}"));
        let strict = expression.bind(&set);
        assert_eq!(
            strict.is_ok(),
            tree.is_sound(&models),
            "{:?}\n{models:#?}",
            strict.err().map(|it| it.to_string())
        );
        sound += u64::from(strict.is_ok());
        let bound = expression.bind_known(&set);
        for event_type in 1..6 {
            let payload = payloads.get(usize::from(event_type) - 1).map_or(&[] as &[u8], Vec::as_slice);
            let header = EventHeader::new(50, event_type, payload.len() as u16);
            let event = Event::new(header, payload, 2, 64);
            let wanted = tree.holds(&models, &event) == Some(true);
            assert_eq!(bound.matches(&event), wanted, "{typed}\n{event:?}\n{models:#?}");
            chosen += u64::from(wanted);
        }
    }
    (chosen, sound)
}

/// Compares a decoded payload with what the oracle reads.
fn check_decoded(set: &SchemaSet, model: &Model, payload: &[u8]) {
    let decoded = match set.decode(model.number, payload).unwrap() {
        Ok(decoded) => decoded,
        Err(error) => {
            let is_text = |it: &Leaf| matches!(it.kind, Kind::Bool | Kind::Text { .. });
            let has_reason = !model.fits(payload) || model.tail == "text" || model.leaves.iter().any(is_text);
            assert!(has_reason, "{error}");
            return;
        }
    };
    assert!(model.fits(payload));
    for leaf in &model.leaves {
        let wanted = value(&leaf.kind, &payload[leaf.offset..leaf.offset + leaf.kind.size()]).unwrap();
        let found = decoded.get(&leaf.path).unwrap();
        let shown = found.json().to_string();
        match wanted {
            Value::Number(number, labels) => {
                let label =
                    labels.iter().find(|(value, _)| number.compare(&Big::read(&value.to_string())).is_eq());
                match label {
                    Some((_, name)) => assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), *name),
                    None => assert!(number.compare(&Big::read(&shown)).is_eq(), "{number:?} {shown}"),
                }
            }
            Value::Float(number, _) if !number.is_finite() => {}
            Value::Float(number, true) => {
                assert_eq!(shown.parse::<f64>().unwrap().to_bits(), number.to_bits())
            }
            Value::Float(number, false) => {
                assert_eq!(f64::from(shown.parse::<f32>().unwrap()).to_bits(), number.to_bits());
            }
            Value::Bool(value) => assert_eq!(shown, value.to_string()),
            Value::Bytes(bytes) => match found {
                crate::schema::Value::Text(text) => assert_eq!(text.as_bytes(), bytes),
                crate::schema::Value::Bytes(found) => assert_eq!(found, bytes),
                other => panic!("{other:?}"),
            },
        }
    }
    let json: serde_json::Value = serde_json::from_str(&decoded.json().to_string()).unwrap_or_default();
    let has_huge_numbers = model.json.contains("\"scale\":1");
    assert!(json.is_object() || has_huge_numbers, "{}", decoded.json());
    assert_eq!(decoded.cells().count(), decoded.schema().columns().count());
}

#[test]
fn an_expression_chooses_what_the_oracle_chooses() {
    let cases = std::env::var("RINGLOG_SCHEMAS").map_or(CASES, |cases| cases.parse().unwrap());
    let (mut chosen, mut sound) = (0, 0);
    for seed in 0..cases {
        let result = std::panic::catch_unwind(|| case(seed)).unwrap_or_else(|_| panic!("case {seed}"));
        chosen += result.0;
        sound += result.1;
    }
    println!("{cases} cases: {chosen} events chosen, {sound} of {} expressions with known names", cases * 3);
    assert!(chosen > cases && sound > cases, "{chosen} {sound}: what refuses everything is never wrong");
}
