//! Finds numbers in events: fields by their names, the length of the payload, the time since the event before.
#![forbid(unsafe_code)]

use std::sync::Arc;

use crate::descriptions::Descriptions;
use crate::error::CliError;
use crate::report::numbers::Style;
use ringlog::event::Event;
use ringlog::programs::InForce;
use ringlog::programs::nearest;
use ringlog::schema::{Format, Kind, LogInfo, Schema, SchemaSet, Tail};
use ringlog::storage::SegmentSchemas;

/// Names of what every event has.
const PAYLOAD_SIZE: &str = "payload_size";
const INTERARRIVAL: &str = "interarrival";

/// What is asked for by a name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Wanted {
    /// As it was typed: `price`, `trade.price`, `payload_size`.
    pub(crate) name: String,
    /// The types that have the field; none if every event has it.
    pub(crate) types: Vec<String>,
    pub(crate) unit: Option<String>,
    /// Whether it is stored as `f32` wherever it is.
    is_f32: bool,
    what: What,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum What {
    PayloadSize,
    Interarrival,
    Field,
}

impl Wanted {
    /// Looks up a name in what the log says of its events. `option` is how it was given; `chosen` has the types that are looked at,
    /// none for all.
    pub(crate) fn of(
        name: &str,
        option: &str,
        descriptions: &Descriptions,
        chosen: &[u8],
    ) -> Result<Self, CliError> {
        let (types, what) = (Vec::new(), What::Field);
        let mut wanted = Self { name: name.into(), types, unit: None, is_f32: true, what };
        let mut not_number = None;
        let fields = fields(name, descriptions);
        let is_chosen = |schema: &Schema| chosen.contains(&schema.number());
        let is_any_chosen = fields.iter().any(|(schema, _)| is_chosen(schema));
        for (schema, format) in fields.iter().filter(|(schema, _)| !is_any_chosen || is_chosen(schema)) {
            if Number::of(format.kind()).is_some() {
                if !wanted.types.iter().any(|it| it == schema.name()) {
                    wanted.types.push(schema.name().into());
                }
                wanted.unit = wanted.unit.or_else(|| format.unit().map(String::from));
                wanted.is_f32 &= *format.kind() == Kind::F32;
            } else {
                not_number = Some(format!("{} of {} is a {}", name, schema.name(), format.kind().name()));
            }
        }
        if wanted.types.is_empty() {
            wanted.what = match (name, not_number) {
                (_, Some(problem)) => {
                    return Err(CliError::Usage(format!("{option}: {problem}; give a number")));
                }
                (PAYLOAD_SIZE, _) => What::PayloadSize,
                (INTERARRIVAL, _) => What::Interarrival,
                _ => return Err(unknown(name, option, descriptions)),
            };
            wanted.unit = (wanted.what == What::PayloadSize).then(|| "bytes".into());
        }
        Ok(wanted)
    }

    /// Checks that a field of this name is a time: an integer of the clock, or one with a unit.
    pub(crate) fn check_time(name: &str, option: &str, descriptions: &Descriptions) -> Result<(), CliError> {
        let wanted = Self::of(name, option, descriptions, &[])?;
        let fields = fields(name, descriptions);
        if wanted.what == What::Field && fields.iter().all(|(_, format)| Time::of(0, format).is_some()) {
            return Ok(());
        }
        Err(CliError::Usage(format!(
            "{option} {name}: no time; give a field that is a timestamp, an integer of the log's clock, or an integer with the \
             unit s, ms, us or ns in its description"
        )))
    }

    /// Returns how its values are written; `is_nanos` says that the clock counts nanoseconds.
    pub(crate) fn style(&self, is_nanos: bool) -> Style {
        let is_span = self.what == What::Interarrival && is_nanos;
        Style { is_span, is_f32: self.what == What::Field && self.is_f32 }
    }
}

