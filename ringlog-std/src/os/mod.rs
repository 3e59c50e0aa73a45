//! Everything that talks to the kernel: files, mappings, locks, syncs, time, the boot.
//!
//! [`Platform`](platform::Platform) is the part that tests replace, to lose power or to fail a call at any moment.
//! `mmap` has the only unsafe code of the log, and `gate` that of a group of producers. Everything above calls this folder. It knows files and bytes, and no
//! segments, records or logs, except for the words of a header that a mapping publishes.

pub(crate) mod boot;
pub(crate) mod files;
pub(crate) mod gate;
pub(crate) mod lock_holder;
pub(crate) mod memory;
pub(crate) mod mmap;
pub(crate) mod ownership;
pub(crate) mod platform;
pub(crate) mod sync;
pub(crate) mod temporary;
pub(crate) mod threads;
pub(crate) mod time;
pub(crate) mod uncached;
