//! Helpers of `stress`: the speed of a plain copy to compare with, and a temporary folder.

pub(crate) mod limit;
pub(crate) mod scratch;
