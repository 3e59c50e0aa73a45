//! Schemas as source code in Rust.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::schema::field::{Field, Format, Kind};
use crate::schema::json::is_identifier;
use crate::schema::set::SchemaSet;
use crate::schema::types::{Schema, Tail};

impl SchemaSet {
    /// Returns source code in Rust with a struct for each type, whose layout is that of the schema.
    ///
    /// A field that no Rust type has at its place becomes an array of bytes, with a comment. Bytes without a field are
    /// called `reserved`.
    ///
    /// ```
    /// use ringlog::schema::SchemaSet;
    ///
    /// let set = SchemaSet::from_json(
    ///     br#"[{"type":1,"name":"order_add","size":16,"fields":[
    ///         {"name":"price","offset":0,"kind":"i64","scale":-8,"unit":"USD"},
    ///         {"name":"side","offset":8,"kind":"u8","labels":{"0":"buy","1":"sell"}}],"tail":"text"}]"#,
    /// )?;
    /// assert_eq!(set.emit_rust(), r#"#[ringlog::labels]
    /// pub enum Side {
    ///     Buy = 0,
    ///     Sell = 1,
    /// }
    ///
    /// #[ringlog::event(type = 1, tail = "text")]
    /// pub struct OrderAdd {
    ///     #[event(scale = -8, unit = "USD")]
    ///     pub price: i64,
    ///     pub side: Side,
    ///     pub reserved: [u8; 7],
    /// }
    /// "#);
    /// # Ok::<(), ringlog::schema::SchemaError>(())
    /// ```
    #[must_use]
    pub fn emit_rust(&self) -> String {
        let mut emitter = Emitter::default();
        self.types().for_each(|schema| emitter.event(schema));
        emitter.items.join("\n")
    }
}

/// Items in the order in which they are written, and the names that are taken.
#[derive(Default)]
struct Emitter {
    items: Vec<String>,
    /// The body of each item, so that equal ones are written once.
    names: BTreeMap<String, String>,
}

impl Emitter {
    fn event(&mut self, schema: &Schema) {
        let mut name = camel_case(&schema.name);
        let mut options = format!("type = {}", schema.number);
        if self.names.contains_key(&name) {
            name = self.free_name(&format!("{name}Event"));
        }
        if snake_case(&name) != schema.name {
            write!(options, ", name = \"{}\"", schema.name).expect("a string takes all");
        }
        if schema.tail != Tail::None {
            write!(options, ", tail = \"{}\"", schema.tail.name()).expect("a string takes all");
        }
        // Taken before the structs and enums inside get their names.
        self.names.insert(name.clone(), String::new());
        let body = self.body(&schema.fields, schema.size, &name);
        self.items.push(format!("#[ringlog::event({options})]\npub struct {name} {body}\n"));
    }

    /// Returns the braces of a struct and what is in them.
    fn body(&mut self, fields: &[Field], size: usize, owner: &str) -> String {
        let mut order: Vec<&Field> = fields.iter().collect();
        order.sort_by_key(|field| field.offset);
        let mut pads = Pads::new(fields);
        let (mut body, mut end) = (String::new(), 0);
        for field in order {
            pads.write(&mut body, field.offset - end);
            self.field(&mut body, field, size, owner);
            end = field.end();
        }
        pads.write(&mut body, size - end);
        if body.is_empty() { "{}".into() } else { format!("{{\n{body}}}") }
    }

    fn field(&mut self, body: &mut String, field: &Field, size: usize, owner: &str) {
        let result = if is_aligned(field, size) {
            self.rust_type(&field.format, &field.name, owner, false)
        } else {
            Err(format!("at byte {}, where its alignment does not let it be", field.offset))
        };
        let is_typed = result.is_ok();
        let rust_type = result.unwrap_or_else(|why| {
            let kind = field.format.kind.name();
            writeln!(body, "    // Of kind `{kind}`, {why}.").expect("a string takes all");
            format!("[u8; {}]", field.format.kind.size())
        });
        let shown = innermost(&field.format);
        if !shown.labels.is_empty() && rust_type.contains(shown.kind.name()) {
            writeln!(body, "    // With labels, which are no names of one byte in Rust.")
                .expect("a string takes all");
        }
        let mut options = Vec::new();
        if is_typed && matches!(field.format.kind, Kind::Timestamp | Kind::Text { .. }) {
            options.push(format!("kind = \"{}\"", field.format.kind.name()));
        }
        if is_typed && shown.scale != 0 {
            options.push(format!("scale = {}", shown.scale));
        }
        if let Some(unit) = shown.unit.as_ref().filter(|_| is_typed) {
            options.push(format!("unit = {unit:?}"));
        }
        if !options.is_empty() {
            writeln!(body, "    #[event({})]", options.join(", ")).expect("a string takes all");
        }
        writeln!(body, "    pub {}: {rust_type},", rust_name(&field.name)).expect("a string takes all");
    }

