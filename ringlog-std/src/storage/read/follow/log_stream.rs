//! A follower that tasks of tokio await.
//!
//! It looks on a timer: epoll refuses regular files, and a store into a mapping raises no event of the kernel.
#![forbid(unsafe_code)]

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use futures_core::stream::FusedStream;
use tokio::time::{Instant, Sleep, sleep};

use crate::event::Event;
use crate::storage::error::ReadError;
use crate::storage::folder::ending::WriterFile;
use crate::storage::read::follow::follower::LogFollower;
use crate::storage::read::follow::owned_event::OwnedLogEvent;

/// A turn ends after this number of events, or after this number of bytes of payload: then other tasks may run.
const TURN_EVENTS: u32 = 128;
const TURN_BYTES: usize = 256 * 1024;
/// A longer one could be beyond the range of the clock.
const LONGEST_INTERVAL: Duration = Duration::from_secs(3600);

/// A [`LogFollower`] that a task of tokio awaits, as a [`Stream`] of events or with [`next_event`](Self::next_event).
///
/// # What it costs
///
/// - **A look that finds nothing** is one `pread` of 64 bytes, about a microsecond, once in each interval. After 100 ms of
///   silence the folder is listed too, ten times a second. An event arrives up to one interval late; tokio's timer has
///   steps of a millisecond.
/// - **Reading blocks the thread**: up to 256 KiB by `pread`, some 50 µs if they are in the kernel's cache. What the disk
///   must read first takes as long as the disk, so a stream that begins far back belongs on a thread of its blocking work
///   (`spawn_blocking` with a [`LogFollower`], or a separate runtime).
/// - **In turns**: after 128 events, or 256 KiB of payload, the task yields, so others run even while the log is far ahead.
/// - An item of the stream is a copy, with one allocation for its payload. `next_event` lends the event instead.
///
/// # Errors
///
/// The stream continues after [`ReadError::Overtaken`], with the next record that the log has. Any other error is its last
/// item; [`into_inner`](Self::into_inner) returns the follower, which can try again.
///
/// # Panics
///
/// If it has to wait outside of a tokio runtime with time enabled.
///
/// ```
/// use ringlog::event::EventHeader;
/// use ringlog::storage::{LogFollower, LogWriter};
/// use std::time::Duration;
///
/// # let folder = tempfile::tempdir()?;
/// let mut writer = LogWriter::open(folder.path())?;
/// writer.write_event(&EventHeader::new(1, 2, 3), b"abc")?;
/// writer.close()?;
///
/// let follower = LogFollower::open(folder.path())?;
/// let mut events = follower.into_stream(Duration::from_millis(5)).until_closed();
/// let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
/// let count = runtime.block_on(async move {
///     let mut count = 0;
///     while let Some(event) = events.next_event().await? {
///         assert_eq!(event.payload, b"abc");
///         count += 1;
///     }
///     Ok::<_, ringlog::storage::ReadError>(count)
/// })?;
/// assert_eq!(count, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct LogStream {
    follower: LogFollower,
    interval: Duration,
    ends_at_close: bool,
    /// Made at the first wait, which knows the runtime.
    timer: Option<Pin<Box<Sleep>>>,
    is_waiting: bool,
    turn: Turn,
    has_ended: bool,
}

/// What was read since the task gave way last.
#[derive(Debug, Default)]
struct Turn {
    events: u32,
    bytes: usize,
}

impl Turn {
    const fn is_over(&self) -> bool {
        self.events >= TURN_EVENTS || self.bytes >= TURN_BYTES
    }

    fn count(&mut self, event: &Event<'_>) {
        self.events += 1;
        self.bytes += event.payload.len();
    }
}

impl LogFollower {
    /// Returns a stream of the events that follow. It looks for more once in each `interval`.
    ///
    /// An interval of 1 to 10 milliseconds takes less than one percent of a processor. An hour is the longest.
    ///
    /// ```
    /// use ringlog::storage::LogFollower;
    /// use std::time::Duration;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// let stream = LogFollower::open(path)?.into_stream(Duration::from_millis(5));
    /// assert_eq!(stream.follower().next_sequence(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn into_stream(self, interval: Duration) -> LogStream {
        LogStream {
            follower: self,
            interval: interval.min(LONGEST_INTERVAL),
            ends_at_close: false,
            timer: None,
            is_waiting: false,
            turn: Turn::default(),
            has_ended: false,
        }
    }
}

