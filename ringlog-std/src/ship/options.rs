//! What is shipped where, and how.
#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::ship::check::{ShipCheck, compare};
use crate::ship::error::ShipError;
use crate::ship::jetstream::{JetStream, NewStream, Opening};
use crate::ship::login::Login;
use crate::ship::nats::NatsWire;
use crate::ship::runs::LogRuns;
use crate::ship::shipper::{Pace, Shipper, State};
use crate::storage::folder::ending::WriterFile;
use crate::storage::folder::listing::LogFiles;
use crate::storage::{Cursor, LogWatermarks, OpenError};

/// Where a log is shipped, and how.
///
/// ```no_run
/// use ringlog::ship::ShipOptions;
///
/// let mut shipper = ShipOptions::new("nats://127.0.0.1:4222").create(3, None).start("my-log")?;
/// while shipper.step()? {}
/// println!("{} records are in the stream", shipper.status().acknowledged);
/// # Ok::<(), ringlog::ship::ShipError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ShipOptions {
    servers: String,
    login: Login,
    stream: Option<String>,
    cursor: String,
    run_bytes: u64,
    new: Option<NewStream>,
    pace: Pace,
}

impl ShipOptions {
    /// Ships to these servers of one cluster: addresses such as `nats://host:4222`, separated by commas.
    ///
    /// ```
    /// let options = ringlog::ship::ShipOptions::new("nats://a:4222,nats://b:4222");
    /// assert!(format!("{options:?}").contains("a:4222"));
    /// ```
    #[must_use]
    pub fn new(servers: &str) -> Self {
        Self {
            servers: servers.into(),
            login: Login::default(),
            stream: None,
            cursor: "ship".into(),
            run_bytes: 16 * 1024,
            new: None,
            pace: Pace {
                window: 256,
                ack_timeout: Duration::from_secs(5),
                linger: Duration::from_secs(1),
                hold: Duration::from_secs(150),
                resume_at: None,
            },
        }
    }

    /// Shows the server who the client is.
    ///
    /// ```
    /// use ringlog::ship::{Login, ShipOptions};
    ///
    /// let options = ShipOptions::new("nats://a").login(Login::default());
    /// assert!(format!("{options:?}").contains("is_tls_required: false"));
    /// ```
    #[must_use]
    pub fn login(mut self, login: Login) -> Self {
        self.login = login;
        self
    }

    /// Ships to this stream; otherwise to the one with the name of the log's folder.
    ///
    /// ```
    /// use ringlog::ship::ShipOptions;
    ///
    /// let options = ShipOptions::new("nats://a").stream("orders");
    /// assert!(format!("{options:?}").contains("orders"));
    /// ```
    #[must_use]
    pub fn stream(mut self, name: &str) -> Self {
        self.stream = Some(name.into());
        self
    }

    /// Makes the stream if there is none, with this number of replicas (1 to 5), and at most `max_bytes` bytes.
    ///
    /// ```
    /// use ringlog::ship::ShipOptions;
    ///
    /// let options = ShipOptions::new("nats://a").create(3, Some(1 << 40));
    /// assert!(format!("{options:?}").contains("replicas: 3"));
    /// ```
    #[must_use]
    pub fn create(mut self, replicas: u64, max_bytes: Option<u64>) -> Self {
        self.new = Some(NewStream { replicas, max_bytes });
        self
    }

    /// Sets the run size of a stream that is made, in bytes: 1 to 1 MiB. A stream that exists keeps its run size.
    ///
    /// ```
    /// use ringlog::ship::ShipOptions;
    ///
    /// let options = ShipOptions::new("nats://a").run_bytes(32 * 1024);
    /// assert!(format!("{options:?}").contains("32768"));
    /// ```
    #[must_use]
    pub fn run_bytes(mut self, bytes: u64) -> Self {
        self.run_bytes = bytes.clamp(1, 1 << 20);
        self
    }

    /// Sets the most messages on their way; at least 1.
    ///
    /// ```
    /// use ringlog::ship::ShipOptions;
    ///
    /// let options = ShipOptions::new("nats://a").window(512);
    /// assert!(format!("{options:?}").contains("512"));
    /// ```
    #[must_use]
    pub fn window(mut self, messages: usize) -> Self {
        self.pace.window = messages.max(1);
        self
    }

    /// Sets how long an acknowledgement is waited for.
    ///
    /// ```
    /// use ringlog::ship::ShipOptions;
    ///
    /// let options = ShipOptions::new("nats://a").ack_timeout(std::time::Duration::from_secs(7));
    /// assert!(format!("{options:?}").contains("7s"));
    /// ```
    #[must_use]
    pub fn ack_timeout(mut self, timeout: Duration) -> Self {
        self.pace.ack_timeout = timeout;
        self
    }

