//! The command line of `ringlog schema`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Arguments of `ringlog schema`.
#[derive(Args, Debug)]
pub(crate) struct SchemaArgs {
    #[command(subcommand)]
    pub(crate) command: SchemaCommand,
}

/// What to do with descriptions of events.
#[derive(Subcommand, Debug)]
pub(crate) enum SchemaCommand {
    /// Show the names and fields of a log's events
    Show {
        /// A log's folder, or one of its files
        log: PathBuf,
    },
    /// Check a file of descriptions that was written by hand, as --schema takes it
    Check {
        /// The file
        file: PathBuf,
    },
    /// Write the descriptions of a log's events as structs in Rust, C or C++, or as a file for --schema
    Emit {
        /// A log's folder, or one of its files
        log: PathBuf,
        #[command(flatten)]
        form: EmitForm,
    },
    /// Write what a firmware's image says of its events, as a file for --schema
    Extract {
        /// The ELF file that the linker wrote
        #[arg(value_name = "FIRMWARE.elf")]
        image: PathBuf,
    },
}

/// What `emit` writes.
#[derive(Args, Clone, Copy, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct EmitForm {
    /// Write structs with #[ringlog::event]
    #[arg(long)]
    pub(crate) rust: bool,
    /// Write a file for --schema, or for schema.json in a log's folder
    #[arg(long)]
    pub(crate) json: bool,
    /// Write a header for C11: structs with the payloads' layout, and constants
    #[arg(long)]
    pub(crate) c: bool,
    /// Write the same for C++17
    #[arg(long)]
    pub(crate) cpp: bool,
}
