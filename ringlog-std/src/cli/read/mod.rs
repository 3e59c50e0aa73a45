//! TODO

pub(crate) mod last;
pub(crate) mod merged;
pub(crate) mod source;
pub(crate) mod survey;
pub(crate) mod tally;
