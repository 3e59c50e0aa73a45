//! The mapping of a shared ring.
//!
//! Unsafe because a file's bytes become a ring here, and the ends of that ring own the mapping: they borrow it for
//! `'static` and keep it alive themselves.
//!
//! **Ring file contract**, cited below. A ring's file is created under a temporary name and stays locked until it has
//! its own. From then on nobody makes it shorter or changes it but the two ends: the holder of `PATH.producer`
//! changes the producer's words and the free bytes, the holder of `PATH.consumer` changes the consumer's words. Both
//! are whole processes, and each of them makes one end with its lock and drops the end before the lock. A program that
//! does not use this library keeps the contract by `docs/format.md`.

pub(crate) use super::role::{Role, RoleLock};
use std::fs::File;
use std::io;
use std::ptr::NonNull;
use std::sync::Arc;

use memmap2::{Advice, MmapOptions, MmapRaw};
use ringlog_nostd::internal::RingStamp;
use ringlog_nostd::{Ring, RingError, RingOptions};

use super::ends::{Consumer, EndOwner, Producer, RingMemory};

/// A whole mapped ring file.
#[derive(Debug)]
pub(super) struct SharedMemory {
    raw: MmapRaw,
}

impl RingMemory for SharedMemory {}

impl SharedMemory {
    /// Maps a whole file, shared with everyone who maps it the same way. An empty file is an error.
    pub(super) fn map(file: &File) -> io::Result<Self> {
        if file.metadata()?.len() == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        Ok(Self { raw: MmapOptions::new().map_raw(file)? })
    }

    pub(super) fn len_bytes(&self) -> u64 {
        self.raw.len() as u64
    }

    fn start(&self) -> Result<NonNull<u8>, RingError> {
        // A mapping never starts at address 0.
        NonNull::new(self.raw.as_mut_ptr()).ok_or(RingError::Misaligned)
    }

    /// Prefaults all pages, so that no store meets a page fault later.
    pub(super) fn populate(&self) {
        // Without it the pages come one fault at a time: slower, and nothing else.
        let _ = self.raw.advise(Advice::PopulateWrite);
    }

    /// Formats a ring in a file that only the caller knows of yet.
    pub(super) fn format(&mut self, options: &RingOptions) -> Result<(), RingError> {
        let start = self.start()?;
        // SAFETY: 1. The mapping is `len` initialised bytes, valid as long as `self`, which outlives the ring
        // that is dropped here. 2. The file is still under its temporary name and lock (ring file contract),
        // so nobody else touches it, and no end is made.
        unsafe { Ring::format_raw(start, self.raw.len(), options) }.map(drop)
    }

    /// Returns the options that the ring in the file was created with.
    pub(super) fn stamp(&self) -> Result<RingStamp, RingError> {
        let start = self.start()?;
        // SAFETY: `len` mapped bytes, which are initialised, no matter what they hold; others change them as the ends
        // of a ring do (ring file contract).
        unsafe { Ring::stamp(start, self.raw.len()) }
    }

    /// Returns which list describes the ring's events; 0 for none.
    pub(super) fn schemas_word(&self) -> Result<usize, RingError> {
        Ok(self.attach()?.schemas_word())
    }

    /// Does something with the ring before the holder of the producer's role makes its end.
    pub(super) fn prepare<T>(&self, lock: &RoleLock, f: impl FnOnce(&Ring<'_>) -> T) -> Result<T, RingError> {
        debug_assert_eq!(lock.role(), Role::Producer);
        Ok(f(&self.attach()?))
    }

    /// Returns the producer's end, for the holder of its role in this very file.
    pub(super) fn producer(self: &Arc<Self>, lock: RoleLock) -> Result<Producer, RingError> {
        debug_assert_eq!(lock.role(), Role::Producer);
        let ring = self.attach()?;
        let producer = ring.into_producer().closes_in(std::process::id(), is_this_process);
        Ok(producer.with_owner(EndOwner::of_file(lock, Arc::clone(self) as Arc<dyn RingMemory>)))
    }

    /// Returns the consumer's end, for the holder of its role in this very file.
    pub(super) fn consumer(self: &Arc<Self>, lock: RoleLock) -> Result<Consumer, RingError> {
        debug_assert_eq!(lock.role(), Role::Consumer);
        let ring = self.attach()?;
        let consumer = ring.into_consumer().closes_in(std::process::id(), is_this_process);
        Ok(consumer.with_owner(EndOwner::of_file(lock, Arc::clone(self) as Arc<dyn RingMemory>)))
    }

    /// Only for `producer` and `consumer`, which tie the end that they make of it to lock and mapping, and for those who
    /// make no end of it and drop it while they have the mapping.
    fn attach(&self) -> Result<Ring<'static>, RingError> {
        let start = self.start()?;
        // SAFETY: 1. `len` mapped and initialised bytes, page-aligned. 2. They live as long as the mapping,
        // which the one end made of this ring keeps and drops last; no borrow of an end outlives it, so the
        // lifetime 'static never shows. 3. One end of each kind in the world: the callers take the role's
        // lock by value and keep it with the end (ring file contract), or make no end.
        unsafe { Ring::attach(start, self.raw.len()) }
    }
}

fn is_this_process(process: u32) -> bool {
    process == std::process::id()
}
