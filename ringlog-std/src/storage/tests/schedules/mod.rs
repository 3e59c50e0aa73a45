//! Tests a log's writer, its worker threads and its readers, in any order of their steps.
//!
//! Each test opens with the question that it answers. The real writer, workers and readers run on real files,
//! under shuttle. It lets one thread run at a time, and chooses the next one at random at each lock, each
//! atomic access, each call of the platform and each store into a mapping. A quarter of the schedules choose
//! anew each time. In another quarter a thread continues for a while. The other half (PCT) change the thread
//! only a few times, so a thread may wait for long. A sync takes time. In each schedule, some threads' pauses
//! always end by themselves and others' never do, so no code may rely on that. The platform is that of
//! `power_loss`: it syncs nothing, records all calls, and after a failed sync behaves as kernels do.
//!
//! Reorderings of memory are not tested here, but by the models in `loom-tests`.
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
pub(crate) mod world;

#[cfg(not(ringlog_shuttle))]
#[test]
#[ignore = "the schedules of a log's threads run with `.ci/run schedules`, which sets --cfg ringlog_shuttle"]
fn schedules_run_with_a_flag() {
    unreachable!("built without --cfg ringlog_shuttle");
}
