//! Model checks of the ring. They try every interleaving, and every value that weak memory allows a load to see, within
//! a bound on preemptions.
//!
//! `cargo test` in this folder runs them: its `.cargo/config.toml` switches the ring to the model's atomics. `tests/`
//! has one file for each question. `LOOM_MAX_PREEMPTIONS=4 cargo test` searches further.

#[cfg(not(ringlog_loom))]
const _: () = assert!(
    option_env!("RINGLOG_LOOM_DIR").is_none(),
    "RUSTFLAGS in the environment hid `--cfg ringlog_loom`: unset it, or nothing would be checked"
);

#[cfg(ringlog_loom)]
mod event;
#[cfg(ringlog_loom)]
mod ledger;
#[cfg(ringlog_loom)]
pub mod log;
#[cfg(ringlog_loom)]
mod memory;
#[cfg(ringlog_loom)]
mod reading;
#[cfg(ringlog_loom)]
mod run;

#[cfg(ringlog_loom)]
pub use event::{read_id, write};
#[cfg(ringlog_loom)]
pub use ledger::Ledger;
#[cfg(ringlog_loom)]
pub use memory::{
    Memory, ModelConsumer, ModelProducer, attach, format, ring, ring_and_memory, take_over_consumer,
    take_over_producer, unformatted,
};
#[cfg(ringlog_loom)]
pub use reading::{Together, read_all, read_beside, read_next};
#[cfg(ringlog_loom)]
pub use run::{Seen, check, check_laps, killed_before, spin};

#[cfg(all(test, not(ringlog_loom)))]
mod tests {
    #[test]
    #[ignore = "models run with `cargo test` in the folder loom-tests, where its .cargo/config.toml is read"]
    fn models_run_in_their_own_folder() {
        unreachable!("built without --cfg ringlog_loom");
    }
}
