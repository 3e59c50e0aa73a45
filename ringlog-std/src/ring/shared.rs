//! A ring in a file, between two processes.
#![forbid(unsafe_code)]

use super::heap::identity;

use super::ends::{Consumer, Producer};
use super::ring_file::problem_of_positions;
pub(crate) use super::role::{Role, RoleLock};
use super::schema_file::{self, SchemaFile};
use super::shared_draft::RingDraft;
use super::shared_error::SharedRingError;
use super::shared_memory::SharedMemory;
use crate::os::boot::boot_id;
use crate::os::ownership::Ownership;
use crate::storage::{MAX_PREAMBLE_BYTES, SchemaList};
use ringlog_nostd::internal::{RingStamp, SchemasRefused};
use ringlog_nostd::{Ring, RingError, RingOptions};
use rustix::fs::OFlags;
use rustix::io::Errno;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Capacity in bytes if the options give none.
const DEFAULT_CAPACITY: usize = 4 << 20;

/// How often a list is read whose file others replace at the same time.
const SCHEMA_READINGS: usize = 16;

/// A ring in a mapped file, so that producer and consumer can be two processes, and each can outlive the other.
///
/// Each role has one owner at a time. Claiming a role locks a file beside the ring, `PATH.producer` or
/// `PATH.consumer`, until the handle is dropped or its process dies in any way. The next owner continues where that
/// one was: what was published is there, what was only claimed is void.
///
/// Put the file on a file system in memory, such as `/dev/shm`: on a disk, the kernel's write-back can delay a
/// producer. Both sides must use the same folder. Nothing but this library, and programs in other languages that take a role as
/// `docs/format.md` says, may change the files, or delete those of roles that are taken; [`check`](Self::check) notices that. A file that is cut short while it is mapped ends both
/// sides by SIGBUS. Its length is checked when it is opened and when a role is claimed.
///
/// A forked process has a copy of each handle. It may only drop them, which changes nothing. The role stays taken
/// until the copy is gone, too.
///
/// ```
/// use ringlog::event::EventHeader;
/// use ringlog::ring::{RingOptions, SharedRing};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("events.ring");
///
/// let ring = SharedRing::create(&path, &RingOptions::default())?;
/// let mut consumer = ring.claim_consumer()?;
///
/// // In another process:
/// let mut producer = SharedRing::open(&path)?.claim_producer()?;
/// producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
///
/// assert_eq!(consumer.read_event().unwrap().1, b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SharedRing {
    path: PathBuf,
    memory: Arc<SharedMemory>,
    stamp: RingStamp,
    /// Device and inode number of the mapped file.
    inode: (u64, u64),
    /// The roles that were claimed with this handle and are still held.
    claims: Mutex<Vec<Weak<Ownership>>>,
    /// What describes the events of a producer that is claimed with this handle.
    schemas: SchemaList,
}

impl SharedRing {
    /// Creates the ring `path`, which must not exist.
    ///
    /// Without a capacity it has 4 MiB. An identity of 0 is replaced by a random one. The boot id is always this
    /// boot's. The blocks of the file are allocated at once.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, ring::{RingOptions, SharedRing, SharedRingError}};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("events.ring");
    /// let options = RingOptions { capacity: Some(4096), max_payload: Some(64), ..RingOptions::default() };
    /// let ring = SharedRing::create(&path, &options)?;
    /// assert_eq!(ring.capacity(), 4096);
    /// let again = SharedRing::create(&path, &RingOptions::default());
    /// assert!(matches!(again, Err(SharedRingError::Exists { .. })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SharedRingError::Exists`], [`SharedRingError::Sizes`], [`SharedRingError::DiskFull`],
    /// [`SharedRingError::Busy`], or [`SharedRingError::Io`].
    pub fn create(path: impl AsRef<Path>, options: &RingOptions) -> Result<Self, SharedRingError> {
        Self::create_after(path.as_ref(), options, || Ok(()))
    }

