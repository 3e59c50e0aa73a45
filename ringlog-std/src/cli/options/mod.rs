//! TODO

pub(crate) mod args;
pub(crate) mod config;
pub(crate) mod log_args;
pub(crate) mod values;
