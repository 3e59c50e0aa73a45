//! From JSON to a schema. All that a decoder relies on is checked here.
#![forbid(unsafe_code)]

use std::collections::HashSet;

use crate::schema::error::{MAX_SCHEMA_BYTES, SchemaError};
use crate::schema::field::{Field, Format, Kind, Labels};
use crate::schema::json::{Escaped, Object, Path, Value, document, fault};
use crate::schema::types::{Schema, Tail};

/// The largest fixed part of a payload.
const MAX_SIZE: i64 = 65_535;
/// How deep arrays and structs may be nested, so that nothing that walks over them needs much stack.
const MAX_DEPTH: usize = 8;

impl Schema {
    /// Reads the JSON of a META record about one type.
    ///
    /// ```
    /// use ringlog::schema::Schema;
    ///
    /// let fault = Schema::parse(
    ///     br#"{"type":1,"name":"tick","size":8,"fields":[{"name":"id","offset":4,"kind":"u64"}]}"#,
    /// )
    /// .unwrap_err();
    /// assert_eq!(
    ///     fault.to_string(),
    ///     "fields[0].offset: the field ends at byte 12, past the 8 of the type; move it, or make the size larger"
    /// );
    /// ```
    ///
    /// # Errors
    ///
    /// [`SchemaError`] with the line and column, or the path in the JSON, of the first fault.
    pub fn parse(meta: &[u8]) -> Result<Self, SchemaError> {
        if meta.len() > MAX_SCHEMA_BYTES {
            return Err(SchemaError::TooLong { path: String::new(), len: meta.len() });
        }
        Self::from_value(Value::new(document(meta)?, &Path::Root))
    }

    pub(super) fn from_value(value: Value<'_>) -> Result<Self, SchemaError> {
        let mut object = value.object()?;
        let number = object.required("type", |it| it.number(0, 255))?;
        let name = object.required("name", |it| it.identifier())?;
        let size = object.required("size", |it| it.number(0, MAX_SIZE))? as usize;
        let owner = Owner { size, word: "type", depth: 0 };
        let fields = object.required("fields", |it| fields(it, &owner))?;
        let tail = object.optional("tail", |it| tail(it, &fields))?.unwrap_or(Tail::None);
        let schema = Self {
            number: u8::try_from(number).expect("at most 255"),
            name,
            size,
            fields,
            tail,
            unknown: object.into_unknown()?,
        };
        // Texts may have escapes now that they had not before.
        match schema.to_json().len() {
            len if len > MAX_SCHEMA_BYTES => {
                Err(SchemaError::TooLong { path: value.path().to_string(), len })
            }
            _ => Ok(schema),
        }
    }
}

fn tail(value: Value<'_>, fields: &[Field]) -> Result<Tail, SchemaError> {
    let word = value.text()?;
    let tails = [Tail::None, Tail::Bytes, Tail::Text, Tail::Cbor];
    let tail = tails.into_iter().find(|tail| tail.name() == word).ok_or_else(|| {
        value.fault(format!("no tail \"{}\"; use none, bytes, text or cbor", Escaped(&word)))
    })?;
    if tail != Tail::None && fields.iter().any(|field| field.name == "tail") {
        return Err(value.fault("a field is called `tail` too; give the field another name"));
    }
    Ok(tail)
}

/// What holds fields.
struct Owner {
    size: usize,
    word: &'static str,
    depth: usize,
}

fn fields(value: Value<'_>, owner: &Owner) -> Result<Vec<Field>, SchemaError> {
    let list = value.array()?;
    let mut fields: Vec<Field> = Vec::with_capacity(list.len());
    let mut names = HashSet::with_capacity(list.len());
    for (at, raw) in list.into_iter().enumerate() {
        let path = Path::Index(value.path(), at);
        let field = field(Value::new(raw, &path), owner)?;
        if !names.insert(field.name.clone()) {
            let name = Path::Key(&path, "name");
            return Err(fault(
                &name,
                format!("there is a field \"{}\" before; give it another name", field.name),
            ));
        }
        fields.push(field);
    }
    check_overlap(value, &fields)?;
    Ok(fields)
}

fn field(value: Value<'_>, owner: &Owner) -> Result<Field, SchemaError> {
    let mut object = value.object()?;
    let name = object.required("name", |it| it.identifier())?;
    let offset = object.required("offset", |it| it.number(0, MAX_SIZE))? as usize;
    let field = Field { name, offset, format: format(object, value, owner.depth)? };
    if field.end() > owner.size {
        let path = Path::Key(value.path(), "offset");
        return Err(fault(
            &path,
            format!(
                "the field ends at byte {}, past the {} of the {}; move it, or make the size larger",
                field.end(),
                owner.size,
                owner.word
            ),
        ));
    }
    Ok(field)
}