    /// Creates a ring as [`create`](Self::create) does, and calls `first` before the ring gets its name, when
    /// everything else that may fail is done.
    pub(crate) fn create_after<E: From<SharedRingError>>(
        path: &Path,
        options: &RingOptions,
        first: impl FnOnce() -> Result<(), E>,
    ) -> Result<Self, E> {
        let path = absolute(path)?;
        let draft = RingDraft::make(&path, &filled_in(&path, options)?)?;
        first()?;
        draft.publish_new()?;
        Ok(Self::open(&path)?)
    }

    /// Opens a ring that exists.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, ring::{RingOptions, SharedRing, SharedRingError}};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("events.ring");
    /// match SharedRing::open(&path) {
    ///     Err(error) if error.is_missing() => drop(SharedRing::create(&path, &RingOptions::default())?),
    ///     other => panic!("{other:?}"),
    /// }
    /// assert!(SharedRing::open(&path).is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SharedRingError::NotAFile`], [`SharedRingError::Names`], [`SharedRingError::Length`],
    /// [`SharedRingError::Contents`], or [`SharedRingError::Io`]; see [`SharedRingError::is_missing`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, SharedRingError> {
        let path = path.as_ref();
        // One name for all users, because the locks go by it.
        let path = fs::canonicalize(path).map_err(|error| SharedRingError::io(path, "find", error))?;
        let file = open_file(&path)?;
        let metadata = file.metadata().map_err(|error| SharedRingError::io(&path, "look at", error))?;
        if !metadata.is_file() {
            return Err(SharedRingError::NotAFile { path });
        }
        if metadata.nlink() > 1 {
            return Err(SharedRingError::Names { path, names: metadata.nlink() });
        }
        let memory = SharedMemory::map(&file).map_err(|error| SharedRingError::io(&path, "map", error))?;
        let stamp =
            memory.stamp().map_err(|source| SharedRingError::Contents { path: path.clone(), source })?;
        check_length(&path, memory.len_bytes(), &stamp)?;
        let inode = (metadata.dev(), metadata.ino());
        Ok(Self {
            path,
            memory: Arc::new(memory),
            stamp,
            inode,
            claims: Mutex::default(),
            schemas: SchemaList::new(),
        })
    }

    /// Sets what describes the events of a producer that is [claimed](Self::claim_producer) with this handle, so that the
    /// log shows names instead of bytes. The default is nothing.
    ///
    /// The descriptions are stored in a file beside the ring, `PATH.schema-...json`, when the role is claimed.
    ///
    /// ```
    /// use ringlog::event::MetaTopic;
    /// use ringlog::ring::{RingOptions, SharedRing};
    /// use ringlog::storage::SchemaList;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("events.ring");
    ///
    /// let mut schemas = SchemaList::new();
    /// schemas.insert(MetaTopic::EventType(7), &br#"{"type":7,"name":"reset","size":0,"fields":[]}"#[..])?;
    ///
    /// let ring = SharedRing::create(&path, &RingOptions::default())?.schemas(schemas.clone());
    /// let producer = ring.claim_producer()?;
    /// assert_eq!(ring.current_schemas()?, schemas);
    /// # drop(producer);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn schemas(mut self, schemas: SchemaList) -> Self {
        self.schemas = schemas;
        self
    }

    /// Adds the descriptions of these events to what [`schemas`](Self::schemas) sets.
    ///
    /// ```
    /// use ringlog::ring::{RingOptions, SharedRing};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("events.ring");
    /// # SharedRing::create(&path, &RingOptions::default())?;
    ///
    /// #[ringlog::event(type = 1)]
    /// struct Tick {
    ///     number: u64,
    /// }
    /// ringlog::events!(Ticks: Tick);
    ///
    /// let mut producer = SharedRing::open(&path)?.events::<Ticks>().claim_producer()?;
    /// producer.write(1_000, &Tick { number: 7 })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "macros")]
    #[must_use]
    pub fn events<E: ringlog_nostd::EventTypes>(mut self) -> Self {
        self.schemas.extend(&SchemaList::of::<E>());
        self
    }

    /// Reads what describes the events in the ring: what the producer had set that claimed its role last.
    ///
    /// ```
    /// # use ringlog::ring::{RingOptions, SharedRing};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("events.ring");
    /// let ring = SharedRing::create(&path, &RingOptions::default())?;
    /// assert!(ring.current_schemas()?.is_empty(), "a new ring");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SharedRingError::SchemaFile`] or [`SharedRingError::Io`] if the file with the descriptions is damaged or
    /// missing, [`SharedRingError::Contents`] if the ring is damaged.
    pub fn current_schemas(&self) -> Result<SchemaList, SharedRingError> {
        self.load_schemas().and_then(|(_, list)| list)
    }

    /// Returns the ring's word and the list that it means. While no event is unread, both may change.
    pub(crate) fn load_schemas(
        &self,
    ) -> Result<(usize, Result<SchemaList, SharedRingError>), SharedRingError> {
        let load = || self.memory.schemas_word().map_err(|source| self.contents(source));
        let mut word = load()?;
        for _ in 0..SCHEMA_READINGS {
            let found = self.read_schemas(word);
            let loaded_again = load()?;
            if found.is_ok() || loaded_again == word {
                return Ok((word, found));
            }
            // Another producer has replaced the list and deleted the file.
            word = loaded_again;
        }
        Ok((word, self.read_schemas(word)))
    }

    /// Reads the list that this word means.
    pub(crate) fn read_schemas(&self, word: usize) -> Result<SchemaList, SharedRingError> {
        schema_file::read(&self.path, word)
    }

    /// Takes the producer's role, also over from a dead owner.
    ///
    /// The ring gets the [descriptions](Self::schemas) of this handle, or none. They describe all events in the ring, so
    /// they replace others only while no event is unread.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, ring::{RingOptions, SharedRing, SharedRingError}};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("events.ring");
    /// let ring = SharedRing::create(&path, &RingOptions::default())?;
    /// let mut producer = ring.claim_producer()?;
    /// producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// match ring.claim_producer() {
    ///     Err(SharedRingError::Claimed { pid, .. }) => assert_eq!(pid, Some(std::process::id())),
    ///     other => panic!("{other:?}"),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SharedRingError::Claimed`] names the process that has it. [`SharedRingError::OtherBoot`] if the ring was
    /// created before the machine was restarted: its consumer creates a new one. [`SharedRingError::OtherSchemas`] if
    /// events with other descriptions are unread: the same claim succeeds once the consumer has read them.
    /// [`SharedRingError::Positions`] if head and tail contradict each other. Also
    /// [`SharedRingError::NoSchemas`], [`SharedRingError::SchemasTooLong`], [`SharedRingError::Replaced`],
    /// [`SharedRingError::Contents`], [`SharedRingError::ForeignRoleFile`], or [`SharedRingError::Io`].
    pub fn claim_producer(&self) -> Result<Producer, SharedRingError> {
        let lock = self.claim(Role::Producer)?;
        self.settle_schemas(&lock)?;
        self.memory.producer(lock).map_err(|source| self.contents(source))
    }

    /// Takes the producer's role and leaves the ring's descriptions as they are.
    #[doc(hidden)]
    pub fn claim_producer_as_described(&self) -> Result<Producer, SharedRingError> {
        let lock = self.claim(Role::Producer)?;
        self.memory.producer(lock).map_err(|source| self.contents(source))
    }

    /// Gives the ring the list of this handle: first the file, then the word, which alone counts.
    fn settle_schemas(&self, lock: &RoleLock) -> Result<(), SharedRingError> {
        let schema_bytes = self.schemas.record_bytes();
        if schema_bytes > MAX_PREAMBLE_BYTES {
            let path = self.path.clone();
            return Err(SharedRingError::SchemasTooLong {
                path,
                schema_bytes,
                max_bytes: MAX_PREAMBLE_BYTES,
            });
        }
        let file = SchemaFile::of(&self.schemas);
        let word = file.as_ref().map_or(0, SchemaFile::word);
        self.with_word(lock, |ring| ring.check_schemas_word(word))?;
        if let Some(file) = file {
            file.store(&self.path)?;
        }
        self.with_word(lock, |ring| ring.set_schemas_word(word))?;
        schema_file::remove_others(&self.path, word);
        Ok(())
    }

    fn with_word(
        &self,
        lock: &RoleLock,
        f: impl FnOnce(&Ring<'_>) -> Result<(), SchemasRefused>,
    ) -> Result<(), SharedRingError> {
        let done = self.memory.prepare(lock, f).map_err(|source| self.contents(source))?;
        done.map_err(|refused| match refused {
            SchemasRefused::Unread { bytes } => {
                SharedRingError::OtherSchemas { path: self.path.clone(), unread_bytes: bytes as u64 }
            }
            SchemasRefused::NoWord => SharedRingError::NoSchemas { path: self.path.clone() },
        })
    }

    /// Takes the consumer's role, also over from a dead owner.
    ///
    /// A dead consumer may have handled events that it had not released: they are read again. Where that matters,
    /// [`skip_to`](ringlog_nostd::Consumer::skip_to) leaves them out.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, ring::{RingOptions, SharedRing, SharedRingError}};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("events.ring");
    /// let ring = SharedRing::create(&path, &RingOptions::default())?;
    /// ring.claim_producer()?.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// // Dropped before it releases the event:
    /// assert!(ring.claim_consumer()?.peek_run(0)?.is_some());
    /// assert_eq!(ring.claim_consumer()?.read_event().unwrap().1, b"hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`claim_producer`](Self::claim_producer).
    pub fn claim_consumer(&self) -> Result<Consumer, SharedRingError> {
        let lock = self.claim(Role::Consumer)?;
        self.memory.consumer(lock).map_err(|source| self.contents(source))
    }

    fn claim(&self, role: Role) -> Result<RoleLock, SharedRingError> {
        let lock = RoleLock::claim(&self.path, role)?;
        // Only now: a process that replaces a ring holds both roles.
        self.check_place()?;
        if !self.is_of_this_boot()? {
            return Err(SharedRingError::OtherBoot { path: self.path.clone() });
        }
        self.memory.populate();
        let mut claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        claims.retain(|claim| claim.strong_count() > 0);
        claims.push(Arc::downgrade(lock.ownership()));
        Ok(lock)
    }

    /// Checks that the ring's name still leads to this ring, that its length is right, and that the files of the
    /// roles claimed with this handle still keep others out. Call it now and then, off the hot path.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, ring::{RingOptions, SharedRing, SharedRingError}};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("events.ring");
    /// let ring = SharedRing::create(&path, &RingOptions::default())?;
    /// let producer = ring.claim_producer()?;
    /// assert!(ring.check().is_ok());
    /// std::fs::remove_file(folder.path().join("events.ring.producer"))?;
    /// assert!(matches!(ring.check(), Err(SharedRingError::RoleFile { .. })));
    /// # drop(producer);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SharedRingError::RoleFile`] if the file of such a role was deleted or replaced: another process may have the
    /// role, too. [`SharedRingError::Replaced`], [`SharedRingError::Length`]. Stop using the ring then.
    ///
    /// A file that the system does not let this process see proves nothing, and is no error.
    pub fn check(&self) -> Result<(), SharedRingError> {
        match self.check_place() {
            Err(SharedRingError::Io { .. }) => {}
            other => other?,
        }
        let claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        match claims.iter().filter_map(Weak::upgrade).find(|claim| claim.is_lost()) {
            Some(lost) => Err(SharedRingError::RoleFile { path: lost.path().into() }),
            None => Ok(()),
        }
    }

    /// Takes both roles of a ring of any boot, so that nobody uses it while it is replaced.
    pub(crate) fn claim_both(&self) -> Result<[RoleLock; 2], SharedRingError> {
        let consumer = RoleLock::claim(&self.path, Role::Consumer)?;
        let producer = RoleLock::claim(&self.path, Role::Producer)?;
        self.check_place()?;
        Ok([consumer, producer])
    }

    /// Puts a new and empty ring of the same sizes in the place of this one. The caller holds `roles`. Calls `first`
    /// before the ring gets its name, when everything else that may fail is done.
    pub(crate) fn renew_after<E: From<SharedRingError>>(
        self,
        roles: [RoleLock; 2],
        options: &RingOptions,
        first: impl FnOnce() -> Result<(), E>,
    ) -> Result<Self, E> {
        let RingStamp { capacity, max_payload, .. } = self.stamp;
        let sizes = RingOptions { capacity: Some(capacity), max_payload: Some(max_payload), ..*options };
        let draft = RingDraft::make(&self.path, &filled_in(&self.path, &sizes)?)?;
        first()?;
        draft.publish_over()?;
        drop(roles);
        Ok(Self::open(&self.path)?)
    }

    /// Fails if the file was replaced, or got another length, since it was mapped.
    fn check_place(&self) -> Result<(), SharedRingError> {
        match fs::symlink_metadata(&self.path) {
            Ok(metadata) if (metadata.dev(), metadata.ino()) == self.inode => {
                check_length(&self.path, metadata.len(), &self.stamp)
            }
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(SharedRingError::io(&self.path, "look at", error))
            }
            _ => Err(SharedRingError::Replaced { path: self.path.clone() }),
        }
    }

    fn contents(&self, source: RingError) -> SharedRingError {
        let path = self.path.clone();
        // The constants were checked when it was opened. The positions may have changed since they were read.
        match problem_of_positions(&path).filter(|_| source == RingError::Damaged) {
            Some(problem) => SharedRingError::Positions { path, problem: problem.to_string() },
            None => SharedRingError::Contents { path, source },
        }
    }

    /// Returns whether the ring was created since the machine was started. Otherwise its content cannot be trusted.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, ring::{RingOptions, SharedRing, SharedRingError}};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("events.ring");
    /// assert!(SharedRing::create(&path, &RingOptions::default())?.is_of_this_boot()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SharedRingError::Io`] if the kernel does not give its boot id.
    pub fn is_of_this_boot(&self) -> Result<bool, SharedRingError> {
        Ok(self.stamp.boot == this_boot(&self.path)?)
    }

    /// Returns the number that identifies this ring among all rings.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, ring::{RingOptions, SharedRing, SharedRingError}};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("events.ring");
    /// let ring = SharedRing::create(&path, &RingOptions { identity: 42, ..RingOptions::default() })?;
    /// assert_eq!(ring.identity(), 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn identity(&self) -> u64 {
        self.stamp.identity
    }

    /// Returns the capacity in bytes.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, ring::{RingOptions, SharedRing, SharedRingError}};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("events.ring");
    /// assert_eq!(SharedRing::create(&path, &RingOptions::default())?.capacity(), 4 << 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.stamp.capacity
    }

    /// Returns the longest payload that it takes, in bytes.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, ring::{RingOptions, SharedRing, SharedRingError}};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("events.ring");
    /// let ring = SharedRing::create(&path, &RingOptions { max_payload: Some(1024), ..RingOptions::default() })?;
    /// assert_eq!(ring.max_payload(), 1024);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn max_payload(&self) -> usize {
        self.stamp.max_payload
    }

    /// Returns the file's path, by the one name that all its users agree on.
    ///
    /// ```
    /// # use ringlog::{event::EventHeader, ring::{RingOptions, SharedRing, SharedRingError}};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("events.ring");
    /// let ring = SharedRing::create(&path, &RingOptions::default())?;
    /// assert_eq!(ring.path(), path.canonicalize()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Returns a number that no ring has yet. It is not 0, which means "no ring".
