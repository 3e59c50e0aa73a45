//! Makes a log of a stream again.
#![forbid(unsafe_code)]

use std::path::Path;
use std::time::{Duration, Instant};

use crate::ship::error::{PullError, ShipError};
use crate::ship::header::RunHeader;
use crate::ship::jetstream::{JetStream, Opening, Wire};
use crate::ship::login::Login;
use crate::ship::nats::NatsWire;
use crate::ship::pulled::PulledLog;
use crate::ship::target::{Last, Position, Run, Silence};

/// What is pulled is synced after this time.
const SYNC_EVERY: Duration = Duration::from_secs(1);
/// How long an empty stream is left alone.
const PAUSE: Duration = Duration::from_millis(200);

/// Reads one stream into one log.
pub(crate) struct Puller<W> {
    target: JetStream<W>,
    log: PulledLog,
    /// The message to read next; 0 while that is not known.
    next: Position,
    /// Messages that were there when it was asked last.
    last: Position,
    synced_at: Instant,
    /// The record that an empty log begins with; the stream's first otherwise.
    from: Option<u64>,
    pub(crate) messages: u64,
}

impl<W: Wire> Puller<W> {
    pub(crate) fn new(target: JetStream<W>, log: PulledLog, from: Option<u64>) -> Self {
        let synced_at = target.wire.now();
        Self { target, log, next: 0, last: 0, synced_at, from, messages: 0 }
    }

    /// Pulls one message; `false` if there is none at this moment.
    pub(crate) fn step(&mut self) -> Result<bool, PullError> {
        if self.next == 0 || self.next > self.last {
            let (first, last) = self.target.bounds().map_err(silent)?;
            self.last = last;
            if self.next == 0 && first <= last {
                self.next = self.find(first, last)?;
            }
            if self.next == 0 || self.next > last {
                self.log.sync()?;
                // The connection lives meanwhile.
                self.target.wire.answer(PAUSE).map_err(silent)?;
                return Ok(false);
            }
        }
        let run = self.run_at(self.next)?;
        self.log.append(&run)?;
        self.next += 1;
        self.messages += 1;
        if self.target.wire.now() >= self.synced_at + SYNC_EVERY {
            self.log.sync()?;
            self.synced_at = self.target.wire.now();
        }
        Ok(true)
    }

    /// Returns the message with the log's next record; the first one for an empty log.
    fn find(&mut self, first: Position, last: Position) -> Result<Position, PullError> {
        if self.log.is_empty() {
            let Some(from) = self.from else { return Ok(first) };
            return self.message_with(from, first, last);
        }
        let next = self.log.next_sequence();
        let low = self.message_with(next, first, last)?;
        if low > last {
            let end = self.header_at(last)?.next();
            return if end == next { Ok(low) } else { Err(PullError::Ahead { next, end }) };
        }
        let header = self.header_at(low)?;
        if self.log.identity() != Some(header.log) {
            return Err(PullError::Message {
                first: header.first,
                why: "it is of another log than the one in the folder",
            });
        }
        if header.first < next {
            self.log.cut_to(header.first)?;
        }
        if header.first > next {
            return Err(PullError::Trimmed { next, first: header.first });
        }
        Ok(low)
    }

    /// Returns the first message with records after `sequence`, or that one; the one after `last` if there is none.
    fn message_with(
        &mut self,
        sequence: u64,
        first: Position,
        last: Position,
    ) -> Result<Position, PullError> {
        let (mut low, mut high) = (first, last + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.header_at(middle)?.next() > sequence { high = middle } else { low = middle + 1 }
        }
        Ok(low)
    }

    fn header_at(&mut self, position: Position) -> Result<RunHeader, PullError> {
        self.run_at(position).map(|run| run.header)
    }

    fn run_at(&mut self, position: Position) -> Result<Run, PullError> {
        match self.target.message(position).map_err(silent)? {
            Some(Last::Run(run)) => Ok(run),
            Some(Last::Foreign(why)) => Err(PullError::Foreign { position, why }),
            None => Err(PullError::Foreign { position, why: "was deleted".into() }),
        }
    }

    pub(crate) const fn begin_with(&mut self, sequence: u64) {
        self.from = Some(sequence);
    }

    pub(crate) const fn log(&self) -> &PulledLog {
        &self.log
    }

    pub(crate) fn sync(&mut self) -> Result<(), PullError> {
        self.log.sync()
    }

    pub(crate) fn close(self) -> Result<(), PullError> {
        self.log.close()
    }
}

