//! Compares where a closed log ends by its `writer` file with the files that exist.

use std::fs;
use std::path::{Path, PathBuf};

use ringlog::storage::{
    LogFollower, LogReader, LogScan, LogWriter, MissingRecords, OpenError, ReadError, Retention, Skipped,
    Verdict, WriterFile, salvage_log, verify_log,
};

use super::support::{assert_holds, read, refusal, segments, write};
use crate::writer_file::{edit, set_first, set_open};

/// Makes a closed log in segments of 4096 bytes. Returns its files.
fn closed_log(folder: &Path, count: u64) -> Vec<PathBuf> {
    let mut writer = LogWriter::options().segment_bytes(4096).open(folder).unwrap();
    let first = writer.next_sequence();
    write(&mut writer, first..first + count);
    writer.close().unwrap();
    segments(folder)
}

fn sequence_of(segment: &Path) -> u64 {
    segment.file_stem().unwrap().to_str().unwrap().parse().unwrap()
}

fn zero_header(segment: &Path) {
    let mut bytes = fs::read(segment).unwrap();
    bytes[..64].fill(0);
    fs::write(segment, bytes).unwrap();
}

/// Returns all that is in a folder.
fn image(folder: &Path) -> Vec<(PathBuf, Option<Vec<u8>>)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut image: Vec<_> = entries.map(|path| (path.clone(), fs::read(path).ok())).collect();
    image.sort();
    image
}

/// Reads a log in each way, to its end.
fn assert_all_readers_report(log: &Path, what: &str) {
    let reader = LogReader::open(log).unwrap();
    let replayed = reader.replay(|_| {}).unwrap_err();
    let iterated = reader.events().find_map(Result::err).unwrap();
    let mut scan = LogScan::open(log).unwrap();
    let scanned = std::iter::repeat_with(|| scan.next_event().map(|event| event.is_some()));
    let scanned = scanned.take_while(|event| !matches!(event, Ok(false))).find_map(Result::err).expect(what);
    let mut follower = LogFollower::open(log).unwrap();
    let followed = std::iter::repeat_with(|| follower.next_event().map(|event| event.is_some()));
    let followed =
        followed.take_while(|event| !matches!(event, Ok(false))).find_map(Result::err).expect(what);
    for error in [replayed, iterated, scanned, followed] {
        assert!(matches!(error, ReadError::MissingEnd(_)), "{what}: {error}");
    }
}

#[test]
fn readers_end_with_an_error_that_names_both_ends_and_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let all = closed_log(folder.path(), 200);
    let last = all.last().unwrap();
    let end = sequence_of(last);
    fs::remove_file(last).unwrap();
    let check = |error: &ReadError| {
        assert!(matches!(error, ReadError::MissingEnd(missing)
            if missing.next_sequence == end && missing.end_sequence() == 200 && missing.file == *last));
        let text = error.to_string();
        assert!(text.contains("record 200") && text.contains(&format!("record {end}")), "{text}");
    };
    let reader = LogReader::open(folder.path()).unwrap();
    let mut count = 0;
    check(&reader.replay(|_| count += 1).unwrap_err());
    assert_eq!(count, end);
    for from in [0, end - 1, end, 500] {
        let mut events = reader.events_from(from);
        check(&events.find_map(Result::err).unwrap());
        assert!(events.next().is_none(), "after an error it ends");
    }
    check(&reader.events_since(u64::MAX).next().unwrap().unwrap_err());
    let mut scan = LogScan::open(folder.path()).unwrap();
    for sequence in 0..end {
        assert_eq!(scan.next_event().unwrap().unwrap().sequence, sequence);
    }
    (0..2).for_each(|_| check(&scan.next_event().unwrap_err()));
    let mut follower = LogFollower::open(folder.path()).unwrap();
    for sequence in 0..end {
        assert_eq!(follower.next_event().unwrap().unwrap().sequence, sequence);
    }
    check(&follower.next_within(std::time::Duration::from_secs(5)).unwrap_err());
    // When the file is back, the log is complete again.
    let missing = verify_log(folder.path()).unwrap().missing_end.unwrap();
    assert_eq!((missing.next_sequence, missing.end_sequence()), (end, 200));
}

