//! Reads chunks of bytes from a file, or from an input that may block.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::input::{Input, is_utf16};

const CHUNK_BYTES: usize = 64 * 1024;
const PATIENCE: Duration = Duration::from_millis(50);
/// How long the thread waits for input before it checks whether it must stop.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };

/// The result of filling a chunk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fill {
    /// The chunk has new bytes.
    Bytes,
    /// Nothing at the moment.
    Idle,
    /// No more bytes will come.
    End,
}

/// Gives bytes, one chunk at a time, and never waits for long.
#[derive(Debug)]
pub(crate) enum ByteSource {
    /// A regular file, read on demand and decompressed.
    File(Box<Input>),
    /// Standard input, a pipe or a device. Reading may block for ever, so another thread does it.
    Thread(Reading),
}

/// An input that another thread reads.
#[derive(Debug)]
pub(crate) struct Reading {
    chunks: Receiver<io::Result<Vec<u8>>>,
    is_stopping: Arc<AtomicBool>,
}

impl ByteSource {
    /// Opens a file; a named pipe is opened without waiting for its writer.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Self::open_with(path, Input::open)
    }

    /// Opens a file as [`open`](Self::open) does, with any first bytes.
    pub(crate) fn open_any(path: &Path) -> io::Result<Self> {
        Self::open_with(path, Input::open_any)
    }

    fn open_with(path: &Path, open: fn(&Path) -> io::Result<Input>) -> io::Result<Self> {
        let metadata = path.metadata()?;
        if metadata.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if metadata.is_file() {
            return open(path).map(|input| Self::File(Box::new(input)));
        }
        let path = PathBuf::from(path);
        Self::read_by_thread(move || File::open(path))
    }

    /// Whether this is a file of text in UTF-16. What comes through a pipe is not known before it is read.
    pub(crate) fn is_utf16(&self) -> bool {
        matches!(self, Self::File(input) if is_utf16(input.head()))
    }

    /// Opens standard input.
    pub(crate) fn stdin() -> io::Result<Self> {
        Self::read_by_thread(|| Ok(io::stdin().lock()))
    }

    fn read_by_thread<R: Read + AsFd>(
        open: impl FnOnce() -> io::Result<R> + Send + 'static,
    ) -> io::Result<Self> {
        let (sender, chunks) = sync_channel(4);
        let is_stopping = Arc::new(AtomicBool::new(false));
        let should_stop = Arc::clone(&is_stopping);
        // Never joined: it may be blocked in `read` when the program ends, and it holds nothing of value.
        thread::Builder::new().name("ringlog-input".into()).spawn(move || match open() {
            Ok(reader) => send_chunks(reader, &sender, &should_stop),
            Err(error) => drop(sender.send(Err(error))),
        })?;
        Ok(Self::Thread(Reading { chunks, is_stopping }))
    }

    /// Stops the thread that reads ahead, if there is one; what it has read is still given.
    ///
    /// Returns whether there may be such bytes.
    pub(crate) fn stop(&mut self) -> bool {
        let Self::Thread(reading) = self else { return false };
        // ORDERING: Relaxed: only asks the thread to end; what it has read comes through the channel.
        reading.is_stopping.store(true, Ordering::Relaxed);
        true
    }

    /// Returns a message about the file that was read, if there is one.
    pub(crate) fn note(&self) -> Option<String> {
        match self {
            Self::File(file) => file.padding().note(),
            Self::Thread(_) => None,
        }
    }

    /// Replaces the content of `chunk` by the next bytes.
    pub(crate) fn fill(&mut self, chunk: &mut Vec<u8>) -> io::Result<Fill> {
        match self {
            Self::File(file) => {
                chunk.resize(CHUNK_BYTES, 0);
                let read = read_some(file, chunk)?;
                chunk.truncate(read);
                Ok(if read == 0 { Fill::End } else { Fill::Bytes })
            }
            Self::Thread(Reading { chunks, .. }) => match chunks.recv_timeout(PATIENCE) {
                Ok(bytes) => {
                    *chunk = bytes?;
                    Ok(Fill::Bytes)
                }
                Err(RecvTimeoutError::Timeout) => Ok(Fill::Idle),
                Err(RecvTimeoutError::Disconnected) => Ok(Fill::End),
            },
        }
    }
}

fn send_chunks(
    mut reader: impl Read + AsFd,
    sender: &SyncSender<io::Result<Vec<u8>>>,
    is_stopping: &AtomicBool,
) {
    loop {
        let is_ready = poll(&mut [PollFd::new(&reader, PollFlags::IN)], Some(&LOOK));
        // ORDERING: Relaxed: see `stop`.
        if is_stopping.load(Ordering::Relaxed) {
            return;
        }
        if is_ready == Ok(0) {
            continue;
        }
        let mut chunk = vec![0; CHUNK_BYTES];
        let read = read_some(&mut reader, &mut chunk);
        let is_last = !matches!(read, Ok(bytes) if bytes > 0);
        let message = read.map(|bytes| {
            chunk.truncate(bytes);
            chunk
        });
        // Dropping the sender marks the end.
        let is_worth_sending = !is_last || message.is_err();
        if (is_worth_sending && sender.send(message).is_err()) || is_last {
            return;
        }
    }
}

fn read_some(reader: &mut impl Read, chunk: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
