//! Where a shared ring and its log go on together.
//!
//! Both count the same positions. The log's end says how far the ring has been recorded, whoever was killed
//! between publishing to the log and releasing the ring: so each event gets into the log exactly once.
#![forbid(unsafe_code)]

use crate::ring::{RingOptions, SharedConsumer, SharedRing, SharedRingError, SkipError, new_identity};
use crate::storage::{AppendError, LogWriter, OpenError};
use ringlog_nostd::{Gap, GapReason};
use std::path::{Path, PathBuf};

/// Why a shared ring cannot feed a log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResumeError {
    /// The ring could not be made, opened or claimed.
    #[error(transparent)]
    Ring(#[from] SharedRingError),
    /// The log was fed by another ring.
    #[error(
        "{}: ring {ring_identity:016x}, but {} was fed by ring {log_identity:016x}; record this ring into another log, \
         or move it away and lose its unread events",
        ring.display(),
        log.display()
    )]
    OtherRing {
        /// The ring.
        ring: PathBuf,
        /// Its identity.
        ring_identity: u64,
        /// The log's folder.
        log: PathBuf,
        /// The identity of the ring that fed it.
        log_identity: u64,
    },
    /// The log, which no shared ring feeds, does not end where the ring begins.
    #[error(
        "{}: ring {ring_identity:016x} begins at position {tail}, but {}, which no shared ring has fed last, ends at \
         {log_end}; record this ring into a log of its own, or move it away and lose its unread events",
        ring.display(),
        log.display()
    )]
    NewToLog {
        /// The ring.
        ring: PathBuf,
        /// Its identity.
        ring_identity: u64,
        /// Position of its first unread event.
        tail: u64,
        /// The log's folder.
        log: PathBuf,
        /// The position at which it ends.
        log_end: u64,
    },
    /// The log does not end where the ring, which has fed it, can go on.
    #[error(
        "{}: ring {identity:016x} cannot go on where {} ends: {source}; something else wrote to the log or the ring",
        ring.display(),
        log.display()
    )]
    Position {
        /// The ring.
        ring: PathBuf,
        /// Its identity, which the log has, too.
        identity: u64,
        /// The log's folder.
        log: PathBuf,
        /// What is wrong with the log's end.
        source: SkipError,
    },
    /// The log could not store which ring feeds it.
    #[error(transparent)]
    Log(#[from] OpenError),
    /// The log took no record of what is missing.
    #[error("cannot record what is missing: {0}")]
    Gap(#[source] Box<AppendError>),
}

/// Finds or makes the ring `path`, and takes the consumer's role where `log` ends.
pub(super) fn resume(
    path: &Path,
    options: &RingOptions,
    log: &mut LogWriter,
) -> Result<(SharedRing, SharedConsumer), ResumeError> {
    let ring = match SharedRing::open(path) {
        Err(error) if error.is_missing() => make(path, options, log)?,
        Ok(ring) if !ring.is_of_this_boot()? => renew(ring, log)?,
        other => other?,
    };
    let mut consumer = ring.claim_consumer()?;
    go_on(&ring, &mut consumer, log)?;
    Ok((ring, consumer))
}

/// No ring is there: the first start, or it is gone with all that was in it.
fn make(path: &Path, options: &RingOptions, log: &mut LogWriter) -> Result<SharedRing, ResumeError> {
    let options = RingOptions { identity: new_identity(), start: end_of(log), ..*options };
    if log.ring_identity() != 0 {
        tell_unknown_loss(log)?;
        // First the log: killed in between, the next start is here again and tells one gap too many.
        log.set_ring_identity(options.identity)?;
    }
    // Killed behind this, the next start finds a ring that begins where the log ends.
    Ok(SharedRing::create(path, &options)?)
}

/// The machine was started anew: nobody knows which of the ring's pages had reached its file.
fn renew(ring: SharedRing, log: &mut LogWriter) -> Result<SharedRing, ResumeError> {
    tell_unknown_loss(log)?;
    let options = RingOptions { identity: new_identity(), start: end_of(log), ..RingOptions::default() };
    // First the log: killed in between, the next start finds the old ring and is here again.
    log.set_ring_identity(options.identity)?;
    Ok(ring.renew(&options)?)
}

fn tell_unknown_loss(log: &mut LogWriter) -> Result<(), ResumeError> {
    let gap = Gap { log_side: true, ..Gap::new(GapReason::RecoveryCut, 0) };
    log.append_gap(0, gap).map_err(|error| ResumeError::Gap(Box::new(error)))
}

fn go_on(ring: &SharedRing, consumer: &mut SharedConsumer, log: &mut LogWriter) -> Result<(), ResumeError> {
    let (identity, log_identity) = (ring.identity(), log.ring_identity());
    let (ring, log_path) = (ring.path().to_path_buf(), log.path().to_path_buf());
    match log_identity {
        known if known == identity => {
            let skipped = consumer.skip_to(end_of(log));
            skipped.map(drop).map_err(|source| ResumeError::Position {
                ring,
                identity,
                log: log_path,
                source,
            })
        }
        0 if consumer.position() == end_of(log) => Ok(log.set_ring_identity(identity)?),
        0 => Err(ResumeError::NewToLog {
            ring,
            ring_identity: identity,
            tail: consumer.position() as u64,
            log: log_path,
            log_end: log.position(),
        }),
        _ => Err(ResumeError::OtherRing { ring, ring_identity: identity, log: log_path, log_identity }),
    }
}

/// The log's end as a position in a ring, which is as wide on the 64-bit hosts that have logs.
fn end_of(log: &LogWriter) -> usize {
    log.position() as usize
}
