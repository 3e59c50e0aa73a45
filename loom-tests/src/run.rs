//! Running a model, and knowing what it has been through.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Looks of a waiting thread before the model gives up: far more than any execution needs.
const SPIN_LIMIT: usize = 50;

/// Runs `f` in every interleaving with at most `preemption_bound` preemptions; `LOOM_MAX_PREEMPTIONS` wins.
///
/// # Panics
///
/// If `f` panics in one of them, or the model checker finds a race.
pub fn check(name: &str, preemption_bound: usize, f: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(preemption_bound));
    let executions = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&executions);
    let begin = Instant::now();
    builder.check(move || {
        counter.fetch_add(1, Ordering::Relaxed);
        f();
    });
    let count = executions.load(Ordering::Relaxed);
    println!("{name}: {count} executions in {:?}", begin.elapsed());
    assert!(count > 1, "{name}: nothing was interleaved");
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

    /// To be called when the model is through.
    ///
    /// # Panics
    ///
    /// If no execution came past.
    pub fn expect(&self, what: &str) {
        assert!(self.0.load(Ordering::Relaxed) > 0, "no execution came to: {what}");
    }
}

impl Default for Seen {
    fn default() -> Self {
        Self::new()
    }
}
