//! A platform that does all calls except syncs, and records all of them.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::os::mmap::{MapHandle, StoreWitness};
use crate::os::platform::{Linux, Platform};
use crate::os::sync::{kernel_call, slow_kernel_call};

/// A file under any name.
pub(crate) type FileId = u64;

/// One thing that happened.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Create {
        file: FileId,
        name: String,
    },
    Grow {
        file: FileId,
        len: u64,
    },
    SetLen {
        file: FileId,
        len: u64,
    },
    Store {
        file: FileId,
        offset: u64,
        bytes: Vec<u8>,
    },
    Punch {
        file: FileId,
        from: u64,
        len: u64,
    },
    Rename {
        from: String,
        to: String,
    },
    Remove {
        name: String,
    },
    SyncRange {
        file: FileId,
        from: u64,
        to: u64,
    },
    SyncFile {
        file: FileId,
    },
    /// The kernel takes the pages for clean from now on, and has not written them.
    SyncFailed {
        file: FileId,
        from: u64,
        to: u64,
    },
    SyncFolder,
    /// The test is about to write the event of this number.
    Producing(u64),
    /// All events below this number were written.
    Written(u64),
    /// All events below this number were promised to be durable, or reported as lost.
    Promised(u64),
    /// The events from this number on are written under this version of the descriptions.
    Described {
        version: u64,
        from: u64,
    },
}

/// What happened so far. No schedule interrupts a standard lock, so another thread continues only after an
/// entry.
#[derive(Debug, Default)]
pub(crate) struct Trace(Mutex<Vec<Op>>);

impl Trace {
    pub(crate) fn add(&self, op: Op) {
        self.0.lock().unwrap().push(op);
        kernel_call();
    }

    pub(crate) fn take(&self) -> Vec<Op> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    /// Returns whether each change of a name was followed by a sync of the folder before anything else
    /// happened.
    pub(crate) fn names_are_synced_at_once(&self) -> bool {
        let ops = self.0.lock().unwrap();
        let is_change = |op: &Op| matches!(op, Op::Rename { .. } | Op::Remove { .. });
        ops.iter().zip(ops.iter().skip(1)).all(|(op, next)| !is_change(op) || matches!(next, Op::SyncFolder))
            && !ops.last().is_some_and(is_change)
    }
}

/// Bytes of a write that reach the file at once.
const WRITTEN_AT_ONCE: usize = 700;

