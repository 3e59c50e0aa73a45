//! `ringlog serve --ship`: the shipper beside the recorder, on a thread apart. The recorder never waits for it.
#![forbid(unsafe_code)]

use std::sync::Arc;

use crate::error::CliError;
use crate::options::config::ServeConfig;
use crate::service::state::State;

/// A shipper at work, if one was asked for.
pub(crate) struct Beside {
    #[cfg(feature = "nats")]
    thread: Option<at_work::Thread>,
}

impl Beside {
    /// Starts the thread, if the options ask for it.
    pub(crate) fn start(config: &ServeConfig, state: Option<&Arc<State>>) -> Result<Self, CliError> {
        #[cfg(feature = "nats")]
        {
            Ok(Self { thread: at_work::start(config, state.cloned())? })
        }
        #[cfg(not(feature = "nats"))]
        {
            let _ = state;
            if config.beside.ship.is_none() {
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
    use std::path::PathBuf;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread::{self, JoinHandle};
    use std::time::{Duration, Instant};

    use ringlog::ship::{LogShipper, Login, Secret, ShipError, ShipOptions, ShipStatus};

    use crate::error::CliError;
    use crate::options::config::ServeConfig;
    use crate::service::state::State;
    use crate::terminal::messages::{LOG, error, info, warn};

    /// Time between two attempts to begin.
    const PAUSE: Duration = Duration::from_millis(200);
    /// How long something is waited for before a message says so.
    const PATIENCE: Duration = Duration::from_secs(3);
    /// How long the rest of a log that was closed is shipped.
    const REST: Duration = Duration::from_secs(10);
    /// Time between two looks at how much is left to ship.
    const LOOK_EVERY: Duration = Duration::from_secs(1);

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

    pub(super) fn start(config: &ServeConfig, state: Option<Arc<State>>) -> Result<Option<Thread>, CliError> {
        let args = &config.beside;
        let Some(servers) = &args.ship else { return Ok(None) };
        if config.is_never_synced {
            return Err(CliError::Usage(
                "--ship with --sync never: only what is synced can be shipped; give --sync 1s, or ship the log with `ringlog ship` \
                 once it was closed"
                    .into(),
            ));
        }
        let secret = args.ship_credentials.clone().map(Secret::CredentialsFile);
        let mut options = ShipOptions::new(servers).login(Login { secret, ..Login::default() });
        if let Some(replicas) = args.ship_replicas {
            options = options.create(replicas, None);
        }
        let has_ended = Arc::new(AtomicBool::new(false));
        let work = Work {
            options,
            log: config.log.path.clone(),
            state,
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
        /// What scrapes read.
        state: Option<Arc<State>>,
        has_ended: Arc<AtomicBool>,
        waits_since: Option<Instant>,
        is_said: bool,
    }

    impl Work {
        fn run(mut self) {
            let ended = self.ship();
            // What it has done stays as it is.
            if let (Err(_), Some(state)) = (&ended, &self.state) {
                state.ship.stop();
            }
            if let Err(problem) = ended {
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
            let mut looked_at: Option<Instant> = None;
            loop {
                shipper.step()?;
                let status = shipper.status();
                self.look(&status.waits_for);
                if looked_at.is_none_or(|at| at.elapsed() >= LOOK_EVERY) {
                    looked_at = Some(Instant::now());
                    self.note(&shipper, &status);
                }
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

        /// Gives the numbers to those who ask.
        fn note(&self, shipper: &LogShipper, status: &ShipStatus) {
            let Some(state) = &self.state else { return };
            // A file may have been deleted between the list and the look.
            let Ok(lag) = shipper.lag() else { return };
            state.ship.set([
                status.acknowledged,
                lag.records,
                lag.bytes,
                u64::from(!status.waits_for.is_empty()),
                0,
                status.messages,
                status.bytes,
                status.restarts,
                status.waits,
                status.gaps,
            ]);
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
