//! Where replayed events go: standard output, a new log or a shared ring.

use std::io::{BufWriter, ErrorKind, StdoutLock};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::{CliError, Outcome};
use crate::output::{PrintStyle, Printer};
use crate::terminal::print::{eprint, is_output_gone};
use crate::terminal::signals::Stop;
use crate::terminal::words::counted;
use crate::values::ReplayTo;
use ringlog::event::{ClockKind, Event, EventHeader, Gap};
use ringlog::programs::InForce;
use ringlog::programs::Waiter;
use ringlog::ring::{Idle, Producer, SharedRing, WriteError};
use ringlog::storage::{LogScan, LogWriter, OpenError, SchemaList};

/// Takes replayed events.
pub(crate) trait ReplayTarget {
    /// Takes one event; `false` if the program was asked to stop meanwhile and the event was not taken.
    fn put(&mut self, event: &Event<'_>) -> Result<bool, CliError>;

    /// Sends everything that was put; called before a pause.
    fn flush(&mut self) -> Result<(), CliError>;

    /// Fails if the events have no reader any more.
    fn check(&self) -> Result<(), CliError> {
        Ok(())
    }

    /// Completes the output.
    fn finish(self: Box<Self>) -> Result<Outcome, CliError>;
}

/// Opens the target that the arguments name.
pub(crate) fn open(
    to: Option<&ReplayTo>,
    style: PrintStyle,
    clock: ClockKind,
    stop: &Stop,
) -> Result<Box<dyn ReplayTarget>, CliError> {
    Ok(match to {
        None => Box::new(PrintTarget::new(style, clock)?),
        Some(ReplayTo::Log(path)) => Box::new(LogTarget::create(path, clock)?),
        Some(ReplayTo::Ring(path)) => Box::new(RingTarget::new(FileRing::open(path)?, path, stop.clone())),
    })
}

struct PrintTarget {
    printer: Printer<BufWriter<StdoutLock<'static>>>,
    clock: ClockKind,
}

impl PrintTarget {
    fn new(style: PrintStyle, clock: ClockKind) -> Result<Self, CliError> {
        let out = BufWriter::with_capacity(64 * 1024, std::io::stdout().lock());
        Ok(Self { printer: Printer::new(style, out).map_err(CliError::Output)?, clock })
    }
}

impl ReplayTarget for PrintTarget {
    fn put(&mut self, event: &Event<'_>) -> Result<bool, CliError> {
        self.printer.print(event, self.clock).map_err(CliError::Output)?;
        Ok(true)
    }

    fn flush(&mut self) -> Result<(), CliError> {
        self.printer.flush().map_err(CliError::Output)
    }

    fn check(&self) -> Result<(), CliError> {
        if is_output_gone() { Err(CliError::Output(ErrorKind::BrokenPipe.into())) } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> Result<Outcome, CliError> {
        self.printer.finish().map_err(CliError::Output)?;
        Ok(Outcome::Clean)
    }
}

/// What describes the events that were replayed so far. Types that only earlier segments have described stay, so that merged
/// logs do not change it at each event.
#[derive(Default)]
struct Described {
    list: SchemaList,
    in_force: InForce,
}

impl Described {
    /// Takes over what the event's segment says of its events. Returns whether it is another segment that says so.
    fn follow(&mut self, event: &Event<'_>) -> bool {
        let change = self.in_force.change_at(event);
        change.map(|list| self.list.extend(list)).is_some()
    }
}

struct LogTarget {
    writer: LogWriter,
    described: Described,
}

impl LogTarget {
    /// Creates a log in a folder that holds none.
    fn create(path: &Path, clock: ClockKind) -> Result<Self, CliError> {
        match LogScan::open(path) {
            Err(OpenError::NoSegments { .. }) => {}
            Err(OpenError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
            Ok(_) => {
                let problem = format!("{}: already holds a log; choose another name", path.display());
                return Err(CliError::Usage(problem));
            }
        }
        Ok(Self { writer: LogWriter::options().clock(clock).open(path)?, described: Described::default() })
    }
}

impl ReplayTarget for LogTarget {
    fn put(&mut self, event: &Event<'_>) -> Result<bool, CliError> {
        if self.described.follow(event) {
            self.writer.register(&self.described.list)?;
        }
        match event.gap() {
            Some(gap) => self.writer.append_gap(event.header.timestamp, gap)?,
            None => self.writer.write_event(&event.header.as_user(), event.payload)?,
        }
        Ok(true)
    }

