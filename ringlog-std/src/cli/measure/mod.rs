//! What `stress` needs besides: memory limits and a folder that goes again.

pub(crate) mod limit;
pub(crate) mod scratch;
