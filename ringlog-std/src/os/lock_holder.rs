//! Who holds a file's lock, if the kernel shows it.
#![forbid(unsafe_code)]

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use rustix::fs::{major, minor};

use crate::os::files::try_hold;
use crate::os::sync::sleep;

/// Every lock on this machine, a line each.
const LOCKS: &str = "/proc/locks";
/// How often they are read before nobody counts as a holder. The kernel returns them piece by piece. If locks come
/// and go between two pieces, a lock that stays may be left out.
const READINGS: usize = 5;

/// Returns the process that holds the exclusive lock of `file` at this moment.
///
/// `None` if nobody does any more, if this process cannot see the holder, or if the kernel does not name files by the
/// numbers that `stat` gives (btrfs, overlays).
pub(crate) fn exclusive_holder(file: &File) -> Option<u32> {
    let name = name_in_locks(file)?;
    let exclusive = |line: &str| holder_in(line, &name).filter(|(_, kind)| *kind == Kind::Exclusive);
    (0..READINGS).find_map(|_| Some(fs::read_to_string(LOCKS).ok()?.lines().find_map(exclusive)?.0))
}

/// Returns a process that writes the file of a log: it has a lock on it, of either kind, and maps it for writing.
///
/// `None` if there is none, or if it cannot be seen.
pub fn live_writer(file: &File) -> Option<u32> {
    let name = name_in_locks(file)?;
    let writes = |pid: &u32| maps_for_writing(*pid, file) == Some(true);
    let all = |locks: String| locks.lines().filter_map(|line| Some(holder_in(line, &name)?.0)).find(writes);
    (0..READINGS).find_map(|_| all(fs::read_to_string(LOCKS).ok()?))
}

/// Returns whether the process has the file open; `None` if that cannot be seen. A process that has ended has nothing open.
pub fn has_open(pid: u32, file: &File) -> Option<bool> {
    let wanted = file.metadata().ok()?;
    let entries = match fs::read_dir(format!("/proc/{pid}/fd")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Some(false),
        other => other.ok()?,
    };
    let is_it = |found: fs::Metadata| (found.dev(), found.ino()) == (wanted.dev(), wanted.ino());
    let opened = |entry: io::Result<fs::DirEntry>| fs::metadata(entry.ok()?.path()).ok();
    // The file that this process has open to look at it is not what is asked for.
    let own = usize::from(pid == std::process::id());
    Some(entries.filter_map(opened).filter(|found| is_it(found.clone())).count() > own)
}

fn name_in_locks(file: &File) -> Option<String> {
    let metadata = file.metadata().ok()?;
    let device = metadata.dev();
    Some(format!("{:02x}:{:02x}:{}", major(device), minor(device), metadata.ino()))
}

/// Who has the exclusive lock of a file that may have a writer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Locker {
    /// Nobody, now.
    Nobody,
    /// Another program, such as `flock`. Its lock means nothing for the bytes.
    OtherProgram(Option<u32>),
    /// A writer of a single file, or a process that cannot be seen well enough to exclude that.
    Writer(Option<u32>),
}

/// Waits until nobody has the exclusive lock of `file`, a millisecond at a time, unless a writer has it.
///
/// A sealed file has no writer. Nor has one whose locker does not map it for writing. A locker that cannot be seen is
/// waited for: it may be gone the next time, as one that unlocks between the check of the lock and that of its
/// process.
pub(crate) fn wait_for_locker(file: &File, is_sealed: bool, waits_left: &mut u32) -> io::Result<Locker> {
    let mut last_pid = None;
    loop {
        if try_hold(file)? {
            file.unlock()?;
            return Ok(Locker::Nobody);
        }
        let pid = exclusive_holder(file);
        let maps_it = pid.and_then(|pid| maps_for_writing(pid, file));
        last_pid = pid.or(last_pid);
        match maps_it {
            Some(true) if !is_sealed => return Ok(Locker::Writer(pid)),
            _ if *waits_left > 0 => {}
            None if !is_sealed => return Ok(Locker::Writer(last_pid)),
            _ => return Ok(Locker::OtherProgram(last_pid)),
        }
        *waits_left -= 1;
        sleep(Duration::from_millis(1));
    }
}

/// Returns whether the process has mapped the file for writing, as a writer has; `None` if that cannot be found out.
fn maps_for_writing(pid: u32, file: &File) -> Option<bool> {
    let metadata = file.metadata().ok()?;
    let device = metadata.dev();
    let name = format!(" {:02x}:{:02x} {} ", major(device), minor(device), metadata.ino());
    match fs::read_to_string(format!("/proc/{pid}/maps")) {
        // It has ended. Its lock lives on in a copy of the open file.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some(false),
        Err(_) => None,
        Ok(maps) => {
            Some(maps.lines().any(|line| line.contains(" rw-s ") && format!("{line} ").contains(&name)))
        }
    }
}

/// Reads `1: FLOCK  ADVISORY  WRITE 9557 fe:00:10010802 0 EOF`.
fn holder_in(line: &str, name: &str) -> Option<(u32, Kind)> {
    let mut words = line.split_whitespace().skip(1);
    // A process that waits for a lock has `->` before the kind.
    let is_flock = words.next()? == "FLOCK";
    let kind = match words.nth(1)? {
        "WRITE" => Kind::Exclusive,
        "READ" => Kind::Shared,
        _ => return None,
    };
    let pid = words.next()?.parse().ok().filter(|&pid| pid > 0)?;
    (is_flock && words.next()? == name).then_some((pid, kind))
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Shared,
    Exclusive,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exclusive_lock_of_the_file_itself_counts() {
        let name = "fe:00:17";
        let holder = |line| holder_in(line, name);
        assert_eq!(holder("1: FLOCK  ADVISORY  WRITE 9557 fe:00:17 0 EOF"), Some((9557, Kind::Exclusive)));
        let shared = "1: FLOCK  ADVISORY  READ 9557 fe:00:17 0 EOF";
        assert_eq!(holder(shared), Some((9557, Kind::Shared)));
        for other in [
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
        // Some file systems have another name there: then no process is named, never a wrong one.
        assert!([None, Some(std::process::id())].contains(&exclusive_holder(&seen)));
        held.unlock().unwrap();
        assert_eq!(exclusive_holder(&seen), None);
    }
}
