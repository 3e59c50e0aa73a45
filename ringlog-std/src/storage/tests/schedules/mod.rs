//! A log's writer, its worker threads and its readers, in any order.
//!
//! Each test opens with the question that it answers. The real writer, the real workers and the real readers run on
//! real files, under shuttle, which lets one thread run at a time and chooses at random who goes on at each lock,
//! each atomic access, each call of the platform and each store into a mapping. A quarter of the schedules choose anew each
//! time, in a quarter a thread goes on for a while, and half of them (PCT) change their mind a few times only, so that a
//! thread may be left behind for long. A sync takes its time. Pauses end by themselves or do not, those of one thread
//! always and those of another never, so nothing may rely on it. The platform is that of `power_loss`: it syncs nothing,
//! remembers everything, and after a failed sync does as kernels do.
//!
//! Not seen here: reorderings of memory, which the models in `loom-tests` look into.
//!
//! The number of schedules for each question is 200, or as many as `RINGLOG_SCHEDULES` says. `.ci/run schedules` runs
//! them; `docs/orderings.md` lists changes to the code that make each of them fail.
#![forbid(unsafe_code)]

#[cfg(ringlog_shuttle)]
mod bursts;
#[cfg(ringlog_shuttle)]
mod owner;
#[cfg(ringlog_shuttle)]
mod progress;
#[cfg(ringlog_shuttle)]
mod promise;
#[cfg(ringlog_shuttle)]
mod stable;
#[cfg(ringlog_shuttle)]
mod world;

#[cfg(not(ringlog_shuttle))]
#[test]
#[ignore = "the schedules of a log's threads run with `.ci/run schedules`, which sets --cfg ringlog_shuttle"]
fn schedules_run_with_a_flag() {
    unreachable!("built without --cfg ringlog_shuttle");
}
