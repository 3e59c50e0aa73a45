//! Where a shared ring and its log continue together.
//!
//! Both count the same positions. The log's end says how far the ring has been recorded, even if the recorder was
//! killed between publishing to the log and releasing the ring. So each event gets into the log exactly once.
//!
//! The ring of another log is refused. A damaged ring is not: what cannot be read is skipped and reported, and the
//! log gets a GAP record for it. So a recorder can always start.
#![forbid(unsafe_code)]

use std::path::Path;

use ringlog_nostd::{Gap, GapReason, RingFault};

use super::error::RecorderError;
use super::skipped::SkippedRing;
use crate::ring::ring_file::{LIKELY_CAUSE, cause_words};
use crate::ring::{
    Consumer, RingError, RingOptions, RoleLock, SharedRing, SharedRingError, SkipError, identity_after,
    new_identity,
};
use crate::storage::{AppendError, LogWriter};

/// A ring that continues where its log ends.
pub(super) struct Resumed {
    pub(super) ring: SharedRing,
    pub(super) source: Consumer,
    pub(super) skipped: Option<SkippedRing>,
}

/// How a ring and the end of its log fit together.
enum Fit {
    /// The consumer is where the log ends; what could not be read was skipped.
    At(Consumer, Option<Box<SkippedRing>>),
    /// The ring's positions contradict each other or the log, for this reason.
    Nowhere(String),
}

/// Opens or creates the ring `path`, and takes the consumer's role where `log` ends.
pub(super) fn resume(
    path: &Path,
    options: &RingOptions,
    skips_to_head: bool,
    log: &mut LogWriter,
) -> Result<Resumed, RecorderError> {
    let (ring, renewed) = find(path, options, log)?;
    match fit(&ring, skips_to_head, log)? {
        Fit::At(mut source, skipped) => {
            let skipped = renewed.or(skipped.map(|it| *it));
            let skipped = if skips_to_head { give_up(&ring, &mut source, skipped, log)? } else { skipped };
            Ok(Resumed { ring, source, skipped })
        }
        Fit::Nowhere(damage) => {
            let (ring, skipped) = replace(ring, damage, log)?;
            let source = ring.claim_consumer()?;
            Ok(Resumed { ring, source, skipped: Some(skipped) })
        }
    }
}

pub(crate) type Found = (SharedRing, Option<SkippedRing>);

fn find(path: &Path, options: &RingOptions, log: &mut LogWriter) -> Result<Found, RecorderError> {
    let ring = match SharedRing::open(path) {
        Err(error) if error.is_missing() => return make(path, options, log),
        other => other?,
    };
    if !ring.is_of_this_boot()? {
        // It is unknown which of the ring's pages had reached its file.
        let roles = ring.claim_both()?;
        let skipped = report(&ring, "it is of an earlier boot".to_owned(), log, None);
        return Ok((renew(ring, roles, new_identity(), log)?, Some(skipped)));
    }
    if log.ring_identity() == identity_after(ring.identity()) {
        // The previous recorder was killed in `replace`, between log and ring.
        let (ring, skipped) = replace(ring, "it is damaged".to_owned(), log)?;
        return Ok((ring, Some(skipped)));
    }
    Ok((ring, None))
}

/// Creates a ring. None is there: this is the first start, or the ring is gone with all that was in it.
fn make(path: &Path, options: &RingOptions, log: &mut LogWriter) -> Result<Found, RecorderError> {
    let options = RingOptions { identity: new_identity(), start: end_of(log), ..*options };
    let skipped = match log.ring_identity() {
        0 => None,
        identity => {
            let (ring, reason) = (path.to_path_buf(), "its file is missing".to_owned());
            Some(SkippedRing { ring, identity, reason, position: log.position(), bytes: None, events: None })
        }
    };
    // The log first. If this process is killed before the ring has its name, the next start takes this path again. If
    // it is killed after that, the next start finds a ring that begins where the log ends.
    let first = || if skipped.is_some() { report_unknown_loss(log, options.identity) } else { Ok(()) };
    Ok((SharedRing::create_after(path, &options, first)?, skipped))
}

/// Puts a new ring in the place of one whose positions contradict each other or the log.
fn replace(
    ring: SharedRing,
    damage: String,
    log: &mut LogWriter,
) -> Result<(SharedRing, SkippedRing), RecorderError> {
    let skipped = report(&ring, damage, log, None);
    let roles = ring.claim_both().map_err(|source| {
        let SkippedRing { ring, reason: damage, .. } = skipped.clone();
        RecorderError::DamagedInUse { ring, damage, source }
    })?;
    let identity = identity_after(ring.identity());
    Ok((renew(ring, roles, identity, log)?, skipped))
}

