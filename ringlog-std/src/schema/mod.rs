//! Typed events: what the bytes of a payload mean.
//!
//! A [`Schema`] describes one type of events: names, offsets and kinds of fields. A log carries the schemas of the types
//! in it, so each of its segments can be decoded alone. Everything here works on bytes in memory, which may come from
//! anywhere: no input makes it panic or take memory by a length that it claims.
//!
//! | task | use |
//! |---|---|
//! | read the JSON of a META record | [`Schema::parse`], [`LogInfo::parse`] |
//! | know what is in force in a segment | [`SchemaSet`] |
//! | give a payload's fields their names and values | [`Schema::decode`], [`Decoded`], [`Value`] |
//! | print it | [`Decoded`]'s `Display`, [`Decoded::json`], [`Value::cell`] |
//! | make a table of one type | [`Schema::columns`], [`Decoded::cells`] |
//! | write structs for the types of a log | [`SchemaSet::emit_rust`] |
//! | write a header in C or C++ | [`SchemaSet::emit_header`] |
//! | choose events by an expression | [`Expression`]; with a reader: [`Filter::parse`](crate::storage::Filter::parse) |
#![forbid(unsafe_code)]

mod cbor;
mod decode;
mod emit;
mod emit_c;
mod error;
mod expression;
mod field;
mod json;
mod log_info;
pub(crate) mod near;
mod parse;
mod path;
mod render;
mod set;
#[cfg(test)]
mod tests;
mod types;
mod value;

pub use decode::Decoded;
pub use emit_c::HeaderLanguage;
pub use error::{ExpressionError, NotFitting, SchemaError};
pub use expression::{BoundExpression, Expression};
pub use field::{Field, Format, Kind};
pub use log_info::{Interface, LogInfo};
pub use path::Column;
pub use set::{SchemaSet, Unreadable};
pub use types::{Schema, Tail};
pub use value::{Decimal, Fields, Items, Value};
