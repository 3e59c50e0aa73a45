//! A log's writer without workers, for tests that take their steps one by one.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Instant;

use crate::event::EventHeader;
use crate::os::platform::Linux;
use crate::os::sync::lock;
use crate::storage::error::{AppendError, CreateError};
use crate::storage::log::options::LogWriterOptions;
use crate::storage::log::writer::LogWriter;
use crate::storage::maintenance::maintenance::Maintenance;
use crate::storage::maintenance::spare::SpareState;

/// Bytes that each event of [`write`] takes.
pub(crate) const STRIDE: u64 = 24;

/// Opens a log without workers: nobody does their work.
pub(crate) fn alone(folder: &Path, options: LogWriterOptions) -> LogWriter {
    LogWriter::open_at(folder, options, Arc::new(Linux), false).unwrap()
}

pub(crate) fn write(writer: &mut LogWriter, number: u64) -> Result<(), AppendError> {
    writer.write_event(&EventHeader::new(number, 0, 8), &number.to_le_bytes())
}

/// Ends a writer as a signal that kills the process: nothing is synced, sealed or stored any more, and its
/// locks are released.
pub(crate) fn kill(mut writer: LogWriter) {
    writer.is_closed = true;
    if let Some(current) = writer.active.take() {
        drop(current.into_flusher());
    }
}

/// Prepares the next segment while the open ones still have no name, as a worker that is late.
pub(crate) fn prepare_late(writer: &LogWriter) -> Result<(), CreateError> {
    let mut next = lock(&writer.maintenance.spares.next);
    if !matches!(*next, SpareState::Ready(_)) {
        *next = SpareState::Ready(writer.maintenance.spares.prepare()?);
    }
    Ok(())
}

/// Writes `segments` finished segments of one event each, and an empty one after them.
pub(crate) fn fill(writer: &mut LogWriter, segments: u64) {
    for number in 0..segments {
        write(writer, number).unwrap();
        writer.roll().unwrap();
        writer.maintenance.sync_step().unwrap();
    }
}

/// Keeps the workers from preparing a segment, and calls `begun`. Once the writer waits for a segment, an
/// attempt fails that began before there was room. The workers continue when the writer has seen that.
pub(crate) fn fail_an_earlier_attempt(maintenance: &Maintenance, begun: impl FnOnce()) {
    let _turn = lock(&maintenance.segments.preparing);
    begun();
    // ORDERING: Relaxed: see `Spares::request`.
    while !maintenance.spares.is_requested.load(Ordering::Relaxed) {
        thread::yield_now();
    }
    let source = std::io::ErrorKind::StorageFull.into();
    let error =
        CreateError::DiskFull { path: maintenance.segments.folder.clone(), capacity_bytes: 4096, source };
    *lock(&maintenance.spares.next) = SpareState::Failed { error, try_at: Instant::now() };
    while matches!(*lock(&maintenance.spares.next), SpareState::Failed { .. }) {
        thread::yield_now();
    }
}
