//! Tests of the log as a whole: losses of power on simulated disks, threads in any order, workers step by step.

mod long_runs;
pub(crate) mod power_loss;
mod scan_cost;
pub(crate) mod schedules;
pub(crate) mod single_step;
