//! A log is written into its own files and into no others: not into copies made with hard links, archives that
//! links lead to, or files that another user has put where temporary ones are made.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use ringlog::event::EventHeader;
use ringlog::ring::{RingOptions, SharedRing};
use ringlog::storage::{
    CreateError, Cursor, LogReader, LogWriter, MmapWriter, OpenError, Retention, SyncPolicy,
};

const SEGMENT_BYTES: u64 = 8192;
/// Set in the environment of a child: the folder that it works in.
const FOLDER: &str = "RINGLOG_TEST_SHARED_FOLDER";

fn open(log: &Path) -> LogWriter {
    let retention = Retention { max_segments: Some(4), ..Retention::default() };
    let options = LogWriter::options().segment_bytes(SEGMENT_BYTES).retention(retention);
    options.sync(SyncPolicy::EveryBytes(1)).open(log).unwrap()
}

fn write(writer: &mut LogWriter, events: u64) {
    for number in 0..events {
        writer.write_event(&EventHeader::new(number, 1, 1000), &[number as u8; 1000]).unwrap();
    }
}

/// Writes a log of which nothing was retired.
fn fill(log: &Path, events: u64) {
    let mut writer = LogWriter::options().segment_bytes(SEGMENT_BYTES).open(log).unwrap();
    write(&mut writer, events);
    writer.close().unwrap();
}

fn segments(log: &Path) -> Vec<PathBuf> {
    LogReader::open(log).unwrap().segments().iter().map(|segment| segment.path.clone()).collect()
}

/// Returns all files below a folder, with their contents.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            found.extend(contents(&entry.path()));
        } else {
            found.push((entry.path(), fs::read(entry.path()).unwrap()));
        }
    }
    found.sort();
    found
}

/// Commits a cursor at this sequence.
fn commit(log: &Path, next_sequence: u64) {
    let mut cursor = Cursor::open(log, "reader").unwrap();
    cursor.go_to(next_sequence);
    cursor.commit().unwrap();
}

fn copy_with_links(log: &Path, copy: &Path) {
    assert!(Command::new("cp").arg("-al").args([log, copy]).status().unwrap().success());
}

/// Writes until retention reports an error, and returns that.
fn write_until_reported(writer: &mut LogWriter) -> Option<CreateError> {
    for _ in 0..100 {
        write(writer, 20);
        if let Some(reported) = writer.take_retention_error() {
            return Some(reported);
        }
    }
    None
}

#[test]
fn recycling_leaves_a_copy_made_with_hard_links_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (log, copy) = (folder.path().join("log"), folder.path().join("copy"));
    fill(&log, 30);
    commit(&log, 1 << 40);
    copy_with_links(&log, &copy);
    let before = contents(&copy);

    let mut writer = open(&log);
    let reported = write_until_reported(&mut writer).expect("retention says what it left alone");
    assert!(matches!(reported, CreateError::Linked { names: 2, .. }), "{reported}");
    assert!(reported.to_string().contains("hard links"), "{reported}");
    write(&mut writer, 100);
    writer.close().unwrap();
    commit(&log, 7);
    assert!(contents(&copy) == before, "the copy is as it was");
    assert_eq!(LogReader::open(&copy).unwrap().replay(|_| ()).unwrap(), 30);
    assert!(LogReader::open(&log).unwrap().replay(|_| ()).unwrap() > 0);
}

#[test]
fn recycling_leaves_an_archive_alone_that_a_link_leads_to() {
    let folder = tempfile::tempdir().unwrap();
    let (log, archive) = (folder.path().join("log"), folder.path().join("archive"));
    fs::create_dir(&archive).unwrap();
    fill(&log, 30);
    for segment in segments(&log).iter().take(3) {
        let moved = archive.join(segment.file_name().unwrap());
        fs::rename(segment, &moved).unwrap();
        symlink(&moved, segment).unwrap();
    }
    let before = contents(&archive);
    assert_eq!(LogReader::open(&log).unwrap().replay(|_| ()).unwrap(), 30, "links are read through");

    let mut writer = open(&log);
    let reported = write_until_reported(&mut writer).expect("retention says what it left alone");
    assert!(matches!(reported, CreateError::Linked { names: 0, .. }), "{reported}");
    write(&mut writer, 100);
    writer.close().unwrap();
    assert!(contents(&archive) == before, "the archive is as it was");
    assert!(segments(&log).iter().all(|path| !path.is_symlink()));
}

/// Moves a file away, leaves a link in its place, and returns where it is now.
fn leave_link(path: &Path, archive: &Path) -> PathBuf {
    let moved = archive.join(path.file_name().unwrap());
    fs::rename(path, &moved).unwrap();
    symlink(&moved, path).unwrap();
    moved
}