    fn flush(&mut self) -> Result<(), CliError> {
        // Each event is published as it is written.
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Outcome, CliError> {
        let path = self.writer.path().display().to_string();
        let summary = self.writer.close()?;
        eprint(&format!(
            "wrote {} and {} to {path}",
            counted(summary.events, "event"),
            counted(summary.gaps, "gap")
        ));
        Ok(Outcome::Clean)
    }
}

/// The producer of a ring.
pub(crate) trait RingWriter {
    /// Writes an event; fails with [`WriteError::Full`] if there is no room.
    fn write_event(&mut self, header: &EventHeader, payload: &[u8]) -> Result<(), WriteError>;

    /// Writes a GAP record; fails with [`WriteError::Full`] if there is no room.
    fn write_gap(&mut self, timestamp: u64, gap: Gap) -> Result<(), WriteError>;

    /// Sets what describes the next events; `false` while events are unread that something else describes.
    fn describe(&mut self, schemas: &SchemaList) -> Result<bool, CliError>;
}

/// The producer of a ring in a file.
struct FileRing {
    path: PathBuf,
    /// `None` after a claim of the role that has failed.
    producer: Option<Producer>,
    /// What describes the ring's events; `None` if it cannot be read.
    schemas: Option<SchemaList>,
}

impl FileRing {
    /// Claims the producer's role, and leaves the ring's descriptions as they are until the first event.
    fn open(path: &Path) -> Result<Self, CliError> {
        let ring = SharedRing::open(path)?;
        let producer = Some(ring.claim_producer_as_described()?);
        Ok(Self { path: path.into(), producer, schemas: ring.current_schemas().ok() })
    }

    fn write(&mut self, f: impl FnOnce(&mut Producer) -> Result<(), WriteError>) -> Result<(), WriteError> {
        self.producer.as_mut().map_or(Err(WriteError::Full), f)
    }
}

impl RingWriter for FileRing {
    fn write_event(&mut self, header: &EventHeader, payload: &[u8]) -> Result<(), WriteError> {
        self.write(|producer| producer.write_event(header, payload))
    }

    fn write_gap(&mut self, timestamp: u64, gap: Gap) -> Result<(), WriteError> {
        self.write(|producer| producer.write_gap(timestamp, gap))
    }

    fn describe(&mut self, schemas: &SchemaList) -> Result<bool, CliError> {
        if self.schemas.as_ref() == Some(schemas) {
            return Ok(true);
        }
        if self.producer.as_ref().is_some_and(|producer| producer.used() > 0) {
            return Ok(false);
        }
        // A ring takes descriptions when its role is claimed.
        self.producer = None;
        self.producer = Some(SharedRing::open(&self.path)?.schemas(schemas.clone()).claim_producer()?);
        self.schemas = Some(schemas.clone());
        Ok(true)
    }
}

/// A wait for the ring's recorder that is as long is announced.
const LONG_WAIT: Duration = Duration::from_secs(1);

/// Writes into a ring, and waits while it is full.
struct RingTarget<W> {
    ring: W,
    path: PathBuf,
    described: Described,
    stop: Stop,
    events: u64,
    gaps: u64,
}

impl<W: RingWriter> RingTarget<W> {
    fn new(ring: W, path: &Path, stop: Stop) -> Self {
        Self { ring, path: path.into(), described: Described::default(), stop, events: 0, gaps: 0 }
    }

