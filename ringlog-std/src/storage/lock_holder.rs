//! Who holds a file's lock, as far as the kernel tells.
#![forbid(unsafe_code)]

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;

use rustix::fs::{major, minor};

/// Every lock on this machine, a line each.
const LOCKS: &str = "/proc/locks";
/// How often they are read before nobody counts as a holder. The kernel gives them out piece by piece, and where locks come
/// and go between two pieces, one that stays may be left out.
const READINGS: usize = 5;

/// The process that holds the exclusive lock of `file` at this moment.
///
/// `None` if nobody does any more, if the holder lives where this process cannot see it, or if the kernel
/// does not name files by the numbers that `stat` gives (btrfs, overlays).
pub(crate) fn exclusive_holder(file: &File) -> Option<u32> {
    let metadata = file.metadata().ok()?;
    let device = metadata.dev();
    let name = format!("{:02x}:{:02x}:{}", major(device), minor(device), metadata.ino());
    (0..READINGS)
        .find_map(|_| fs::read_to_string(LOCKS).ok()?.lines().find_map(|line| holder_in(line, &name)))
}

/// Whether the process that holds the exclusive lock of `file` may be a writer, which maps what it writes. Another
/// program's lock, that of `flock` say, means nothing for the bytes.
///
/// `true` where that cannot be found out.
pub(crate) fn may_be_writer(file: &File) -> bool {
    let (Some(pid), Ok(metadata)) = (exclusive_holder(file), file.metadata()) else { return true };
    let device = metadata.dev();
    let name = format!(" {:02x}:{:02x} {} ", major(device), minor(device), metadata.ino());
    match fs::read_to_string(format!("/proc/{pid}/maps")) {
        // It has ended, and its lock is on in a copy of the open file.
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(_) => true,
        Ok(maps) => maps.lines().any(|line| line.contains(" rw-s ") && format!("{line} ").contains(&name)),
    }
}

/// Reads `1: FLOCK  ADVISORY  WRITE 9557 fe:00:10010802 0 EOF`.
fn holder_in(line: &str, name: &str) -> Option<u32> {
    let mut words = line.split_whitespace().skip(1);
    // A process that waits for a lock has `->` in front of the kind.
    let is_exclusive_flock = words.next()? == "FLOCK" && words.nth(1)? == "WRITE";
    let pid = words.next()?.parse().ok().filter(|&pid| pid > 0);
    if is_exclusive_flock && words.next()? == name { pid } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exclusive_lock_of_the_file_itself_counts() {
        let name = "fe:00:17";
        let holder = |line| holder_in(line, name);
        assert_eq!(holder("1: FLOCK  ADVISORY  WRITE 9557 fe:00:17 0 EOF"), Some(9557));
        for other in [
            "1: FLOCK  ADVISORY  READ 9557 fe:00:17 0 EOF",
            "1: POSIX  ADVISORY  WRITE 9557 fe:00:17 0 EOF",
            "1: FLOCK  ADVISORY  WRITE 9557 fe:00:171 0 EOF",
            "1: FLOCK  ADVISORY  WRITE -1 fe:00:17 0 EOF",
            "1: FLOCK  ADVISORY  WRITE 0 fe:00:17 0 EOF",
            "1: -> FLOCK  ADVISORY  WRITE 9557 fe:00:17 0 EOF",
            "1: FLOCK  ADVISORY  WRITE",
            "",
        ] {
            assert_eq!(holder(other), None, "{other}");
        }
    }

    #[test]
    fn a_holder_is_named_while_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let held = File::create(&path).unwrap();
        let seen = File::open(&path).unwrap();
        assert_eq!(exclusive_holder(&seen), None);
        held.try_lock().unwrap();
        // Some file systems are named differently there: then nobody is named, never a wrong one.
        assert!([None, Some(std::process::id())].contains(&exclusive_holder(&seen)));
        held.unlock().unwrap();
        assert_eq!(exclusive_holder(&seen), None);
    }
}
