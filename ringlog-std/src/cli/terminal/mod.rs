//! TODO

pub(crate) mod print;
pub(crate) mod signals;
pub(crate) mod words;
