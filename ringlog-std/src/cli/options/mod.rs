//! The options of the command lines.
//!
//! `args` has them as typed, `config` has them with defaults filled in, `log_args` has those for writing a log,
//! `export_args` those of `export`, `thread_args` those for where threads run, `filter_args` those for which events, `print_args` those for how they are
//! printed. Every command calls this folder; it opens no log and records nothing.

pub(crate) mod args;
pub(crate) mod config;
pub(crate) mod export_args;
pub(crate) mod filter_args;
pub(crate) mod log_args;
pub(crate) mod message_args;
pub(crate) mod print_args;
pub(crate) mod schema_args;
pub(crate) mod thread_args;
