//! Locks of other programs, also of other users, about which a writer can find out little: none stops a writer
//! for long.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ringlog::event::EventHeader;
use ringlog::recorder::Recorder;
use ringlog::ring::SharedRing;
use ringlog::storage::{
    CreateError, LogReader, LogWriter, LogWriterOptions, MmapWriter, OpenError, SyncPolicy,
};

const SEALED: u8 = 0b1000;
const CLEAN: u8 = 0b0001;
/// Set in the environment of a child: the folder that it works in.
const FOLDER: &str = "RINGLOG_TEST_LOCKED_FOLDER";
const USER: u32 = 65_534;
const LOCKER: u32 = 65_533;

fn options() -> LogWriterOptions {
    LogWriter::options().segment_bytes(4096)
}

/// Makes a closed log with three events a segment. Returns its last segment.
fn log_of(log: &Path, events: u64) -> PathBuf {
    let mut writer = options().open(log).unwrap();
    for number in 0..events {
        writer.write_event(&EventHeader::new(number, 1, 1000), &[7; 1000]).unwrap();
    }
    writer.close().unwrap();
    segments(log).pop().unwrap()
}

fn segments(log: &Path) -> Vec<PathBuf> {
    LogReader::open(log).unwrap().segments().iter().map(|segment| segment.path.clone()).collect()
}

/// Takes flags off a segment, and lowers its watermark.
fn unfinish(path: &Path, flags: u8) {
    let mut bytes = fs::read(path).unwrap();
    bytes[32..40].copy_from_slice(&64_u64.to_le_bytes());
    bytes[56] &= !flags;
    fs::write(path, bytes).unwrap();
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// Runs a test of this program as another user, in `folder`.
fn run_as_user(folder: &Path, test: &str) {
    let program = folder.join("program");
    // Copied by a program: a file that this process has open for writing may also be open in a child of another
    // test, and then it cannot be executed.
    let copied = Command::new("cp").arg(std::env::current_exe().unwrap()).arg(&program).status().unwrap();
    assert!(copied.success());
    let output = as_user(USER, &program)
        .args(["--exact", &format!("foreign_locks::{test}"), "--nocapture"])
        .env(FOLDER, folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{output:?}");
}

fn as_user(user: u32, program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--reuid", &user.to_string(), "--regid", &user.to_string(), "--clear-groups"]).arg(program);
    command
}

/// Gives a folder and all in it to the user that the child runs as.
fn give_away(path: &Path) {
    chown(path, Some(USER), Some(USER)).unwrap();
    if path.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| give_away(&entry.unwrap().path()));
    }
}

struct Locked(Child);

impl Drop for Locked {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Locks a file as another user, who may only read it.
fn lock_as_another(path: &Path) -> Locked {
    let mut flock = as_user(LOCKER, Path::new("flock"));
    let locked = Locked(flock.args(["--no-fork", "-x"]).arg(path).args(["sleep", "600"]).spawn().unwrap());
    let end = Instant::now() + Duration::from_secs(20);
    while File::open(path).unwrap().try_lock_shared().is_ok() {
        assert!(Instant::now() < end, "it never locks the file");
        std::thread::sleep(Duration::from_millis(5));
    }
    locked
}

#[test]
fn child_that_writes_where_another_user_holds_locks() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    for log in ["sealed", "unsynced"].map(|name| folder.join(name)) {
        let writer = options().open(&log).unwrap();
        assert_eq!(writer.recovery().locked_segments.len(), 1, "{}", log.display());
        writer.close().unwrap();
    }
    MmapWriter::create(folder.join("file.evtl"), 4096).unwrap().close().unwrap();
    // Nobody can find out whether this one has a writer.
    assert!(matches!(options().open(folder.join("unsealed")), Err(OpenError::Locked { .. })));
    let open = MmapWriter::create(folder.join("open.evtl"), 4096);
    assert!(matches!(open, Err(CreateError::Busy { .. })));
}