/// Returns the fields of this name, each with its type: those that the log has at its ends, or else those that any of its files has.
fn fields(name: &str, descriptions: &Descriptions) -> Vec<(Schema, Format)> {
    let of = |set: &SchemaSet| {
        let found = set.types().filter_map(|schema| Some((schema.clone(), place(schema, name)?.1.clone())));
        found.collect::<Vec<_>>()
    };
    let fields = of(&descriptions.all());
    let is_of_all = [PAYLOAD_SIZE, INTERARRIVAL].contains(&name);
    if !fields.is_empty() || is_of_all {
        return fields;
    }
    descriptions.in_all_segments().iter().flat_map(of).collect()
}

fn unknown(name: &str, option: &str, descriptions: &Descriptions) -> CliError {
    let all = descriptions.all();
    let is_number = |format: Option<&Format>| format.is_some_and(|it| Number::of(it.kind()).is_some());
    let mut names: Vec<String> = all
        .types()
        .flat_map(|schema| {
            let numbers = schema.columns().filter(|column| is_number(column.format()));
            numbers.map(|column| format!("{}.{}", schema.name(), column.name())).collect::<Vec<_>>()
        })
        .collect();
    let short = names.iter().filter_map(|name| name.split_once('.')).map(|(_, field)| field);
    let near = nearest(name, names.iter().map(String::as_str).chain(short)).map(String::from);
    names.extend([PAYLOAD_SIZE.into(), INTERARRIVAL.into()]);
    let advice = match near {
        Some(near) => format!("did you mean {near}?"),
        None => format!("there are {}", names.join(", ")),
    };
    descriptions.unknown_name(
        &format!("{option} {name}"),
        &format!("no type has such a number; {advice}"),
        None,
    )
}

/// Returns the place of `FIELD` or `TYPE.FIELD` in a payload of this type.
fn place<'a>(schema: &'a Schema, name: &str) -> Option<(usize, &'a Format)> {
    let field = name.strip_prefix(schema.name()).and_then(|rest| rest.strip_prefix('.'));
    field.and_then(|field| schema.place_of(field)).or_else(|| schema.place_of(name))
}

/// How a number is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Number {
    Unsigned(usize),
    Signed(usize),
    F32,
    F64,
}

impl Number {
    fn of(kind: &Kind) -> Option<Self> {
        Some(match kind {
            Kind::U8 | Kind::U16 | Kind::U32 | Kind::U64 | Kind::Bool | Kind::Timestamp => {
                Self::Unsigned(kind.size())
            }
            Kind::I8 | Kind::I16 | Kind::I32 | Kind::I64 => Self::Signed(kind.size()),
            Kind::F32 => Self::F32,
            Kind::F64 => Self::F64,
            _ => return None,
        })
    }
}

/// Where a number is in the payloads of a type, and how it is read.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Load {
    offset: usize,
    number: Number,
    /// 10 to the power of the scale, or its inverse for a negative one.
    power: f64,
    is_divided: bool,
}

impl Load {
    fn of(offset: usize, format: &Format) -> Option<Self> {
        let scale = i32::from(format.scale());
        let power = 10_f64.powi(scale.abs());
        Some(Self { offset, number: Number::of(format.kind())?, power, is_divided: scale < 0 })
    }

    /// Returns the stored bytes as a number of 64 bits, with zeros above.
    #[inline]
    fn word(self, payload: &[u8], len: usize) -> Option<u64> {
        let bytes = payload.get(self.offset..self.offset + len)?;
        let mut word = [0; 8];
        word.get_mut(..len)?.copy_from_slice(bytes);
        Some(u64::from_le_bytes(word))
    }

    #[inline]
    fn integer(self, payload: &[u8]) -> Option<i128> {
        match self.number {
            Number::Unsigned(len) => self.word(payload, len).map(i128::from),
            Number::Signed(len) => {
                let unused = 64 - 8 * len as u32;
                self.word(payload, len).map(|word| i128::from((word << unused).cast_signed() >> unused))
            }
            _ => None,
        }
    }

