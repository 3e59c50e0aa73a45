//! Finds a value by its path, and walks over all values without a list of them.
#![forbid(unsafe_code)]

use std::fmt::Write as _;

use crate::schema::field::{Field, Format, Kind};
use crate::schema::types::{Schema, Tail};

/// A part of a path such as `legs[0].id`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Step {
    Name(String),
    Index(usize),
}

/// A value's offset from the start of the payload, and what it is.
pub(crate) type Place<'a> = (usize, &'a Format);

/// Why a path leads to no value.
#[derive(Debug)]
pub(super) enum NoPlace<'a> {
    /// None of the fields has the name of the step with this number.
    Name(usize, &'a [Field]),
    /// The array has only this number of values.
    Index(usize),
    /// A name or an index for a value of another kind.
    Kind(&'a Kind),
}

/// Returns the place to which the steps lead from these fields. The first step is a name.
pub(super) fn locate<'a>(fields: &'a [Field], steps: &[Step]) -> Result<Place<'a>, NoPlace<'a>> {
    let mut found: Option<Place<'a>> = None;
    for (at, step) in steps.iter().enumerate() {
        found = Some(match (step, found) {
            (Step::Name(name), None) => named(fields, name, at, 0)?,
            (Step::Index(_), None) => return Err(NoPlace::Name(at, fields)),
            (Step::Name(name), Some((base, format))) => match &format.kind {
                Kind::Struct { fields, .. } => named(fields, name, at, base)?,
                other => return Err(NoPlace::Kind(other)),
            },
            (Step::Index(index), Some((base, format))) => match &format.kind {
                Kind::Array { length, item } if index < length => (base + index * item.kind.size(), &**item),
                Kind::Array { length, .. } => return Err(NoPlace::Index(*length)),
                other => return Err(NoPlace::Kind(other)),
            },
        });
    }
    found.ok_or(NoPlace::Name(0, fields))
}

fn named<'a>(fields: &'a [Field], name: &str, at: usize, base: usize) -> Result<Place<'a>, NoPlace<'a>> {
    let field = fields.iter().find(|field| field.name == name).ok_or(NoPlace::Name(at, fields))?;
    Ok((base + field.offset, &field.format))
}

/// Returns the steps of `legs[0].id`.
pub(super) fn steps(path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    for part in path.split('.') {
        let mut indices = part.split('[');
        steps.push(Step::Name(indices.next()?.to_owned()));
        for index in indices {
            steps.push(Step::Index(index.strip_suffix(']')?.parse().ok()?));
        }
    }
    Some(steps)
}

/// Walks over the values that are neither arrays nor structs, in the order of the schema.
#[derive(Clone, Debug)]
pub(super) struct Leaves<'a> {
    /// What is being walked over, from the outermost; never more than a schema may nest.
    open: Vec<Open<'a>>,
}

#[derive(Clone, Debug)]
enum Open<'a> {
    Fields { fields: &'a [Field], next: usize, base: usize },
    Items { item: &'a Format, length: usize, next: usize, base: usize },
}

impl<'a> Leaves<'a> {
    pub(super) fn new(fields: &'a [Field]) -> Self {
        Self { open: vec![Open::Fields { fields, next: 0, base: 0 }] }
    }

    /// Returns the path of the value that came last.
    fn path(&self) -> String {
        let mut path = String::new();
        for open in &self.open {
            match open {
                Open::Fields { fields, next, .. } => {
                    let dot = if path.is_empty() { "" } else { "." };
                    write!(path, "{dot}{}", fields[next - 1].name)
                }
                Open::Items { next, .. } => write!(path, "[{}]", next - 1),
            }
            .expect("a string takes all");
        }
        path
    }
}

impl<'a> Iterator for Leaves<'a> {
    type Item = Place<'a>;

    fn next(&mut self) -> Option<Place<'a>> {
        loop {
            let (base, format) = match self.open.last_mut()? {
                Open::Fields { fields, next, base } if *next < fields.len() => {
                    let field = &fields[*next];
                    *next += 1;
                    (*base + field.offset, &field.format)
                }
                Open::Items { item, length, next, base } if *next < *length => {
                    *next += 1;
                    (*base + (*next - 1) * item.kind.size(), *item)
                }
                _ => {
                    self.open.pop();
                    continue;
                }
            };
            match &format.kind {
                Kind::Struct { fields, .. } => self.open.push(Open::Fields { fields, next: 0, base }),
                Kind::Array { length, item } => {
                    self.open.push(Open::Items { item, length: *length, next: 0, base });
                }
                _ => return Some((base, format)),
            }
        }
    }
}

/// A column of a table of one type: a value that is neither an array nor a struct, or the tail.
///
/// ```
/// use ringlog::schema::Schema;
///
/// let schema = Schema::parse(
///     br#"{"type":1,"name":"swap","size":8,"fields":[{"name":"legs","offset":0,"kind":"array","length":2,"item":
///         {"kind":"struct","size":4,"fields":[{"name":"id","offset":0,"kind":"u32"}]}}],"tail":"text"}"#,
/// )?;
/// let columns: Vec<_> = schema.columns().map(|column| column.name().to_owned()).collect();
/// assert_eq!(columns, ["legs[0].id", "legs[1].id", "tail"]);
/// assert!(schema.columns().last().unwrap().format().is_none());
/// # Ok::<(), ringlog::schema::SchemaError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Column<'a> {
    name: String,
    format: Option<&'a Format>,
}

impl<'a> Column<'a> {
    /// Returns its name, such as `legs[0].id`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns what the value is; `None` for the tail.
    #[must_use]
    pub const fn format(&self) -> Option<&'a Format> {
        self.format
    }
}

impl Schema {
    /// Returns the places of the values in the columns of a table, without that of the tail.
    #[doc(hidden)]
    pub fn places(&self) -> impl Iterator<Item = Place<'_>> {
        Leaves::new(&self.fields)
    }

    /// Returns the columns of a table of this type, in the order of [`Decoded::cells`](crate::schema::Decoded::cells).
    ///
    /// ```
    /// use ringlog::schema::Schema;
    ///
    /// let schema = Schema::parse(br#"{"type":1,"name":"log","size":0,"fields":[],"tail":"text"}"#)?;
    /// assert_eq!(schema.columns().map(|column| column.name().to_owned()).collect::<Vec<_>>(), ["tail"]);
    /// # Ok::<(), ringlog::schema::SchemaError>(())
    /// ```
    pub fn columns(&self) -> impl Iterator<Item = Column<'_>> {
        let mut leaves = Leaves::new(&self.fields);
        let fields = std::iter::from_fn(move || {
            let (_, format) = leaves.next()?;
            Some(Column { name: leaves.path(), format: Some(format) })
        });
        let tail = (self.tail != Tail::None).then(|| Column { name: "tail".into(), format: None });
        fields.chain(tail)
    }
}

impl Schema {
    /// Returns the offset in a payload, and the format, of the value with this path, such as `legs[0].id`.
    #[doc(hidden)]
    pub fn place_of(&self, path: &str) -> Option<(usize, &Format)> {
        locate(&self.fields, &steps(path)?).ok()
    }
}
