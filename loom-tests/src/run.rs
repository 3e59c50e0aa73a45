//! Running a model, and knowing what it has been through.
#![forbid(unsafe_code)]

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Looks of a waiting thread before the model gives up: far more than any execution needs.
const SPIN_LIMIT: usize = 50;

/// Runs `f` in every interleaving: in all of them, or in those with at most so many preemptions. Says which, how
/// many executions there were, and how long it took. `LOOM_MAX_PREEMPTIONS` wins.
///
/// # Panics
///
/// If `f` panics in one of them, or the model checker finds a race.
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

/// As [`check`], in two laps of a ring of this capacity: in that of `start`, and in the last one before the
/// positions wrap. `f` is given the position at which its ring is to start.
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

/// Runs `f`, which is killed where it would make its `stores + 1`st store to a control word. `None` if it was.
///
/// # Panics
///
/// If `f` panics by itself.
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

/// Asks until there is an answer, and lets the other threads run in between.
///
/// # Panics
///
/// If there is none after many looks: the other thread will never give one.
pub fn spin<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    for _ in 0..SPIN_LIMIT {
        if let Some(answer) = ask() {
            return answer;
        }
        loom::thread::yield_now();
    }
    panic!("still no answer after {SPIN_LIMIT} looks");
}

/// Whether any execution of a model came past a place: a model that never sees a full ring proves nothing
/// about full rings. Unknown to the model checker.
#[derive(Debug)]
pub struct Seen(AtomicUsize);

impl Seen {
    /// Not seen.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    /// Notes that an execution came past here.
    pub fn note(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes it if `condition` holds.
    pub fn note_if(&self, condition: bool) {
        if condition {
            self.note();
        }
    }

    /// Whether one has.
    #[must_use]
    pub fn is_seen(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }

    /// To be called when the model is through.
    ///
    /// # Panics
    ///
    /// If no execution came past.
    pub fn expect(&self, what: &str) {
        assert!(self.is_seen(), "no execution came to: {what}");
    }
}

impl Default for Seen {
    fn default() -> Self {
        Self::new()
    }
}