    #[inline]
    fn value(self, payload: &[u8]) -> Option<f64> {
        let value = match self.number {
            Number::F32 => f64::from(f32::from_bits(self.word(payload, 4)? as u32)),
            Number::F64 => f64::from_bits(self.word(payload, 8)?),
            _ => self.integer(payload)? as f64,
        };
        Some(if self.is_divided { value / self.power } else { value * self.power })
    }
}

/// Where a time is in the payloads of a type.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Time {
    load: Load,
    /// The stored integer times this is a time of the clock.
    factor: i128,
    divisor: i128,
}

impl Time {
    fn of(offset: usize, format: &Format) -> Option<Self> {
        let load = Load::of(offset, format)?;
        format.kind().integer_range().or((*format.kind() == Kind::Timestamp).then_some((0, 0)))?;
        let power = 10_i128.checked_pow(u32::from(format.scale().unsigned_abs()))?;
        let unit = match (format.unit(), format.scale()) {
            (None, 0) | (Some("ns"), _) => 1,
            (Some("us" | "µs"), _) => 1000,
            (Some("ms"), _) => 1_000_000,
            (Some("s"), _) => 1_000_000_000,
            _ => return None,
        };
        Some(match load.is_divided {
            true => Self { load, factor: unit, divisor: power },
            false => Self { load, factor: power.checked_mul(unit)?, divisor: 1 },
        })
    }

    #[inline]
    fn read(self, payload: &[u8]) -> Option<i128> {
        Some(self.load.integer(payload)?.checked_mul(self.factor)? / self.divisor)
    }
}

/// What is read of the events of one type in one segment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    /// What a payload must have: the length of the fixed part, and whether more may follow.
    size: usize,
    has_tail: bool,
    /// For each wanted name that the type has.
    loads: Vec<(usize, Load)>,
    latency: Option<Time>,
}

/// A number that was found, or the reason why there is none.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Found {
    Value(f64),
    /// The payload does not fit its description, or the value is no number.
    Unfit,
    /// The event has an earlier time than the one before.
    Backwards,
}

impl Plan {
    fn of(schema: &Schema, wanted: &[Wanted], latency: Option<&str>) -> Self {
        let load = |name: &str| place(schema, name).and_then(|(offset, format)| Load::of(offset, format));
        let fields = wanted.iter().enumerate().filter(|(_, it)| it.what == What::Field);
        Self {
            size: schema.size(),
            has_tail: schema.tail() != Tail::None,
            loads: fields.filter_map(|(at, it)| Some((at, load(&it.name)?))).collect(),
            latency: latency
                .and_then(|name| place(schema, name))
                .and_then(|(offset, format)| Time::of(offset, format)),
        }
    }

    fn fits(&self, payload: &[u8]) -> bool {
        payload.len() == self.size || self.has_tail && payload.len() > self.size
    }

    /// Passes the numbers of an event to `f`, each with the place of its name among the wanted ones.
    #[inline]
    pub(crate) fn each(&self, payload: &[u8], mut f: impl FnMut(usize, Found)) {
        for &(at, load) in &self.loads {
            let value = if self.fits(payload) { load.value(payload) } else { None };
            f(at, value.filter(|value| value.is_finite()).map_or(Found::Unfit, Found::Value));
        }
    }

    /// Returns the time of the event minus that of the field; `None` if the type does not have the field.
    #[inline]
    pub(crate) fn latency(&self, event: &Event<'_>) -> Option<Option<i128>> {
        let time = self.latency?;
        let sent = if self.fits(event.payload) { time.read(event.payload) } else { None };
        Some(sent.map(|sent| i128::from(event.header.timestamp) - sent))
    }
}

/// What is read of the events where the reader is in the log.
#[derive(Debug)]
pub(crate) struct Probes {
    descriptions: Arc<Descriptions>,
    pub(crate) wanted: Vec<Wanted>,
    latency: Option<String>,
    in_force: InForce,
    /// By type; made for the first event of a type in a segment.
    plans: Vec<Option<Plan>>,
    /// By type, as it was described last.
    pub(crate) names: Vec<Option<String>>,
    /// What the log says of itself, as it said last.
    pub(crate) log: Option<LogInfo>,
}

