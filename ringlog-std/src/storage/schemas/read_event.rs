//! Copies of events as today's structs, also where the log has another layout of them.
#![forbid(unsafe_code)]

use ringlog_nostd::typed::{Field as Target, Kind};
use ringlog_nostd::{HasTail, Payload, ViewError};

use crate::event::Event;
use crate::schema::{Decimal, Fields, NotFitting, Value};
use crate::storage::schemas::in_force::DecodeEvent;

/// Why an event is not read as a struct.
///
/// ```
/// use ringlog::{event::{Event, EventHeader, ViewError}, storage::{FieldError, ReadEvent}};
///
/// #[ringlog::event(type = 7)]
/// #[derive(Debug)]
/// struct Sample {
///     charge: u8,
/// }
///
/// let event = Event::new(EventHeader::new(1, 8, 1), &[90], 0, 64);
/// let error = event.read::<Sample>().unwrap_err();
/// assert_eq!(error, FieldError::View(ViewError::OtherType { found: 8, wanted: 7 }));
/// ```
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FieldError {
    /// The event has another type, or its payload is none of the struct.
    #[error(transparent)]
    View(ViewError),
    /// The payload does not fit what the log says of it.
    #[error("the payload does not fit its description in the log: {0}; look at its bytes")]
    NotFitting(NotFitting),
    /// The log's events have no such field.
    #[error("no field `{field}` in this part of the log; write `#[event(default)]` to read it as zero")]
    Missing {
        /// Name of the field.
        field: &'static str,
    },
    /// The field's type in the struct has no such value.
    #[error("the field `{field}` of the struct has no such value; give it a larger or another type")]
    Value {
        /// Name of the field.
        field: &'static str,
    },
}

/// Copies of events as structs.
///
/// ```
/// use ringlog::storage::{LogReader, LogWriter, ReadEvent};
/// # let folder = tempfile::tempdir()?;
///
/// mod last_year {
///     #[ringlog::event(type = 1)]
///     pub struct Tick {
///         pub price: u32,
///     }
///     ringlog::events!(pub Ticks: Tick);
/// }
///
/// #[ringlog::event(type = 1)]
/// struct Tick {
///     #[event(default)]
///     quantity: u64,
///     price: u64,
/// }
///
/// let mut writer = LogWriter::options().events::<last_year::Ticks>().open(folder.path())?;
/// writer.write(1_000, &last_year::Tick { price: 101 })?;
/// writer.close()?;
///
/// let reader = LogReader::open(folder.path())?;
/// let event = reader.events().map(Result::unwrap).find(|event| !event.is_meta()).unwrap();
/// assert!(event.view::<Tick>().is_err());
/// let tick = event.read::<Tick>()?;
/// assert_eq!((tick.price, tick.quantity), (101, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait ReadEvent<'a> {
    /// Returns a copy of the payload as a struct. Where the log has another layout of this type, fields are copied by
    /// their names.
    ///
    /// A number keeps its value, also where its scale or its length differs. A label keeps its name. A field that the log
    /// lacks is an error, or zero with `#[event(default)]`; one that the struct lacks is left out.
    ///
    /// # Errors
    ///
    /// [`FieldError`], also if a value has no place in the struct's field.
    fn read<P: Payload>(&self) -> Result<P, FieldError>;

    /// Does the same, and returns the tail too.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    fn read_with_tail<P: HasTail>(&self) -> Result<(P, &'a [u8]), FieldError>;
}

impl<'a> ReadEvent<'a> for Event<'a> {
    fn read<P: Payload>(&self) -> Result<P, FieldError> {
        read(self).map(|(value, _)| value)
    }

    fn read_with_tail<P: HasTail>(&self) -> Result<(P, &'a [u8]), FieldError> {
        read(self)
    }
}

fn read<'a, P: Payload>(event: &Event<'a>) -> Result<(P, &'a [u8]), FieldError> {
    match event.view_with_tail::<P>() {
        Ok((value, tail)) => Ok((copy_of(value.as_bytes())?, tail)),
        Err(ViewError::Misaligned) => match event.payload.split_at_checked(size_of::<P>()) {
            Some((fixed, tail)) => Ok((copy_of(fixed)?, tail)),
            None => Err(FieldError::View(ViewError::Misaligned)),
        },
        Err(ViewError::OtherLayout) => convert(event),
        Err(error) => Err(FieldError::View(error)),
    }
}

fn copy_of<P: Payload>(bytes: &[u8]) -> Result<P, FieldError> {
    P::try_read_from_bytes(bytes).map_err(|_| FieldError::View(ViewError::InvalidValue))
}

fn convert<'a, P: Payload>(event: &Event<'a>) -> Result<(P, &'a [u8]), FieldError> {
    let decoded = match event.decode() {
        Some(decoded) => decoded.map_err(FieldError::NotFitting)?,
        // The description in the log could not be read.
        None => return Err(FieldError::View(ViewError::OtherLayout)),
    };
    let mut bytes = vec![0; size_of::<P>()];
    store_fields(P::FIELDS, &decoded.fields(), &mut bytes)?;
    let tail = match decoded.tail() {
        Some(Value::Text(text)) => text.as_bytes(),
        Some(Value::Bytes(bytes)) => bytes,
        _ => &[],
    };
    Ok((copy_of(&bytes)?, tail))
}

