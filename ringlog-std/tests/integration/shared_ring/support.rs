//! A folder for these tests.

use std::path::Path;

/// Makes a folder, in memory if possible: these tests are about processes, not about disks.
pub(crate) fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}