impl Probes {
    /// `latency` is the name of a field with a time.
    pub(crate) fn new(descriptions: Arc<Descriptions>, wanted: Vec<Wanted>, latency: Option<String>) -> Self {
        let (plans, names) = (vec![None; 256], vec![None; 256]);
        Self { descriptions, wanted, latency, in_force: InForce::default(), plans, names, log: None }
    }

    /// Returns what is read of this event, which is no GAP record.
    #[inline]
    pub(crate) fn of(&mut self, event: &Event<'_>) -> &Plan {
        if !self.in_force.is_at(event) {
            self.enter(event);
        }
        let event_type = usize::from(event.header.event_type);
        if self.plans[event_type].is_none() {
            self.plan(event);
        }
        self.plans[event_type].get_or_insert_default()
    }

    #[cold]
    fn enter(&mut self, event: &Event<'_>) {
        self.in_force = InForce::at(event);
        self.plans.fill(None);
        if let Some(log) = SegmentSchemas::of(event).and_then(|segment| segment.set().log()) {
            self.log = Some(log.clone());
        }
    }

    #[cold]
    fn plan(&mut self, event: &Event<'_>) {
        let event_type = usize::from(event.header.event_type);
        let schema = self.descriptions.schema_of(event);
        if let Some(schema) = schema {
            self.names[event_type] = Some(schema.name().into());
        }
        let plan = schema.map(|schema| Plan::of(schema, &self.wanted, self.latency.as_deref()));
        self.plans[event_type] = Some(plan.unwrap_or_default());
    }

