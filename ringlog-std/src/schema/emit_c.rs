//! Schemas as headers in C and C++.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::schema::emit::is_aligned;
use crate::schema::field::{Field, Format, Kind};
use crate::schema::set::SchemaSet;
use crate::schema::types::{Schema, Tail};

/// The longest string that each compiler takes, in bytes.
const LONGEST_LITERAL: usize = 4000;

/// Names that mean something else in C, C++ or the headers that are included.
const TAKEN: &[&str] = &[
    "NULL",
    "alignas",
    "alignof",
    "and",
    "and_eq",
    "asm",
    "assert",
    "atomic_cancel",
    "atomic_commit",
    "atomic_noexcept",
    "auto",
    "bitand",
    "bitor",
    "bool",
    "break",
    "case",
    "catch",
    "char",
    "char16_t",
    "char32_t",
    "char8_t",
    "class",
    "co_await",
    "co_return",
    "co_yield",
    "compl",
    "concept",
    "const",
    "const_cast",
    "consteval",
    "constexpr",
    "constinit",
    "continue",
    "decltype",
    "default",
    "delete",
    "do",
    "double",
    "dynamic_cast",
    "else",
    "enum",
    "explicit",
    "export",
    "extern",
    "false",
    "float",
    "for",
    "friend",
    "goto",
    "if",
    "import",
    "inline",
    "int",
    "int16_t",
    "int32_t",
    "int64_t",
    "int8_t",
    "linux",
    "long",
    "memcpy",
    "module",
    "mutable",
    "namespace",
    "new",
    "noexcept",
    "noreturn",
    "not",
    "not_eq",
    "nullptr",
    "offsetof",
    "operator",
    "or",
    "or_eq",
    "private",
    "protected",
    "public",
    "register",
    "reinterpret_cast",
    "requires",
    "restrict",
    "return",
    "short",
    "signed",
    "size_t",
    "sizeof",
    "static",
    "static_assert",
    "static_cast",
    "struct",
    "switch",
    "synchronized",
    "template",
    "this",
    "thread_local",
    "throw",
    "true",
    "try",
    "typedef",
    "typeid",
    "typename",
    "typeof",
    "typeof_unqual",
    "uint16_t",
    "uint32_t",
    "uint64_t",
    "uint8_t",
    "union",
    "unix",
    "unsigned",
    "using",
    "virtual",
    "void",
    "volatile",
    "wchar_t",
    "while",
    "xor",
    "xor_eq",
    "i386",
    "errno",
    "stdin",
    "stdout",
];

/// The language of a header.
///
/// ```
/// use ringlog::schema::{HeaderLanguage, SchemaSet};
///
/// let header = SchemaSet::new().emit_header(HeaderLanguage::Cpp, "nothing");
/// assert!(header.contains("#include <cstdint>"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HeaderLanguage {
    /// C11.
    C,
    /// C++17.
    Cpp,
}

impl SchemaSet {
    /// Returns a header in C11 or C++17 with a struct for each type, whose layout is that of the payload. `origin` says in
    /// a comment where the descriptions are from.
    ///
    /// Sizes and offsets are checked when the header is compiled. A field at an offset that its C type cannot have is an
    /// array of bytes, and has a function that reads it and one that stores it. The header also has the numbers of the types,
    /// labels, scales, and the descriptions as a producer hands them over.
    ///
    /// ```
    /// use ringlog::schema::{HeaderLanguage, SchemaSet};
    ///
    /// let set = SchemaSet::from_json(
    ///     br#"[{"type":1,"name":"order_add","size":16,"fields":[
    ///         {"name":"price","offset":0,"kind":"i64","scale":-8},
    ///         {"name":"side","offset":8,"kind":"u8","labels":{"0":"buy","1":"sell"}}]}]"#,
    /// )?;
    /// let header = set.emit_header(HeaderLanguage::C, "the example");
    /// for line in [
    ///     "#define RL_ORDER_ADD_TYPE 1",
    ///     "#define RL_ORDER_ADD_PRICE_SCALE (-8)",
    ///     "#define RL_ORDER_ADD_SIDE_BUY UINT8_C(0)",
    ///     "    int64_t price;",
    ///     "_Static_assert(sizeof(struct rl_order_add) == 16, \"the size of rl_order_add\");",
    /// ] {
    ///     assert!(header.lines().any(|it| it == line), "{header}");
    /// }
    /// # Ok::<(), ringlog::schema::SchemaError>(())
    /// ```
    #[must_use]
    pub fn emit_header(&self, language: HeaderLanguage, origin: &str) -> String {
        let mut emitter = Emitter { language, out: String::new(), names: BTreeSet::new() };
        emitter.begin(origin);
        // Before the structs inside get theirs.
        let names: Vec<String> =
            self.types().map(|schema| emitter.free_name(&format!("rl_{}", schema.name()))).collect();
        let mut metas = Vec::new();
        for (schema, name) in self.types().zip(names) {
            emitter.event(schema, &name);
            metas.push(schema.to_json());
        }
        emitter.list(&metas);
        emitter.out.push_str("\n#endif\n");
        emitter.out
    }
}

