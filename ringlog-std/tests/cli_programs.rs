//! The programs `ringlog` and `stress`, run as a user runs them.
#![cfg(feature = "cli")]

#[path = "cli/bad_input.rs"]
mod bad_input;
#[path = "cli/damage.rs"]
mod damage;
#[path = "cli/import.rs"]
mod import;
#[path = "cli/output.rs"]
mod output;
#[path = "cli/recover_image.rs"]
mod recover_image;
#[path = "cli/replay.rs"]
mod replay;
#[path = "cli/serve.rs"]
mod serve;
#[path = "cli/serve_ring.rs"]
mod serve_ring;
#[path = "cli/stress.rs"]
mod stress;
#[path = "cli/support.rs"]
mod support;
#[path = "cli/tail.rs"]
mod tail;