    /// Returns the Rust type of a format, or why there is none.
    fn rust_type(
        &mut self,
        format: &Format,
        field: &str,
        owner: &str,
        is_item: bool,
    ) -> Result<String, String> {
        match &format.kind {
            Kind::U8 if !format.labels.is_empty() => {
                Ok(self.labels(format, field, owner).unwrap_or_else(|| "u8".into()))
            }
            Kind::Timestamp if is_item => Err("in an array, which Rust's side cannot say".into()),
            Kind::Text { .. } | Kind::Bytes { .. } if is_item => {
                Err("in an array, which Rust's side cannot say".into())
            }
            Kind::Timestamp => Ok("u64".into()),
            Kind::Text { length } | Kind::Bytes { length } => Ok(format!("[u8; {length}]")),
            Kind::Array { item, .. } if item.kind == Kind::U8 && item.labels.is_empty() => {
                Err("of `u8`, which would be `bytes` in Rust".into())
            }
            Kind::Array { length, item } => {
                let item = self.rust_type(item, field, owner, true)?;
                Ok(format!("[{item}; {length}]"))
            }
            Kind::Struct { size, fields } => {
                let body = self.body(fields, *size, &format!("{owner}{}", camel_case(field)));
                Ok(self.item("#[ringlog::fields]\npub struct", field, owner, &body))
            }
            other => Ok(other.name().into()),
        }
    }

    /// Returns the name of an enum for the labels; `None` if Rust cannot have such names.
    fn labels(&mut self, format: &Format, field: &str, owner: &str) -> Option<String> {
        let mut body = String::from("{\n");
        for (value, label) in format.labels() {
            if !is_identifier(label) {
                return None;
            }
            let variant = camel_case(label);
            if snake_case(&variant) != label || variant == "Self" {
                return None;
            }
            writeln!(body, "    {variant} = {value},").expect("a string takes all");
        }
        body.push('}');
        Some(self.item("#[ringlog::labels]\npub enum", field, owner, &body))
    }

    /// Writes an item that is called like the field, and returns its name.
    fn item(&mut self, head: &str, field: &str, owner: &str, body: &str) -> String {
        let long = format!("{owner}{}", camel_case(field));
        let short = Some(camel_case(field)).filter(|name| name != "Self").unwrap_or_else(|| long.clone());
        for name in [&short, &long] {
            if self.names.get(name).is_some_and(|it| it == body) {
                return name.clone();
            }
        }
        let name = if self.names.contains_key(&short) { self.free_name(&long) } else { short };
        self.names.insert(name.clone(), body.to_owned());
        self.items.push(format!("{head} {name} {body}\n"));
        name
    }

    fn free_name(&self, wanted: &str) -> String {
        let numbered = (2..).map(|number| format!("{wanted}{number}"));
        let mut names = std::iter::once(wanted.to_owned()).chain(numbered);
        names.find(|name| !self.names.contains_key(name)).expect("there is a number for each")
    }
}

/// Gives the fields that fill holes names that no other field has.
struct Pads<'a> {
    fields: &'a [Field],
    count: usize,
}

impl<'a> Pads<'a> {
    const fn new(fields: &'a [Field]) -> Self {
        Self { fields, count: 0 }
    }

    fn write(&mut self, body: &mut String, len: usize) {
        if len == 0 {
            return;
        }
        let name = loop {
            self.count += 1;
            let name = if self.count == 1 { "reserved".into() } else { format!("reserved{}", self.count) };
            if self.fields.iter().all(|field| field.name != name) {
                break name;
            }
        };
        writeln!(body, "    pub {name}: [u8; {len}],").expect("a string takes all");
    }
}

/// Returns whether a field can be at its offset in a struct of this size without padding.
pub(super) fn is_aligned(field: &Field, size: usize) -> bool {
    let alignment = alignment(&field.format.kind);
    field.offset.is_multiple_of(alignment) && size.is_multiple_of(alignment)
}

/// Returns the alignment of the Rust type that is written for a kind.
fn alignment(kind: &Kind) -> usize {
    match kind {
        Kind::Text { .. } | Kind::Bytes { .. } => 1,
        Kind::Array { item, .. } => alignment(&item.kind),
        Kind::Struct { size, fields } => {
            let aligned = fields.iter().filter(|field| is_aligned(field, *size));
            aligned.map(|field| alignment(&field.format.kind)).max().unwrap_or(1)
        }
        other => other.size(),
    }
}

/// Returns the format whose scale and unit a field of Rust has: that of the values in an array.
fn innermost(format: &Format) -> &Format {
    match &format.kind {
        Kind::Array { item, .. } => innermost(item),
        _ => format,
    }
}

/// Returns `OrderAdd` for `order_add`.
fn camel_case(name: &str) -> String {
    let words = name.split('_').filter(|word| !word.is_empty());
    let joined: String = words.map(|word| word[..1].to_ascii_uppercase() + &word[1..]).collect();
    if joined.starts_with(|first: char| first.is_ascii_alphabetic()) { joined } else { format!("T{joined}") }
}

/// Returns the name that the attributes give to a type or variant.
fn snake_case(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut snake = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let is_after_small = at > 0 && !letters[at - 1].is_ascii_uppercase();
        let is_before_small = letters.get(at + 1).is_some_and(char::is_ascii_lowercase);
        if letter.is_ascii_uppercase() && at > 0 && (is_after_small || is_before_small) {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// Returns a name that is no keyword.
fn rust_name(name: &str) -> String {
    const KEYWORDS: [&str; 48] = [
        "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn",
        "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop",
        "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "static",
        "struct", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where",
        "while", "yield",
    ];
    match name {
        // These cannot be written with `r#`.
        "crate" | "self" | "super" | "Self" | "_" => format!("{name}_"),
        _ if KEYWORDS.contains(&name) => format!("r#{name}"),
        _ => name.into(),
    }
}