fn renew(
    ring: SharedRing,
    roles: [RoleLock; 2],
    identity: u64,
    log: &mut LogWriter,
) -> Result<SharedRing, RecorderError> {
    let options = RingOptions { identity, start: end_of(log), ..RingOptions::default() };
    // The log first: if this process is killed in between, the next start finds the old ring and takes this path
    // again.
    ring.renew_after(roles, &options, || report_unknown_loss(log, identity))
}

/// Stores in the log that something is missing, and then that the ring `identity` feeds it.
fn report_unknown_loss(log: &mut LogWriter, identity: u64) -> Result<(), RecorderError> {
    log.report_unknown_loss(0, GapReason::RecoveryCut).map_err(gap_error)?;
    Ok(log.set_ring_identity(identity)?)
}

fn gap_error(error: AppendError) -> RecorderError {
    RecorderError::Gap(Box::new(error))
}

fn report(ring: &SharedRing, reason: String, log: &LogWriter, bytes: Option<u64>) -> SkippedRing {
    let (identity, position) = (ring.identity(), log.position());
    SkippedRing { ring: ring.path().to_path_buf(), identity, reason, position, bytes, events: None }
}

/// Gives up everything unread, because the caller asks for it. A GAP record reports it, with its count if each record
/// can be read.
fn give_up(
    ring: &SharedRing,
    source: &mut Consumer,
    skipped: Option<SkippedRing>,
    log: &mut LogWriter,
) -> Result<Option<SkippedRing>, RecorderError> {
    let (tail, head) = (source.position(), source.published_position());
    let bytes = head.wrapping_sub(tail);
    let events = count_unread(source, bytes);
    if bytes == 0 {
        return Ok(skipped);
    }
    if bytes > ring.capacity() || !head.is_multiple_of(8) {
        let problem = RingFault::Position { own: tail, foreign: head }.to_string();
        return Err(SharedRingError::Positions { path: ring.path().into(), problem }.into());
    }
    let mut given_up = report(ring, "asked to give up what is unread".into(), log, Some(bytes as u64));
    given_up.events = events;
    // The log first, as where damage is skipped.
    let reason = if events.is_some() { GapReason::RecorderEnded } else { GapReason::RecoveryCut };
    log.skip_counted(head as u64, reason, events.unwrap_or(0)).map_err(gap_error)?;
    source.skip_damage(head).map_err(|_| {
        let problem = RingFault::Position { own: tail, foreign: source.published_position() }.to_string();
        SharedRingError::Positions { path: ring.path().into(), problem }
    })?;
    Ok(Some(given_up))
}

/// Returns how many events the unread bytes mean, with those that their GAP records count; `None` if that cannot be known.
fn count_unread(source: &mut Consumer, bytes: usize) -> Option<u64> {
    let (mut done, mut events) = (0, 0_u64);
    while done < bytes {
        let mut run = source.peek_run(done).ok()??;
        while let Some((header, payload)) = run.peek() {
            if done >= bytes {
                break;
            }
            let lost = Gap::from_event(&header, payload).map_or(1, |gap| gap.count);
            events = events.checked_add(lost).filter(|_| lost > 0)?;
            done += header.stride();
            run.accept();
        }
    }
    Some(events)
}

fn fit(ring: &SharedRing, skips_to_head: bool, log: &mut LogWriter) -> Result<Fit, RecorderError> {
    let (identity, log_identity) = (ring.identity(), log.ring_identity());
    let source = match ring.claim_consumer() {
        // Its constants were checked when it was opened, so the positions are what is damaged.
        Err(SharedRingError::Positions { problem, .. }) if log_identity == identity && !skips_to_head => {
            return Ok(Fit::Nowhere(format!("corrupt ring: {problem}: {LIKELY_CAUSE}")));
        }
        // What was wrong with them is gone from the words.
        Err(SharedRingError::Contents { source: damage @ RingError::Damaged, .. })
            if log_identity == identity =>
        {
            return Ok(Fit::Nowhere(damage.to_string()));
        }
        claimed => claimed?,
    };
    match log_identity {
        known if known == identity => fit_known(ring, source, log),
        0 if source.position() == end_of(log) => {
            log.set_ring_identity(identity)?;
            Ok(Fit::At(source, None))
        }
        0 => Err(RecorderError::NewToLog {
            ring: ring.path().to_path_buf(),
            ring_identity: identity,
            tail: source.position() as u64,
            log: log.path().to_path_buf(),
            log_end: log.position(),
        }),
        _ => Err(RecorderError::OtherRing {
            ring: ring.path().to_path_buf(),
            ring_identity: identity,
            log: log.path().to_path_buf(),
            log_identity,
        }),
    }
}

