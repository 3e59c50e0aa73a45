//! Schedules in which a thread goes many steps while the others stand still.

use shuttle::scheduler::{RandomScheduler, Schedule, Scheduler, Task, TaskId};

use crate::storage::tests::power_loss::run::Random;

/// The longest run of steps that is drawn for any schedule.
const LONGEST: u64 = 60;

/// As a random schedule, but that whoever is chosen goes on for a while, in some schedules longer than in others.
///
/// Where each step is drawn anew, nobody comes far between two neighbouring steps of another thread.
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
