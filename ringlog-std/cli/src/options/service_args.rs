//! The options for what `serve` is to a service manager and to those who watch it.
#![forbid(unsafe_code)]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use ringlog::storage::SyncPolicy;

use crate::service::ServiceConfig;
use crate::values;

/// Beyond twice the time between two syncs, a disk is late.
const LATE: Duration = Duration::from_secs(10);

/// Who watches the service, and where its options are.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ServiceArgs {
    /// Answer Prometheus at http://ADDR/metrics, and at /health with 200 or 503: a port of 127.0.0.1, or an address of this
    /// machine with a port
    #[arg(long, value_name = "PORT|ADDR", value_parser = address)]
    pub(crate) metrics: Option<SocketAddr>,
    /// Health: what is written may wait this long for its sync [default: 10s and twice the time of --sync; no limit where
    /// that is a size or never]
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub(crate) health_unsynced: Option<Duration>,
    /// Take options from a file, too: NAME = "VALUE" as in --print-config. The command line wins
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print the options as such a file, and end
    #[arg(long)]
    pub(crate) print_config: bool,
}

impl ServiceArgs {
    /// Fills in the defaults.
    pub(crate) fn resolve(&self, sync: SyncPolicy) -> ServiceConfig {
        let late = match sync {
            SyncPolicy::EveryInterval(interval) => Some(interval.saturating_mul(2).saturating_add(LATE)),
            SyncPolicy::EveryEvent => Some(LATE),
            _ => None,
        };
        ServiceConfig { metrics: self.metrics, most_not_durable: self.health_unsynced.or(late) }
    }
}

/// Parses a port of the loopback address, or an address with a port.
fn address(text: &str) -> Result<SocketAddr, String> {
    let port = text.strip_prefix("localhost:").unwrap_or(text).parse::<u16>();
    let loopback = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    port.map(loopback)
        .or_else(|_| text.parse())
        .map_err(|_| "expected a port such as 9600, or 0.0.0.0:9600 or [::1]:9600".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_explicit_address_is_no_loopback_address() {
        for (text, expected) in [
            ("9600", "127.0.0.1:9600"),
            ("localhost:1", "127.0.0.1:1"),
            ("0.0.0.0:0", "0.0.0.0:0"),
            ("[::1]:9600", "[::1]:9600"),
        ] {
            assert_eq!(address(text).unwrap().to_string(), expected);
        }
        for bad in ["", ":9600", "70000", "10.0.0.1", "host:9600"] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn how_long_a_sync_may_take_follows_from_the_policy() {
        let args = ServiceArgs::default();
        let late = |sync| args.resolve(sync).most_not_durable.map(|it| it.as_secs());
        assert_eq!(late(SyncPolicy::EveryInterval(Duration::from_secs(3))), Some(16));
        assert_eq!(late(SyncPolicy::EveryEvent), Some(10));
        assert_eq!((late(SyncPolicy::Never), late(SyncPolicy::EveryBytes(1))), (None, None));
        let args = ServiceArgs { health_unsynced: Some(Duration::from_secs(7)), ..args };
        assert_eq!(args.resolve(SyncPolicy::Never).most_not_durable, Some(Duration::from_secs(7)));
    }
}