fn check_overlap(value: Value<'_>, fields: &[Field]) -> Result<(), SchemaError> {
    let mut order: Vec<usize> = (0..fields.len()).collect();
    order.sort_by_key(|&at| fields[at].offset);
    for pair in order.windows(2) {
        let (before, after) = (&fields[pair[0]], &fields[pair[1]]);
        if before.end() > after.offset {
            let path = Path::Index(value.path(), pair[1]);
            return Err(fault(
                &Path::Key(&path, "offset"),
                format!("the field overlaps \"{}\"; fields may not share bytes", before.name),
            ));
        }
    }
    Ok(())
}

/// Reads what is left of a field, or an array's `item`.
fn format(mut object: Object<'_>, value: Value<'_>, depth: usize) -> Result<Format, SchemaError> {
    if depth > MAX_DEPTH {
        return Err(value.fault(format!("more than {MAX_DEPTH} arrays and structs in each other; use fewer")));
    }
    let word = object.required("kind", |it| it.text())?;
    let kind = kind(&word, &mut object, value, depth)?;
    if kind.size() > MAX_SIZE as usize {
        return Err(value.fault(format!(
            "{} bytes, more than the {MAX_SIZE} that a payload can have; make it shorter",
            kind.size()
        )));
    }
    let scale = object.optional("scale", |it| scale(it, &kind))?.unwrap_or(0);
    let unit = object.optional("unit", |it| it.text())?;
    let labels = object.optional("labels", |it| labels(it, &kind, scale))?.unwrap_or_default();
    Ok(Format { kind, scale, unit, labels, unknown: object.into_unknown()? })
}

fn kind(word: &str, object: &mut Object<'_>, value: Value<'_>, depth: usize) -> Result<Kind, SchemaError> {
    let simple = [
        Kind::U8,
        Kind::U16,
        Kind::U32,
        Kind::U64,
        Kind::I8,
        Kind::I16,
        Kind::I32,
        Kind::I64,
        Kind::F32,
        Kind::F64,
        Kind::Bool,
        Kind::Timestamp,
    ];
    if let Some(kind) = simple.into_iter().find(|kind| kind.name() == word) {
        return Ok(kind);
    }
    let mut length = |key| object.required(key, |it| it.number(1, MAX_SIZE)).map(|length| length as usize);
    match word {
        "text" => Ok(Kind::Text { length: length("length")? }),
        "bytes" => Ok(Kind::Bytes { length: length("length")? }),
        "array" => {
            let length = length("length")?;
            let item = object.required("item", |it| format(it.object()?, it, depth + 1))?;
            Ok(Kind::Array { length, item: Box::new(item) })
        }
        "struct" => {
            let owner = Owner { size: length("size")?, word: "struct", depth: depth + 1 };
            let fields = object.required("fields", |it| fields(it, &owner))?;
            Ok(Kind::Struct { size: owner.size, fields })
        }
        _ => Err(fault(
            &Path::Key(value.path(), "kind"),
            format!(
                "no kind \"{}\"; use u8 to u64, i8 to i64, f32, f64, bool, timestamp, text, bytes, array or struct",
                Escaped(word)
            ),
        )),
    }
}

fn scale(value: Value<'_>, kind: &Kind) -> Result<i8, SchemaError> {
    let scale = value.number(i8::MIN.into(), i8::MAX.into())?;
    if scale != 0 && kind.integer_range().is_none() {
        return Err(value.fault(format!("a {} has no scale; remove it, or use an integer", kind.name())));
    }
    Ok(i8::try_from(scale).expect("in the range of an i8"))
}

fn labels(value: Value<'_>, kind: &Kind, scale: i8) -> Result<Labels, SchemaError> {
    let Some((least, most)) = kind.integer_range() else {
        return Err(value.fault(format!("a {} has no labels; remove them, or use an integer", kind.name())));
    };
    if scale != 0 {
        return Err(value.fault("labels and a scale; remove one of them"));
    }
    let (mut labels, mut names) = (Vec::new(), HashSet::new());
    for (key, raw) in value.object()?.into_members() {
        let path = Path::Key(value.path(), &key);
        let number = key.parse().ok().filter(|number: &i128| number.to_string() == key);
        let Some(number) = number.filter(|number| (least..=most).contains(number)) else {
            return Err(value.fault(format!(
                "\"{}\" is no {}; write a number from {least} to {most}",
                Escaped(&key),
                kind.name()
            )));
        };
        let name = Value::new(raw, &path).text()?;
        if name.is_empty() {
            return Err(Value::new(raw, &path).fault("empty; give the value a name"));
        }
        if !names.insert(name.clone()) {
            return Err(Value::new(raw, &path)
                .fault(format!("\"{}\" names another value too; give each a name", Escaped(&name))));
        }
        labels.push((number, name));
    }
    Ok(Labels::new(labels))
}
