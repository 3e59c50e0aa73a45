//! Child processes of these tests: the test program itself, started again to be killed.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use ringlog::ring::{Producer, SharedRing};
use ringlog::storage::SchemaList;
use rustix::process::{Signal, set_parent_process_death_signal};

use crate::dice::Dice;

/// What a child must do; unset in the test program itself.
const ROLE: &str = "RINGLOG_CHILD_ROLE";
const FOLDER: &str = "RINGLOG_CHILD_FOLDER";
const NUMBER: &str = "RINGLOG_CHILD_NUMBER";
const PATIENCE: Duration = Duration::from_secs(30);

/// What this process must do if it is a child.
pub(crate) struct Task {
    pub(crate) role: String,
    pub(crate) folder: PathBuf,
    pub(crate) number: usize,
}

impl Task {
    /// Returns the task; `None` in the test program that people start. A child ends with its parent.
    pub(crate) fn of_this_process() -> Option<Self> {
        let role = std::env::var(ROLE).ok()?;
        set_parent_process_death_signal(Some(Signal::KILL)).unwrap();
        let folder = std::env::var_os(FOLDER).unwrap().into();
        Some(Self { role, folder, number: std::env::var(NUMBER).unwrap().parse().unwrap() })
    }
}

/// A child process, killed at the latest when this is dropped.
pub(crate) struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    /// Starts this test program once more, to run `test` as a child.
    pub(crate) fn start(test: &str, role: &str, folder: &Path, number: usize) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &format!("kill_loop::{test}"), "--nocapture", "--test-threads=1"])
            .env(ROLE, role)
            .env(FOLDER, folder)
            .env(NUMBER, number.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Waits until it has ended by itself.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        patiently("the end of a child", || self.0.try_wait().unwrap())
    }

    /// Kills it with SIGKILL, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        assert!(self.0.try_wait().unwrap().is_none(), "the child has ended by itself");
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Makes a folder, in memory if possible: these tests are about processes, not about disks.
pub(crate) fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let in_memory = rustix::fs::statvfs(memory).is_ok_and(|stat| stat.f_bavail * stat.f_frsize > 512 << 20);
    if in_memory { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

/// Calls `ask` until it returns an answer.
pub(crate) fn patiently<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "{what}: nothing after {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Claims the producer's role of a ring. Waits until the ring is made, and until the last producer is dead.
pub(crate) fn claim_producer(ring: &Path) -> Producer {
    claim_described_producer(ring, &SchemaList::new())
}

/// Claims the producer's role of a ring, with descriptions of its events. Waits also until events with other descriptions
/// are read.
pub(crate) fn claim_described_producer(ring: &Path, schemas: &SchemaList) -> Producer {
    let claim = || SharedRing::open(ring)?.schemas(schemas.clone()).claim_producer();
    patiently("the producer's role", || match claim() {
        Ok(producer) => Some(producer),
        Err(error) if error.is_transient() => None,
        Err(error) => panic!("{error}"),
    })
}

/// Returns the number of kills: 50, or as the environment says.
pub(crate) fn kills_wanted() -> u64 {
    std::env::var("RINGLOG_KILLS").map_or(50, |kills| kills.parse().expect("RINGLOG_KILLS is a number"))
}

/// Calls `kill_and_compare` with up to `kills_per_log` kills, which needs a new log each time, until there were as many
/// as wanted. Adds up the events that it returns and fails if they are few. `what` says which events those are.
pub(crate) fn kill_in_logs(
    test: &str,
    kills_per_log: usize,
    what: &str,
    kill_and_compare: impl FnMut(&mut Random, usize) -> u64,
) {
    kill_times(kills_wanted(), test, kills_per_log, what, kill_and_compare);
}

/// The same with this number of kills.
pub(crate) fn kill_times(
    kills: u64,
    test: &str,
    kills_per_log: usize,
    what: &str,
    mut kill_and_compare: impl FnMut(&mut Random, usize) -> u64,
) {
    let (mut random, mut left, mut events) = (Random::new(test), kills as usize, 0);
    while left > 0 {
        let kills = left.min(kills_per_log);
        events += kill_and_compare(&mut random, kills);
        left -= kills;
    }
    println!("{kills} kills, {events} events {what}");
    assert!(events > kills, "hardly any event was {what}");
}

/// Different numbers in each run; the seed is printed.
pub(crate) struct Random(Dice);

impl Random {
    pub(crate) fn new(test: &str) -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let seed = now.as_nanos() as u64;
        println!("{test}: seed {seed}");
        Self(Dice(seed))
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0.below(bound)
    }

    /// Waits for a moment to kill. Mostly it first waits for `has_begun`, which says that the child works: a
    /// busy machine may take long to start it.
    pub(crate) fn wait_for_moment(&mut self, has_begun: impl Fn() -> bool) {
        if self.below(4) > 0 {
            patiently("the child's first event", || has_begun().then_some(()));
        }
        std::thread::sleep(Duration::from_micros(self.below(30_000)));
    }
}
