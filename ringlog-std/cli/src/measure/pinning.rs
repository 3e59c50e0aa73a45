//! Which processors the threads of `stress` run on.

use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The processors of the producer's thread and of the recorder's. Without them, the system chooses.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Pins {
    pub(crate) producer: Option<usize>,
    pub(crate) recorder: Option<usize>,
}

/// Keeps this thread on one processor; does nothing for `None`.
pub(crate) fn pin_here(processor: Option<usize>) -> io::Result<()> {
    let Some(processor) = processor else { return Ok(()) };
    let mut set = CpuSet::new();
    set.set(processor);
    Ok(sched_setaffinity(None, &set)?)
}

/// Whether this process may run on a processor of this number.
pub(crate) fn may_run_on(processor: usize) -> bool {
    processor < CpuSet::MAX_CPU && sched_getaffinity(None).is_ok_and(|set| set.is_set(processor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::thread::sched_getcpu;

    #[test]
    fn a_thread_runs_where_it_is_pinned_and_only_existing_processors_are_taken() {
        let here = std::thread::spawn(|| {
            let processor = (0..).find(|&it| may_run_on(it)).unwrap();
            pin_here(Some(processor)).unwrap();
            (processor, sched_getcpu())
        });
        let (wanted, found) = here.join().unwrap();
        assert_eq!(wanted, found);
        assert!(pin_here(None).is_ok());
        assert!(!may_run_on(CpuSet::MAX_CPU) && !may_run_on(usize::MAX));
    }
}