impl LogStream {
    /// Returns the same stream, which ends once all events of a log that was closed were read.
    ///
    /// Without it, only the stream of a single sealed file ends: the next writer of a folder may continue its log. A look
    /// that finds nothing also reads the folder's `writer` file.
    ///
    /// ```
    /// use ringlog::storage::{LogFollower, LogWriter};
    /// use std::time::Duration;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// LogWriter::open(folder.path())?.close()?;
    /// let mut events =
    ///     LogFollower::open(folder.path())?.into_stream(Duration::from_millis(5)).until_closed();
    /// let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    /// assert!(runtime.block_on(events.next_event())?.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn until_closed(mut self) -> Self {
        self.ends_at_close = true;
        self
    }

    /// Waits for the next event and lends it; `None` at the end.
    ///
    /// The future may be dropped at any time: no event is lost.
    ///
    /// ```
    /// use ringlog::storage::LogFollower;
    /// use std::time::Duration;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// let mut events = LogFollower::open(path)?.into_stream(Duration::from_millis(5));
    /// let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    /// runtime.block_on(async {
    ///     assert_eq!(events.next_event().await?.unwrap().payload, b"hello");
    ///     while events.next_event().await?.is_some() {}
    ///     assert_eq!(events.follower().next_sequence(), 4, "a single file that is sealed");
    ///     Ok::<(), ringlog::storage::ReadError>(())
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`LogFollower::next_event`]. After [`ReadError::Overtaken`], [`LogFollower::resume`] by
    /// [`follower_mut`](Self::follower_mut) continues.
    ///
    /// # Panics
    ///
    /// If it has to wait outside of a tokio runtime with time enabled.
    pub async fn next_event(&mut self) -> Result<Option<Event<'_>>, ReadError> {
        let found = poll_fn(|context| self.poll_advance(context)).await?;
        Ok(if found { self.follower.found_event() } else { None })
    }

    /// Returns the follower that reads the log.
    ///
    /// ```
    /// # use ringlog::storage::LogFollower;
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// let stream = LogFollower::open_at(path, 3)?.into_stream(std::time::Duration::from_millis(5));
    /// assert_eq!(stream.follower().next_sequence(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn follower(&self) -> &LogFollower {
        &self.follower
    }

    /// Returns the follower, to [`resume`](LogFollower::resume) it.
    ///
    /// ```
    /// # use ringlog::storage::LogFollower;
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// let mut stream = LogFollower::open(path)?.into_stream(std::time::Duration::from_millis(5));
    /// assert_eq!(stream.follower_mut().resume(), None, "nothing was missed");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn follower_mut(&mut self) -> &mut LogFollower {
        &mut self.follower
    }

    /// Returns the follower, which continues after the event that was given out last.
    ///
    /// ```
    /// # use ringlog::storage::LogFollower;
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/format.evtl");
    /// let stream = LogFollower::open(path)?.into_stream(std::time::Duration::from_millis(5));
    /// assert_eq!(stream.into_inner().next_event()?.unwrap().payload, b"hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn into_inner(self) -> LogFollower {
        self.follower
    }

    /// Goes to the next event. `false` at the end.
    fn poll_advance(&mut self, context: &mut Context<'_>) -> Poll<Result<bool, ReadError>> {
        loop {
            ready!(self.poll_timer(context));
            if self.turn.is_over() {
                self.turn = Turn::default();
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            if self.follower.advance()? {
                if let Some(event) = self.follower.found_event() {
                    self.turn.count(&event);
                }
                return Poll::Ready(Ok(true));
            }
            if self.is_at_end() {
                return Poll::Ready(Ok(false));
            }
            self.start_timer();
        }
    }

    /// Waits for the time of the next look, if the last one found nothing.
    fn poll_timer(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Some(timer) = self.timer.as_mut().filter(|_| self.is_waiting) {
            ready!(timer.as_mut().poll(context));
            self.is_waiting = false;
        }
        Poll::Ready(())
    }

    fn start_timer(&mut self) {
        match &mut self.timer {
            Some(timer) => timer.as_mut().reset(Instant::now() + self.interval),
            None => self.timer = Some(Box::pin(sleep(self.interval))),
        }
        self.is_waiting = true;
        self.turn = Turn::default();
    }

    fn is_at_end(&self) -> bool {
        let is_closed = || {
            let end = WriterFile::read_once(self.follower.path()).end_sequence();
            end == Some(self.follower.next_sequence())
        };
        self.follower.has_ended() || (self.ends_at_close && is_closed())
    }

    fn copied_event(&self) -> Option<OwnedLogEvent> {
        let event = self.follower.found_event()?;
        Some(OwnedLogEvent::copy_of(&event, self.follower.clock(), self.follower.position()))
    }
}

impl Stream for LogStream {
    type Item = Result<OwnedLogEvent, ReadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.has_ended {
            return Poll::Ready(None);
        }
        Poll::Ready(match ready!(this.poll_advance(context)) {
            Ok(true) => this.copied_event().map(Ok),
            Ok(false) => {
                this.has_ended = true;
                None
            }
            Err(error) => {
                this.has_ended = !matches!(error, ReadError::Overtaken { .. });
                this.follower.resume();
                Some(Err(error))
            }
        })
    }
}

impl FusedStream for LogStream {
    fn is_terminated(&self) -> bool {
        self.has_ended
    }
}