/// Makes a log as a killed writer leaves it: the header of its last segment does not say where it ends.
fn killed_log(log: &Path) -> PathBuf {
    fill(log, 3);
    drop(Cursor::open(log, "reader").unwrap());
    let reader = LogReader::open(log).unwrap();
    assert!(reader.events_since(u64::MAX).next().is_none());
    let last = segments(log).pop().unwrap();
    let mut bytes = fs::read(&last).unwrap();
    bytes[32..40].copy_from_slice(&64_u64.to_le_bytes());
    bytes[56] &= !0b1001;
    fs::write(&last, bytes).unwrap();
    let writer = fs::read_to_string(log.join("writer")).unwrap();
    fs::write(log.join("writer"), writer.replace("closed", "open")).unwrap();
    last
}

#[test]
fn no_file_of_a_log_is_written_through_a_link() {
    let open = |log: &Path| LogWriter::options().segment_bytes(SEGMENT_BYTES).open(log);
    let through = |of: &dyn Fn(&Path) -> PathBuf, act: &dyn Fn(&Path)| {
        let folder = tempfile::tempdir().unwrap();
        let (log, archive) = (folder.path().join("log"), folder.path().join("archive"));
        fs::create_dir(&archive).unwrap();
        killed_log(&log);
        let moved = leave_link(&of(&log), &archive);
        let before =
            if moved.is_dir() { contents(&moved) } else { vec![(moved.clone(), fs::read(&moved).unwrap())] };
        act(&log);
        let after =
            if moved.is_dir() { contents(&moved) } else { vec![(moved.clone(), fs::read(&moved).unwrap())] };
        assert!(before == after, "{}", moved.display());
    };
    let last = |log: &Path| log.join("00000000000000000000.evtl");
    // Recovery must seal it.
    through(&last, &|log| {
        let refused = open(log).unwrap_err();
        assert!(
            refused.to_string().contains("a symbolic link; put the file itself in its place"),
            "{refused}"
        );
    });
    // A segment that its dead writer had not named.
    let unnamed = |log: &Path| {
        let path = log.join(".next-7-0.ringlog-new");
        fs::rename(last(log), &path).unwrap();
        path
    };
    through(&unnamed, &|log| open(log).unwrap().close().map(drop).unwrap());
    through(&|log| log.join("writer"), &|log| {
        assert!(matches!(open(log).unwrap_err(), OpenError::ForeignWriterFile { .. }));
    });
    let use_cursor = |log: &Path| assert!(Cursor::open(log, "reader").is_err());
    through(&|log| log.join("cursors/reader"), &use_cursor);
    through(&|log| log.join("cursors"), &use_cursor);
    let search = |log: &Path| {
        open(log).unwrap().close().unwrap();
        assert!(LogReader::open(log).unwrap().events_since(u64::MAX).next().is_none());
    };
    through(&|log| log.join("index"), &search);
    let index = |log: &Path| {
        let _ = fs::create_dir(log.join("index"));
        let path = log.join("index/00000000000000000000.idx");
        fs::write(&path, "an index, says somebody").unwrap();
        path
    };
    through(&index, &search);
}

/// Puts files and links into a folder as another user could: with names that temporary files once had.
fn plant(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let planted = ["ring", "file.evtl"].map(|name| folder.join(format!(".{name}.ringlog-new")));
    let theirs = folder.join("theirs");
    fs::write(&theirs, [7; 100]).unwrap();
    fs::write(&planted[0], [7; 100]).unwrap();
    symlink(&theirs, &planted[1]).unwrap();
    for path in [&theirs, &planted[0]] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap();
        std::os::unix::fs::chown(path, Some(65_534), Some(65_534)).unwrap();
    }
    std::os::unix::fs::lchown(&planted[1], Some(65_534), Some(65_534)).unwrap();
    contents(folder)
}

#[test]
fn child_that_makes_files_in_a_shared_folder() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let uid = |path: &Path| fs::symlink_metadata(path).unwrap().uid();
    let options = RingOptions { capacity: Some(4096), ..RingOptions::default() };
    let ring = SharedRing::create(folder.join("ring"), &options).unwrap();
    MmapWriter::create(folder.join("file.evtl"), 4096).unwrap().close().unwrap();
    for path in [ring.path(), &folder.join("file.evtl")] {
        assert_eq!(uid(path), 65_533, "{}", path.display());
    }
}

#[test]
fn drafts_that_another_user_has_prepared_are_neither_used_nor_in_the_way() {
    let folder = tempfile::tempdir().unwrap();
    if fs::metadata(folder.path()).unwrap().uid() != 0 {
        return crate::skips::note_skip("only root can become another user");
    }
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o1777)).unwrap();
    let before = plant(folder.path());
    let program = folder.path().join("program");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let output = Command::new("setpriv")
        .args(["--reuid", "65533", "--regid", "65533", "--clear-groups"])
        .arg(&program)
        .args(["--exact", "links::child_that_makes_files_in_a_shared_folder", "--nocapture"])
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{output:?}");
    let after = contents(folder.path());
    assert!(before.iter().all(|planted| after.contains(planted)), "what another user has is as it was");
}
