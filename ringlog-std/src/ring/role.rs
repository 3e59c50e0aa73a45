//! Who may write into a shared ring, and who may read from it.
//!
//! A role is a lock on a file beside the ring. The kernel holds the lock and frees it when its process ends, no
//! matter how it ends. So no time-out is needed. The text in the file is for messages only.
#![forbid(unsafe_code)]

pub(crate) use super::shared_error::{Role, SharedRingError};
use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::os::files::{is_at, open_or_create};
use crate::os::lock_holder::{exclusive_holder, has_open};
use crate::os::ownership::Ownership;

/// More bytes than any stored text has. No more is read of a file that is not ours.
const TEXT_BYTES: usize = 64;
const PREFIX: &str = "pid: ";
/// How often the file is opened if others delete it and create it again.
const OPENINGS: usize = 100;
/// How long an owner may take between the lock and its process id.
const NAME_PATIENCE: Duration = Duration::from_millis(20);

/// A role in one ring, held until this is dropped.
#[derive(Debug)]
pub(crate) struct RoleLock {
    /// The lock on this file is the role.
    file: File,
    role: Role,
    ownership: Arc<Ownership>,
}

impl Drop for RoleLock {
    fn drop(&mut self) {
        // Closing the file is not enough if another thread is starting a child at this moment: until the child has
        // become another program, it has a copy of the open file. A forked child unlocks nothing.
        if self.ownership.is_of_this_process() {
            let _ = self.file.unlock();
        }
    }
}

impl RoleLock {
    /// Takes the role in the ring `path`, without waiting.
    pub(super) fn claim(ring: &Path, role: Role) -> Result<Self, SharedRingError> {
        let path = file_of(ring, role);
        let failed = |action| move |error| SharedRingError::io(&file_of(ring, role), action, error);
        for _ in 0..OPENINGS {
            let file = open_or_create(&path).map_err(failed("open"))?;
            let Some(mut file) = file else { return Err(SharedRingError::ForeignRoleFile { path }) };
            if !is_ours(&file).map_err(failed("read"))? {
                return Err(SharedRingError::ForeignRoleFile { path });
            }
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => {
                    return Err(SharedRingError::Claimed { path: ring.into(), role, pid: owner(&file) });
                }
                other => other.map_err(|error| failed("lock")(error.into()))?,
            }
            // Somebody may have deleted it between the two calls: then it keeps nobody out.
            if !is_at(&path, &file).map_err(failed("look up"))? {
                continue;
            }
            let ownership = Arc::new(Ownership::of(&path, &file).map_err(failed("look at"))?);
            ownership.separate(&mut file).map_err(failed("separate"))?;
            store_pid(&file).map_err(failed("store into"))?;
            return Ok(Self { file, role, ownership });
        }
        Err(failed("find twice under its name")(io::ErrorKind::NotFound.into()))
    }

    pub(super) const fn role(&self) -> Role {
        self.role
    }

    /// Returns whose the role is, and whether its file still keeps others out.
    pub(super) const fn ownership(&self) -> &Arc<Ownership> {
        &self.ownership
    }
}

/// Who has a role, as far as it can be seen without taking it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RoleOwner {
    /// Nobody has claimed it since its file was made.
    Never,
    /// Nobody has it now. The process is the last that had it.
    Free(Option<u32>),
    /// This process has it.
    Held(u32),
    /// The process claimed it last and lives, and this program may not see whether it still has it.
    Unseen(u32),
    /// The role's file is not one of a ring.
    Foreign,
}

/// Returns who has a role in the ring `path`. Takes no lock.
pub fn look_at_owner(ring: &Path, role: Role) -> io::Result<RoleOwner> {
    let path = file_of(ring, role);
    let file = match crate::os::files::open_to_read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(RoleOwner::Never),
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Ok(RoleOwner::Foreign),
        other => other?,
    };
    if !is_ours(&file)? {
        return Ok(RoleOwner::Foreign);
    }
    let named = named_pid(&file);
    if let Some(holder) = exclusive_holder(&file) {
        return Ok(RoleOwner::Held(holder));
    }
    // Some file systems have another name in the kernel's list of locks. An owner keeps the file open.
    Ok(match named.map(|pid| (pid, has_open(pid, &file))) {
        Some((pid, Some(true))) => RoleOwner::Held(pid),
        Some((pid, None)) => RoleOwner::Unseen(pid),
        _ => RoleOwner::Free(named),
    })
}

