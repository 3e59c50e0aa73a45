//! What can be wrong with a schema, and with a payload under it.
#![forbid(unsafe_code)]

use std::fmt;
use std::ops::Range;

use crate::words::is_risky;

/// The most bytes of JSON that describe one type: a record's largest payload.
pub(super) const MAX_SCHEMA_BYTES: usize = 65_535;

/// Why bytes are no schema.
///
/// ```
/// use ringlog::schema::Schema;
///
/// let fault = |meta: &[u8]| Schema::parse(meta).unwrap_err().to_string();
/// assert_eq!(
///     fault(b"{\"type\":1,\n \"name\" \"x\"}"),
///     "line 2, column 9: not JSON; look for a missing comma, colon, quote or bracket there"
/// );
/// assert_eq!(fault(b"{\"type\":1}"), "name: missing; add it");
/// ```
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// The bytes are no JSON in UTF-8.
    #[error("line {line}, column {column}: {problem}")]
    #[non_exhaustive]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// The column in bytes, from 1.
        column: usize,
        /// What is wrong, and what to do.
        problem: &'static str,
    },
    /// The JSON does not describe a type or a log.
    #[error("{}{problem}", PathPrefix(path))]
    Content {
        /// The place in the JSON, such as `types[2].fields[0].kind`; empty for the whole.
        path: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// The JSON of one type or log object has more bytes than a record can hold.
    #[error(
        "{}{} bytes of JSON, more than the {MAX_SCHEMA_BYTES} that a record can hold; make names shorter, or split the type",
        PathPrefix(path),
        len
    )]
    TooLong {
        /// The place in the JSON; empty for the whole.
        path: String,
        /// The length in bytes.
        len: usize,
    },
}

struct PathPrefix<'a>(&'a str);

impl fmt::Display for PathPrefix<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "{}: ", self.0) }
    }
}

/// Why a payload does not fit its schema. It can then be shown as bytes only.
///
/// ```
/// use ringlog::schema::Schema;
///
/// let schema = Schema::parse(
///     br#"{"type":1,"name":"tick","size":8,"fields":[{"name":"id","offset":0,"kind":"u64"}],"tail":"none"}"#,
/// )?;
/// let fault = schema.decode(&[0; 7]).unwrap_err();
/// assert_eq!(fault.to_string(), "7 bytes, and the type has 8");
/// # Ok::<(), ringlog::schema::SchemaError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotFitting {
    /// The payload has another length than the type.
    #[error("{len} bytes, and the type has {size}{}", if *has_tail { " before its tail" } else { "" })]
    Length {
        /// Length of the payload in bytes.
        len: usize,
        /// Length of the type's fixed part in bytes.
        size: usize,
        /// Whether more bytes may follow the fixed part.
        has_tail: bool,
    },
    /// A field of kind `bool` is neither 0 nor 1.
    #[error("{path}: byte {byte} is no bool")]
    Bool {
        /// The field.
        path: String,
        /// Its byte.
        byte: u8,
    },
    /// A text is not UTF-8.
    #[error("{path}: not UTF-8 from byte {valid} on")]
    Text {
        /// The field, or `tail`.
        path: String,
        /// Number of bytes before the first that is not UTF-8.
        valid: usize,
    },
}

/// Why an expression cannot be used. It is displayed with the expression and a line that marks the place.
///
/// ```
/// use ringlog::schema::Expression;
///
/// let fault = Expression::parse("price > 5 & side == 1").unwrap_err();
/// assert_eq!(fault.problem(), "a single &; join with &&");
/// assert_eq!(fault.place(), 10..11);
/// assert_eq!(
///     fault.to_string(),
///     "a single &; join with &&\n  price > 5 & side == 1\n            ^"
/// );
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExpressionError {
    expression: String,
    place: Range<usize>,
    problem: String,
}

impl ExpressionError {
    pub(super) fn new(expression: &str, place: Range<usize>, problem: String) -> Self {
        Self { expression: expression.to_owned(), place, problem }
    }

    /// Returns what is wrong, and what to do.
    #[must_use]
    pub fn problem(&self) -> &str {
        &self.problem
    }

    /// Returns the place in the expression, in bytes.
    #[must_use]
    pub fn place(&self) -> Range<usize> {
        self.place.clone()
    }
}

impl std::error::Error for ExpressionError {}

impl fmt::Display for ExpressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // One column for each character, so that the marks are below the place.
        let shown: String =
            self.expression.chars().map(|sign| if is_risky(sign) { ' ' } else { sign }).collect();
        let columns = |bytes: Range<usize>| self.expression.get(bytes).map_or(0, |part| part.chars().count());
        let marks = columns(self.place.clone()).max(1);
        let space = 2 + columns(0..self.place.start);
        write!(f, "{}\n  {shown}\n{:space$}{:^<marks$}", self.problem, "", "")
    }
}