    /// Has the ring describe its events as the log does; `false` if the program was asked to stop meanwhile. All events in a
    /// ring have the same descriptions, so this waits until those before are read.
    fn describe(&mut self) -> Result<bool, CliError> {
        let (started, mut is_announced) = (Instant::now(), false);
        let mut waiter = Waiter::new(Idle::default());
        while !self.ring.describe(&self.described.list)? {
            if self.stop.is_set() {
                return Ok(false);
            }
            if !is_announced && started.elapsed() > LONG_WAIT {
                is_announced = true;
                eprint(&format!(
                    "waiting until the events in {} are read, which are described in another way than the next ones; \
                     start the ring's recorder (`ringlog serve --ring`) if none is at work",
                    self.path.display()
                ));
            }
            waiter.wait();
        }
        Ok(true)
    }
}

impl<W: RingWriter> ReplayTarget for RingTarget<W> {
    fn put(&mut self, event: &Event<'_>) -> Result<bool, CliError> {
        let is_first = self.events + self.gaps == 0;
        if (self.described.follow(event) || is_first) && !self.describe()? {
            return Ok(false);
        }
        let mut waiter = Waiter::new(Idle::default());
        loop {
            let written = match event.gap() {
                Some(gap) => self.ring.write_gap(event.header.timestamp, gap),
                None => self.ring.write_event(&event.header.as_user(), event.payload),
            };
            match written {
                Err(WriteError::Full) if self.stop.is_set() => return Ok(false),
                Err(WriteError::Full) => waiter.wait(),
                other => {
                    other.map_err(|source| CliError::RingEvent {
                        ring: self.path.clone(),
                        sequence: event.sequence,
                        source,
                    })?;
                    let is_gap = event.header.is_gap();
                    self.gaps += u64::from(is_gap);
                    self.events += u64::from(!is_gap);
                    return Ok(true);
                }
            }
        }
    }

    fn flush(&mut self) -> Result<(), CliError> {
        // Each event is published as it is written.
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Outcome, CliError> {
        let (events, gaps) = (counted(self.events, "event"), counted(self.gaps, "gap"));
        eprint(&format!("wrote {events} and {gaps} to {}", self.path.display()));
        Ok(Outcome::Clean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringlog::event::GapReason;
    use ringlog::ring::SpscRingBuffer;

    impl RingWriter for Producer {
        fn write_event(&mut self, header: &EventHeader, payload: &[u8]) -> Result<(), WriteError> {
            Self::write_event(self, header, payload)
        }

        fn write_gap(&mut self, timestamp: u64, gap: Gap) -> Result<(), WriteError> {
            Self::write_gap(self, timestamp, gap)
        }

        fn describe(&mut self, _: &SchemaList) -> Result<bool, CliError> {
            Ok(true)
        }
    }

    #[test]
    fn a_ring_gets_the_events_and_the_gaps() {
        let (producer, mut consumer) = SpscRingBuffer::new(4096).split();
        let mut target = Box::new(RingTarget::new(producer, Path::new("ring"), Stop::default()));
        let header = EventHeader::new(1, 2, 3).with_flags(0xC5);
        assert!(target.put(&Event::new(header, b"abc", 0, 64)).unwrap());
        let gap = Gap::new(GapReason::DiskFull, 7);
        // A GAP record that the log added goes into the ring like any other.
        let payload = Gap { log_side: true, ..gap }.to_payload();
        let record = Event::new(Gap::header(3), &payload, 1, 96);
        assert!(target.put(&record).unwrap());
        assert_eq!(target.finish().unwrap(), Outcome::Clean);
        let (read, payload) = consumer.read_event().unwrap();
        assert_eq!((read.as_user(), payload), (header.as_user(), &b"abc"[..]));
        let (read, payload) = consumer.read_event().unwrap();
        assert_eq!((read.timestamp, Gap::from_event(&read, payload)), (3, Some(gap)));
        assert!(consumer.read_event().is_none());
    }
}
