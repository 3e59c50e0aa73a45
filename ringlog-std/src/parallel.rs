//! Works on several items at a time: the segments of a log.
#![forbid(unsafe_code)]

use std::num::NonZero;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Returns how many segments are read at a time unless the caller says it: one for each processor.
pub fn default_jobs() -> NonZero<usize> {
    thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN)
}

/// Calls `f` for each item on up to `jobs` threads, and returns the results in the order of the items.
///
/// # Panics
///
/// As `f` does.
pub(crate) fn map_in_order<T: Send, R: Send>(
    items: Vec<T>,
    jobs: NonZero<usize>,
    f: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let threads = jobs.get().min(items.len());
    if threads <= 1 {
        return items.into_iter().map(f).collect();
    }
    let todo = Mutex::new(items.into_iter().enumerate());
    let work = || {
        let mut done = Vec::new();
        loop {
            let next = todo.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((at, item)) = next else { return done };
            done.push((at, f(item)));
        }
    };
    let mut done: Vec<(usize, R)> = thread::scope(|scope| {
        // Where the system gives no more threads, those that are there do all.
        let spawn = |_| thread::Builder::new().spawn_scoped(scope, work).ok();
        let others: Vec<_> = (1..threads).map_while(spawn).collect();
        let mut done = work();
        for other in others {
            match other.join() {
                Ok(more) => done.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_the_order_of_the_items() {
        let squares: Vec<u64> = (0..100).map(|number| number * number).collect();
        for jobs in [1, 2, 7, 200] {
            let slow = |number: u64| {
                thread::sleep(std::time::Duration::from_micros(number % 7 * 100));
                number * number
            };
            assert_eq!(map_in_order((0..100).collect(), NonZero::new(jobs).unwrap(), slow), squares);
        }
        assert!(map_in_order(Vec::<u64>::new(), default_jobs(), |number| number).is_empty());
    }

    #[test]
    #[should_panic(expected = "item 5")]
    fn a_panic_is_passed_on() {
        let two = NonZero::new(2).unwrap();
        map_in_order((0..10).collect(), two, |number: u64| assert!(number != 5, "item {number}"));
    }
}
