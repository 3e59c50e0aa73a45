//! A folder and its file system.
#![forbid(unsafe_code)]

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{FallocateFlags, fallocate, statvfs};

use crate::doctor::{Finding, Grade};
use crate::terminal::words::size;
use ringlog::programs::{temporary_name, temporary_start};

/// Syncs that are timed.
const SYNCS: usize = 5;
/// A sync that takes longer than this bounds `--sync every-event` to less than 100 events a second.
const SLOW_SYNC: Duration = Duration::from_millis(10);
/// A sync that takes less than this did not reach a disk.
const NO_DISK: Duration = Duration::from_micros(10);
/// Free space of less than this does not hold a few segments of the default size.
const LITTLE: u64 = 1 << 30;

/// Looks at the file system of an existing folder. `root` is `/`, or a copy of some files of `/proc` and `/sys`.
pub(crate) fn findings(root: &Path, folder: &Path) -> Vec<Finding> {
    let mounts = fs::read_to_string(root.join("proc/self/mountinfo")).unwrap_or_default();
    let mut found: Vec<_> = mount_of(&mounts, folder).as_ref().map_or(Vec::new(), file_system);
    found.extend(space(folder));
    found.extend(trial(folder));
    found.extend(write_cache(root, folder));
    found
}

/// A line of `/proc/self/mountinfo`.
#[derive(PartialEq, Eq, Debug)]
struct Mount {
    kind: String,
    options: String,
}

/// Returns the mount that holds a folder: the one with the longest path, and of several the last, which hides the others.
fn mount_of(mounts: &str, folder: &Path) -> Option<Mount> {
    let folder = fs::canonicalize(folder).ok()?;
    let point = |line: &str| {
        let escaped = line.split(' ').nth(4)?;
        let point = [("\\040", " "), ("\\011", "\t"), ("\\134", "\\")]
            .iter()
            .fold(escaped.to_owned(), |text, (code, sign)| text.replace(code, sign));
        folder.starts_with(&point).then_some(point.len())
    };
    let of = mounts.lines().filter_map(|line| Some((point(line)?, line))).max_by_key(|(length, _)| *length);
    parse_mount(of?.1)
}

/// The fields are in proc_pid_mountinfo(5): after a lone `-` come the kind, the source, and the options of the superblock.
fn parse_mount(line: &str) -> Option<Mount> {
    let (before, after) = line.split_once(" - ")?;
    let (own, mut rest) = (before.split(' ').nth(5)?, after.split(' '));
    let (kind, options) = (rest.next()?, rest.nth(1)?);
    Some(Mount { kind: kind.into(), options: format!("{own},{options}") })
}

fn file_system(mount: &Mount) -> Vec<Finding> {
    let kind = mount.kind.as_str();
    let about = "file system";
    let mut found = vec![match kind {
        "ext4" | "xfs" | "f2fs" | "zfs" => Finding::fine(about, kind),
        "btrfs" | "bcachefs" => Finding::new(
            about,
            Grade::Slow,
            format!(
                "{kind} copies a page on each write of it; `chattr +C` on the log's folder, before its first file, turns that off"
            ),
        ),
        "tmpfs" | "ramfs" => Finding::new(
            about,
            Grade::Risk,
            format!(
                "{kind} is memory: a log here is gone after a restart of the machine, synced or not; a ring is well here"
            ),
        ),
        "nfs" | "nfs4" | "cifs" | "smb3" | "9p" | "ceph" | "glusterfs" | "lustre" | "afs" => Finding::new(
            about,
            Grade::Risk,
            format!(
                "{kind} is on another machine: locks and mapped files promise less there; record to a local disk, and copy"
            ),
        ),
        other if other.starts_with("fuse") => Finding::new(
            about,
            Grade::Risk,
            format!(
                "{other} is a program: what mapped files and locks promise here is up to it; use a file system of the kernel"
            ),
        ),
        "overlay" => Finding::new(
            about,
            Grade::Risk,
            "overlay: the layer of a container, which is deleted with it; mount a volume for the log",
        ),
        other => Finding::new(
            about,
            Grade::Slow,
            format!("{other} is none that ringlog was tried on; run `ringlog verify` after a trial"),
        ),
    }];
    let has = |wanted: &str| mount.options.split(',').any(|option| option == wanted);
    if has("nobarrier") || has("barrier=0") {
        found.push(Finding::new(
            "barriers",
            Grade::Risk,
            "off: a disk may write in any order, and a loss of power can cost what was synced; mount without nobarrier",
        ));
    }
    if has("ro") {
        found.push(Finding::new(
            "file system",
            Grade::Risk,
            "mounted read-only: nothing can be recorded here; remount it rw",
        ));
    }
    found
}

fn space(folder: &Path) -> Option<Finding> {
    let stat = statvfs(folder).ok()?;
    let (free, all) = (stat.f_bavail * stat.f_frsize, stat.f_blocks * stat.f_frsize);
    let words = format!("{} of {} are free", size(free), size(all));
    Some(match (free, stat.f_files, stat.f_favail) {
        (..LITTLE, _, _) => Finding::new(
            "space",
            Grade::Risk,
            format!(
                "{words}; limit the log (--keep-bytes), or say what it does on a full disk (--full-disk)"
            ),
        ),
        // Some file systems have no table of files.
        (_, 1.., ..1000) => Finding::new(
            "space",
            Grade::Risk,
            format!("{words}, but only {} files; delete some", stat.f_favail),
        ),
        _ => Finding::fine("space", words),
    })
}

