//! The options for where the threads of a recording run.

use clap::Args;
use rustix::thread::CpuSet;

use crate::error::CliError;
use crate::options::log_args::LogPlan;
use crate::terminal::messages::{SERVE, warn};
use crate::values;
use ringlog::programs::{missing_of, run_on, set_nice};
use ringlog::recorder::{Recorder, RecorderBuilder};
use ringlog::storage::SchemaList;

/// Where threads run, and at which priority. Without an option a thread is where the program was started.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ThreadArgs {
    /// Processors of the thread that writes into the ring, such as 2 or 0-3,6 [default: all]
    #[arg(long, value_name = "LIST", value_parser = values::cpus, conflicts_with = "ring")]
    pub(crate) producer_cpus: Option<CpuSet>,
    /// Processors of the thread that moves events from the ring to the log [default: all]
    #[arg(long, value_name = "LIST", value_parser = values::cpus)]
    pub(crate) recorder_cpus: Option<CpuSet>,
    /// Processors of the log's worker threads, which prepare and sync its files [default: all]
    #[arg(long, value_name = "LIST", value_parser = values::cpus)]
    pub(crate) worker_cpus: Option<CpuSet>,
    /// Nice value of the log's worker threads, 0 to 19; more is lost with the power if they get too little time
    /// [default: that of the program]
    #[arg(long, value_name = "N", value_parser = values::nice)]
    pub(crate) worker_nice: Option<i32>,
}

impl ThreadArgs {
    /// Adds what concerns recorder and workers to a plan. Refuses processors on which this process cannot run.
    pub(crate) fn apply(&self, mut plan: LogPlan) -> Result<LogPlan, CliError> {
        check("--producer-cpus", self.producer_cpus.as_ref())?;
        check("--recorder-cpus", self.recorder_cpus.as_ref())?;
        check("--worker-cpus", self.worker_cpus.as_ref())?;
        (plan.producer_cpus, plan.recorder_cpus) = (self.producer_cpus, self.recorder_cpus);
        let (cpus, nice) = (self.worker_cpus, self.worker_nice);
        if cpus.is_some() || nice.is_some() {
            plan.options = plan.options.on_worker_start(move || {
                cpus.as_ref().map_or(Ok(()), run_on)?;
                nice.map_or(Ok(()), set_nice)
            });
        }
        Ok(plan)
    }
}

impl LogPlan {
    /// Returns the options of the recorder.
    pub(crate) fn recorder(&self, ring_bytes: usize) -> RecorderBuilder {
        let builder = Recorder::builder().ring_bytes(ring_bytes).log(self.options.clone());
        match self.recorder_cpus {
            Some(cpus) => builder.on_thread_start(move || keep_on(&cpus, "the recorder")),
            None => builder,
        }
    }

    /// Returns the same plan for a log whose segments describe these events too.
    pub(crate) fn describing(mut self, schemas: SchemaList) -> Self {
        let mut all = self.options.schemas.clone();
        all.extend(&schemas);
        self.options = self.options.schemas(all);
        self
    }

    /// Keeps the calling thread, which writes into the ring, where it shall run.
    pub(crate) fn place_producer(&self) {
        if let Some(cpus) = &self.producer_cpus {
            keep_on(cpus, "the producer");
        }
    }
}

fn keep_on(cpus: &CpuSet, thread: &str) {
    if let Err(error) = run_on(cpus) {
        warn!(target: SERVE, "{thread} stays on the processors where it is: {error}");
    }
}

fn check(option: &str, cpus: Option<&CpuSet>) -> Result<(), CliError> {
    let missing = cpus.map_or(Ok(Vec::new()), missing_of);
    let missing = missing.map_err(|error| {
        CliError::Usage(format!("{option}: cannot choose processors: {error}; leave the option out"))
    })?;
    match missing.first() {
        None => Ok(()),
        Some(cpu) => Err(CliError::Usage(format!(
            "{option}: this process cannot run on processor {cpu}; `lscpu --extended` lists those that are online, and \
             the cpuset of a container or a service may have fewer"
        ))),
    }
}
