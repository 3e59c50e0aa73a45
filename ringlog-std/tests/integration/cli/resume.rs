//! `import --resume`: killed at any point and run again, it makes the log of a single run. `-` in the place of a file.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use ringlog::storage::LogReader;

use super::support::{
    RINGLOG, assert_code, json_of, number, ringlog, ringlog_fed, stdout_of, test_data, word,
};
use crate::dice::Dice;

/// Time, type and payload of each event, and the events that GAP records count.
fn events_of(log: &Path) -> (Vec<(u64, u8, Vec<u8>)>, u64) {
    let (mut events, mut lost) = (Vec::new(), 0);
    for event in LogReader::open(log).unwrap().events() {
        let event = event.unwrap();
        match event.gap() {
            Some(gap) => lost += gap.count,
            None => events.push((event.header.timestamp, event.header.event_type, event.payload.to_vec())),
        }
    }
    (events, lost)
}

#[test]
fn a_growing_file_is_imported_once_however_often_the_import_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let mut text = String::from("time,price,name\n");
    for number in 0..40_000_u64 {
        let time = 1_700_000_000_000 + number;
        text += &match number % 997 {
            500 => "no time,5,x\n".to_owned(),
            _ => format!("{time},{},name {}\n", number * 7919 % 100_003, number % 40),
        };
    }
    let mut dice = Dice(33);
    for typed in [&[][..], &["--typed"]] {
        let (file, log, one) = (at("ticks.csv"), at("log"), at("one"));
        let words = ["import", word(&file), "--log", word(&log), "--resume", "--segment-size", "1MiB"];
        let words: Vec<_> = words.iter().chain(typed).collect();
        let mut taken = 100_000;
        fs::write(&file, &text[..taken]).unwrap();
        let mut kills = 0;
        loop {
            let mut child = Command::new(RINGLOG)
                .args(&words)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            // Some runs reach the end of what is there, which is inside of a row.
            if kills < 12 && !dice.one_in(3) {
                std::thread::sleep(Duration::from_millis(dice.below(60)));
                child.kill().unwrap();
                kills += 1;
            }
            let ended = child.wait().unwrap().code();
            assert!([None, Some(0), Some(3)].contains(&ended), "{ended:?}");
            if ended.is_some() && taken == text.len() {
                break;
            }
            let more = (dice.below(120_000) as usize).min(text.len() - taken);
            File::options()
                .append(true)
                .open(&file)
                .unwrap()
                .write_all(&text.as_bytes()[taken..taken + more])
                .unwrap();
            taken += more;
        }
        // A file that is as it was gives nothing more.
        assert_code(&ringlog(&words), 0);
        let single = ["import", word(&file), "--log", word(&one)];
        assert_code(&ringlog(&single.iter().chain(typed).collect::<Vec<_>>()), 3);
        let (events, lost) = events_of(&log);
        assert!((events.len() as u64, lost) == (40_000 - 40, 40), "{} {lost}", events.len());
        assert!((events, lost) == events_of(&one));
        let renamed = at("renamed.csv");
        fs::rename(&file, &renamed).unwrap();
        let resumed = || {
            let words = ["import", word(&renamed), "--log", word(&log), "--resume", "--json"];
            // The name of a type is that of the file.
            let name = if typed.is_empty() { &[][..] } else { &["--name", "ticks"] };
            number(&json_of(&ringlog(&words.iter().chain(typed).chain(name).collect::<Vec<_>>())), "events")
        };
        assert_eq!(resumed(), 0);
        // A new file may get the inode of one that was deleted.
        fs::write(&renamed, "time,price,name\n1700000000009,5,x\n").unwrap();
        assert_eq!((resumed(), resumed()), (1, 0));
        let wrong = text.replacen(",7919,", ",7918,", 1);
        fs::write(&file, wrong).unwrap();
        let refused = ringlog(&words);
        assert_code(&refused, 1);
        assert!(String::from_utf8_lossy(&refused.stderr).contains("its event 2 between bytes "));
        // After a rotation the name is that of a new file.
        fs::remove_file(&file).unwrap();
        fs::write(&file, "time,price,name\n1700000000011,5,x\n").unwrap();
        let resumed = || number(&json_of(&ringlog(&[&words[..], &[&"--json"]].concat())), "events");
        assert_eq!((resumed(), resumed()), (1, 0));
        [log, one].iter().for_each(|log| fs::remove_dir_all(log).unwrap());
    }
}

#[test]
fn a_file_of_a_log_is_read_from_a_pipe_and_an_export_is_written_to_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = test_data("typed/stream.evtl");
    let bytes = fs::read(&file).unwrap();
    for words in
        [&["cat"][..], &["info"], &["verify"], &["verify", "--json"], &["schema", "show"], &["replay"]]
    {
        let by_name = ringlog(&[words, &[word(&file)]].concat());
        let piped = ringlog_fed(&[words, &["-"]].concat(), &bytes);
        let text = String::from_utf8_lossy(&by_name.stdout).replace(word(&file), "standard input");
        let said = String::from_utf8_lossy(&piped.stdout).into_owned();
        assert_eq!((said, piped.status.code()), (text, by_name.status.code()), "{words:?}");
    }
    let out = folder.path().join("x.json");
    stdout_of(&ringlog(&["export", word(&file), word(&out), "--to", "json"]));
    let piped = ringlog_fed(&["export", "-", "-", "--to", "json"], &bytes);
    let exported = fs::read(out).unwrap();
    assert!(!exported.is_empty() && stdout_of(&piped) == exported);
    let log = folder.path().join("log");
    stdout_of(&ringlog_fed(&["import", "-", "--log", word(&log)], &exported));
    assert_eq!(events_of(&log), events_of(&file));
    let salvaged = folder.path().join("salvaged");
    stdout_of(&ringlog_fed(&["salvage", "-", word(&salvaged)], &bytes));
    assert_eq!(events_of(&salvaged), events_of(&file));
    let config = ringlog_fed(&["serve", "--config", "-", "--print-config"], b"seed = 5\n");
    assert!(String::from_utf8_lossy(stdout_of(&config)).contains("\nseed = \"5\"\n"));
}
