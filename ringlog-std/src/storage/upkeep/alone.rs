//! A log's writer without helpers, for tests that take their steps one by one.

use std::path::Path;
use std::sync::Arc;

use std::sync::atomic::Ordering;
use std::thread;
use std::time::Instant;

use super::{Next, Upkeep};
use crate::event::EventHeader;
use crate::storage::durable::lock;
use crate::storage::platform::Linux;
use crate::storage::{AppendError, CreateError, LogWriter, LogWriterOptions};

/// Bytes that each event of [`write`] takes.
pub(in crate::storage) const STRIDE: u64 = 24;

/// What the helpers do, nobody does.
pub(in crate::storage) fn alone(folder: &Path, options: LogWriterOptions) -> LogWriter {
    LogWriter::open_at(folder, options, Arc::new(Linux), false).unwrap()
}

pub(in crate::storage) fn write(writer: &mut LogWriter, number: u64) -> Result<(), AppendError> {
    writer.write_event(&EventHeader::new(number, 0, 8), &number.to_le_bytes())
}

/// As a signal that kills the process: nothing is synced, sealed or stored any more, and its locks go.
pub(in crate::storage) fn kill(mut writer: LogWriter) {
    writer.is_closed = true;
    if let Some(current) = writer.current.take() {
        drop(current.into_durable());
    }
}

/// The next segment is ready, and those that are open still have no name: a helper that is late.
pub(in crate::storage) fn prepare_late(writer: &LogWriter) -> Result<(), CreateError> {
    let mut next = lock(&writer.upkeep.next);
    if !matches!(*next, Next::Ready(_)) {
        *next = Next::Ready(writer.upkeep.prepare()?);
    }
    Ok(())
}

/// So many segments of one event each, finished, before an empty one.
pub(in crate::storage) fn fill(writer: &mut LogWriter, segments: u64) {
    for number in 0..segments {
        write(writer, number).unwrap();
        writer.roll().unwrap();
        writer.upkeep.sync_step().unwrap();
    }
}

/// Keeps the helpers from preparing a segment, and tells `begun`. Once the writer waits for one, an attempt fails that began
/// before there was room; the helpers continue when the writer has seen that.
pub(in crate::storage) fn fail_an_earlier_attempt(upkeep: &Upkeep, begun: impl FnOnce()) {
    let _turn = lock(&upkeep.preparing);
    begun();
    // ORDERING: Relaxed: see `want_next`.
    while !upkeep.is_next_wanted.load(Ordering::Relaxed) {
        thread::yield_now();
    }
    let source = std::io::ErrorKind::StorageFull.into();
    let error = CreateError::DiskFull { path: upkeep.folder.clone(), capacity_bytes: 4096, source };
    *lock(&upkeep.next) = Next::Failed { error, try_at: Instant::now() };
    while matches!(*lock(&upkeep.next), Next::Failed { .. }) {
        thread::yield_now();
    }
}