    /// Passes the numbers of an event to `f`, as [`Plan::each`] does. `before` is the time of the event before.
    #[inline]
    pub(crate) fn each(&mut self, event: &Event<'_>, before: Option<u64>, mut f: impl FnMut(usize, Found)) {
        self.of(event).each(event.payload, &mut f);
        for (at, wanted) in self.wanted.iter().enumerate() {
            match wanted.what {
                What::Field => {}
                What::PayloadSize => f(at, Found::Value(event.payload.len() as f64)),
                What::Interarrival => {
                    if let Some(before) = before {
                        let since = event.header.timestamp.checked_sub(before);
                        f(at, since.map_or(Found::Backwards, |since| Found::Value(since as f64)));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Schema {
        Schema::parse(
            br#"{"type":1,"name":"tick","size":22,"fields":[
                {"name":"price","offset":0,"kind":"i32","scale":-2,"unit":"USD"},
                {"name":"up","offset":4,"kind":"bool"},{"name":"name","offset":5,"kind":"text","length":3},
                {"name":"sent","offset":8,"kind":"timestamp"},{"name":"ratio","offset":16,"kind":"f32"},
                {"name":"legs","offset":20,"kind":"array","length":2,"item":{"kind":"i8"}}],"tail":"none"}"#,
        )
        .unwrap()
    }

    fn value(name: &str, payload: &[u8]) -> Option<f64> {
        let (offset, format) = place(&schema(), name).map(|(offset, format)| (offset, format.clone()))?;
        Load::of(offset, &format)?.value(payload)
    }

    #[test]
    fn numbers_are_those_that_cat_prints() {
        let mut payload = [0; 22];
        payload[..4].copy_from_slice(&(-1234_i32).to_le_bytes());
        payload[4] = 1;
        payload[8..16].copy_from_slice(&u64::MAX.to_le_bytes());
        payload[16..20].copy_from_slice(&1.5_f32.to_le_bytes());
        payload[21] = 0x80;
        let (schema, names) = (schema(), ["price", "up", "sent", "ratio", "legs[0]", "legs[1]"]);
        let decoded = schema.decode(&payload).unwrap();
        for (name, expected) in names.into_iter().zip([-12.34, 1.0, u64::MAX as f64, 1.5, 0.0, -128.0]) {
            assert_eq!(value(name, &payload), Some(expected), "{name}");
            assert_eq!(value(&format!("tick.{name}"), &payload), Some(expected), "{name}");
            assert!(decoded.get(name).is_some());
        }
        assert_eq!(value("name", &payload), None);
        assert_eq!(value("prices", &payload), None);
        assert_eq!(value("price", &payload[..3]), None);
    }

    /// Writes a segment with an event of a type that has this field alone.
    fn segment(log: &std::path::Path, number: u8, field: &str, kind: &str) {
        let mut list = ringlog::storage::SchemaList::new();
        let json = format!(
            r#"{{"type":{number},"name":"t{number}","size":4,"fields":[{{"name":"{field}","offset":0,"kind":"{kind}"}}]}}"#
        );
        list.insert(ringlog::event::MetaTopic::EventType(number), json.into_bytes()).unwrap();
        let mut writer = ringlog::storage::LogWriter::options().schemas(list).open(log).unwrap();
        writer.write_event(&ringlog::event::EventHeader::new(1, number, 4), &[0; 4]).unwrap();
        writer.close().unwrap();
    }

    #[test]
    fn a_field_that_only_a_file_in_the_middle_describes_is_found() {
        let folder = tempfile::tempdir().unwrap();
        for (number, field, kind) in
            [(1, "a", "u32"), (2, "b", "f32"), (1, "c", "u32"), (3, "a", "u32"), (4, "a", "u32")]
        {
            segment(folder.path(), number, field, kind);
        }
        let descriptions = Descriptions::of(&[folder.path().into()], None).unwrap();
        let wanted = |name: &str, chosen: &[u8]| Wanted::of(name, "plot", &descriptions, chosen);
        let early = wanted("b", &[]).unwrap();
        assert_eq!((early.types.as_slice(), early.style(true).is_f32), (&["t2".to_owned()][..], true));
        assert_eq!(wanted("t1.c", &[]).unwrap().types, ["t1"]);
        assert_eq!(wanted("a", &[]).unwrap().types, ["t1", "t3", "t4"]);
        assert_eq!(wanted("a", &[4]).unwrap().types, ["t4"], "the types that are looked at");
        assert!(matches!(wanted("d", &[]), Err(CliError::Usage(_))));
        assert!(wanted("interarrival", &[]).unwrap().style(true).is_span);
        let (number, filter) = (descriptions.number_of("t2").unwrap(), ringlog::storage::Filter::new());
        assert_eq!(number, 2);
        let choosing = crate::options::filter_args::choosing;
        assert!(choosing(filter.clone(), "b > 1", &descriptions, None).is_ok());
        assert!(choosing(filter, "d > 1", &descriptions, None).is_err());
    }

    #[test]
    fn times_are_in_units_of_the_clock() {
        let time = |members: &str| {
            let json =
                format!(r#"{{"type":1,"name":"a","size":8,"fields":[{{"name":"t","offset":0,{members}}}]}}"#);
            let schema = Schema::parse(json.as_bytes()).unwrap();
            let (offset, format) = place(&schema, "t").unwrap();
            Time::of(offset, format)?.read(&1_500_000_u64.to_le_bytes())
        };
        for (members, expected) in [
            (r#""kind":"timestamp""#, Some(1_500_000)),
            (r#""kind":"u64""#, Some(1_500_000)),
            (r#""kind":"u64","unit":"us""#, Some(1_500_000_000)),
            (r#""kind":"i64","scale":-6,"unit":"s""#, Some(1_500_000_000)),
            (r#""kind":"i64","scale":3,"unit":"ns""#, Some(1_500_000_000)),
            (r#""kind":"i64","scale":-6"#, None),
            (r#""kind":"u64","unit":"USD""#, None),
            (r#""kind":"f64""#, None),
            (r#""kind":"u64","scale":100,"unit":"s""#, None),
        ] {
            assert_eq!(time(members), expected, "{members}");
        }
    }
}
