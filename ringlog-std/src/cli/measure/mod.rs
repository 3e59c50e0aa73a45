//! TODO

pub(crate) mod limit;
pub(crate) mod scratch;
