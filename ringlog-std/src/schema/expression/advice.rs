//! What is wrong with a comparison, and what to write instead.
#![forbid(unsafe_code)]

use std::ops::Range;

use crate::schema::expression::syntax::{Comparison, Literal, Name};
use crate::schema::field::{Format, Kind};
use crate::schema::near::nearest;
use crate::schema::path::Step;
use crate::schema::set::SchemaSet;
use crate::schema::types::{Schema, Tail};

/// The most names that a message lists.
const LISTED: usize = 8;
/// The names that are in every event, and what else people write for them.
const IN_EVERY_EVENT: [(&str, &[&str]); 4] = [
    ("timestamp", &["time", "ts", "date", "when"]),
    ("sequence", &["seq", "number", "record"]),
    ("type", &["event_type", "kind"]),
    ("len", &["length", "size", "payload_len"]),
];

/// What is wrong with a comparison, and where.
pub(super) struct Fault {
    pub(super) place: Range<usize>,
    pub(super) problem: String,
}

impl Fault {
    pub(super) fn at(place: &Range<usize>, problem: impl Into<String>) -> Self {
        Self { place: place.clone(), problem: problem.into() }
    }
}

pub(super) fn operator_fault(comparison: &Comparison, what: &str) -> Fault {
    let operators = match what {
        "a text" | "bytes" => "any operator",
        "a number" | "a type" => "== != < <= > >= or in",
        _ => "== != or in",
    };
    let problem = format!("{} is not for {what}; use {operators}", comparison.operator.word());
    Fault::at(&comparison.operator_place, problem)
}

/// Returns the fault of a field without a comparison.
pub(super) fn not_alone(comparison: &Comparison, format: &Format) -> Fault {
    let label = format.labels().next().map(|(_, label)| label);
    let example = match (&format.kind, label) {
        (Kind::Text { .. } | Kind::Bytes { .. }, _) => "== \"a\"".to_owned(),
        (_, Some(label)) => format!("== \"{label}\""),
        (_, None) => "> 0".to_owned(),
    };
    let kind = article(&format.kind);
    Fault::at(
        &comparison.name.place,
        format!("{kind} is neither true nor false; compare it, such as {example}"),
    )
}

/// Says what is wrong with a text for a number without labels.
pub(super) fn quoted_number(text: &[u8], is_time: bool) -> &'static str {
    let is_number = std::str::from_utf8(text).is_ok_and(|text| text.trim().parse::<f64>().is_ok());
    match (is_number, is_time) {
        (true, _) => "a text, and the field is a number; remove the quotes",
        (false, true) => "a text, and times are numbers of the log's clock; write such a number",
        (false, false) => "a text, and the field is a number without labels; write a number",
    }
}

/// Returns the fault of a label that the field does not have.
pub(super) fn no_label(literal: &Literal, wanted: &str, format: &Format) -> Fault {
    let labels = || format.labels().map(|(_, name)| name);
    let advice = match nearest(wanted, labels()) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => {
            let quoted: Vec<_> = labels().map(|label| format!("\"{label}\"")).collect();
            format!("it has {}", listed(quoted.iter().map(String::as_str)))
        }
    };
    Fault::at(&literal.place, format!("the field has no such label; {advice}"))
}

pub(super) fn article(kind: &Kind) -> String {
    match kind.name() {
        "bytes" => "bytes".into(),
        name if name.starts_with(['a', 'i', 'f']) => format!("an {name}"),
        name => format!("a {name}"),
    }
}

/// Lists names, each once.
pub(super) fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut once: Vec<&str> = Vec::new();
    for name in names {
        if !once.contains(&name) {
            once.push(name);
        }
    }
    let more = once.len().saturating_sub(LISTED);
    match once.split_last() {
        None => "none".into(),
        Some((only, [])) => (*only).into(),
        Some((last, others)) if more == 0 => format!("{} and {last}", others.join(", ")),
        Some(_) => format!("{} and {more} more", once[..LISTED].join(", ")),
    }
}

/// Returns the fault of a name that no type has.
pub(super) fn unknown_name(name: &Name, set: &SchemaSet) -> Fault {
    let owner = match name.steps.as_slice() {
        [Step::Name(first), Step::Name(_), ..] => set.by_name(first),
        _ => None,
    };
    let is_in_payload =
        matches!(name.steps.as_slice(), [Step::Name(first), Step::Name(_), ..] if first == "payload");
    let skipped = usize::from(owner.is_some() || is_in_payload);
    let Some(Step::Name(wanted)) = name.steps.get(skipped) else {
        return Fault::at(&name.place, "no type has such a field; check the name");
    };
    if let Some(schema) = owner {
        let type_name = schema.name();
        let advice = match nearest(wanted, names_of(schema)) {
            Some(near) => format!("did you mean `{type_name}.{near}`?"),
            None => format!("its fields are {}", listed(names_of(schema))),
        };
        return Fault::at(&name.place, format!("type {type_name} has no field `{wanted}`; {advice}"));
    }
    if let [Step::Name(alone)] = name.steps.as_slice()
        && let Some(advice) = instead_of(alone, set)
    {
        return Fault::at(&name.place, format!("no type has a field `{wanted}`; {advice}"));
    }
    if set.types().next().is_none() {
        let advice = "use timestamp, sequence, type or len, or describe the types (`--schema FILE`)";
        return Fault::at(&name.place, format!("no type has named fields here; {advice}"));
    }
    let in_every_event = IN_EVERY_EVENT.iter().map(|&(builtin, _)| builtin).filter(|_| !is_in_payload);
    let types = set.types().map(Schema::name).filter(|_| name.steps.len() > 1);
    let names = || set.types().flat_map(names_of);
    let advice = match nearest(wanted, names().chain(in_every_event).chain(types)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the fields are {}", listed(names())),
    };
    Fault::at(&name.place, format!("no type has a field `{wanted}`; {advice}"))
}

/// Returns what to write instead of a word that is no field.
fn instead_of(word: &str, set: &SchemaSet) -> Option<String> {
    if let Some(schema) = set.types().find(|schema| schema.name().eq_ignore_ascii_case(word)) {
        return Some(format!("it is a type, for which write type == \"{}\"", schema.name()));
    }
    if word == "payload" {
        return Some("write the name of one of its fields, tail or len".into());
    }
    let is_field = set.types().flat_map(names_of).any(|field| nearest(word, [field].into_iter()).is_some());
    let is_meant = |words: &[&str]| words.iter().any(|other| other.eq_ignore_ascii_case(word));
    let (builtin, _) = IN_EVERY_EVENT.iter().find(|(_, words)| !is_field && is_meant(words))?;
    Some(format!("did you mean `{builtin}`?"))
}

fn names_of(schema: &Schema) -> impl Iterator<Item = &str> {
    let tail = (schema.tail != Tail::None).then_some("tail");
    schema.fields.iter().map(|field| field.name.as_str()).chain(tail)
}
