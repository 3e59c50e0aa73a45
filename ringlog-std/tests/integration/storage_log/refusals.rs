//! Paths, folders and files that are not what they should be.

use std::path::{Path, PathBuf};

use ringlog::storage::{
    CreateError, Cursor, LogFollower, LogReader, LogScan, LogWriter, OpenError, ReadError, salvage_log,
    verify_log,
};

use super::support::{assert_holds, damage, read, refusal, segments, write};

fn log_of(folder: &Path, count: u64) {
    let mut writer = LogWriter::options().segment_bytes(4096).open(folder).unwrap();
    let first = writer.next_sequence();
    write(&mut writer, first..first + count);
    writer.close().unwrap();
}

/// Returns the errors of both readers for a log that cannot be opened.
fn unreadable(path: &Path) -> (OpenError, OpenError) {
    let errors = (LogReader::open(path).unwrap_err(), LogScan::open(path).unwrap_err());
    assert_eq!(errors.0.to_string(), errors.1.to_string());
    assert!(errors.0.to_string().contains(&path.display().to_string()), "{}", errors.0);
    errors
}

#[test]
fn a_second_writer_learns_the_process_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let writer = LogWriter::open(folder.path()).unwrap();
    let (error, text) = refusal(folder.path());
    assert!(matches!(error, OpenError::Locked { pid: Some(pid), .. } if pid == std::process::id()));
    assert!(text.contains(&format!("process {}", std::process::id())), "{text}");
    writer.close().unwrap();
    LogWriter::open(folder.path()).unwrap();
}

#[test]
fn a_file_is_no_folder_to_write_into_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "precious").unwrap();
    assert!(matches!(refusal(&file).0, OpenError::NotAFolder { .. }));
    assert!(matches!(refusal(&file.join("below")).0, OpenError::Io { action: "open", .. }));
    assert_eq!(std::fs::read(&file).unwrap(), b"precious");
}

#[test]
fn a_segment_that_somebody_writes_without_the_folders_lock_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    log_of(folder.path(), 10);
    let path = folder.path().join(format!("{:020}.evtl", 10));
    let other = ringlog::storage::MmapWriter::options().base(10, 0).create_new(&path, 4096).unwrap();
    let (error, text) = refusal(folder.path());
    assert!(matches!(error, OpenError::Locked { path: locked, .. } if locked == path), "{text}");
    drop(other);
    std::fs::remove_file(path).unwrap();
    LogWriter::open(folder.path()).unwrap();
}

#[test]
fn a_folder_that_cannot_be_created_is_refused_with_the_reason() {
    let (error, text) = refusal(Path::new("/proc/no log here"));
    assert!(matches!(error, OpenError::Io { action: "create the folder", .. }), "{text}");
}

#[test]
fn a_missing_folder_is_created_to_write_and_an_error_to_read() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("a/b");
    assert!(matches!(unreadable(&missing).0, OpenError::Io { .. }));
    log_of(&missing, 10);
    assert_holds(&missing, 0..10);
}

#[test]
fn a_folder_without_segments_is_an_error_to_read() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(unreadable(folder.path()).0, OpenError::NoSegments { foreign_files: 0, .. }));
    std::fs::write(folder.path().join("notes.txt"), "x").unwrap();
    let one_file = unreadable(folder.path()).0;
    assert!(matches!(one_file, OpenError::NoSegments { foreign_files: 1, single_file: None, .. }));
    let ring = folder.path().join("ring-0x00000000.evtl");
    std::fs::write(&ring, "x").unwrap();
    let error = unreadable(folder.path()).0;
    assert!(
        error.to_string().ends_with(&format!("; read its files one by one: {}", ring.display())),
        "{error}"
    );
    assert!(
        matches!(error, OpenError::NoSegments { foreign_files: 2, single_file: Some(file), .. } if file == ring)
    );
}

#[test]
fn strange_files_in_the_folder_are_listed_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    log_of(folder.path(), 100);
    for name in ["notes.txt", "0.evtl", "00000000000000000000.evtl.1", "+0000000000000000001.evtl"] {
        std::fs::write(folder.path().join(name), name).unwrap();
    }
    std::fs::create_dir(folder.path().join("folder")).unwrap();
    log_of(folder.path(), 20);
    assert_holds(folder.path(), 0..120);
    let scan = LogScan::open(folder.path()).unwrap();
    assert_eq!(scan.foreign().len(), 5);
    assert_eq!(scan.foreign(), LogReader::open(folder.path()).unwrap().foreign());
    assert_eq!(std::fs::read_to_string(folder.path().join("notes.txt")).unwrap(), "notes.txt");
}

