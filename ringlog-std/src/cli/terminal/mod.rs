//! Standard output, standard error and signals.
//!
//! Everything that is printed goes through here, so that no byte of a payload controls a terminal and a reader that has
//! gone is no failure.

pub(crate) mod print;
pub(crate) mod signals;
pub(crate) mod words;