fn file_of(ring: &Path, role: Role) -> PathBuf {
    let mut name = ring.as_os_str().to_owned();
    name.push(format!(".{role}"));
    name.into()
}

fn store_pid(file: &File) -> io::Result<()> {
    let text = format!("{PREFIX}{}\n", std::process::id());
    file.write_all_at(text.as_bytes(), 0)?;
    file.set_len(text.len() as u64)
}

fn is_ours(file: &File) -> io::Result<bool> {
    let text = start_of(file)?;
    // A loss of power may leave zeros, or nothing, in place of the first text.
    Ok(text.starts_with(PREFIX) || text.bytes().all(|byte| byte == 0))
}

fn start_of(file: &File) -> io::Result<String> {
    let mut bytes = [0; TEXT_BYTES];
    let len = file.read_at(&mut bytes, 0)?;
    Ok(String::from_utf8_lossy(bytes.get(..len).unwrap_or_default()).into_owned())
}

/// Returns the process that holds the lock. Right after that one took it, the file may still name the one before.
fn owner(file: &File) -> Option<u32> {
    let end = Instant::now() + NAME_PATIENCE;
    loop {
        let pid = named_pid(file);
        let is_alive = pid.is_some_and(|pid| Path::new("/proc").join(pid.to_string()).exists());
        if is_alive || Instant::now() >= end {
            return pid;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn named_pid(file: &File) -> Option<u32> {
    start_of(file).ok()?.strip_prefix(PREFIX)?.lines().next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_has_one_owner_and_the_other_role_another() {
        let folder = tempfile::tempdir().unwrap();
        let ring = folder.path().join("ring");
        let held = RoleLock::claim(&ring, Role::Producer).unwrap();
        assert!(RoleLock::claim(&ring, Role::Consumer).is_ok());
        match RoleLock::claim(&ring, Role::Producer) {
            Err(SharedRingError::Claimed { pid, role, .. }) => {
                assert_eq!((pid, role), (Some(std::process::id()), Role::Producer));
            }
            other => panic!("{other:?}"),
        }
        drop(held);
        assert_eq!(RoleLock::claim(&ring, Role::Producer).unwrap().role(), Role::Producer);
    }

    #[test]
    fn an_owner_is_seen_without_taking_the_role() {
        let folder = tempfile::tempdir().unwrap();
        let ring = folder.path().join("ring");
        let look = || look_at_owner(&ring, Role::Producer).unwrap();
        assert_eq!(look(), RoleOwner::Never);
        let held = RoleLock::claim(&ring, Role::Producer).unwrap();
        let here = std::process::id();
        assert_eq!(look(), RoleOwner::Held(here));
        drop(held);
        assert_eq!(look(), RoleOwner::Free(Some(here)));
        assert!(RoleLock::claim(&ring, Role::Producer).is_ok());
        std::fs::write(folder.path().join("ring.producer"), "Dear reader").unwrap();
        assert_eq!(look(), RoleOwner::Foreign);
    }

    #[test]
    fn somebody_elses_file_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (ring, letter) = (folder.path().join("ring"), folder.path().join("ring.producer"));
        std::fs::write(&letter, "Dear reader").unwrap();
        let refused = || RoleLock::claim(&ring, Role::Producer).unwrap_err();
        assert!(matches!(refused(), SharedRingError::ForeignRoleFile { .. }));
        assert_eq!(std::fs::read(&letter).unwrap(), b"Dear reader");
        std::fs::remove_file(&letter).unwrap();
        std::os::unix::fs::symlink("elsewhere", &letter).unwrap();
        assert!(matches!(refused(), SharedRingError::ForeignRoleFile { .. }));
        std::fs::remove_file(&letter).unwrap();
        std::fs::create_dir(&letter).unwrap();
        assert!(matches!(refused(), SharedRingError::Io { .. } | SharedRingError::ForeignRoleFile { .. }));
    }
}