/// A call for which there is no room.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Refused {
    /// Renaming files whose names end with this.
    RenameFrom(&'static str),
    /// Renaming to names that end with this.
    RenameTo(&'static str),
    /// Storing into files that are not mapped.
    Store,
}

/// The platform. Syncs are only recorded, so it is fast.
#[derive(Debug)]
pub(crate) struct Recorder {
    pub(crate) trace: Arc<Trace>,
    boot_id: String,
    /// The files by inode number.
    files: Mutex<HashMap<u64, FileId>>,
    next_file: AtomicU64,
    /// Allocations fail while it is not zero.
    pub(crate) disk_full: AtomicU64,
    /// Syncs until one fails; 0 for never.
    pub(crate) sync_fails_in: AtomicU64,
    /// Files that cannot be deleted or renamed have this in their names.
    pub(crate) immutable: Mutex<Option<String>>,
    pub(crate) refused: Mutex<Option<Refused>>,
    /// Pieces of writes until one write stops before it; 0 for never.
    pub(crate) writes_until_stop: AtomicU64,
}

impl Recorder {
    pub(crate) fn new(boot_id: &str) -> Self {
        Self {
            trace: Arc::default(),
            boot_id: boot_id.to_owned(),
            files: Mutex::default(),
            next_file: AtomicU64::new(1),
            disk_full: AtomicU64::new(0),
            sync_fails_in: AtomicU64::new(0),
            immutable: Mutex::default(),
            refused: Mutex::default(),
            writes_until_stop: AtomicU64::new(0),
        }
    }

    /// Adds a file that exists already.
    pub(crate) fn adopt(&self, path: &Path) -> FileId {
        let id = self.next_file.fetch_add(1, Ordering::Relaxed);
        self.files.lock().unwrap().insert(inode(&File::open(path).unwrap()), id);
        id
    }

    /// Returns the file's id. A file without one is the `writer` file, which is not created through the
    /// platform.
    fn id(&self, file: &File) -> FileId {
        let inode = inode(file);
        let known = self.files.lock().unwrap().get(&inode).copied();
        known.unwrap_or_else(|| {
            let id = self.next_file.fetch_add(1, Ordering::Relaxed);
            self.files.lock().unwrap().insert(inode, id);
            self.trace.add(Op::Create { file: id, name: "writer".into() });
            id
        })
    }

    fn refuse_if_immutable(&self, path: &Path) -> io::Result<()> {
        let is_immutable =
            self.immutable.lock().unwrap().as_ref().is_some_and(|part| name(path).contains(part));
        if is_immutable { Err(io::ErrorKind::PermissionDenied.into()) } else { Ok(()) }
    }

    fn refuse(&self, is_refused: impl FnOnce(Refused) -> bool) -> io::Result<()> {
        let refused = *self.refused.lock().unwrap();
        if refused.is_some_and(is_refused) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    /// A sync takes time: what is stored before it counts may be safe, what is stored after that is not.
    fn sync_may_fail(&self) -> io::Result<()> {
        slow_kernel_call();
        let left = self.sync_fails_in.load(Ordering::Relaxed);
        self.sync_fails_in.store(left.saturating_sub(1), Ordering::Relaxed);
        if left == 1 { Err(io::Error::other("injected")) } else { Ok(()) }
    }
}

fn inode(file: &File) -> u64 {
    file.metadata().unwrap().ino()
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

impl Platform for Recorder {
    fn boot_id(&self) -> io::Result<String> {
        Ok(self.boot_id.clone())
    }

    fn create_new(&self, path: &Path) -> io::Result<File> {
        let file = Linux.create_new(path)?;
        let id = self.next_file.fetch_add(1, Ordering::Relaxed);
        self.files.lock().unwrap().insert(inode(&file), id);
        self.trace.add(Op::Create { file: id, name: name(path) });
        Ok(file)
    }

    fn allocate(&self, file: &File, len: u64) -> io::Result<()> {
        if self.disk_full.load(Ordering::Relaxed) > 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        if file.metadata()?.len() < len {
            file.set_len(len)?;
        }
        self.trace.add(Op::Grow { file: self.id(file), len });
        Ok(())
    }

    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.refuse(|refused| matches!(refused, Refused::Store))?;
        let (file_id, mut offset) = (self.id(file), offset);
        // The kernel copies page by page, and a process may be killed in between.
        for piece in bytes.chunks(WRITTEN_AT_ONCE) {
            let left = self.writes_until_stop.load(Ordering::Relaxed);
            self.writes_until_stop.store(left.saturating_sub(1), Ordering::Relaxed);
            if left == 1 {
                return Err(io::Error::other("stopped half-way"));
            }
            file.write_all_at(piece, offset)?;
            self.trace.add(Op::Store { file: file_id, offset, bytes: piece.into() });
            offset += piece.len() as u64;
        }
        Ok(())
    }

    fn set_len(&self, file: &File, len: u64) -> io::Result<()> {
        file.set_len(len)?;
        self.trace.add(Op::SetLen { file: self.id(file), len });
        Ok(())
    }

    fn sync_file(&self, file: &File) -> io::Result<()> {
        let file = self.id(file);
        self.sync_may_fail()
            .inspect_err(|_| self.trace.add(Op::SyncFailed { file, from: 0, to: u64::MAX }))?;
        self.trace.add(Op::SyncFile { file });
        slow_kernel_call();
        Ok(())
    }

    fn sync_map(&self, map: &MapHandle, from: u64, to: u64) -> io::Result<()> {
        let file = map.witness().expect("every mapping is watched").id();
        self.sync_may_fail().inspect_err(|_| self.trace.add(Op::SyncFailed { file, from, to }))?;
        // What is stored before the call returns is not safe.
        self.trace.add(Op::SyncRange { file, from, to });
        slow_kernel_call();
        Ok(())
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        kernel_call();
        self.refuse_if_immutable(from)?;
        self.refuse(|refused| match refused {
            Refused::RenameFrom(end) => name(from).ends_with(end),
            Refused::RenameTo(end) => name(to).ends_with(end),
            Refused::Store => false,
        })?;
        Linux.rename_new(from, to)?;
        self.trace.add(Op::Rename { from: name(from), to: name(to) });
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        kernel_call();
        self.refuse_if_immutable(path)?;
        Linux.remove(path)?;
        self.trace.add(Op::Remove { name: name(path) });
        Ok(())
    }

    fn sync_folder(&self, _: &Path) -> io::Result<()> {
        self.sync_may_fail()?;
        self.trace.add(Op::SyncFolder);
        slow_kernel_call();
        Ok(())
    }

    fn punch(&self, file: &File, from: u64, len: u64) {
        Linux.punch(file, from, len);
        self.trace.add(Op::Punch { file: self.id(file), from, len });
    }

    fn witness(&self, file: &File) -> Option<Arc<dyn StoreWitness>> {
        Some(Arc::new(Witness { file: self.id(file), trace: Arc::clone(&self.trace) }))
    }
}

#[derive(Debug)]
struct Witness {
    file: FileId,
    trace: Arc<Trace>,
}

impl StoreWitness for Witness {
    fn stored(&self, offset: u64, bytes: &[u8]) {
        self.trace.add(Op::Store { file: self.file, offset, bytes: bytes.into() });
    }

    fn id(&self) -> u64 {
        self.file
    }
}
