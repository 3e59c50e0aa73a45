//! Standard input in the place of a file, for readers that need one: they seek, map, or read it several times.
#![forbid(unsafe_code)]

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, IsTerminal, Seek};
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::error::CliError;
use ringlog::programs::create_unnamed;

/// What messages call it.
const NAME: &str = "standard input";

/// The file, and the path by which the kernel opens it once more.
static TAKEN: OnceLock<(File, String)> = OnceLock::new();

/// Whether a path means standard input or output.
pub(crate) fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Takes standard input as a file, and returns its path. What is no file is first copied to one without a name, in the folder
/// for temporary files.
pub(crate) fn take() -> Result<PathBuf, CliError> {
    let input = io::stdin();
    if input.is_terminal() {
        return Err(CliError::Usage(
            "-: standard input is a terminal; give a file, or pipe one: `ringlog cat - <FILE`".into(),
        ));
    }
    let failed = |error| CliError::io("copy to a temporary file", Path::new(NAME))(error);
    let input = input.as_fd().try_clone_to_owned().map(File::from).map_err(failed)?;
    let is_file =
        input.metadata().is_ok_and(|it| it.is_file()) && (&input).stream_position().is_ok_and(|at| at == 0);
    let file = if is_file { input } else { spooled(input).map_err(failed)? };
    let (_, path) = TAKEN.get_or_init(|| {
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        (file, path)
    });
    Ok(path.into())
}

fn spooled(mut input: File) -> io::Result<File> {
    let mut file = create_unnamed()?;
    io::copy(&mut input, &mut file)?;
    Ok(file)
}

/// Whether this is the path of standard input as a file.
pub(crate) fn is_standard_input(path: &Path) -> bool {
    TAKEN.get().is_some_and(|(_, taken)| path.as_os_str() == &**taken)
}

/// Returns a text in which standard input has its name instead of a path.
pub(crate) fn named(text: &str) -> Cow<'_, str> {
    match TAKEN.get() {
        Some((_, path)) if text.contains(path) => {
            Cow::Owned(text.replace(&format!("{path} (a symbolic link)"), NAME).replace(path, NAME))
        }
        _ => Cow::Borrowed(text),
    }
}