    /// Sets how long records wait for others, so that they fill a message.
    ///
    /// ```
    /// use ringlog::ship::ShipOptions;
    ///
    /// let options = ShipOptions::new("nats://a").linger(std::time::Duration::from_secs(7));
    /// assert!(format!("{options:?}").contains("7s"));
    /// ```
    #[must_use]
    pub fn linger(mut self, linger: Duration) -> Self {
        self.pace.linger = linger;
        self
    }

    /// Sets how long the log keeps what was acknowledged: at least the sync interval of the server, which loses what it
    /// has not synced with its power.
    ///
    /// ```
    /// use ringlog::ship::ShipOptions;
    ///
    /// let options = ShipOptions::new("nats://a").hold(std::time::Duration::from_secs(77));
    /// assert!(format!("{options:?}").contains("77s"));
    /// ```
    #[must_use]
    pub fn hold(mut self, hold: Duration) -> Self {
        self.pace.hold = hold;
        self
    }

    /// Sets the name of the cursor that keeps the log's files from retention.
    ///
    /// ```
    /// use ringlog::ship::ShipOptions;
    ///
    /// let options = ShipOptions::new("nats://a").cursor("to-the-cloud");
    /// assert!(format!("{options:?}").contains("to-the-cloud"));
    /// ```
    #[must_use]
    pub fn cursor(mut self, name: &str) -> Self {
        self.cursor = name.into();
        self
    }

    /// Continues with this record, after a GAP, where the stream does not end with what the log has.
    ///
    /// ```
    /// use ringlog::ship::ShipOptions;
    ///
    /// let options = ShipOptions::new("nats://a").resume_at(1_234);
    /// assert!(format!("{options:?}").contains("1234"));
    /// ```
    #[must_use]
    pub fn resume_at(mut self, sequence: u64) -> Self {
        self.pace.resume_at = Some(sequence);
        self
    }

    /// Connects, and opens the log in the folder `log`.
    ///
    /// ```
    /// use ringlog::ship::{ShipError, ShipOptions};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// // There is no log in the folder.
    /// let error = ShipOptions::new("nats://127.0.0.1:1").start(folder.path()).err();
    /// assert!(matches!(error, Some(ShipError::NoIdentity { .. })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ShipError::Away`] if no server can be reached, which may be tried again; otherwise what is wrong with the log, the
    /// stream or the options.
    pub fn start(&self, log: impl AsRef<Path>) -> Result<LogShipper, ShipError> {
        let folder = log.as_ref();
        let (identity, stream) = self.names_of(folder)?;
        let cursor = Cursor::open(folder, &self.cursor)?;
        let wire = self.connect()?;
        let target = JetStream::open(wire, &stream, identity, self.run_bytes, self.new.as_ref())?;
        let runs = LogRuns::new(folder, identity, target.run_bytes);
        let shipper = Shipper::new(target, runs, self.pace, Some(cursor));
        Ok(LogShipper { shipper, folder: folder.into(), stream })
    }

    /// Compares each message of the stream with the log in the folder `log`. Ships nothing.
    ///
    /// ```no_run
    /// let check = ringlog::ship::ShipOptions::new("nats://127.0.0.1:4222").verify("my-log")?;
    /// assert!(check.differences.is_empty(), "{check:?}");
    /// # Ok::<(), ringlog::ship::ShipError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn verify(&self, log: impl AsRef<Path>) -> Result<ShipCheck, ShipError> {
        let folder = log.as_ref();
        let (identity, stream) = self.names_of(folder)?;
        let mut target = JetStream::open(self.connect()?, &stream, identity, self.run_bytes, None)?;
        let mut runs = LogRuns::new(folder, identity, target.run_bytes);
        compare(&mut target, &mut runs)
    }

    fn connect(&self) -> Result<NatsWire, ShipError> {
        NatsWire::connect(&self.servers, &self.login).map_err(|silence| Opening::from(silence).into())
    }

    /// Returns the identity of a log and the name of its stream.
    fn names_of(&self, folder: &Path) -> Result<(u128, String), ShipError> {
        let full = fs::canonicalize(folder).map_err(|source| OpenError::io(folder, "open", source))?;
        let identity = WriterFile::of(&full).identity;
        let identity = identity.ok_or_else(|| ShipError::NoIdentity { path: folder.into() })?;
        Ok((identity, self.stream.clone().unwrap_or_else(|| stream_name(&full))))
    }
}

/// Returns the name of a log's stream: that of its folder, with `_` for all that a stream's name may not have.
fn stream_name(folder: &Path) -> String {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    name.chars().map(|letter| if is_plain(letter) { letter } else { '_' }).collect()
}

/// Ships one log, while it is called.
///
/// ```no_run
/// use ringlog::ship::ShipOptions;
///
/// let mut shipper = ShipOptions::new("nats://127.0.0.1:4222").start("my-log")?;
/// loop {
///     if !shipper.step()? && shipper.is_done() {
///         break; // the log was closed, and all of it is in the stream
///     }
/// }
/// # Ok::<(), ringlog::ship::ShipError>(())
/// ```
pub struct LogShipper {
    shipper: Shipper<JetStream<NatsWire>>,
    folder: PathBuf,
    stream: String,
}

