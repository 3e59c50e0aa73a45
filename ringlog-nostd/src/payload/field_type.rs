//! The types that a field of an event can have.
#![forbid(unsafe_code)]

use crate::payload::description::Kind;
use core::marker::PhantomData;
use zerocopy::little_endian;

/// A type that a field of an event can have.
#[cfg_attr(
    target_endian = "little",
    diagnostic::on_unimplemented(
        message = "`{Self}` cannot be a field of an event",
        label = "the log has no kind for this type",
        note = "use u8 to u64, i8 to i64, f32, f64, bool, an enum with `#[labels]`, a struct with `#[fields]`, or an \
                array of these; a text goes into a `[u8; N]` with `#[event(kind = \"text\")]`, or into the tail"
    )
)]
#[cfg_attr(
    target_endian = "big",
    diagnostic::on_unimplemented(
        message = "`{Self}` cannot be a field of an event on this target, whose numbers are big-endian",
        label = "the log has no kind for this type",
        note = "use the types of `little_endian`, such as `little_endian::U32`, which are the same on every target"
    )
)]
pub trait FieldType {
    /// What the log says of it.
    const KIND: Kind;
}

macro_rules! plain {
    ($($type:ty, $name:literal, $is_integer:literal;)*) => {
        $(impl FieldType for $type {
            const KIND: Kind = Kind::Plain { name: $name, is_integer: $is_integer };
        })*
    };
}

plain! {
    u8, "u8", true; i8, "i8", true; bool, "bool", false;
    little_endian::U16, "u16", true; little_endian::U32, "u32", true; little_endian::U64, "u64", true;
    little_endian::I16, "i16", true; little_endian::I32, "i32", true; little_endian::I64, "i64", true;
    little_endian::F32, "f32", false; little_endian::F64, "f64", false;
}

#[cfg(target_endian = "little")]
plain! {
    u16, "u16", true; u32, "u32", true; u64, "u64", true;
    i16, "i16", true; i32, "i32", true; i64, "i64", true;
    f32, "f32", false; f64, "f64", false;
}

impl<T: FieldType, const N: usize> FieldType for [T; N] {
    const KIND: Kind = Kind::Array { element: const { &T::KIND }, len: N };
}

/// Needs a type that a field can have.
pub struct InLog<T: FieldType>(PhantomData<T>);

/// Returns the bytes of a struct that are in none of its fields.
pub const fn bytes_of_holes(size: usize, fields: &[usize]) -> usize {
    let (mut holes, mut rest) = (size, fields);
    while let [first, others @ ..] = rest {
        holes -= *first;
        rest = others;
    }
    holes
}

/// A struct of which `HOLES` bytes are in no field.
#[diagnostic::on_unimplemented(
    message = "`{T}` has {HOLES} bytes of padding, whose content would be random",
    label = "padding between the fields, or after them",
    note = "sort the fields by size, largest first, and fill what is left with a field `reserved: [u8; N]`"
)]
pub trait Holes<T, const HOLES: usize> {}

impl<T> Holes<T, 0> for () {}

/// Needs a struct without holes.
pub struct WithoutHoles<T, const HOLES: usize>(PhantomData<T>)
where
    (): Holes<T, HOLES>;
