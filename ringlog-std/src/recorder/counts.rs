//! What a recorder has counted so far.
#![forbid(unsafe_code)]

use std::sync::Arc;

use super::follow::{FollowerCounts, Progress};
use crate::consumer::ConsumerStatistics;
use crate::os::sync::{Mutex, MutexGuard, lock};

/// How full a ring is.
///
/// ```
/// # use ringlog::recorder::Recorder;
/// # let folder = tempfile::tempdir()?;
/// let (producers, recorder) = Recorder::builder().start_many(folder.path())?;
/// let _producer = producers.producer()?;
/// while recorder.counts().rings.is_empty() {
///     std::thread::yield_now();
/// }
/// assert_eq!(recorder.counts().rings[0].capacity_bytes, 256 << 10);
/// # recorder.stop()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct RingFill {
    /// Its capacity in bytes.
    pub capacity_bytes: usize,
    /// Bytes that its producer has published and the log does not have yet.
    pub unread_bytes: usize,
}

/// What a recorder has counted since it started: [`Recorder::counts`](crate::recorder::Recorder::counts).
///
/// Its thread notes `events`, `rings` and `consumers` every 50 milliseconds, later where something holds it up, such as a disk.
///
/// ```
/// # use ringlog::{event::EventHeader, recorder::Recorder};
/// # let folder = tempfile::tempdir()?;
/// let (producers, recorder) = Recorder::builder().start_many(folder.path())?;
/// producers.with(|producer| producer.write_event(&EventHeader::new(1, 7, 5), b"hello"))??;
/// while recorder.counts().events < 1 {
///     std::thread::yield_now();
/// }
/// assert_eq!((recorder.counts().bytes, recorder.counts().lost, recorder.counts().late), (24, 0, 0));
/// # recorder.stop()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct RecorderCounts {
    /// Records in the log, GAP records among them.
    pub events: u64,
    /// Bytes of those records, headers and padding included.
    pub bytes: u64,
    /// Events that producers and log have lost, whether a GAP record counts them already or not.
    pub lost: u64,
    /// Events that are in the log after one with a larger timestamp, where it is [sorted](crate::recorder::Order::Timestamp).
    pub late: u64,
    /// The fill of each ring that exists.
    pub rings: Vec<RingFill>,
    /// The log, and each [consumer](crate::recorder::RecorderBuilder::consumer) beside it.
    pub consumers: Vec<ConsumerStatistics>,
    /// Those that [follow](crate::recorder::Recorder::follow) the log.
    pub followers: Vec<FollowerCounts>,
}

/// What the recorder's thread notes now and then.
#[derive(Debug, Default)]
pub(super) struct Noted {
    pub(super) rings: Vec<RingFill>,
    pub(super) consumers: Vec<ConsumerStatistics>,
}

/// What it noted last, and who follows its log.
#[derive(Debug, Default)]
pub(super) struct Notes {
    noted: Mutex<Noted>,
    followers: Mutex<Vec<Arc<Progress>>>,
}

impl Notes {
    pub(super) fn set(&self, change: impl FnOnce(&mut Noted)) {
        change(&mut lock(&self.noted));
    }

    pub(super) fn get(&self) -> MutexGuard<'_, Noted> {
        lock(&self.noted)
    }

    /// Adds a follower, in the place of one that had its name and has ended.
    pub(super) fn add_follower(&self, progress: Arc<Progress>) {
        let mut followers = lock(&self.followers);
        followers.retain(|it| !it.has_name_of(&progress));
        followers.push(progress);
    }

    pub(super) fn followers(&self, published_position: u64) -> Vec<FollowerCounts> {
        lock(&self.followers).iter().map(|progress| progress.counts(published_position)).collect()
    }

    /// Ends all that follow, once they have read the log to its end.
    pub(super) fn end_followers(&self) {
        lock(&self.followers).iter().for_each(|progress| progress.end_with_log());
    }
}