impl LogShipper {
    /// Sends what may be sent and waits for an answer, together for at most about 50 ms while the server answers; returns
    /// whether anything is left to send or on its way. Call it again and again: the connection lives while it runs.
    ///
    /// # Errors
    ///
    /// [`ShipError`] where no trying again helps. A server that is away is no error: see [`ShipStatus::waits_for`].
    pub fn step(&mut self) -> Result<bool, ShipError> {
        self.shipper.step()
    }

    /// Returns whether the log was closed and all of it was acknowledged.
    ///
    /// ```no_run
    /// # let mut shipper = ringlog::ship::ShipOptions::new("nats://127.0.0.1:4222").start("my-log")?;
    /// while !shipper.is_done() {
    ///     shipper.step()?;
    /// }
    /// # Ok::<(), ringlog::ship::ShipError>(())
    /// ```
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.shipper.is_done()
    }

    /// Returns the name of the stream.
    ///
    /// ```no_run
    /// # let mut shipper = ringlog::ship::ShipOptions::new("nats://127.0.0.1:4222").start("my-log")?;
    /// assert_eq!(shipper.stream(), "my-log");
    /// # Ok::<(), ringlog::ship::ShipError>(())
    /// ```
    #[must_use]
    pub fn stream(&self) -> &str {
        &self.stream
    }

    /// Returns what was done.
    ///
    /// ```no_run
    /// # let mut shipper = ringlog::ship::ShipOptions::new("nats://127.0.0.1:4222").start("my-log")?;
    /// let status = shipper.status();
    /// println!("{} of message {}: waiting for {}", status.acknowledged, status.position, status.waits_for);
    /// # Ok::<(), ringlog::ship::ShipError>(())
    /// ```
    #[must_use]
    pub fn status(&self) -> ShipStatus {
        let State {
            messages,
            bytes,
            acknowledged,
            acknowledged_position: _,
            cursor,
            position,
            restarts,
            waits,
            gaps,
            pending_bytes,
            waits_for,
        } = self.shipper.state.clone();
        ShipStatus {
            messages,
            bytes,
            acknowledged,
            cursor,
            position,
            restarts,
            waits,
            gaps,
            pending_bytes,
            waits_for,
        }
    }

    /// Returns what the log has and the stream has not acknowledged. Reads the headers of the log's files: call it now and then.
    ///
    /// ```no_run
    /// # let mut shipper = ringlog::ship::ShipOptions::new("nats://127.0.0.1:4222").start("my-log")?;
    /// let lag = shipper.lag()?;
    /// println!("{} records, {} bytes", lag.records, lag.bytes);
    /// # Ok::<(), ringlog::ship::ShipError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ShipError::Read`] and [`ShipError::Open`] where the log cannot be read.
    pub fn lag(&self) -> Result<ShipLag, ShipError> {
        let segments = match LogFiles::open(&self.folder) {
            Err(OpenError::NoSegments { .. }) => return Ok(ShipLag::default()),
            other => other?.segments,
        };
        let LogWatermarks { published, durable, .. } = LogWatermarks::of_segments(&segments)?;
        let next = segments.last().map_or(0, |last| last.header.base_sequence + last.header.event_count);
        let state = &self.shipper.state;
        Ok(ShipLag {
            records: next.saturating_sub(state.acknowledged),
            bytes: published.saturating_sub(state.acknowledged_position),
            not_durable_bytes: published - durable,
        })
    }
}

/// What a log has and its stream does not: see [`LogShipper::lag`].
///
/// ```
/// assert_eq!(ringlog::ship::ShipLag::default().records, 0);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct ShipLag {
    /// Records that were not acknowledged.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes of them that cannot be shipped yet, since they are not durable.
    pub not_durable_bytes: u64,
}

/// What a [`LogShipper`] has done.
///
/// ```
/// let status = ringlog::ship::ShipStatus::default();
/// assert_eq!((status.messages, status.waits_for.as_str()), (0, ""));
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct ShipStatus {
    /// Messages that were sent, those included that were sent again.
    pub messages: u64,
    /// Their payloads in bytes.
    pub bytes: u64,
    /// The sequence after the last record that was acknowledged.
    pub acknowledged: u64,
    /// Where the cursor is: the log keeps all records from here on.
    pub cursor: u64,
    /// The stream's last sequence.
    pub position: u64,
    /// How often the end of the stream was read again.
    pub restarts: u64,
    /// How often something was waited for: a server, an answer.
    pub waits: u64,
    /// GAPs that were sent for records that the log no longer had.
    pub gaps: u64,
    /// Bytes that the log's active segment has and that are not durable yet.
    pub pending_bytes: u64,
    /// What is waited for; empty if nothing is wrong.
    pub waits_for: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_has_the_name_of_the_folder_without_what_streams_may_not_have() {
        assert_eq!(stream_name(Path::new("/logs/my log.v2-é_1")), "my_log_v2-__1");
    }
}
