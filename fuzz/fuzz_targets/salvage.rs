//! Salvages a log. The result is always a whole log, and the damaged one does not change.
#![no_main]

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use libfuzzer_sys::fuzz_target;
use ringlog::storage::{Verdict, salvage_log, verify_log};
use ringlog_fuzz::Folder;

thread_local! {
    static FOLDER: RefCell<Folder> = RefCell::default();
}

fuzz_target!(|input: &[u8]| {
    FOLDER.with_borrow(|folder| {
        let (log, out) = (folder.log(input), folder.empty("out"));
        salvage(&log, &out);
    });
});

fn salvage(log: &Path, out: &Path) {
    let before = image(log);
    let checked = verify_log(log);
    let salvaged = salvage_log(log, out);
    assert_eq!(image(log), before, "the damaged log was changed");
    let Ok(report) = salvaged else { return };
    assert!(report.records > 0);
    if let Ok(check) = checked
        && check.verdict() == Verdict::Clean
        && check.segments.iter().all(|segment| segment.verdict == Verdict::Clean)
    {
        let counts = check.counts();
        assert!(report.records >= counts.records() - counts.meta, "{report:?} {check:?}");
    }
    let check = verify_log(out).expect("a log was written");
    assert!(check.segments.iter().all(|segment| segment.verdict == Verdict::Clean), "{check:?}");
    let counts = check.counts();
    assert_eq!(counts.records() - counts.meta, report.records + report.gaps_added);
}

fn image(log: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = std::fs::read_dir(log).expect("a folder").map(|entry| entry.expect("a file").path());
    let mut image: Vec<_> = files.map(|path| (path.clone(), std::fs::read(path).expect("a file"))).collect();
    image.sort();
    image
}
