//! Processes that write, record, or do both, killed at random moments and started again: nothing is lost,
//! reported twice or invented.
//!
//! 50 kills for each test; `RINGLOG_KILLS=10000 cargo test --release --test integration kill_loop::` does more.

mod check;
mod children;
mod count_page;
mod described;
mod endings;
mod in_process;
mod lossy;
mod many;
mod operations;
mod recording;
mod shared;
mod two_producers;
mod typed;
