//! Whether a log takes no more events because a sync of it failed, and why.

#![forbid(unsafe_code)]

use std::io;
use std::sync::atomic::Ordering;

use crate::os::sync::{AtomicBool, Mutex, lock};
use crate::storage::error::SyncError;

/// A flag that all files of a log share.
#[derive(Debug, Default)]
pub(crate) struct Poison {
    is_set: AtomicBool,
    reason: Mutex<Reason>,
}

#[derive(Debug, Default)]
enum Reason {
    #[default]
    Unknown,
    /// What failed first. The writer does not know it yet.
    Known(SyncError),
    Reported,
}

impl Poison {
    #[inline]
    pub(crate) fn is_set(&self) -> bool {
        // ORDERING: Relaxed. It guards no other memory, and a writer that sees it late has only published what was
        // never promised to be durable. The reason has a mutex: a thread that saw the flag locks it after `because`
        // did.
        self.is_set.load(Ordering::Relaxed)
    }

    /// Records, for good, that a sync failed.
    pub(crate) fn set(&self) {
        // ORDERING: Relaxed, see `is_set`.
        self.is_set.store(true, Ordering::Relaxed);
    }

    /// Does the same with the reason, which is stored first: a thread that sees the flag finds the reason. Returns
    /// the reason.
    pub(crate) fn because(&self, reason: SyncError) -> SyncError {
        if let Some(copy) = copy_of(&reason) {
            self.keep_reason(copy);
        }
        self.set();
        reason
    }

    /// Keeps the reason if there is none yet.
    pub(crate) fn keep_reason(&self, reason: SyncError) {
        let mut kept = lock(&self.reason);
        if matches!(*kept, Reason::Unknown) {
            *kept = Reason::Known(reason);
        }
    }

    /// Returns the reason, once.
    pub(crate) fn take_reason(&self) -> Option<SyncError> {
        let mut kept = lock(&self.reason);
        if !matches!(*kept, Reason::Known(_)) {
            return None;
        }
        match std::mem::replace(&mut *kept, Reason::Reported) {
            Reason::Known(reason) => Some(reason),
            _ => None,
        }
    }

    /// Returns the reason in words, unless it was taken.
    pub(crate) fn reason_words(&self) -> Option<String> {
        match &*lock(&self.reason) {
            Reason::Known(reason) => Some(reason.to_string()),
            _ => None,
        }
    }

    /// Notes that the writer has reported this error.
    pub(crate) fn note_reported(&self, error: &SyncError) {
        let mut kept = lock(&self.reason);
        if matches!(&*kept, Reason::Known(reason) if reason.to_string() == error.to_string()) {
            *kept = Reason::Reported;
        }
    }
}

/// Copies an error. Errors of the system cannot be cloned, but their numbers can.
fn copy_of(error: &SyncError) -> Option<SyncError> {
    let copy = |source: &io::Error| match source.raw_os_error() {
        Some(number) => io::Error::from_raw_os_error(number),
        None => io::Error::new(source.kind(), source.to_string()),
    };
    Some(match error {
        SyncError::Failed { path, from, to, source } => {
            SyncError::Failed { path: path.clone(), from: *from, to: *to, source: copy(source) }
        }
        SyncError::Written { path, from, to, source } => {
            SyncError::Written { path: path.clone(), from: *from, to: *to, source: copy(source) }
        }
        SyncError::Shortened { path, len_bytes, expected_bytes } => SyncError::Shortened {
            path: path.clone(),
            len_bytes: *len_bytes,
            expected_bytes: *expected_bytes,
        },
        SyncError::Folder { path, action, source } => {
            SyncError::Folder { path: path.clone(), action, source: copy(source) }
        }
        SyncError::LockFile { path } => SyncError::LockFile { path: path.clone() },
        _ => return None,
    })
}