fn silent(silence: Silence) -> PullError {
    PullError::Ship(ShipError::from(Opening::from(silence)))
}

/// Pulls the log of a stream.
///
/// ```no_run
/// use ringlog::ship::{Login, LogPuller};
///
/// let mut puller = LogPuller::start("nats://127.0.0.1:4222", &Login::default(), "my-log", "copy")?;
/// while puller.step()? {}
/// puller.sync()?;
/// println!("{} records", puller.next_sequence());
/// # Ok::<(), ringlog::ship::PullError>(())
/// ```
pub struct LogPuller(Puller<NatsWire>);

impl LogPuller {
    /// Connects to servers, and opens or begins the log in the folder `log`.
    ///
    /// ```no_run
    /// # use ringlog::ship::{Login, LogPuller};
    /// # let mut puller = LogPuller::start("nats://127.0.0.1:4222", &Login::default(), "my-log", "copy")?;
    /// # Ok::<(), ringlog::ship::PullError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`PullError`] for a server that cannot be reached, a stream that is not of a log, and a folder that is not free.
    pub fn start(
        servers: &str,
        login: &Login,
        stream: &str,
        log: impl AsRef<Path>,
    ) -> Result<Self, PullError> {
        let wire = NatsWire::connect(servers, login).map_err(silent)?;
        let target = JetStream::open_to_read(wire, stream).map_err(silent)?;
        Ok(Self(Puller::new(target, PulledLog::open(log.as_ref())?, None)))
    }

    /// Begins an empty log with the message that has this record, instead of the stream's first.
    ///
    /// ```no_run
    /// # use ringlog::ship::{Login, LogPuller};
    /// # let mut puller = LogPuller::start("nats://127.0.0.1:4222", &Login::default(), "my-log", "copy")?;
    /// let puller = puller.from_record(1_000);
    /// # Ok::<(), ringlog::ship::PullError>(())
    /// ```
    #[must_use]
    pub fn from_record(mut self, sequence: u64) -> Self {
        self.0.begin_with(sequence);
        self
    }

    /// Pulls one message; `false` if the stream has no other one at this moment, after a wait of 200 ms.
    ///
    /// ```no_run
    /// # use ringlog::ship::{Login, LogPuller};
    /// # let mut puller = LogPuller::start("nats://127.0.0.1:4222", &Login::default(), "my-log", "copy")?;
    /// while puller.step()? {}
    /// # Ok::<(), ringlog::ship::PullError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`PullError`]; [`PullError::Ship`] with [`ShipError::Away`] may be tried again.
    pub fn step(&mut self) -> Result<bool, PullError> {
        self.0.step()
    }

    /// Returns the sequence after the log's last record.
    ///
    /// ```no_run
    /// # use ringlog::ship::{Login, LogPuller};
    /// # let mut puller = LogPuller::start("nats://127.0.0.1:4222", &Login::default(), "my-log", "copy")?;
    /// println!("{} records", puller.next_sequence());
    /// # Ok::<(), ringlog::ship::PullError>(())
    /// ```
    #[must_use]
    pub const fn next_sequence(&self) -> u64 {
        self.0.log().next_sequence()
    }

    /// Returns how many messages were pulled.
    ///
    /// ```no_run
    /// # use ringlog::ship::{Login, LogPuller};
    /// # let mut puller = LogPuller::start("nats://127.0.0.1:4222", &Login::default(), "my-log", "copy")?;
    /// println!("{} messages", puller.messages());
    /// # Ok::<(), ringlog::ship::PullError>(())
    /// ```
    #[must_use]
    pub const fn messages(&self) -> u64 {
        self.0.messages
    }

    /// Syncs what was pulled. The log can be continued.
    ///
    /// ```no_run
    /// # use ringlog::ship::{Login, LogPuller};
    /// # let mut puller = LogPuller::start("nats://127.0.0.1:4222", &Login::default(), "my-log", "copy")?;
    /// puller.sync()?;
    /// # Ok::<(), ringlog::ship::PullError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`PullError::Io`].
    pub fn sync(&mut self) -> Result<(), PullError> {
        self.0.sync()
    }

    /// Closes the log: it is then whole, and nothing more can be pulled into it.
    ///
    /// ```no_run
    /// # use ringlog::ship::{Login, LogPuller};
    /// # let mut puller = LogPuller::start("nats://127.0.0.1:4222", &Login::default(), "my-log", "copy")?;
    /// puller.close()?;
    /// # Ok::<(), ringlog::ship::PullError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`PullError::Io`].
    pub fn close(self) -> Result<(), PullError> {
        self.0.close()
    }
}
