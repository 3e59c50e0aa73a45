//! The thread that looks at a log or a ring.
//!
//! It takes at most about a fifth of a processor: reading has a limit, and a look that takes long is followed by a longer pause.
#![forbid(unsafe_code)]

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::time::{Duration, Instant};

use crate::error::CliError;
use crate::output::PrintStyle;
use crate::top::log_source::LogSource;
use crate::top::look::Look;
use crate::top::ring_source::add_ring;
use ringlog::programs::begins_like_a_ring;
use ringlog::storage::Filter;

/// The part of an interval in which records are read.
const READING_PART: u32 = 5;
/// After a look, nothing is done for this many times as long as it took.
const PAUSES_PER_LOOK: u32 = 4;

/// What is looked at.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    log: Option<LogSource>,
    ring: Option<PathBuf>,
}

impl Watched {
    /// Opens a log or a ring; with a log, `ring` may be one that is shown beside it.
    pub(crate) fn open(
        path: &Path,
        ring: Option<&Path>,
        filter: Filter,
        style: PrintStyle,
    ) -> Result<Self, CliError> {
        if !is_ring(path) {
            let ring = ring.map(found).transpose()?;
            return Ok(Self { log: Some(LogSource::open(path, filter, style)?), ring });
        }
        match ring {
            None => Ok(Self { log: None, ring: Some(found(path)?) }),
            Some(_) => Err(CliError::Usage(format!(
                "{}: a ring; --ring shows a ring beside a log, so give the log's folder first",
                path.display()
            ))),
        }
    }

    fn look(&mut self, time: Duration) -> Look {
        let mut look = self.log.as_mut().map_or_else(Look::default, |log| log.look(time));
        if let Some(ring) = &self.ring {
            add_ring(ring, &mut look);
        }
        look
    }
}

/// Returns whether a path leads to a shared ring and not to a log.
pub(crate) fn is_ring(path: &Path) -> bool {
    path.is_file() && begins_like_a_ring(path)
}

/// Returns the one name by which the locks of a ring go.
fn found(ring: &Path) -> Result<PathBuf, CliError> {
    std::fs::canonicalize(ring).map_err(CliError::io("find", ring))
}

/// Which events are wanted.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) filter: Filter,
    /// The one type whose events are shown.
    pub(crate) only: Option<u8>,
}

/// The end of the thread's channels at the terminal.
#[derive(Debug)]
pub(crate) struct Watcher {
    choices: Sender<Choice>,
    looks: Receiver<Look>,
}

impl Watcher {
    /// Starts the thread. It ends with the first look after the watcher was dropped.
    pub(crate) fn start(watched: Watched, interval: Duration) -> io::Result<Self> {
        let (choices, new_choices) = channel();
        let (new_looks, looks) = channel();
        let work = move || watch(watched, interval, &new_choices, &new_looks);
        std::thread::Builder::new().name("ringlog-top".into()).spawn(work)?;
        Ok(Self { choices, looks })
    }

    /// Asks for other events. The next look has them.
    pub(crate) fn choose(&self, choice: Choice) {
        // A thread that has ended is noticed by `next`.
        let _ = self.choices.send(choice);
    }

    /// Returns the next look if there is one by now.
    pub(crate) fn next(&self) -> Result<Option<Look>, CliError> {
        match self.looks.try_recv() {
            Ok(look) => Ok(Some(look)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(CliError::Unreadable(
                "the thread that reads has ended, which is a fault of this program; the message above says where".into(),
            )),
        }
    }
}

fn watch(mut watched: Watched, interval: Duration, choices: &Receiver<Choice>, looks: &Sender<Look>) {
    let start = Instant::now();
    loop {
        let begun = Instant::now();
        let look = Look { at: begun - start, ..watched.look(interval / READING_PART) };
        if looks.send(look).is_err() {
            return;
        }
        let taken = begun.elapsed();
        let pause = interval.saturating_sub(taken).max(taken * PAUSES_PER_LOOK);
        match choices.recv_timeout(pause) {
            Ok(choice) => {
                let choice = choices.try_iter().last().unwrap_or(choice);
                if let Some(log) = &mut watched.log {
                    log.choose(choice.filter, choice.only);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