/// Makes a small file as a log does, times its syncs, and removes it.
fn trial(folder: &Path) -> Vec<Finding> {
    let path = folder.join(temporary_name(&temporary_start("doctor".as_ref()), ".new"));
    let mut found = Vec::new();
    let tried = File::create_new(&path).and_then(|mut file| {
        // The name is not needed.
        fs::remove_file(&path)?;
        if let Err(error) = fallocate(&file, FallocateFlags::empty(), 0, 1 << 20) {
            found.push(Finding::new(
                "room ahead",
                Grade::Slow,
                format!("the file system cannot reserve it ({error}): each file is filled with zeros first; choose another"),
            ));
        }
        let mut times = [Duration::ZERO; SYNCS];
        for time in &mut times {
            file.write_all(&[1; 4096])?;
            let started = Instant::now();
            file.sync_data()?;
            *time = started.elapsed();
        }
        times.sort_unstable();
        Ok(times[SYNCS / 2])
    });
    found.push(match tried {
        Ok(median) => sync_words(median),
        Err(error) => Finding::new(
            "writing",
            Grade::Risk,
            format!("{}: {}", folder.display(), ringlog::programs::io_words(&error)),
        ),
    });
    found
}

fn sync_words(median: Duration) -> Finding {
    let millis = median.as_secs_f64() * 1e3;
    let words = format!("{millis:.2} ms for one sync of 4 KiB");
    match median {
        _ if median >= SLOW_SYNC => Finding::new(
            "sync",
            Grade::Slow,
            format!(
                "{words}: --sync every-event reaches {:.0} events a second; sync by time or by bytes",
                1e3 / millis
            ),
        ),
        _ if median < NO_DISK => Finding::new(
            "sync",
            Grade::Risk,
            format!("{words}: no disk is that fast; what is synced here is likely not on one"),
        ),
        _ => Finding::fine("sync", words),
    }
}

/// Says whether the disk has a cache that a sync has to empty, where the kernel knows.
fn write_cache(root: &Path, folder: &Path) -> Option<Finding> {
    let device = folder.metadata().ok()?.dev();
    let block = format!("sys/dev/block/{}:{}", rustix::fs::major(device), rustix::fs::minor(device));
    // A partition has the queue of its disk.
    let queue = ["queue", "../queue"].iter().map(|it| root.join(&block).join(it)).find(|it| it.exists())?;
    let kind = fs::read_to_string(queue.join("write_cache")).ok()?;
    Some(Finding::fine(
        "disk's cache",
        match kind.trim() {
            "write back" => "emptied by each sync".into(),
            other => other.to_owned(),
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grades(kind: &str, options: &str) -> Vec<Grade> {
        file_system(&Mount { kind: kind.into(), options: options.into() }).iter().map(|it| it.grade).collect()
    }

    #[test]
    fn file_systems_that_promise_less_are_risks() {
        use Grade::{Fine, Risk, Slow};
        assert_eq!(grades("ext4", "rw,relatime"), [Fine]);
        assert_eq!(grades("ext4", "rw,nobarrier"), [Fine, Risk]);
        assert_eq!(grades("xfs", "ro,relatime"), [Fine, Risk]);
        assert_eq!(grades("btrfs", "rw"), [Slow]);
        for kind in ["tmpfs", "nfs4", "fuse.sshfs", "overlay"] {
            assert_eq!(grades(kind, "rw"), [Risk], "{kind}");
        }
        assert_eq!(grades("minix", "rw"), [Slow]);
    }

    #[test]
    fn the_deepest_and_last_mount_holds_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let deep = fs::canonicalize(folder.path()).unwrap();
        let line = |point: &str, kind: &str| format!("1 1 8:1 / {point} rw - {kind} /dev/x rw\n");
        let mounts = line("/", "ext4") + &line(deep.to_str().unwrap(), "xfs") + &line("/no", "zfs");
        assert_eq!(mount_of(&mounts, folder.path()).unwrap().kind, "xfs");
        let covered = mounts.clone() + &line(deep.to_str().unwrap(), "tmpfs");
        assert_eq!(mount_of(&covered, folder.path()).unwrap().kind, "tmpfs");
        assert_eq!(mount_of(&line("/", "ext4"), folder.path()).unwrap().kind, "ext4");
        fs::create_dir(deep.join("a b")).unwrap();
        let spaced = line(&format!("{}/a\\040b", deep.display()), "xfs");
        assert_eq!(mount_of(&spaced, &deep.join("a b")).unwrap().kind, "xfs");
        assert_eq!(mount_of(&spaced, &deep), None);
    }

    #[test]
    fn a_line_of_the_mounts_has_kind_and_options_after_any_number_of_tags() {
        let mount = |kind: &str, options: &str| Some(Mount { kind: kind.into(), options: options.into() });
        let line = "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue";
        assert_eq!(parse_mount(line), mount("ext3", "rw,noatime,rw,errors=continue"));
        assert_eq!(parse_mount("22 1 0:20 / /proc ro - proc proc rw"), mount("proc", "ro,rw"));
        assert_eq!(parse_mount("22 1 0:20 / /proc ro"), None);
    }

    #[test]
    fn times_of_a_sync_have_their_grades_and_a_trial_leaves_nothing() {
        let grade = |micros| sync_words(Duration::from_micros(micros)).grade;
        assert_eq!((grade(1), grade(500), grade(20_000)), (Grade::Risk, Grade::Fine, Grade::Slow));
        let folder = tempfile::tempdir().unwrap();
        assert!(trial(folder.path()).iter().any(|it| it.about == "sync"));
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
        let gone = trial(&folder.path().join("none"));
        assert_eq!((gone[0].about, gone[0].grade), ("writing", Grade::Risk));
    }
}
