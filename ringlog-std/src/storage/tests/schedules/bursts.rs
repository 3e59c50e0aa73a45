//! Schedules in which one thread takes many steps while the others take none.

use shuttle::scheduler::{RandomScheduler, Schedule, Scheduler, Task, TaskId};

use crate::storage::tests::power_loss::run::Random;

/// The largest number of steps in a run, over all schedules.
const LONGEST: u64 = 60;

/// A random schedule in which the chosen thread continues for a while, in some schedules longer than in others.
///
/// If each step were drawn anew, no thread would come far between two neighbouring steps of another.
pub(crate) struct Bursts {
    random: RandomScheduler,
    luck: Random,
    /// The longest run in this schedule.
    longest: u64,
    left: u64,
}

impl Bursts {
    pub(crate) fn new(seed: u64, schedules: usize) -> Self {
        let random = RandomScheduler::new_from_seed(seed, schedules);
        Self { random, luck: Random::new(seed), longest: 1, left: 0 }
    }
}

impl Scheduler for Bursts {
    fn new_execution(&mut self) -> Option<Schedule> {
        (self.longest, self.left) = (2 + self.luck.below(LONGEST), 0);
        self.random.new_execution()
    }

    fn next_task(
        &mut self,
        runnable: &[&Task],
        current: Option<TaskId>,
        is_yielding: bool,
    ) -> Option<TaskId> {
        let is_runnable = |task: &TaskId| runnable.iter().any(|runnable| runnable.id() == *task);
        if self.left > 0 && !is_yielding && current.as_ref().is_some_and(is_runnable) {
            self.left -= 1;
            return current;
        }
        self.left = self.luck.below(self.longest);
        self.random.next_task(runnable, current, is_yielding)
    }

    fn next_u64(&mut self) -> u64 {
        self.random.next_u64()
    }
}
