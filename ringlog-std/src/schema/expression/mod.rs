//! Expressions that choose events: `order_add.price > 100.5 && side == "buy"`.
//!
//! `token` and `syntax` read the text, `number` holds what was typed exactly, `compile` looks names up in a set of schemas
//! and makes a program for each type, `program` runs it. `advice` says what to write instead of what is wrong, `doubt` finds
//! comparisons that say nothing.
#![forbid(unsafe_code)]

mod advice;
mod bound;
mod compile;
mod doubt;
mod number;
mod program;
#[cfg(test)]
mod properties;
mod syntax;
#[cfg(test)]
mod tests;
mod token;

pub use bound::{BoundExpression, Expression};
