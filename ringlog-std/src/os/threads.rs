//! Where a thread runs, and at which priority.
#![forbid(unsafe_code)]

use std::io;

use rustix::process::setpriority_process;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Keeps the calling thread on these processors.
pub fn run_on(cpus: &CpuSet) -> io::Result<()> {
    Ok(sched_setaffinity(None, cpus)?)
}

/// Sets the nice value of the calling thread, and of no other one.
pub fn set_nice(nice: i32) -> io::Result<()> {
    // POSIX means the process. On Linux each thread has its own, and this is the calling one's.
    Ok(setpriority_process(None, nice)?)
}

/// Returns those of the processors on which this process cannot run. The calling thread stays where it was.
pub fn missing_of(cpus: &CpuSet) -> io::Result<Vec<usize>> {
    let before = sched_getaffinity(None)?;
    // The kernel refuses only if none is left, and leaves out the others in silence.
    let taken = match run_on(cpus) {
        Ok(()) => sched_getaffinity(None)?,
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => CpuSet::new(),
        Err(error) => return Err(error),
    };
    run_on(&before)?;
    Ok((0..CpuSet::MAX_CPU).filter(|&cpu| cpus.is_set(cpu) && !taken.is_set(cpu)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_that_are_not_there_are_missing_and_the_thread_stays_where_it_was() {
        let before = sched_getaffinity(None).unwrap();
        let mut some = before;
        assert!(missing_of(&some).unwrap().is_empty());
        some.set(CpuSet::MAX_CPU - 1);
        assert_eq!(missing_of(&some).unwrap(), [CpuSet::MAX_CPU - 1]);
        let mut none = CpuSet::new();
        none.set(CpuSet::MAX_CPU - 2);
        assert_eq!(missing_of(&none).unwrap(), [CpuSet::MAX_CPU - 2]);
        assert_eq!(sched_getaffinity(None).unwrap(), before);
    }
}
