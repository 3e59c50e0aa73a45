//! Describes the machine that is measured, and chooses the processor of a thread.

use rustix::thread::{CpuSet, sched_setaffinity};
use std::fs;
use std::process::Command;
use std::sync::OnceLock;
use std::thread::available_parallelism;

/// Whether the measured threads stay where they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Pinning {
    /// The producer runs on the first processor, the consumer on the second.
    Pinned,
    /// The system moves the threads as it likes.
    Free,
}

impl Pinning {
    /// Puts the calling thread on processor `cpu`, or on any one when threads are free.
    ///
    /// # Panics
    /// If the system refuses: a figure from a thread on another processor would be wrong.
    pub fn put(self, cpu: usize) {
        let mut set = CpuSet::new();
        match self {
            Self::Pinned => set.set(cpu),
            Self::Free => (0..processors()).for_each(|any| set.set(any)),
        }
        sched_setaffinity(None, &set)
            .unwrap_or_else(|error| panic!("cannot run on processor {cpu}: {error}"));
    }

    /// Returns the name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pinned => "pinned",
            Self::Free => "not pinned",
        }
    }
}

/// Returns how many processors this process may use. Must first be called before any thread is pinned.
#[must_use]
pub fn processors() -> usize {
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    *PROCESSORS.get_or_init(|| available_parallelism().map_or(1, usize::from))
}

/// What a figure must name: processor, count of processors, memory, kernel, compiler.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Machine {
    /// Model name of the first processor.
    pub processor: String,
    /// Processors this process may use.
    pub processors: usize,
    /// Bytes of memory.
    pub memory: u64,
    /// Kernel's name and release.
    pub kernel: String,
    /// Compiler of this program's workspace.
    pub compiler: String,
}

impl Machine {
    /// Asks the system. What it does not say is "unknown".
    #[must_use]
    pub fn ask() -> Self {
        let system = rustix::system::uname();
        let kernel = format!("{} {}", system.sysname().to_string_lossy(), system.release().to_string_lossy());
        Self {
            processor: field("/proc/cpuinfo", "model name").unwrap_or_else(unknown),
            processors: processors(),
            memory: field("/proc/meminfo", "MemTotal")
                .and_then(|text| text.trim_end_matches(" kB").parse::<u64>().ok())
                .map_or(0, |kib| kib * 1024),
            kernel,
            compiler: compiler().unwrap_or_else(unknown),
        }
    }
}

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let gib = self.memory as f64 / f64::from(1 << 30);
        write!(
            f,
            "{} × {}, {gib:.0} GiB, {}, {}",
            self.processors, self.processor, self.kernel, self.compiler
        )
    }
}

fn unknown() -> String {
    "unknown".to_owned()
}

/// Returns the value of the first line `name: value` of a file in /proc.
fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':').map(|(_, value)| value.trim().to_owned())
}

fn compiler() -> Option<String> {
    let output = Command::new("rustc").arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.split_whitespace().take(2).collect::<Vec<_>>().join(" ").into()
}
