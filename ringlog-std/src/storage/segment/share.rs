//! Holding a segment that others may retire: a shared lock on it, and whether its name still leads to it.
//!
//! Retention recycles a segment only under an exclusive lock, after which the name leads elsewhere. So a reader that
//! has the shared lock *and then* finds its file under the name keeps what it has mapped or opened.
//!
//! Retention renames before it locks. So an exclusive lock on a file that has its name is held by the writer of a
//! single file, or by another program. A reader waits a little for the second, and then reports who holds it.
#![forbid(unsafe_code)]

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::os::files::{is_file_of, try_hold};
use crate::os::sync::{kernel_call, sleep};
use crate::storage::names::is_compressed;

/// How long a reader waits for another program's lock, a millisecond at a time.
pub(crate) const READER_WAITS: u32 = 200;
/// The same for a log's writer, for all segments of a recovery or of a sync together.
pub(crate) const WRITER_WAITS: u32 = 1000;

/// How waiting for the shared lock of a file without a writer ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Hold {
    /// The lock is held.
    Held,
    /// The name leads elsewhere: the file was retired.
    Gone,
    /// Another program has an exclusive lock.
    Locked,
}

/// Takes the shared lock of a file that has no writer, as a reader does.
pub(crate) fn hold_finished(path: &Path, file: &File) -> io::Result<Hold> {
    hold_within(path, file, &mut { READER_WAITS })
}

/// Does the same, and waits at most as many milliseconds as are left.
pub(crate) fn hold_within(path: &Path, file: &File, waits_left: &mut u32) -> io::Result<Hold> {
    loop {
        let is_held = try_hold(file)?;
        match (is_same_file(path, file)?, is_held) {
            (false, _) => return Ok(Hold::Gone),
            (true, true) => return Ok(Hold::Held),
            (true, false) if *waits_left == 0 => return Ok(Hold::Locked),
            (true, false) => *waits_left -= 1,
        }
        sleep(Duration::from_millis(1));
    }
}

/// Returns whether the name leads to this open file, and not to another one or none.
pub(crate) fn is_same_file(path: &Path, file: &File) -> io::Result<bool> {
    kernel_call();
    // What is read of a compressed copy has no name. No retention takes the copy.
    if is_compressed(path) {
        return fs::exists(path);
    }
    is_file_of(fs::metadata(path), file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_to_one_file_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "x").unwrap();
        let file = File::open(&path).unwrap();
        assert!(is_same_file(&path, &file).unwrap());
        fs::rename(&path, folder.path().join("b")).unwrap();
        assert!(!is_same_file(&path, &file).unwrap());
        fs::write(&path, "y").unwrap();
        assert!(!is_same_file(&path, &file).unwrap());
    }

    #[test]
    fn an_exclusive_lock_keeps_others_from_holding() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "x").unwrap();
        let (first, second) = (File::open(&path).unwrap(), File::open(&path).unwrap());
        assert!(try_hold(&first).unwrap() && try_hold(&second).unwrap());
        assert!(first.try_lock().is_err(), "held by the other one");
        drop(second);
        first.try_lock().unwrap();
        assert!(!try_hold(&File::open(&path).unwrap()).unwrap());
    }
}
