//! Consumers on threads of their own, which read the log and are waited for by nobody.
#![forbid(unsafe_code)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::consumer::EventConsumer;
use crate::os::sync::{Mutex, lock};
use crate::storage::{Cursor, CursorError, LogFollower, LogWatch, ReadError, SchemaList, SegmentSchemas};

/// How long one look for the next record waits.
const LOOK: Duration = Duration::from_millis(20);

/// How long an event that was refused waits for the next try, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// How often the cursor is stored.
const COMMIT_PERIOD: Duration = Duration::from_millis(500);

/// Why a consumer does not follow the log, or no longer.
///
/// ```
/// use ringlog::recorder::{FollowError, Recorder};
/// # use ringlog::{consumer::EventConsumer, event::EventHeader};
/// # struct Ignore;
/// # impl EventConsumer for Ignore {
/// #     fn consume(&mut self, _: &EventHeader, _: &[u8]) -> bool { true }
/// #     fn name(&self) -> &str { "ignore" }
/// # }
/// # let folder = tempfile::tempdir()?;
/// let (producer, recorder) = Recorder::start(folder.path())?;
/// let error = recorder.follow("no/name", Ignore).unwrap_err();
/// assert!(matches!(error, FollowError::Cursor(_)));
/// # recorder.shutdown(producer)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FollowError {
    /// The cursor cannot be used, or not be stored.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The thread could not be started.
    #[error(
        "cannot start the thread of a follower: {0}; end other threads, or raise the limit (`ulimit -u`)"
    )]
    Thread(#[source] std::io::Error),
    /// The consumer panicked.
    #[error("consumer \"{name}\" has panicked; mend it: the next one of this name continues at its cursor")]
    Panicked {
        /// The name of the cursor.
        name: String,
    },
    /// The thread did not end in time.
    #[error(
        "consumer \"{name}\" has not ended within {limit:?}: more of the log is left, or a call of it does not return; follow \
         under this name again: it continues at its cursor"
    )]
    Timeout {
        /// The name of the cursor.
        name: String,
        /// The limit.
        limit: Duration,
    },
    /// The thread belongs to another process.
    #[error("consumer \"{name}\" belongs to the process that started it; end it there")]
    OtherProcess {
        /// The name of the cursor.
        name: String,
    },
}

/// How far a follower has come.
///
/// ```
/// # use ringlog::{consumer::EventConsumer, event::EventHeader, recorder::Recorder};
/// # struct Ignore;
/// # impl EventConsumer for Ignore {
/// #     fn consume(&mut self, _: &EventHeader, _: &[u8]) -> bool { true }
/// #     fn name(&self) -> &str { "ignore" }
/// # }
/// # let folder = tempfile::tempdir()?;
/// let (mut producer, recorder) = Recorder::start(folder.path())?;
/// producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
/// recorder.follow("ignore", Ignore)?;
/// while recorder.counts().followers[0].events < 1 {
///     std::thread::yield_now();
/// }
/// assert_eq!(recorder.counts().followers[0].name, "ignore");
/// # recorder.shutdown(producer)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct FollowerCounts {
    /// The name of its cursor.
    pub name: String,
    /// Records that it has taken since it started, GAP records among them.
    pub events: u64,
    /// Bytes of the log that it has not taken yet.
    pub lag_bytes: u64,
    /// Times that it refused an event, which was offered again.
    pub refused: u64,
    /// Records that retention had deleted before it came to them.
    pub missed: u64,
    /// Whether it has ended, because the log has or by an error.
    pub has_ended: bool,
}

/// What a follower's thread and others share.
#[derive(Debug)]
pub(super) struct Progress {
    name: String,
    events: AtomicU64,
    position: AtomicU64,
    refused: AtomicU64,
    missed: AtomicU64,
    /// The recorder has closed the log.
    log_has_ended: AtomicBool,
    stop: AtomicBool,
    has_ended: AtomicBool,
    error: Mutex<Option<FollowError>>,
}

