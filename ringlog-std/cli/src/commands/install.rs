//! `ringlog completions` and `ringlog man`: what a package of the program installs beside it.
#![forbid(unsafe_code)]

use std::fs::create_dir_all;

use clap::CommandFactory;

use crate::error::{CliError, Outcome};
use crate::options::args::RinglogArgs;
use crate::options::keep_args::{CompletionsArgs, ManArgs};
use crate::terminal::print::print;
use crate::terminal::words::counted;

/// Prints the completions for a shell.
pub(crate) fn completions(args: &CompletionsArgs) -> Result<Outcome, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut RinglogArgs::command(), "ringlog", &mut script);
    print(String::from_utf8_lossy(&script).trim_end())?;
    Ok(Outcome::Clean)
}

/// Writes the manual pages.
pub(crate) fn man(args: &ManArgs) -> Result<Outcome, CliError> {
    let folder = &args.folder;
    create_dir_all(folder).map_err(CliError::io("create", folder))?;
    clap_mangen::generate_to(RinglogArgs::command(), folder)
        .map_err(CliError::io("write pages to", folder))?;
    let pages = 1 + RinglogArgs::command().get_subcommands().count() as u64;
    print(&format!("{}: {}", folder.display(), counted(pages, "page")))?;
    Ok(Outcome::Clean)
}