#[test]
fn a_closed_log_that_lost_its_end_is_refused_to_writers_and_nothing_changes() {
    for damage in ["zeros", "empty", "link", "missing"] {
        let folder = tempfile::tempdir().unwrap();
        let all = closed_log(folder.path(), 200);
        let last = all.last().unwrap();
        match damage {
            "zeros" => zero_header(last),
            "empty" => fs::write(last, "").unwrap(),
            _ => fs::remove_file(last).unwrap(),
        }
        if damage == "link" {
            std::os::unix::fs::symlink("nowhere", last).unwrap();
        }
        let before = image(folder.path());
        let (error, text) = refusal(folder.path());
        assert!(
            matches!(&error, OpenError::MissingEnd(missing) if missing.file == *last),
            "{damage}: {text}"
        );
        for wanted in ["record 200", &format!("record {}", sequence_of(last)), "salvage", "delete the log's"]
        {
            assert!(text.contains(wanted), "{damage}: {wanted}: {text}");
        }
        let writer = |image: &[(PathBuf, Option<Vec<u8>>)]| {
            image.iter().filter(|(path, _)| !path.ends_with("writer")).cloned().collect::<Vec<_>>()
        };
        assert_eq!(writer(&image(folder.path())), writer(&before), "{damage}");
        assert_eq!(WriterFile::of(folder.path()).end_sequence(), Some(200), "it stays closed");
    }
}

#[test]
fn without_its_writer_file_a_log_continues_under_another_identity_with_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let all = closed_log(folder.path(), 200);
    let identity = WriterFile::of(folder.path()).identity.unwrap();
    let end = sequence_of(all.last().unwrap());
    fs::remove_file(all.last().unwrap()).unwrap();
    fs::remove_file(folder.path().join("writer")).unwrap();
    let mut writer = LogWriter::open(folder.path()).unwrap();
    assert_ne!(writer.identity(), identity);
    assert!(writer.recovery().has_loss && writer.recovery().is_notable());
    let report = writer.recovery().to_string();
    assert!(report.contains("the `writer` file was missing, so the log has a new identity"), "{report}");
    assert!(writer.recovery().to_string().contains("`writer` file was missing"), "{}", writer.recovery());
    write(&mut writer, 200..201);
    writer.close().unwrap();
    let found = read(folder.path());
    assert_eq!(found[end as usize].gap().map(|gap| gap.count), Some(0));
    assert_eq!(found.len() as u64, end + 2);
    // Only once, and with this identity from now on.
    let next = WriterFile::of(folder.path()).identity;
    let writer = LogWriter::open(folder.path()).unwrap();
    assert_eq!((Some(writer.identity()), writer.recovery().has_loss), (next, false));
}

#[test]
fn a_file_without_a_header_that_begins_where_the_log_was_closed_is_moved_aside_and_reported() {
    for contents in [&[][..], &[0; 4096][..]] {
        let folder = tempfile::tempdir().unwrap();
        closed_log(folder.path(), 10);
        let stranger = folder.path().join(format!("{:020}.evtl", 10));
        fs::write(&stranger, contents).unwrap();
        assert_holds(folder.path(), 0..10);
        assert_eq!(LogReader::open(folder.path()).unwrap().foreign(), std::slice::from_ref(&stranger));
        let writer = LogWriter::open(folder.path()).unwrap();
        let report = writer.recovery();
        assert!(report.segments.iter().any(|it| it.path == stranger), "{report}");
        drop(writer);
        assert!(folder.path().join(format!("{:020}.evtl.1", 10)).exists());
    }
}

#[test]
fn a_segment_without_a_header_is_damage_after_a_kill_too() {
    for contents in [&[][..], &[0; 4096][..]] {
        let folder = tempfile::tempdir().unwrap();
        closed_log(folder.path(), 10);
        set_open(folder.path());
        let path = folder.path().join(format!("{:020}.evtl", 10));
        fs::write(&path, contents).unwrap();
        let before = image(folder.path());
        for text in [refusal(folder.path()).1, LogReader::open(folder.path()).unwrap_err().to_string()] {
            assert!(text.contains(path.to_str().unwrap()), "{text}");
        }
        assert_eq!(image(folder.path()).len(), before.len());
    }
}

#[test]
fn what_retention_deletes_and_an_idle_run_leave_the_end_right() {
    let folder = tempfile::tempdir().unwrap();
    let keep = Retention { max_segments: Some(2), ..Retention::default() };
    let options = LogWriter::options().segment_bytes(4096).retention(keep);
    let mut writer = options.open(folder.path()).unwrap();
    write(&mut writer, 0..500);
    writer.close().unwrap();
    for _ in 0..2 {
        options.open(folder.path()).unwrap().close().unwrap();
        assert_eq!(WriterFile::of(folder.path()).end_sequence(), Some(500));
        let first = LogReader::open(folder.path()).unwrap().first_sequence();
        assert!(first > 0);
        assert_holds(folder.path(), first..500);
    }
}

/// Makes a log of events of 40 bytes, all of one type.
fn log_of_type(folder: &Path, event_type: u8, count: u64) -> Vec<PathBuf> {
    let mut writer = LogWriter::options().segment_bytes(4096).open(folder).unwrap();
    for number in 0..count {
        let header = ringlog::event::EventHeader::new(number, event_type, 24);
        writer.write_event(&header, &[event_type; 24]).unwrap();
    }
    writer.close().unwrap();
    segments(folder)
}