pub(crate) fn new_identity() -> u64 {
    loop {
        if let identity @ 1.. = identity() {
            return identity;
        }
    }
}

/// Returns the identity of the ring that takes the place of a damaged one. A recorder that has it and finds the
/// damaged ring knows that the replacement was interrupted.
pub(crate) fn identity_after(identity: u64) -> u64 {
    fnv1a(&identity.to_le_bytes()).max(1)
}

fn filled_in(path: &Path, options: &RingOptions) -> Result<RingOptions, SharedRingError> {
    let identity = if options.identity == 0 { new_identity() } else { options.identity };
    let capacity = Some(options.capacity.unwrap_or(DEFAULT_CAPACITY));
    Ok(RingOptions { capacity, identity, boot: this_boot(path)?, ..*options })
}

fn this_boot(path: &Path) -> Result<u64, SharedRingError> {
    let id = boot_id().map_err(|error| SharedRingError::io(path, "read the boot id for", error))?;
    Ok(boot_word(&id))
}

/// Returns the boot id as the word that a ring stores: FNV-1a of its text.
fn boot_word(boot_id: &str) -> u64 {
    fnv1a(boot_id.as_bytes())
}

fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

/// Returns the word of this boot that a ring stores.
pub fn current_boot() -> std::io::Result<u64> {
    Ok(boot_word(&boot_id()?))
}

