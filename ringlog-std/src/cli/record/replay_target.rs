//! Where replayed events go: standard output, a new log or a shared ring.

use std::io::{BufWriter, ErrorKind, StdoutLock};
use std::path::{Path, PathBuf};

use crate::cli::error::{CliError, Outcome};
use crate::cli::output::{CatFormat, Printer};
use crate::cli::terminal::print::{eprint, is_output_gone};
use crate::cli::terminal::signals::Stop;
use crate::cli::terminal::words::counted;
use crate::cli::values::ReplayTo;
use crate::event::{ClockKind, Event, EventHeader, Gap};
use crate::ring::{Idle, Producer, SharedRing, Waiter, WriteError};
use crate::storage::{LogScan, LogWriter, OpenError};

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
    format: CatFormat,
    clock: ClockKind,
    stop: &Stop,
) -> Result<Box<dyn ReplayTarget>, CliError> {
    Ok(match to {
        None => Box::new(PrintTarget::new(format, clock)?),
        Some(ReplayTo::Log(path)) => Box::new(LogTarget::create(path, clock)?),
        Some(ReplayTo::Ring(path)) => Box::new(RingTarget::new(open_ring(path)?, path, stop.clone())),
    })
}

struct PrintTarget {
    printer: Printer<BufWriter<StdoutLock<'static>>>,
    clock: ClockKind,
}

impl PrintTarget {
    fn new(format: CatFormat, clock: ClockKind) -> Result<Self, CliError> {
        let out = BufWriter::with_capacity(64 * 1024, std::io::stdout().lock());
        Ok(Self { printer: Printer::new(format, out).map_err(CliError::Output)?, clock })
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
        self.flush()?;
        Ok(Outcome::Clean)
    }
}

struct LogTarget(LogWriter);

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
        Ok(Self(LogWriter::options().clock(clock).open(path)?))
    }
}

impl ReplayTarget for LogTarget {
    fn put(&mut self, event: &Event<'_>) -> Result<bool, CliError> {
        match event.gap() {
            Some(gap) => self.0.append_gap(event.header.timestamp, gap)?,
            None => self.0.write_event(&event.header.as_user(), event.payload)?,
        }
        Ok(true)
    }

    fn flush(&mut self) -> Result<(), CliError> {
        // Each event is published as it is written.
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Outcome, CliError> {
        let path = self.0.path().display().to_string();
        let summary = self.0.close()?;
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
}

impl<K> RingWriter for ringlog_nostd::Producer<'_, K> {
    fn write_event(&mut self, header: &EventHeader, payload: &[u8]) -> Result<(), WriteError> {
        Self::write_event(self, header, payload)
    }

    fn write_gap(&mut self, timestamp: u64, gap: Gap) -> Result<(), WriteError> {
        Self::write_gap(self, timestamp, gap)
    }
}

/// Claims the producer role of a shared ring.
fn open_ring(path: &Path) -> Result<Producer, CliError> {
    Ok(SharedRing::open(path)?.claim_producer()?)
}

/// Writes into a ring, and waits while it is full.
struct RingTarget<W> {
    ring: W,
    path: PathBuf,
    stop: Stop,
    events: u64,
    gaps: u64,
}

impl<W: RingWriter> RingTarget<W> {
    fn new(ring: W, path: &Path, stop: Stop) -> Self {
        Self { ring, path: path.into(), stop, events: 0, gaps: 0 }
    }
}

impl<W: RingWriter> ReplayTarget for RingTarget<W> {
    fn put(&mut self, event: &Event<'_>) -> Result<bool, CliError> {
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
    use crate::event::GapReason;
    use crate::ring::SpscRingBuffer;

    #[test]
    fn a_ring_gets_the_events_and_the_gaps() {
        let (producer, mut consumer) = SpscRingBuffer::new(4096).split();
        let mut target = Box::new(RingTarget::new(producer, Path::new("ring"), Stop::default()));
        let header = EventHeader::new(1, 2, 3).with_flags(0xC5);
        assert!(target.put(&Event { header, payload: b"abc", sequence: 0, offset: 64 }).unwrap());
        let gap = Gap::new(GapReason::DiskFull, 7);
        // A GAP record that the log added goes into the ring like any other.
        let payload = Gap { log_side: true, ..gap }.to_payload();
        let record = Event { header: Gap::header(3), payload: &payload, sequence: 1, offset: 96 };
        assert!(target.put(&record).unwrap());
        assert_eq!(target.finish().unwrap(), Outcome::Clean);
        let (read, payload) = consumer.read_event().unwrap();
        assert_eq!((read.as_user(), payload), (header.as_user(), &b"abc"[..]));
        let (read, payload) = consumer.read_event().unwrap();
        assert_eq!((read.timestamp, Gap::from_event(&read, payload)), (3, Some(gap)));
        assert!(consumer.read_event().is_none());
    }
}
