//! What a command line may say, and what it amounts to.
//!
//! `args` is the raw command line, `config` what a command works with, `values` the kinds of values. Every command calls
//! this folder; it opens no log and records nothing.

pub(crate) mod args;
pub(crate) mod config;
pub(crate) mod log_args;