#[test]
fn a_segment_under_a_name_with_a_further_ending_is_refused_by_all() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    for _ in 0..3 {
        log_of(&log, 10);
    }
    let mut follower = LogFollower::open(&log).unwrap();
    let names = segments(&log);
    for (at, ending) in [(0, "xz"), (1, "gz"), (2, "lz4"), (2, "bak.zst")] {
        let renamed = PathBuf::from(format!("{}.{ending}", names[at].display()));
        std::fs::rename(&names[at], &renamed).unwrap();
        let refused = |error: &dyn std::error::Error| {
            let text = error.to_string();
            let plain = names[at].file_name().unwrap().to_str().unwrap();
            assert!(text.contains(renamed.to_str().unwrap()), "{text}");
            assert!(text.contains("decompress") && text.contains(&format!("to {plain}, or move")), "{text}");
        };
        refused(&LogWriter::open(&log).unwrap_err());
        refused(&LogReader::open(&log).unwrap_err());
        refused(&LogScan::open(&log).unwrap_err());
        refused(&verify_log(&log).unwrap_err());
        refused(&salvage_log(&log, folder.path().join("out")).unwrap_err());
        refused(&Cursor::open(&log, &format!("new-{at}-{ending}")).unwrap_err());
        match LogFollower::open(&log) {
            Err(error) => refused(&error),
            Ok(mut new) => refused(&new.next_event().unwrap_err()),
        }
        std::fs::rename(&renamed, &names[at]).unwrap();
    }
    while follower.next_event().unwrap().is_some() {}
    // A number is what files have that were moved aside.
    std::fs::copy(&names[1], format!("{}.1", names[1].display())).unwrap();
    log_of(&log, 10);
    assert_eq!(read(&log).len(), 40);
}

#[test]
fn files_that_only_have_the_name_of_a_segment_are_refused_by_all() {
    let name = "99999999999999999990.evtl".replacen('9', "0", 1);
    for (contents, what) in [
        (&b"short"[..], "only 5 bytes"),
        (&[b'x'; 100][..], "not a ringlog file"),
        (&include_bytes!("../../data/format.evtl")[..], "not the file's name"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        log_of(folder.path(), 10);
        let path = folder.path().join(&name);
        std::fs::write(&path, contents).unwrap();
        for text in [refusal(folder.path()).1, LogReader::open(folder.path()).unwrap_err().to_string()] {
            assert!(text.contains(what) && text.contains(&name), "{text}");
        }
        // A scan reads what is before it.
        let mut scan = LogScan::open(folder.path()).unwrap();
        assert_eq!((scan.segments().len(), scan.unusable().len()), (1, 1));
        for sequence in 0..10 {
            assert_eq!(scan.next_event().unwrap().unwrap().sequence, sequence);
        }
        for _ in 0..2 {
            let error = scan.next_event().unwrap_err();
            assert!(matches!(error, ReadError::Segment(_)) && error.to_string().contains(what), "{error}");
        }
        assert_eq!(std::fs::read(&path).unwrap(), contents, "nothing is destroyed");
    }
}

#[test]
fn a_segment_that_was_begun_and_never_used_is_not_in_the_way() {
    for contents in [&[][..], &[0; 4096][..]] {
        let folder = tempfile::tempdir().unwrap();
        log_of(folder.path(), 10);
        std::fs::write(folder.path().join(format!("{:020}.evtl", 10)), contents).unwrap();
        assert_holds(folder.path(), 0..10);
        log_of(folder.path(), 5);
        assert_holds(folder.path(), 0..15);
    }
}

#[test]
fn a_missing_segment_is_an_error_at_its_place() {
    let folder = tempfile::tempdir().unwrap();
    log_of(folder.path(), 200);
    let all = segments(folder.path());
    std::fs::remove_file(&all[2]).unwrap();
    let reader = LogReader::open(folder.path()).unwrap();
    let mut events = reader.events();
    let error = events.by_ref().find_map(Result::err).unwrap();
    let gone = all[2].file_stem().unwrap().to_str().unwrap().parse::<u64>().unwrap();
    assert!(
        matches!(&error, ReadError::Discontinuity { expected, path, .. } if *expected == gone && *path == all[3])
    );
    assert!(events.next().is_none(), "after an error it ends");
    let mut scan = LogScan::open(folder.path()).unwrap();
    let error = loop {
        match scan.next_event() {
            Ok(event) => assert!(event.is_some()),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, ReadError::Discontinuity { .. }));
    assert!(scan.next_event().is_err(), "and stays one");
}

#[test]
fn a_segment_size_out_of_range_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for segment_bytes in [0, 4095, u64::MAX] {
        let error = LogWriter::options().segment_bytes(segment_bytes).open(folder.path()).unwrap_err();
        assert!(matches!(error, OpenError::Create(CreateError::Capacity { .. })), "{error}");
    }
    log_of(folder.path(), 3);
}

#[test]
fn a_single_file_of_a_log_is_readable_alone() {
    let folder = tempfile::tempdir().unwrap();
    log_of(folder.path(), 200);
    let path = &segments(folder.path())[1];
    let reader = LogReader::open(path).unwrap();
    let first = reader.first_sequence();
    assert!(first > 0 && !reader.is_empty());
    assert_holds(path, first..reader.next_sequence());
    damage(path, 64 + 8);
    assert!(matches!(LogReader::open(path).unwrap().events().next(), Some(Err(ReadError::Record { .. }))));
}