impl Progress {
    pub(super) fn counts(&self, published_position: u64) -> FollowerCounts {
        // ORDERING: Relaxed, all. The numbers are for a display only.
        FollowerCounts {
            name: self.name.clone(),
            events: self.events.load(Ordering::Relaxed),
            lag_bytes: published_position.saturating_sub(self.position.load(Ordering::Relaxed)),
            refused: self.refused.load(Ordering::Relaxed),
            missed: self.missed.load(Ordering::Relaxed),
            has_ended: self.has_ended.load(Ordering::Relaxed),
        }
    }

    pub(super) fn has_name_of(&self, other: &Self) -> bool {
        self.name == other.name
    }

    pub(super) fn end_with_log(&self) {
        // ORDERING: Release, END. Pairs with the Acquire in `has_log_ended`: who sees the end finds in the log all that was
        // published before.
        self.log_has_ended.store(true, Ordering::Release);
    }

    fn has_log_ended(&self) -> bool {
        // ORDERING: Acquire, END. Pairs with the Release in `end_with_log`.
        self.log_has_ended.load(Ordering::Acquire)
    }

    fn is_stopped(&self) -> bool {
        // ORDERING: Relaxed. The flag hands over no data.
        self.stop.load(Ordering::Relaxed)
    }
}

/// A consumer that follows the log of a recorder: [`Recorder::follow`](crate::recorder::Recorder::follow). Dropping the handle changes
/// nothing.
///
/// ```
/// # use ringlog::{consumer::EventConsumer, event::EventHeader, recorder::Recorder};
/// # use std::time::Duration;
/// # struct Ignore;
/// # impl EventConsumer for Ignore {
/// #     fn consume(&mut self, _: &EventHeader, _: &[u8]) -> bool { true }
/// #     fn name(&self) -> &str { "ignore" }
/// # }
/// # let folder = tempfile::tempdir()?;
/// let (mut producer, recorder) = Recorder::start(folder.path())?;
/// let follower = recorder.follow("ignore", Ignore)?;
/// producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
/// recorder.shutdown(producer)?;
/// assert_eq!(follower.wait(Duration::from_secs(60))?.events, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Follower {
    progress: Arc<Progress>,
    watch: LogWatch,
    thread: JoinHandle<()>,
    /// The process that the thread is in.
    pid: u32,
}

impl Follower {
    /// Starts the thread.
    pub(super) fn start(
        log: &Path,
        name: &str,
        watch: LogWatch,
        consumer: impl EventConsumer + Send + 'static,
    ) -> Result<(Self, Arc<Progress>), FollowError> {
        let cursor = Cursor::open(log, name)?;
        let follower = cursor.follow()?;
        let taken = Place { next_sequence: cursor.next_sequence(), position: 0 };
        let progress = Arc::new(Progress {
            name: name.to_owned(),
            events: AtomicU64::new(0),
            position: AtomicU64::new(follower.position()),
            refused: AtomicU64::new(0),
            missed: AtomicU64::new(0),
            log_has_ended: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            has_ended: AtomicBool::new(false),
            error: Mutex::new(None),
        });
        let mut work = Work {
            progress: Arc::clone(&progress),
            watch: watch.clone(),
            cursor,
            follower,
            consumer,
            schemas: SchemaList::new(),
            taken,
            mark: None,
            stored: Instant::now(),
        };
        let thread = std::thread::Builder::new()
            .name(format!("ringlog-{}", name.chars().take(7).collect::<String>()))
            .spawn(move || work.run())
            .map_err(FollowError::Thread)?;
        Ok((Self { progress: Arc::clone(&progress), watch, thread, pid: std::process::id() }, progress))
    }