/// Stores the values of the struct's fields at their places.
fn store_fields(targets: &'static [Target], stored: &Fields<'_>, to: &mut [u8]) -> Result<(), FieldError> {
    for target in targets {
        let field = target.name;
        let Some((_, value)) = stored.clone().find(|(stored, _)| stored.name() == field) else {
            if target.has_default {
                continue;
            }
            return Err(FieldError::Missing { field });
        };
        let place = &mut to[target.offset..][..target.kind.size()];
        store(target, target.kind, value, place)?;
    }
    Ok(())
}

/// Stores a value as this kind. `place` holds zeros.
fn store(target: &Target, kind: Kind, value: Value<'_>, place: &mut [u8]) -> Result<(), FieldError> {
    let field = target.name;
    let stored = match (kind.by_type(), value) {
        (Kind::Struct { fields, .. }, Value::Struct(stored)) => return store_fields(fields, &stored, place),
        (Kind::Array { element, len }, Value::Array(items)) => {
            let mut places = place.chunks_exact_mut(element.size());
            let mut count = 0;
            for item in items {
                let Some(place) = places.next() else { return Err(FieldError::Value { field }) };
                store(target, *element, item, place)?;
                count += 1;
            }
            (count == len || target.has_default).then_some(())
        }
        (Kind::Characters { name: "text", .. }, Value::Text(text)) => put(place, text.as_bytes()),
        (Kind::Characters { name: "bytes", .. }, Value::Bytes(bytes)) => put(place, bytes),
        (Kind::Labels(labels), value) => labelled(labels, &value).and_then(|byte| put(place, &[byte])),
        (Kind::Timestamp, value) => integer(&value, 0).and_then(|number| put_integer(place, "u64", number)),
        (Kind::Plain { name: "bool", .. }, Value::Bool(value)) => put(place, &[u8::from(value)]),
        (Kind::Plain { name: "f32", .. }, Value::Float32(value)) => put(place, &value.to_le_bytes()),
        (Kind::Plain { name: "f64", .. }, Value::Float32(value)) => {
            put(place, &f64::from(value).to_le_bytes())
        }
        (Kind::Plain { name: "f64", .. }, Value::Float(value)) => put(place, &value.to_le_bytes()),
        (Kind::Plain { name, is_integer: true }, value) => {
            integer(&value, target.scale).and_then(|number| put_integer(place, name, number))
        }
        _ => None,
    };
    stored.ok_or(FieldError::Value { field })
}

/// Stores bytes at the start of a place; `None` if it is too short.
fn put(place: &mut [u8], bytes: &[u8]) -> Option<()> {
    place.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(())
}

/// Stores an integer of this kind; `None` if the kind has no such value.
fn put_integer(place: &mut [u8], kind: &str, number: i128) -> Option<()> {
    match kind {
        "u8" => put(place, &u8::try_from(number).ok()?.to_le_bytes()),
        "u16" => put(place, &u16::try_from(number).ok()?.to_le_bytes()),
        "u32" => put(place, &u32::try_from(number).ok()?.to_le_bytes()),
        "u64" => put(place, &u64::try_from(number).ok()?.to_le_bytes()),
        "i8" => put(place, &i8::try_from(number).ok()?.to_le_bytes()),
        "i16" => put(place, &i16::try_from(number).ok()?.to_le_bytes()),
        "i32" => put(place, &i32::try_from(number).ok()?.to_le_bytes()),
        "i64" => put(place, &i64::try_from(number).ok()?.to_le_bytes()),
        _ => None,
    }
}

/// Returns the integer of this value at a scale; `None` if there is none.
fn integer(value: &Value<'_>, scale: i8) -> Option<i128> {
    let decimal = match *value {
        Value::Unsigned(value) | Value::Timestamp(value) => Decimal::new(i128::from(value), 0),
        Value::Signed(value) => Decimal::new(i128::from(value), 0),
        Value::Label { value, .. } => Decimal::new(value, 0),
        Value::Decimal(decimal) => decimal,
        _ => return None,
    };
    let shift = i32::from(decimal.scale()) - i32::from(scale);
    let power = 10_i128.checked_pow(shift.unsigned_abs())?;
    if shift >= 0 {
        return decimal.digits().checked_mul(power);
    }
    (decimal.digits() % power == 0).then(|| decimal.digits() / power)
}

/// Returns the byte of the label with the value's name, or that of a value without a name.
fn labelled(labels: &[(u8, &str)], value: &Value<'_>) -> Option<u8> {
    let found = |is_it: &dyn Fn(u8, &str) -> bool| labels.iter().find(|(byte, name)| is_it(*byte, name));
    match value {
        Value::Label { name, .. } => found(&|_, label| label == *name),
        Value::Unsigned(value) => found(&|byte, _| u64::from(byte) == *value),
        _ => None,
    }
    .map(|(byte, _)| *byte)
}