#[test]
fn another_users_lock_on_a_sealed_segment_keeps_no_writer_out() {
    if !is_root() {
        return crate::skips::note_skip("only root can become another user");
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let logs = ["sealed", "unsynced", "unsealed"].map(|name| log_of(&at(name), 10));
    let files = ["file.evtl", "open.evtl"].map(at);
    for path in &files {
        MmapWriter::create(path, 4096).unwrap().close().unwrap();
    }
    unfinish(&logs[1], CLEAN);
    unfinish(&logs[2], CLEAN | SEALED);
    unfinish(&files[1], CLEAN | SEALED);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    give_away(folder.path());
    let _locks: Vec<_> = logs.iter().chain(&files).map(|path| lock_as_another(path)).collect();
    run_as_user(folder.path(), "child_that_writes_where_another_user_holds_locks");
}

#[test]
fn a_lock_that_comes_and_goes_refuses_no_writer() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let last = log_of(&log, 1);
    let file = folder.path().join("file.evtl");
    MmapWriter::create(&file, 4096).unwrap().close().unwrap();
    unfinish(&file, SEALED | CLEAN);
    let has_ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for path in [&last, &file] {
            let has_ended = &has_ended;
            scope.spawn(move || {
                while !has_ended.load(Ordering::Relaxed) {
                    let Ok(file) = File::open(path) else { continue };
                    file.lock().unwrap();
                    std::thread::sleep(Duration::from_micros(300));
                    drop(file);
                    std::thread::sleep(Duration::from_micros(100));
                }
            });
        }
        let mut refused = Vec::new();
        for round in 0..300 {
            unfinish(&last, SEALED | CLEAN);
            unfinish(&file, SEALED | CLEAN);
            refused.extend(options().open(&log).map(|it| it.close().unwrap()).err().map(|e| e.to_string()));
            if round % 10 == 0 {
                refused.extend(MmapWriter::create(&file, 4096).map(drop).err().map(|e| e.to_string()));
            }
        }
        has_ended.store(true, Ordering::Relaxed);
        assert!(refused.is_empty(), "{} refused: {:?}", refused.len(), refused.first());
    });
}

#[test]
fn locks_on_many_segments_hold_an_event_up_no_longer_than_one() {
    let folder = tempfile::tempdir().unwrap();
    log_of(folder.path(), 60);
    let all = segments(folder.path());
    let left = &all[all.len() - 8..];
    left.iter().for_each(|path| unfinish(path, CLEAN));
    let locks: Vec<_> = left.iter().map(|path| File::open(path).unwrap()).collect();
    locks.iter().for_each(|file| file.lock().unwrap());
    let mut writer = options().sync(SyncPolicy::EveryEvent).open(folder.path()).unwrap();
    let started = Instant::now();
    writer.write_event(&EventHeader::new(1, 1, 1000), &[7; 1000]).unwrap();
    let took = started.elapsed();
    assert!(took < Duration::from_secs(4), "{took:?}");
    assert_eq!(writer.durable_position(), writer.position(), "and all of them are synced");
    writer.close().unwrap();
}

/// Runs `act`, and fails if it waits, for a pipe for example.
fn at_once<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || sender.send(act()));
    receiver.recv_timeout(Duration::from_secs(20)).expect("it waits")
}

fn make_pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn no_pipe_in_a_logs_folder_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    log_of(&log, 60);
    fs::create_dir(log.join("index")).unwrap();
    for segment in segments(&log) {
        let name = segment.with_extension("idx");
        make_pipe(&log.join("index").join(name.file_name().unwrap()));
    }
    assert_eq!(at_once(move || LogReader::open(&log).unwrap().events_since(20).count()), 40);
    let file = folder.path().join("file.evtl");
    MmapWriter::create(&file, 4096).unwrap().close().unwrap();
    make_pipe(&folder.path().join("writer"));
    at_once(move || MmapWriter::create(&file, 4096).unwrap().close().unwrap());
    let below = folder.path().join("writer/file.evtl");
    let refused = at_once(move || MmapWriter::create(&below, 4096).map(drop).unwrap_err());
    assert!(refused.to_string().contains("writer: cannot open the folder"), "{refused}");
}

#[test]
fn child_whose_ring_cannot_be_looked_at() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let (shm, log) = (folder.join("shm"), folder.join("log"));
    let recorder = Recorder::builder().ring_bytes(4096).max_payload(64).log(options());
    let recorder = recorder.start_shared(shm.join("ring"), &log).unwrap();
    let ring = SharedRing::open(shm.join("ring")).unwrap();
    let mut producer = ring.claim_producer().unwrap();
    fs::set_permissions(&shm, fs::Permissions::from_mode(0o000)).unwrap();
    assert!(fs::symlink_metadata(shm.join("ring")).is_err(), "this user may not look");
    ring.check().unwrap();
    std::thread::sleep(Duration::from_millis(2500));
    producer.write_event(&EventHeader::new(1, 1, 1), b"x").unwrap();
    assert!(!recorder.has_stopped());
    fs::set_permissions(&shm, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(recorder.stop().unwrap().events, 1);
    fs::remove_file(shm.join("ring")).unwrap();
    ring.check().unwrap_err();
}

#[test]
fn a_ring_that_cannot_be_looked_at_for_a_while_ends_no_recorder() {
    if !is_root() {
        return crate::skips::note_skip("only root can become another user");
    }
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("shm")).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    give_away(folder.path());
    run_as_user(folder.path(), "child_whose_ring_cannot_be_looked_at");
}
