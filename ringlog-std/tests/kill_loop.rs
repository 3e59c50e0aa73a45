//! Processes that write, record, or do both, killed at random moments and started again: nothing is lost,
//! nothing told twice, nothing invented.
//!
//! 200 kills for each test; `RINGLOG_KILLS=10000 cargo test --release --test kill_loop` does more.

#[path = "kill_loop/check.rs"]
mod check;
#[path = "kill_loop/children.rs"]
mod children;
#[path = "kill_loop/count_page.rs"]
mod count_page;
#[path = "kill_loop/in_process.rs"]
mod in_process;
#[path = "kill_loop/lossy.rs"]
mod lossy;
#[path = "kill_loop/operations.rs"]
mod operations;
#[path = "kill_loop/recording.rs"]
mod recording;
#[path = "kill_loop/shared.rs"]
mod shared;
#[path = "kill_loop/two_producers.rs"]
mod two_producers;
