//! The options of the command lines.
//!
//! `args` has them as typed, `config` has them with defaults filled in, `log_args` has those for writing a log,
//! `thread_args` those for where threads run, `filter_args` those for which events, `print_args` those for how they are
//! printed, `look_args` those of charts, `export_args` those of exports, `keep_args` those of house-keeping, `copy_args` those
//! of backups, `ship_args` those of streams, `receive_args` those of devices. `standard` is `-` in the place of a file,
//! `overview` the help without a command, `given_file` answers a file where a command is expected. Every command calls this
//! folder; it records nothing.

pub(crate) mod args;
pub(crate) mod config;
pub(crate) mod config_file;
pub(crate) mod copy_args;
pub(crate) mod export_args;
pub(crate) mod filter_args;
pub(crate) mod given_file;
pub(crate) mod keep_args;
pub(crate) mod log_args;
pub(crate) mod look_args;
pub(crate) mod message_args;
pub(crate) mod overview;
pub(crate) mod print_args;
pub(crate) mod receive_args;
pub(crate) mod schema_args;
pub(crate) mod service_args;
pub(crate) mod ship_args;
pub(crate) mod standard;
pub(crate) mod thread_args;
pub(crate) mod top_args;
