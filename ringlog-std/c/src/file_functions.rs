//! Functions for C: rings in files, between two processes.
//!
//! Unsafe because every pointer is the caller's: handle contract in `handles.rs` of `ringlog-c-core`; a text ends with a zero.
#![expect(clippy::missing_safety_doc, reason = "the header has one contract for all functions")]

use crate::last_error::keep;
use ringlog::ring::{RingOptions, SharedRing, SharedRingError};
use ringlog::schema::SchemaSet;
use ringlog::storage::SchemaList;
use ringlog_core::status::{
    RINGLOG_E_BUSY, RINGLOG_E_EXISTS, RINGLOG_E_IO, RINGLOG_E_MISSING, RINGLOG_E_NO_SPACE,
    RINGLOG_E_NOT_A_FILE, RINGLOG_E_NULL, RINGLOG_E_OTHER, RINGLOG_E_OTHER_BOOT, RINGLOG_E_OTHER_TYPES,
    RINGLOG_E_REPLACED, RINGLOG_E_ROLE_FILE, RINGLOG_E_ROLE_TAKEN, RINGLOG_E_TOO_SMALL, RINGLOG_E_TYPES, of,
    of_ring,
};
use ringlog_core::{ConsumerHandle, Options, Owner, ProducerHandle, open_consumer, open_producer};
use std::ffi::{CStr, OsStr, c_char, c_int};
use std::fmt::Display;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Makes the ring `path`, a file that must not exist, for a producer and a consumer in two processes. Put it on a file system in
/// memory, such as `/dev/shm`. A recorder (`ringlog serve --ring`) makes its ring itself.
///
/// `options` may be null. A capacity of 0 is 4 MiB; an identity of 0 is replaced by a random one; `boot` is always that of the
/// machine.
///
/// Errors: `RINGLOG_E_EXISTS`, `RINGLOG_E_BUSY`, `RINGLOG_E_CAPACITY`, `RINGLOG_E_MAX_PAYLOAD`, `RINGLOG_E_NO_SPACE`, `RINGLOG_E_NOT_A_FILE`,
/// `RINGLOG_E_IO`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ringlog_file_create(path: *const c_char, options: *const Options) -> c_int {
    // SAFETY: null, or the caller's text.
    let path = match unsafe { path_of(path) } {
        Ok(path) => path,
        Err(code) => return code,
    };
    let options = if options.is_null() {
        RingOptions::default()
    } else {
        // SAFETY: not null, so the caller's struct, at any address.
        unsafe { options.read_unaligned() }.into()
    };
    of(SharedRing::create(path, &options).map(drop).map_err(refused))
}

/// Opens the ring `path` as its producer, and takes that role, also over from a dead owner. The role is a lock that the kernel frees
/// when the handle is closed or its process ends, also by a kill.
///
/// `types` describes the events: a list of types as JSON, as docs/format.md says (`{"types":[...]}`), so that the log shows names and
/// values instead of bytes. Null is none. The list counts for all events in the ring, so it replaces another one only while no
/// event is unread.
///
/// Errors: `RINGLOG_E_MISSING`, `RINGLOG_E_ROLE_TAKEN`, `RINGLOG_E_OTHER_BOOT`, `RINGLOG_E_OTHER_TYPES`, `RINGLOG_E_REPLACED`, which are transient
/// (`ringlog_is_transient`); `RINGLOG_E_TYPES`, `RINGLOG_E_NOT_A_FILE`, `RINGLOG_E_NOT_A_RING`, `RINGLOG_E_DAMAGED`, `RINGLOG_E_TOO_SMALL`,
/// `RINGLOG_E_ROLE_FILE`, `RINGLOG_E_OPEN`, `RINGLOG_E_IO`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ringlog_file_producer(
    producer: *mut ProducerHandle,
    path: *const c_char,
    types: *const c_char,
) -> c_int {
    // SAFETY: null, or the caller's text.
    let path = unsafe { path_of(path) };
    // SAFETY: null, or the caller's text.
    let types = unsafe { text_of(types) }.unwrap_or_default();
    let claim = || {
        let path = path?;
        let ring = SharedRing::open(path).map_err(refused)?.schemas(list_of(types, path)?);
        let claimed = ring.claim_producer().map_err(refused)?;
        // SAFETY: the new owner has the old one.
        Ok(unsafe { claimed.map_owner(Owner::of) })
    };
    // SAFETY: handle contract.
    of(unsafe { open_producer(producer, claim) })
}