/// Returns the list of descriptions that the ring `path` has by this word, as its file beside the ring has it.
pub fn schemas_of(path: &Path, word: usize) -> Result<SchemaList, SharedRingError> {
    schema_file::read(path, word)
}

/// Returns the name that `path` will have, with its folder's links resolved.
fn absolute(path: &Path) -> Result<PathBuf, SharedRingError> {
    let Some(name) = path.file_name() else {
        return Err(SharedRingError::NotAFile { path: path.into() });
    };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let folder = fs::canonicalize(folder).map_err(|error| SharedRingError::io(path, "find", error))?;
    Ok(folder.join(name))
}

/// Opens the file without waiting if it is a pipe.
fn open_file(path: &Path) -> Result<File, SharedRingError> {
    let careful = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let opened = OpenOptions::new().read(true).write(true).custom_flags(careful).open(path);
    opened.map_err(|error| match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::ISDIR | Errno::NXIO) => SharedRingError::NotAFile { path: path.into() },
        _ => SharedRingError::io(path, "open", error),
    })
}

fn check_length(path: &Path, len_bytes: u64, stamp: &RingStamp) -> Result<(), SharedRingError> {
    let needed_bytes = RingDraft::file_bytes(stamp);
    if len_bytes == needed_bytes {
        return Ok(());
    }
    Err(SharedRingError::Length { path: path.into(), len_bytes, needed_bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boot_words_differ_as_boot_ids_do() {
        let one = boot_word("5d2ab0d2-6d69-4a38-9c2f-3c4cb4f8a5a1");
        assert_eq!(one, boot_word("5d2ab0d2-6d69-4a38-9c2f-3c4cb4f8a5a1"));
        assert_ne!(one, boot_word("5d2ab0d2-6d69-4a38-9c2f-3c4cb4f8a5a2"));
        assert_eq!(boot_word("a"), 0xAF63_DC4C_8601_EC8C, "the published test vector");
    }

    #[test]
    fn the_identity_that_follows_is_another_one_each_time() {
        let mut identity = new_identity();
        let mut seen = vec![identity];
        for _ in 0..100 {
            identity = identity_after(identity);
            assert!(identity != 0 && !seen.contains(&identity));
            seen.push(identity);
        }
    }

    #[test]
    fn a_ring_of_another_boot_is_renewed_under_another_identity() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ring");
        let options = RingOptions { capacity: Some(4096), ..RingOptions::default() };
        let old = SharedRing::create(&path, &options).unwrap();
        let kept = SharedRing::open(&path).unwrap();
        let held = kept.claim_producer().unwrap();
        let start = RingOptions { start: 800, ..RingOptions::default() };
        let refused = SharedRing::open(&path).unwrap().claim_both().unwrap_err();
        assert!(matches!(refused, SharedRingError::Claimed { role: Role::Producer, .. }));
        drop(held);
        let found = SharedRing::open(&path).unwrap();
        let roles = found.claim_both().unwrap();
        let new = found.renew_after(roles, &start, || Ok::<_, SharedRingError>(())).unwrap();
        assert_ne!(new.identity(), old.identity());
        assert_eq!((new.capacity(), new.claim_consumer().unwrap().position()), (4096, 800));
        assert!(matches!(kept.claim_producer(), Err(SharedRingError::Replaced { .. })));
    }
}