/// Fits a ring that fed the log: releases what the log has, and skips what cannot be read.
fn fit_known(ring: &SharedRing, mut source: Consumer, log: &mut LogWriter) -> Result<Fit, RecorderError> {
    let skipped = skip_released(ring, &source, log)?;
    let Err(damage) = release_recorded(&mut source, end_of(log)) else {
        return Ok(Fit::At(source, skipped.map(Box::new)));
    };
    let head = source.published_position();
    let bytes = head.wrapping_sub(end_of(log));
    // The word is read again each time, and anything may be stored there meanwhile.
    if bytes > ring.capacity() || !head.is_multiple_of(8) {
        return Ok(Fit::Nowhere(damage.to_string()));
    }
    let reason = match damage {
        SkipError::Fault(fault) => format!("{fault}: {}", cause_words(ring.path(), fault)),
        other => other.to_string(),
    };
    let unreadable = report(ring, reason, log, Some(bytes as u64));
    if bytes > 0 {
        // The log first: if this process is killed in between, the next start finds that it ends where the ring does.
        log.skip_to(head as u64, GapReason::RecoveryCut).map_err(gap_error)?;
    }
    match source.skip_damage(head) {
        Ok(()) => Ok(Fit::At(source, skipped.or(Some(unreadable)).map(Box::new))),
        Err(_) => Ok(Fit::Nowhere(damage.to_string())),
    }
}

/// Handles a ring that released what the log does not have: what a full disk did not take, or what the log lost.
fn skip_released(
    ring: &SharedRing,
    source: &Consumer,
    log: &mut LogWriter,
) -> Result<Option<SkippedRing>, RecorderError> {
    let tail = source.position() as u64;
    let bytes = tail.saturating_sub(log.position());
    let is_reported = log.recovery().has_unreported_loss;
    if bytes == 0 || !is_reported && bytes > ring.capacity() as u64 {
        return Ok(None);
    }
    let damage = "its consumer has released events that the log does not have".to_owned();
    let skipped = report(ring, damage, log, Some(bytes));
    let reason = if is_reported { GapReason::DiskFull } else { GapReason::RecoveryCut };
    log.skip_to(tail, reason).map_err(gap_error)?;
    Ok(Some(skipped))
}

/// Releases what the log has, up to its `end`, if a record or nothing follows.
fn release_recorded(source: &mut Consumer, end: usize) -> Result<(), SkipError> {
    source.skip_to(end)?;
    source.peek_run(0)?;
    Ok(())
}

/// Returns the log's end as a position in a ring. It is as wide on the 64-bit hosts that have logs.
fn end_of(log: &LogWriter) -> usize {
    log.position() as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventHeader;
    use std::os::unix::fs::FileExt;

    /// Offset of the head in a ring's file.
    const HEAD: u64 = 128;

    /// The head may change after the consumer has read it and found it right.
    #[expect(clippy::host_endian_bytes, reason = "a ring's control words are the machine's")]
    #[test]
    fn a_head_that_is_no_position_gets_into_no_log() {
        let folder = tempfile::tempdir().unwrap();
        let options = RingOptions { capacity: Some(4096), identity: 7, ..RingOptions::default() };
        let ring = SharedRing::create(folder.path().join("ring"), &options).unwrap();
        let mut log = LogWriter::open(folder.path().join("log")).unwrap();
        log.set_ring_identity(7).unwrap();
        let mut producer = ring.claim_producer().unwrap();
        for time in 0..5 {
            producer.write_event(&EventHeader::new(time, 1, 8), &[7; 8]).unwrap();
        }
        let source = ring.claim_consumer().unwrap();
        let file = std::fs::OpenOptions::new().write(true).open(ring.path()).unwrap();
        let head = source.published_position() as u64 - 4;
        file.write_all_at(&head.to_ne_bytes(), HEAD).unwrap();
        assert_eq!(source.published_position() as u64, head);
        let fit = fit_known(&ring, source, &mut log).unwrap();
        assert!(matches!(fit, Fit::Nowhere(_)), "the ring is replaced");
        assert_eq!(log.position(), 0);
    }
}