/// Opens the ring `path` as its consumer, and takes that role, also over from a dead owner.
///
/// A dead consumer may have handled events that it had not released: they are read again.
///
/// Errors: as `ringlog_file_producer`, but for those of types.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ringlog_file_consumer(consumer: *mut ConsumerHandle, path: *const c_char) -> c_int {
    // SAFETY: null, or the caller's text.
    let path = unsafe { path_of(path) };
    let claim = || {
        let ring = SharedRing::open(path?).map_err(refused)?;
        let claimed = ring.claim_consumer().map_err(refused)?;
        // SAFETY: the new owner has the old one.
        Ok(unsafe { claimed.map_owner(Owner::of) })
    };
    // SAFETY: handle contract.
    of(unsafe { open_consumer(consumer, claim) })
}

/// Lends a text of the caller's; `None` for a null pointer.
///
/// # Safety
///
/// - `text` is null, or a text that ends with a zero and stays for `'t`.
pub(crate) unsafe fn text_of<'t>(text: *const c_char) -> Option<&'t [u8]> {
    if text.is_null() {
        return None;
    }
    // SAFETY: the caller's promise.
    Some(unsafe { CStr::from_ptr(text) }.to_bytes())
}

/// Lends a path of the caller's.
///
/// # Safety
///
/// - As for [`text_of`].
pub(crate) unsafe fn path_of<'t>(path: *const c_char) -> Result<&'t Path, c_int> {
    // SAFETY: the caller's promise.
    let bytes = unsafe { text_of(path) };
    bytes.map(|bytes| Path::new(OsStr::from_bytes(bytes))).ok_or(RINGLOG_E_NULL)
}

/// Reads the list of types for a ring; an empty text is an empty list.
fn list_of(types: &[u8], ring: &Path) -> Result<SchemaList, c_int> {
    if types.is_empty() {
        return Ok(SchemaList::new());
    }
    let set = SchemaSet::from_json(types).map_err(|error| invalid(ring, error))?;
    SchemaList::try_from(&set).map_err(|error| invalid(ring, error))
}

fn invalid(ring: &Path, error: impl Display) -> c_int {
    keep(RINGLOG_E_TYPES, format_args!("the types for {}: {error}", ring.display()))
}

fn refused(error: SharedRingError) -> c_int {
    keep(code_of(&error), &error)
}

fn code_of(error: &SharedRingError) -> c_int {
    match error {
        SharedRingError::Exists { .. } => RINGLOG_E_EXISTS,
        SharedRingError::Busy { .. } => RINGLOG_E_BUSY,
        SharedRingError::Sizes { source, .. } | SharedRingError::Contents { source, .. } => of_ring(*source),
        SharedRingError::DiskFull { .. } => RINGLOG_E_NO_SPACE,
        SharedRingError::NotAFile { .. } | SharedRingError::Names { .. } => RINGLOG_E_NOT_A_FILE,
        SharedRingError::Length { .. } => RINGLOG_E_TOO_SMALL,
        SharedRingError::Claimed { .. } => RINGLOG_E_ROLE_TAKEN,
        SharedRingError::ForeignRoleFile { .. } | SharedRingError::RoleFile { .. } => RINGLOG_E_ROLE_FILE,
        SharedRingError::OtherBoot { .. } => RINGLOG_E_OTHER_BOOT,
        SharedRingError::OtherSchemas { .. } => RINGLOG_E_OTHER_TYPES,
        SharedRingError::NoSchemas { .. }
        | SharedRingError::SchemasTooLong { .. }
        | SharedRingError::SchemaFile { .. } => RINGLOG_E_TYPES,
        SharedRingError::Replaced { .. } => RINGLOG_E_REPLACED,
        SharedRingError::Io { .. } if error.is_missing() => RINGLOG_E_MISSING,
        SharedRingError::Io { .. } => RINGLOG_E_IO,
        _ => RINGLOG_E_OTHER,
    }
}
