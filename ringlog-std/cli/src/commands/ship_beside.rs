//! `ringlog serve --ship`: the shipper beside the recorder, on a thread apart. The recorder never waits for it.
#![forbid(unsafe_code)]

use std::path::Path;

use crate::error::CliError;
use crate::options::ship_args::BesideArgs;

/// A shipper at work, if one was asked for.
pub(crate) struct Beside {
    #[cfg(feature = "nats")]
    thread: Option<at_work::Thread>,
}

impl Beside {
    /// Starts the thread, if the options ask for it.
    pub(crate) fn start(args: &BesideArgs, log: &Path) -> Result<Self, CliError> {
        #[cfg(feature = "nats")]
        {
            Ok(Self { thread: at_work::start(args, log)? })
        }
        #[cfg(not(feature = "nats"))]
        {
            let _ = log;
            if args.ship.is_none() {
                return Ok(Self {});
            }
            Err(CliError::Usage(
                "--ship: this program is built without it; build it with `--features nats`, or leave the option out".into(),
            ))
        }
    }

    /// Lets it ship what the log has got, for a short time, and ends it.
    pub(crate) fn end(self) {
        #[cfg(feature = "nats")]
        if let Some(thread) = self.thread {
            thread.end();
        }
    }
}

#[cfg(feature = "nats")]
mod at_work {
    use std::path::{Path, PathBuf};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread::{self, JoinHandle};
    use std::time::{Duration, Instant};

    use ringlog::ship::{LogShipper, Login, Secret, ShipError, ShipOptions};

    use crate::error::CliError;
    use crate::options::ship_args::BesideArgs;
    use crate::terminal::messages::{LOG, error, info, warn};

    /// Time between two attempts to begin.
    const PAUSE: Duration = Duration::from_millis(200);
    /// How long something is waited for before a message says so.
    const PATIENCE: Duration = Duration::from_secs(3);
    /// How long the rest of a log that was closed is shipped.
    const REST: Duration = Duration::from_secs(10);

    /// The thread, and the flag that ends it.
    pub(super) struct Thread {
        has_ended: Arc<AtomicBool>,
        handle: JoinHandle<()>,
    }

    impl Thread {
        pub(super) fn end(self) {
            // ORDERING: Relaxed. The flag carries nothing but itself.
            self.has_ended.store(true, Ordering::Relaxed);
            let _ = self.handle.join();
        }
    }

    pub(super) fn start(args: &BesideArgs, log: &Path) -> Result<Option<Thread>, CliError> {
        let Some(servers) = &args.ship else { return Ok(None) };
        let secret = args.ship_credentials.clone().map(Secret::CredentialsFile);
        let mut options = ShipOptions::new(servers).login(Login { secret, ..Login::default() });
        if let Some(replicas) = args.ship_replicas {
            options = options.create(replicas, None);
        }
        let has_ended = Arc::new(AtomicBool::new(false));
        let work = Work {
            options,
            log: log.into(),
            has_ended: Arc::clone(&has_ended),
            waits_since: None,
            is_said: false,
        };
        let spawned = thread::Builder::new().name("ringlog-ship".into()).spawn(move || work.run());
        Ok(Some(Thread { has_ended, handle: spawned.map_err(CliError::Thread)? }))
    }

    struct Work {
        options: ShipOptions,
        log: PathBuf,
        has_ended: Arc<AtomicBool>,
        waits_since: Option<Instant>,
        is_said: bool,
    }

    impl Work {
        fn run(mut self) {
            if let Err(problem) = self.ship() {
                error!(target: LOG, "--ship: {problem}; the recording continues, and the log keeps what is not shipped");
            }
        }

        fn has_ended(&self) -> bool {
            // ORDERING: Relaxed. The flag carries nothing but itself.
            self.has_ended.load(Ordering::Relaxed)
        }

        fn ship(&mut self) -> Result<(), ShipError> {
            let Some(mut shipper) = self.begin()? else { return Ok(()) };
            info!(target: LOG, "--ship: shipping to the stream {}", shipper.stream());
            let mut rest = None;
            loop {
                shipper.step()?;
                let waits_for = shipper.status().waits_for;
                self.look(&waits_for);
                if self.has_ended() {
                    let end = *rest.get_or_insert_with(|| Instant::now() + REST);
                    if shipper.is_done() || Instant::now() >= end {
                        break;
                    }
                }
            }
            let status = shipper.status();
            let words = if shipper.is_done() { "all of the log is" } else { "a part of the log is" };
            info!(
                target: LOG,
                "--ship: {words} in the stream {}, up to record {}", shipper.stream(), status.acknowledged
            );
            Ok(())
        }

        /// Waits for the log and for a server; returns nothing if the run ends first.
        fn begin(&mut self) -> Result<Option<LogShipper>, ShipError> {
            loop {
                match self.options.start(&self.log) {
                    Ok(shipper) => return Ok(Some(shipper)),
                    Err(ShipError::Away(why)) => self.look(&why),
                    Err(ShipError::NoIdentity { .. } | ShipError::Open(_)) => self.look("the log's folder"),
                    Err(error) => return Err(error),
                }
                if self.has_ended() {
                    warn!(target: LOG, "--ship: nothing was shipped; `ringlog ship` does it later");
                    return Ok(None);
                }
                thread::sleep(PAUSE);
            }
        }

        /// Says what is waited for, once it takes long.
        fn look(&mut self, waits_for: &str) {
            if waits_for.is_empty() {
                if std::mem::take(&mut self.is_said) {
                    info!(target: LOG, "--ship: shipping again");
                }
                self.waits_since = None;
                return;
            }
            let since = *self.waits_since.get_or_insert_with(Instant::now);
            if !self.is_said && since.elapsed() >= PATIENCE {
                self.is_said = true;
                warn!(target: LOG, "--ship: waiting for {waits_for}; the log keeps what is not shipped");
            }
        }
    }
}
