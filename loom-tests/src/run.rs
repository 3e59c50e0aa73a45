//! Runs a model and records which places its executions have reached.
#![forbid(unsafe_code)]

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// How often a waiting thread looks before the model gives up: far more often than any execution needs.
const SPIN_LIMIT: usize = 50;

/// Runs `f` in every interleaving, or in those with at most `preemption_bound` preemptions. `LOOM_MAX_PREEMPTIONS`
/// overrides the bound. Prints the bound, the number of executions and the time.
///
/// # Panics
///
/// If `f` panics in an interleaving, or the model checker finds a race.
pub fn check(name: &str, preemption_bound: impl Into<Option<usize>>, f: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(preemption_bound.into());
    let reach = builder.preemption_bound.map_or("all".into(), |bound| format!("up to {bound} preemptions"));
    let executions = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&executions);
    let begin = Instant::now();
    builder.check(move || {
        counter.fetch_add(1, Ordering::Relaxed);
        f();
    });
    let count = executions.load(Ordering::Relaxed);
    println!("{name} ({reach}): {count} executions in {:.1?}", begin.elapsed());
    assert!(count > 1, "{name}: nothing was interleaved");
}

/// Runs [`check`] in two laps of a ring of this capacity: in that of `start`, and in the last one before the positions
/// wrap. `f` gets the position at which its ring starts.
///
/// # Panics
///
/// As [`check`].
pub fn check_laps(
    name: &str,
    preemption_bound: impl Into<Option<usize>>,
    [capacity, start]: [usize; 2],
    f: impl Fn(usize) + Send + Sync + 'static,
) {
    let bound = preemption_bound.into();
    let f = Arc::new(f);
    for (lap, start) in [("", start), (", below the wrap", start.wrapping_sub(capacity))] {
        let f = Arc::clone(&f);
        check(&format!("{name}{lap}"), bound, move || f(start));
    }
}

/// Runs `f` and kills it before its store number `stores + 1` to a control word. Returns `None` if it was killed.
///
/// # Panics
///
/// If `f` panics for another reason.
pub fn killed_before<T>(stores: usize, f: impl FnOnce() -> T) -> Option<T> {
    ringlog_nostd::die_before_store(stores);
    let result = catch_unwind(AssertUnwindSafe(f));
    ringlog_nostd::die_not();
    match result {
        Ok(value) => Some(value),
        Err(reason) if reason.is::<ringlog_nostd::Killed>() => None,
        Err(reason) => resume_unwind(reason),
    }
}

/// Calls `ask` until it returns an answer, and lets the other threads run in between.
///
/// # Panics
///
/// If there is no answer after many calls: the other thread will never give one.
pub fn spin<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    for _ in 0..SPIN_LIMIT {
        if let Some(answer) = ask() {
            return answer;
        }
        loom::thread::yield_now();
    }
    panic!("still no answer after {SPIN_LIMIT} looks");
}

/// Records whether any execution of a model reached a place. A model that never sees a full ring proves nothing about
/// full rings. The model checker does not see it.
#[derive(Debug)]
pub struct Seen(AtomicUsize);

impl Seen {
    /// Returns a place that no execution has reached.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    /// Notes that an execution has reached the place.
    pub fn note(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes it if `condition` holds.
    pub fn note_if(&self, condition: bool) {
        if condition {
            self.note();
        }
    }

    /// Returns whether an execution has reached the place.
    #[must_use]
    pub fn is_seen(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }

    /// Checks that an execution has reached the place. Call it after the last execution.
    ///
    /// # Panics
    ///
    /// If none has.
    pub fn expect(&self, what: &str) {
        assert!(self.is_seen(), "no execution came to: {what}");
    }
}

impl Default for Seen {
    fn default() -> Self {
        Self::new()
    }
}
