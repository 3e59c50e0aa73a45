//! Ships a log to a stream of NATS JetStream: each durable event once, in order.
//!
//! A message is a run of whole records. Runs are cut at places that only the log decides (`runs`), so one position of the stream
//! has one possible content, and each message names the position that it must follow. `window` says when a run may go, `shipper`
//! is the loop around it, `jetstream` speaks to a stream, `nats` is the connection. The first four know no server: tests drive
//! them with one that loses, delays and refuses. `programs` and users of the library call this folder.
//!
//! The promise: each durable event once in the stream, in order, as long as the stream keeps what it acknowledged for longer
//! than the hold; anything else is reported. See `docs/shipping.md`.

mod check;
mod error;
mod header;
mod jetstream;
mod login;
mod nats;
mod options;
mod pull;
mod pulled;
mod runs;
mod shipper;
mod target;
#[cfg(test)]
mod tests;
mod window;

pub use check::{Difference, ShipCheck};
pub use error::{PullError, ShipError};
pub use login::{Login, Secret};
pub use options::{LogShipper, ShipLag, ShipOptions, ShipStatus};
pub use pull::LogPuller;