    /// Returns how far it has come.
    ///
    /// ```
    /// # use ringlog::{consumer::EventConsumer, event::EventHeader, recorder::Recorder};
    /// # struct Busy;
    /// # impl EventConsumer for Busy {
    /// #     fn consume(&mut self, _: &EventHeader, _: &[u8]) -> bool { false }
    /// #     fn name(&self) -> &str { "busy" }
    /// # }
    /// # let folder = tempfile::tempdir()?;
    /// let (mut producer, recorder) = Recorder::start(folder.path())?;
    /// let follower = recorder.follow("busy", Busy)?;
    /// producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// while follower.counts().refused == 0 {
    ///     std::thread::yield_now();
    /// }
    /// assert_eq!(follower.counts().lag_bytes, 24);
    /// # recorder.shutdown(producer)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn counts(&self) -> FollowerCounts {
        self.progress.counts(self.watch.published_position())
    }

    /// Waits until it has taken all of the log, which ends with the recorder. Returns how far it has come.
    ///
    /// ```
    /// # use ringlog::{consumer::EventConsumer, event::EventHeader, recorder::Recorder};
    /// # use std::time::Duration;
    /// # struct Ignore;
    /// # impl EventConsumer for Ignore {
    /// #     fn consume(&mut self, _: &EventHeader, _: &[u8]) -> bool { true }
    /// #     fn name(&self) -> &str { "ignore" }
    /// # }
    /// # let folder = tempfile::tempdir()?;
    /// let (mut producer, recorder) = Recorder::start(folder.path())?;
    /// let follower = recorder.follow("ignore", Ignore)?;
    /// producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// recorder.shutdown(producer)?;
    /// assert_eq!(follower.wait(Duration::from_secs(60))?.lag_bytes, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Any [`FollowError`] by which it ended. [`FollowError::Timeout`] after `limit`: it ends with the event that it is at.
    /// [`FollowError::OtherProcess`] in a forked child.
    pub fn wait(self, limit: Duration) -> Result<FollowerCounts, FollowError> {
        if self.pid != std::process::id() {
            return Err(FollowError::OtherProcess { name: self.progress.name.clone() });
        }
        let end = Instant::now().checked_add(limit);
        while !self.thread.is_finished() {
            if end.is_some_and(|end| Instant::now() >= end) {
                // ORDERING: Relaxed. The flag hands over no data.
                self.progress.stop.store(true, Ordering::Relaxed);
                return Err(FollowError::Timeout { name: self.progress.name.clone(), limit });
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let joined = self.thread.join();
        let error = lock(&self.progress.error).take();
        match (joined, error) {
            (Err(_), _) => Err(FollowError::Panicked { name: self.progress.name.clone() }),
            (Ok(()), Some(error)) => Err(error),
            (Ok(()), None) => Ok(self.progress.counts(self.watch.published_position())),
        }
    }

    /// Ends it after the event that it is at, and waits up to `limit` for that. The next one of this name continues there.
    ///
    /// ```
    /// # use ringlog::{consumer::EventConsumer, event::EventHeader, recorder::Recorder};
    /// # use std::time::Duration;
    /// # struct Busy;
    /// # impl EventConsumer for Busy {
    /// #     fn consume(&mut self, _: &EventHeader, _: &[u8]) -> bool { false }
    /// #     fn name(&self) -> &str { "busy" }
    /// # }
    /// # let folder = tempfile::tempdir()?;
    /// let (mut producer, recorder) = Recorder::start(folder.path())?;
    /// let follower = recorder.follow("busy", Busy)?;
    /// producer.write_event(&EventHeader::new(1, 7, 5), b"hello")?;
    /// assert_eq!(follower.stop(Duration::from_secs(60))?.events, 0);
    /// # recorder.shutdown(producer)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait): [`FollowError::Timeout`] if the consumer's call does not return.
    pub fn stop(self, limit: Duration) -> Result<FollowerCounts, FollowError> {
        // ORDERING: Relaxed. The flag hands over no data.
        self.progress.stop.store(true, Ordering::Relaxed);
        self.wait(limit)
    }
}

/// What the thread owns.
struct Work<C> {
    progress: Arc<Progress>,
    watch: LogWatch,
    cursor: Cursor,
    follower: LogFollower,
    consumer: C,
    /// What the consumer knows of the events.
    schemas: SchemaList,
    /// What the consumer has taken.
    taken: Place,
    /// What it had taken when the cursor could not be stored, as the log was not synced up to there.
    mark: Option<Place>,
    /// When the cursor was stored last.
    stored: Instant,
}

/// A place between two records.
#[derive(Clone, Copy)]
struct Place {
    next_sequence: u64,
    position: u64,
}

impl<C: EventConsumer> Work<C> {
    fn run(&mut self) {
        let ran = catch_unwind(AssertUnwindSafe(|| self.follow()));
        let stored = self.store_cursor();
        let error = match ran {
            Err(_) => Some(FollowError::Panicked { name: self.progress.name.clone() }),
            Ok(Err(error)) => Some(error),
            Ok(Ok(())) => stored.err(),
        };
        *lock(&self.progress.error) = error;
        // ORDERING: Relaxed. For a display only.
        self.progress.has_ended.store(true, Ordering::Relaxed);
    }

    fn follow(&mut self) -> Result<(), FollowError> {
        while !self.progress.is_stopped() {
            self.store_cursor_at_times()?;
            let published = self.watch.published_position();
            // Read before the look, so that what was published before the end is found after it.
            let is_last = self.progress.has_log_ended();
            if is_last {
                // Nothing is published any more: what a look does not find now, no later one would.
                self.follower.list_at_next_look();
            }
            match self.follower.next_within(if is_last { Duration::ZERO } else { LOOK }) {
                Ok(Some(_)) => {}
                Ok(None) if is_last => return Ok(()),
                Ok(None) => {
                    // It has had all that was there, also if that was before its first event.
                    // ORDERING: Relaxed. For a display only.
                    self.progress.position.fetch_max(published, Ordering::Relaxed);
                    self.consumer.idle();
                    continue;
                }
                Err(ReadError::Overtaken { from, to, .. }) => {
                    // ORDERING: Relaxed. For a display only.
                    self.progress.missed.fetch_add(to - from, Ordering::Relaxed);
                    self.follower.resume();
                    continue;
                }
                Err(error) => return Err(error.into()),
            }
            if !self.offer()? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Gives the record that was found to the consumer until that takes it. Returns whether it did before the stop.
    fn offer(&mut self) -> Result<bool, FollowError> {
        let mut pause = FIRST_PAUSE;
        while let Some(event) = self.follower.found_event() {
            static NONE: SchemaList = SchemaList::new();
            let schemas = SegmentSchemas::of(&event).map_or(&NONE, SegmentSchemas::list);
            if self.schemas != *schemas {
                for (topic, json) in schemas.changes_from(&self.schemas) {
                    self.consumer.meta(topic, &json);
                }
                self.schemas = schemas.clone();
            }
            if self.consumer.consume(&event.header, event.payload) {
                break;
            }
            // ORDERING: Relaxed. For a display only.
            self.progress.refused.fetch_add(1, Ordering::Relaxed);
            if self.progress.is_stopped() {
                return Ok(false);
            }
            self.store_cursor_at_times()?;
            std::thread::sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        let (next_sequence, position) = (self.follower.next_sequence(), self.follower.position());
        self.taken = Place { next_sequence, position };
        // ORDERING: Relaxed, both. For a display only.
        self.progress.events.fetch_add(1, Ordering::Relaxed);
        self.progress.position.fetch_max(position, Ordering::Relaxed);
        Ok(true)
    }

    /// Stores the cursor if that was not done for a while.
    fn store_cursor_at_times(&mut self) -> Result<(), FollowError> {
        if self.stored.elapsed() < COMMIT_PERIOD {
            return Ok(());
        }
        self.stored = Instant::now();
        self.store_cursor()
    }

    /// Stores how far the consumer is, but nothing that a loss of power may take from the log: other records would get those
    /// sequences.
    fn store_cursor(&mut self) -> Result<(), FollowError> {
        let durable = self.watch.durable_position();
        let is_durable = |place: &Place| place.position <= durable;
        if is_durable(&self.taken) {
            self.mark = None;
            self.cursor.advance(self.taken.next_sequence)?;
        } else if let Some(place) = self.mark.take_if(|place| is_durable(place)) {
            self.cursor.advance(place.next_sequence)?;
        }
        if !is_durable(&self.taken) && self.mark.is_none() {
            self.mark = Some(self.taken);
        }
        Ok(self.cursor.commit()?)
    }
}