struct Emitter {
    language: HeaderLanguage,
    out: String,
    /// Names of structs, functions and constants that are taken.
    names: BTreeSet<String>,
}

/// A type of C, and the lengths of the arrays in which it is.
struct CType {
    name: String,
    lengths: Vec<usize>,
}

impl CType {
    fn declare(&self, name: &str) -> String {
        let lengths: String = self.lengths.iter().map(|length| format!("[{length}]")).collect();
        format!("{} {name}{lengths}", self.name)
    }
}

impl Emitter {
    fn begin(&mut self, origin: &str) {
        let headers = match self.language {
            HeaderLanguage::C => ["stddef.h", "stdint.h", "string.h"],
            HeaderLanguage::Cpp => ["cstddef", "cstdint", "cstring"],
        };
        let guard: String =
            origin.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect();
        self.line(&format!(
            "// Events of ringlog, made from {} by `ringlog schema emit`.",
            in_comment(origin)
        ));
        self.line("//\n// A field that is no name of C or C++ has an underscore more. All numbers are little-endian, as in the payload.");
        self.line(&format!("#ifndef RINGLOG_EVENTS_{guard}\n#define RINGLOG_EVENTS_{guard}\n"));
        headers.iter().for_each(|header| self.line(&format!("#include <{header}>")));
        self.line(
            "\n#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__\n#error \"the structs need a \
             little-endian machine\"\n#endif",
        );
    }

    fn line(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push('\n');
    }

    fn event(&mut self, schema: &Schema, name: &str) {
        self.line(&format!("\n// Type {}: {}.", schema.number(), schema.name()));
        let constant = |part: &str| format!("{}_{part}", name.to_ascii_uppercase());
        self.constant(&constant("TYPE"), &schema.number().to_string());
        self.constant(&constant("SIZE"), &schema.size().to_string());
        if schema.tail() != Tail::None {
            self.line(&format!("// After the struct a payload has a tail: {}.", schema.tail().name()));
        }
        self.structure(name, schema.fields(), schema.size());
        let meta = self.free_name(&constant("META"));
        self.text(&meta, &schema.to_json());
    }

    fn constant(&mut self, name: &str, value: &str) {
        let name = self.free_name(name);
        self.line(&format!("#define {name} {value}"));
    }

    /// Writes a struct, and before it those that are inside.
    fn structure(&mut self, name: &str, fields: &[Field], size: usize) {
        if size == 0 {
            self.line(&format!("// {name} has no bytes, and C has no struct without any."));
            return;
        }
        let mut order: Vec<&Field> = fields.iter().filter(|field| field.format.kind.size() > 0).collect();
        order.sort_by_key(|field| field.offset);
        let mut members = Members::of(fields);
        let (mut body, mut checks, mut access, mut end) = (String::new(), Vec::new(), Vec::new(), 0);
        for field in order {
            members.pad(&mut body, field.offset - end);
            let member = members.name(&field.name);
            let c_type = self.c_type(&field.format, name, &field.name);
            let declared = if is_aligned(field, size) {
                c_type.declare(&member)
            } else {
                body.push_str("    // Not where its type may be: see the functions below.\n");
                access.push((member.clone(), c_type));
                format!("uint8_t {member}[{}]", field.format.kind.size())
            };
            for words in remarks(&field.format) {
                let _ = writeln!(body, "    // {words}");
            }
            let _ = writeln!(body, "    {declared};");
            checks.push((member, field.offset));
            self.constants_of(&field.format, &format!("{name}_{}", field.name));
            end = field.end();
        }
        members.pad(&mut body, size - end);
        self.line(&format!("struct {name} {{\n{body}}};"));
        self.check(&format!("sizeof(struct {name}) == {size}"), &format!("the size of {name}"));
        for (member, offset) in checks {
            self.check(
                &format!("offsetof(struct {name}, {member}) == {offset}"),
                &format!("the offset of {name}.{member}"),
            );
        }
        for (member, c_type) in access {
            self.access(name, &member, &c_type);
        }
    }