/// Makes a log of three segments with 150 events of type 2. The first segment was retired. The last one has the
/// blocks of a segment with 80 events of type 1; its first `erased` bytes are gone.
fn recycled_and_erased(folder: &Path, erased: usize) -> PathBuf {
    let old = log_of_type(&folder.join("old"), 1, 80);
    let all = log_of_type(&folder.join("log"), 2, 250);
    let last = all[2].clone();
    fs::remove_file(&all[0]).unwrap();
    set_first(&folder.join("log"), sequence_of(&all[1]));
    let mut bytes = fs::read(&old[0]).unwrap();
    let end = 64 + 50 * 40;
    bytes[64..end].copy_from_slice(&fs::read(&last).unwrap()[64..end]);
    bytes[..erased].fill(0);
    fs::write(&last, bytes).unwrap();
    last
}

/// Returns how many events of each of the two types a log has.
fn types(log: &Path) -> [u64; 2] {
    let mut counts = [0; 2];
    let reader = LogReader::open(log).unwrap();
    let count = |it: ringlog::event::Event<'_>| {
        if it.gap().is_none() {
            counts[usize::from(it.header.event_type) - 1] += 1;
        }
    };
    reader.replay(count).unwrap();
    counts
}

#[test]
fn records_of_a_blocks_former_life_are_never_given_out() {
    // The log was closed after it, and its first record is valid: so all are its own.
    for (erased, has_end, found, missing) in [
        (64, true, 150, 0),
        (64, false, 100, 0),
        (1000, true, 100, 50),
        (2100, true, 100, 50),
        (2100, false, 100, 0),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let last = recycled_and_erased(folder.path(), erased);
        let (log, out) = (last.parent().unwrap(), folder.path().join("out"));
        if !has_end {
            set_open(log);
        }
        let report = salvage_log(log, &out).unwrap();
        assert_eq!((types(&out), report.missing), ([0, found], missing), "{erased} {has_end}: {report:?}");
        assert_eq!(report.gaps_added, u64::from(found == 100), "{erased} {has_end}");
        let is_uncertain =
            |it: &Skipped| matches!(it.error(), Some(OpenError::Uncertain { path, .. }) if *path == last);
        assert_eq!(report.skipped.iter().any(is_uncertain), found == 100);
        assert_eq!(verify_log(log).unwrap().counts().events, found, "{erased} {has_end}");
    }
}

/// Makes a log that dropped five events on a full disk. Only the `writer` file says so.
fn log_with_unreported_loss(folder: &Path) {
    closed_log(folder, 10);
    let position = WriterFile::of(folder).end_position().unwrap();
    edit(folder, |lines| format!("{lines}untold_loss: {position} 5 120 7\n"));
}

#[test]
fn any_bit_of_the_writer_file_flips_and_a_loss_that_it_notes_is_reported() {
    // In memory if possible: it opens about two thousand logs.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let template = folder.path().join("template");
    log_with_unreported_loss(&template);
    let good = fs::read(template.join("writer")).unwrap();
    let segment = segments(&template).pop().unwrap();
    let (mut unknown, mut counted) = (0, 0);
    for bit in 0..=good.len() * 8 {
        let log = folder.path().join(bit.to_string());
        fs::create_dir(&log).unwrap();
        fs::copy(&segment, log.join(segment.file_name().unwrap())).unwrap();
        let mut bytes = good.clone();
        if let Some(byte) = bytes.get_mut(bit / 8) {
            *byte ^= 1 << (bit % 8);
        }
        fs::write(log.join("writer"), bytes).unwrap();
        let writer = LogWriter::options().segment_bytes(4096).open(&log);
        match writer {
            Err(error) => assert!(error.to_string().contains("writer"), "bit {bit}: {error}"),
            Ok(writer) => {
                drop(writer);
                let gap = read(&log).get(10).and_then(super::support::Stored::gap);
                match gap.map(|gap| gap.count) {
                    Some(0) => unknown += 1,
                    Some(5) => counted += 1,
                    other => panic!("bit {bit}: {other:?}"),
                }
            }
        }
        fs::remove_dir_all(&log).unwrap();
    }
    assert_eq!((unknown, counted), (good.len() * 8, 1));
}

#[test]
fn a_damaged_writer_file_stays_damaged_until_the_log_has_gone_on() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path();
    let mut writer = LogWriter::options().segment_bytes(4096).open(log).unwrap();
    writer.write_event(&ringlog::event::EventHeader::new(1, 1, 0), b"").unwrap();
    writer.close().unwrap();
    let path = log.join("writer");
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.len() - 30;
    bytes[at] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    std::fs::remove_file(log.join("00000000000000000000.evtl")).unwrap();
    LogWriter::options().segment_bytes(1 << 60).open(log).map(drop).unwrap_err();
    assert_eq!(std::fs::read(&path).unwrap(), bytes, "an opening that failed has stored something");
    assert!(LogWriter::open(log).unwrap().recovery().has_loss);
}

