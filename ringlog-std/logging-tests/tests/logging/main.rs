//! Messages of `log` and `tracing` in a log, read back by `ringlog cat`: beside what `tracing_subscriber::fmt` makes of the
//! same calls, and where messages are many, long, nested, too late or in the way.

#[expect(dead_code, reason = "the other test program also asks for the largest allocation")]
#[path = "../../../tests/integration/allocations.rs"]
mod allocations;
#[path = "../../../tests/integration/alone.rs"]
mod alone;
mod beside_fmt;
mod endings;
mod losses;
mod messages;
mod read;
mod refusals;