    /// Writes the functions for a member that is an array of bytes, as its type may not be there.
    fn access(&mut self, owner: &str, member: &str, c_type: &CType) {
        let get = self.free_name(&format!("{owner}_get_{member}"));
        let set = self.free_name(&format!("{owner}_set_{member}"));
        let copy = if self.language == HeaderLanguage::C { "memcpy" } else { "std::memcpy" };
        let value = c_type.declare("value");
        if c_type.lengths.is_empty() {
            self.line(&format!(
                "static inline {} {get}(const struct {owner} *event) {{\n    {value};\n    {copy}(&value, event->{member}, \
                 sizeof value);\n    return value;\n}}",
                c_type.name
            ));
            self.line(&format!(
                "static inline void {set}(struct {owner} *event, {value}) {{\n    {copy}(event->{member}, &value, sizeof \
                 value);\n}}"
            ));
            return;
        }
        self.line(&format!(
            "static inline void {get}(const struct {owner} *event, {value}) {{\n    {copy}(value, event->{member}, sizeof \
             event->{member});\n}}"
        ));
        // In C, an array of arrays is no array of constant ones.
        let constant = if c_type.lengths.len() == 1 { "const " } else { "" };
        self.line(&format!(
            "static inline void {set}(struct {owner} *event, {constant}{value}) {{\n    {copy}(event->{member}, value, sizeof \
             event->{member});\n}}"
        ));
    }

    fn check(&mut self, condition: &str, words: &str) {
        let keyword = if self.language == HeaderLanguage::C { "_Static_assert" } else { "static_assert" };
        self.line(&format!("{keyword}({condition}, \"{words}\");"));
    }

    /// Returns the C type of a format. Writes the structs that it needs.
    fn c_type(&mut self, format: &Format, owner: &str, field: &str) -> CType {
        let alone = |name: &str| CType { name: name.into(), lengths: Vec::new() };
        match &format.kind {
            Kind::U8 | Kind::Bool => alone("uint8_t"),
            Kind::U16 => alone("uint16_t"),
            Kind::U32 => alone("uint32_t"),
            Kind::U64 | Kind::Timestamp => alone("uint64_t"),
            Kind::I8 => alone("int8_t"),
            Kind::I16 => alone("int16_t"),
            Kind::I32 => alone("int32_t"),
            Kind::I64 => alone("int64_t"),
            Kind::F32 => alone("float"),
            Kind::F64 => alone("double"),
            Kind::Text { length } => CType { name: "char".into(), lengths: vec![*length] },
            Kind::Bytes { length } => CType { name: "uint8_t".into(), lengths: vec![*length] },
            Kind::Array { length, item } => {
                let mut c_type = self.c_type(item, owner, field);
                c_type.lengths.insert(0, *length);
                c_type
            }
            Kind::Struct { size, fields } => {
                let name = self.free_name(&format!("{owner}_{field}"));
                self.structure(&name, fields, *size);
                alone(&format!("struct {name}"))
            }
        }
    }

    /// Writes the constants of a value: its scale and its labels.
    fn constants_of(&mut self, format: &Format, name: &str) {
        if let Kind::Array { item, .. } = &format.kind {
            return self.constants_of(item, name);
        }
        let name = name.to_ascii_uppercase();
        if format.scale() != 0 {
            self.constant(&format!("{name}_SCALE"), &format!("({})", format.scale()));
        }
        let labels: Vec<(i128, String)> =
            format.labels().map(|(value, label)| (value, label.to_owned())).collect();
        for (value, label) in labels {
            let label: String = label
                .chars()
                .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' })
                .collect();
            self.constant(&format!("{name}_{label}"), &literal(format.kind.name(), value));
        }
    }

    /// Writes the list of all types as a producer hands it over.
    fn list(&mut self, metas: &[String]) {
        self.line("\n// What describes all of these types, for a producer.");
        let name = self.free_name("RL_TYPES");
        self.text(&name, &format!("{{\"types\":[{}]}}", metas.join(",")));
    }