/// Only a writer with a retention deletes the first files of a log.
#[test]
fn missing_first_files_are_reported_unless_a_writer_retired_them() {
    for is_killed in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path();
        let all = closed_log(log, 300);
        if is_killed {
            set_open(log);
        }
        (0..2).for_each(|at| fs::remove_file(&all[at]).unwrap());
        let begin = sequence_of(&all[2]);
        let is_named = |missing: &[MissingRecords]| {
            let [first] = missing else { return false };
            (&first.before, first.first_sequence, first.next_sequence) == (&all[2], 0, begin)
        };
        let check = verify_log(log).unwrap();
        assert!(is_named(&check.missing), "{is_killed}: {:?}", check.missing);
        assert_eq!(check.verdict(), Verdict::Loss);
        let out = tempfile::tempdir().unwrap();
        let salvaged = salvage_log(log, out.path()).unwrap();
        assert_eq!((salvaged.records, salvaged.missing, salvaged.gaps_added), (300 - begin, begin, 1));
        assert_eq!(salvaged.skipped[0].missing(), Some(begin));
        assert_eq!(salvaged.skipped[0].path, all[0]);
        // The next writer reports it and continues, and it stays reported.
        let writer = LogWriter::open(log).unwrap();
        assert!(is_named(&writer.recovery().missing));
        writer.close().unwrap();
        assert!(is_named(&verify_log(log).unwrap().missing));
    }
}

#[test]
fn files_that_a_writer_retired_are_not_missing() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path();
    closed_log(log, 300);
    let retention = Retention { max_segments: Some(3), ..Retention::default() };
    let options = || LogWriter::options().segment_bytes(4096).retention(retention);
    let mut writer = options().open(log).unwrap();
    write(&mut writer, 300..600);
    assert_eq!(WriterFile::of(log).first_sequence, None, "it may rise at any time");
    assert_eq!(verify_log(log).unwrap().missing, []);
    writer.close().unwrap();
    let begin = sequence_of(&segments(log)[0]);
    assert!(begin > 0);
    assert_eq!(WriterFile::of(log).first_sequence, Some(begin));
    assert_eq!(verify_log(log).unwrap().verdict(), Verdict::Clean);
    // A writer that retires nothing leaves the beginning as it was, even if it dies.
    let mut writer = LogWriter::open(log).unwrap();
    write(&mut writer, 600..601);
    assert_eq!(WriterFile::of(log).first_sequence, Some(begin));
    writer.close().unwrap();
    assert_eq!(verify_log(log).unwrap().verdict(), Verdict::Clean);
    fs::remove_file(&segments(log)[0]).unwrap();
    let missing = verify_log(log).unwrap().missing;
    assert_eq!((missing.len(), missing[0].first_sequence), (1, begin));
}

/// Ends from before the last run, from another log, and wrong ones: the log is longer, or ends elsewhere.
#[test]
fn a_writer_file_that_contradicts_the_log_is_reported_and_no_sequence_is_given_out_twice() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path();
    closed_log(log, 100);
    let older = fs::read(log.join("writer")).unwrap();
    let all = closed_log(log, 200);
    let newer = fs::read(log.join("writer")).unwrap();
    let with_end = |end: &str| {
        fs::write(log.join("writer"), &newer).unwrap();
        let replaced =
            |line: &str| if line.starts_with("end: ") { format!("end: {end}") } else { line.into() };
        edit(log, |lines| lines.lines().map(|line| replaced(line) + "\n").collect());
    };
    for end in ["older", "0 0", "300 0", "300 8"] {
        match end {
            "older" => fs::write(log.join("writer"), &older).unwrap(),
            end => with_end(end),
        }
        for damages_last in [false, true] {
            let whole = fs::read(all.last().unwrap()).unwrap();
            if damages_last {
                zero_header(all.last().unwrap());
            }
            let before = image(log);
            let (error, said) = refusal(log);
            assert!(matches!(&error, OpenError::MissingEnd(_)), "{end}: {said}");
            assert!(said.contains("closed at record"), "{said}");
            assert!(image(log) == before, "{end}: the opening changed something");
            let check = verify_log(log).unwrap();
            assert!(check.missing_end.is_some() || damages_last, "{end} {damages_last}");
            assert_ne!(check.verdict(), Verdict::Clean, "{end} {damages_last}");
            if !damages_last {
                assert_all_readers_report(log, end);
            }
            fs::write(all.last().unwrap(), whole).unwrap();
        }
    }
    fs::write(log.join("writer"), newer).unwrap();
    assert!(!LogWriter::open(log).unwrap().recovery().has_loss);
}
