//! What `serve` is to those who keep it running: its numbers over HTTP, its health, and the talk with a service manager.
//!
//! [`Service`] is opened before the log, so that an address that is taken is an error before anything is recorded. Its
//! threads begin then too: they answer while a large log is still being recovered. `record` calls [`Service::begin`] once the
//! log is open and [`Service::stopping`] when the run ends. `state` is what both sides share, `health` decides, `notify` and
//! `http` talk; `scrape` writes the numbers.
#![forbid(unsafe_code)]

mod health;
#[cfg(feature = "metrics")]
mod http;
mod notify;
#[cfg(feature = "metrics")]
mod scrape;
pub(crate) mod state;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ringlog::recorder::Recorder;

use crate::error::CliError;
use crate::service::notify::Ticker;
use crate::service::state::{Phase, State};

/// What the options ask for.
#[derive(Clone, Debug)]
pub(crate) struct ServiceConfig {
    /// Where to answer scrapes.
    pub(crate) metrics: Option<SocketAddr>,
    /// How long what is published may wait for its sync; `None` for ever.
    pub(crate) most_not_durable: Option<Duration>,
}

/// A running service; or nothing, for a command that is none.
#[derive(Debug, Default)]
pub(crate) struct Service {
    running: Option<(Arc<State>, Ticker)>,
}

impl Service {
    /// Binds the address and starts the threads, if anyone asks for them: the options, or a service manager.
    pub(crate) fn open(config: &ServiceConfig, log: &Path) -> Result<Self, CliError> {
        if config.metrics.is_none() && !notify::is_wanted() {
            return Ok(Self::default());
        }
        let state = Arc::new(State::new(log, config.most_not_durable));
        if let Some(address) = config.metrics {
            serve_metrics(address, &state)?;
        }
        let ticker = Ticker::start(&state)?;
        Ok(Self { running: Some((state, ticker)) })
    }

    /// Says that the log is open and that events may come.
    pub(crate) fn begin(&self, recorder: &Recorder) {
        if let Some((state, ticker)) = &self.running {
            state.begin(recorder.monitor());
            ticker.tell(Phase::Ready);
        }
    }

    /// Says that the run is ending.
    pub(crate) fn stopping(&self) {
        if let Some((_, ticker)) = &self.running {
            ticker.tell(Phase::Stopping);
        }
    }

    /// Returns what the feed's counts go to; `None` where nobody asks for them.
    pub(crate) fn state(&self) -> Option<&Arc<State>> {
        self.running.as_ref().map(|(state, _)| state)
    }
}

#[cfg(feature = "metrics")]
fn serve_metrics(address: SocketAddr, state: &Arc<State>) -> Result<(), CliError> {
    http::start(address, state)
}

#[cfg(not(feature = "metrics"))]
fn serve_metrics(_: SocketAddr, _: &Arc<State>) -> Result<(), CliError> {
    Err(CliError::Usage(
        "--metrics: this program is built without it; build it with `--features metrics`, or leave the option out".into(),
    ))
}