    /// Writes a text that ends with a zero byte, also one that is too long for some compilers' strings.
    fn text(&mut self, name: &str, text: &str) {
        if text.len() <= LONGEST_LITERAL {
            return self.line(&format!("#define {name} \"{}\"", quoted(text)));
        }
        let bytes: Vec<String> = text.bytes().chain([0]).map(|byte| byte.to_string()).collect();
        let lines: Vec<String> = bytes.chunks(24).map(|line| format!("    {},", line.join(", "))).collect();
        let array = self.free_name(&format!("{}_bytes", name.to_ascii_lowercase()));
        self.line(&format!("static const unsigned char {array}[] = {{\n{}\n}};", lines.join("\n")));
        self.line(&format!("#define {name} ((const char *){array})"));
    }

    /// Takes a name that no other thing in the header has.
    fn free_name(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        let mut number = 1;
        while !self.names.insert(name.clone()) {
            number += 1;
            name = format!("{wanted}_{number}");
        }
        name
    }
}

/// The names of a struct's members.
struct Members<'a> {
    fields: &'a [Field],
    taken: BTreeSet<String>,
    pads: usize,
}

impl<'a> Members<'a> {
    const fn of(fields: &'a [Field]) -> Self {
        Self { fields, taken: BTreeSet::new(), pads: 0 }
    }

    /// Returns a name that means nothing else and that no other member has.
    fn name(&mut self, field: &str) -> String {
        // Names of compilers begin with an underscore; those of limits are in capitals.
        let is_macro = field.contains('_') && !field.contains(|c: char| c.is_ascii_lowercase());
        let mut name = if field.starts_with('_') { format!("f{field}") } else { field.to_owned() };
        if is_macro || TAKEN.contains(&field) {
            name.push('_');
        }
        while self.taken.contains(&name) || name != field && self.fields.iter().any(|it| it.name == name) {
            name.push('_');
        }
        self.taken.insert(name.clone());
        name
    }

    fn pad(&mut self, body: &mut String, len: usize) {
        if len == 0 {
            return;
        }
        let name = loop {
            self.pads += 1;
            let name = if self.pads == 1 { "reserved".into() } else { format!("reserved{}", self.pads) };
            if !self.taken.contains(&name) && self.fields.iter().all(|field| field.name != name) {
                break name;
            }
        };
        self.taken.insert(name.clone());
        let _ = writeln!(body, "    uint8_t {name}[{len}];");
    }
}

/// Returns what a comment says of a value.
fn remarks(format: &Format) -> Vec<String> {
    let value = match &format.kind {
        Kind::Array { item, .. } => return remarks(item),
        Kind::Bool => Some("0 or 1".to_owned()),
        Kind::Timestamp => Some("A point in time by the log's clock".to_owned()),
        Kind::Text { .. } => Some("Text; zeros after it".to_owned()),
        _ => None,
    };
    let scale = Some(format.scale())
        .filter(|scale| *scale != 0)
        .map(|scale| format!("Times ten to the power {scale}"));
    let unit = format.unit().map(|unit| format!("In {}", in_comment(unit)));
    [value, scale, unit].into_iter().flatten().map(|words| words + ".").collect()
}

/// Returns an integer of this kind as C writes it.
fn literal(kind: &str, value: i128) -> String {
    let (sign, bits) = kind.split_at(1);
    let of = if sign == "i" { "INT" } else { "UINT" };
    if value == i128::from(i64::MIN) {
        return "(-INT64_C(9223372036854775807) - 1)".into();
    }
    let text = format!("{of}{bits}_C({})", value.unsigned_abs());
    if value < 0 { format!("(-{text})") } else { text }
}

/// Returns a text without what ends a line comment or continues it.
fn in_comment(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || c == '\\' || c == '?' { '_' } else { c }).collect()
}

/// Returns the inside of a string literal.
fn quoted(text: &str) -> String {
    let mut quoted = String::new();
    for byte in text.bytes() {
        match byte {
            // Two question marks may begin a trigraph.
            b'"' | b'\\' | b'?' => quoted.extend(['\\', char::from(byte)]),
            b' '..=b'~' => quoted.push(char::from(byte)),
            _ => {
                let _ = write!(quoted, "\\{byte:03o}");
            }
        }
    }
    quoted
}
