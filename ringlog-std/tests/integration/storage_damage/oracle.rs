//! Computes what a salvage must find, by comparing the damaged bytes with the original ones.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use ringlog::storage::{SalvageReport, salvage_log};

use super::support::{Contents, Log, contents, offsets};

/// One record of the log before it was damaged.
struct Known {
    number: u64,
    bytes: Vec<u8>,
    offset: usize,
    is_last: bool,
}

/// The log before it was damaged.
pub(crate) struct Oracle {
    segments: Vec<(std::path::PathBuf, Vec<Known>)>,
    pub(crate) total: u64,
}

impl Oracle {
    pub(crate) fn of(log: &Log) -> Self {
        let mut number = 0;
        let segments = log.segments.iter().map(|path| (path.clone(), known(path, &mut number))).collect();
        Self { segments, total: number }
    }

    /// Returns the numbers of the whole records that have a whole neighbour, or end where records end.
    fn must_find(&self) -> BTreeSet<u64> {
        self.segments.iter().flat_map(|(path, known)| whole_with_neighbour(path, known)).collect()
    }

    /// Returns the numbers of all whole records.
    fn may_find(&self) -> BTreeSet<u64> {
        let whole = self.segments.iter().flat_map(|(path, known)| {
            let bytes = fs::read(path).unwrap_or_default();
            known.iter().filter(move |it| it.is_in(&bytes)).map(|it| it.number).collect::<Vec<_>>()
        });
        whole.collect()
    }

    /// Salvages the log and checks what comes out of it.
    pub(crate) fn check_salvage(&self, log: &Log, what: &str) -> Option<(SalvageReport, Contents)> {
        let (must, may) = (self.must_find(), self.may_find());
        let before = log.image();
        let out = log.out();
        let salvaged = salvage_log(log.path(), &out);
        assert_eq!(log.image(), before, "{what}: the damaged log was changed");
        let report = match salvaged {
            Ok(report) => report,
            Err(error) => {
                assert!(must.is_empty(), "{what}: {error}");
                assert!(!out.exists(), "{what}: nothing is written where nothing is found");
                return None;
            }
        };
        let found = contents(&out);
        assert!(found.numbers.is_sorted_by(|a, b| a < b), "{what}: out of order, or twice");
        let numbers: BTreeSet<u64> = found.numbers.iter().copied().collect();
        let missed: Vec<_> = must.difference(&numbers).collect();
        assert!(missed.is_empty(), "{what}: whole records were not found: {missed:?}");
        assert!(numbers.is_subset(&may), "{what}: not as it was written");
        assert_eq!(found.gaps.len() as u64, report.gaps_added, "{what}");
        self.check_gaps(&found, what);
        Some((report, found))
    }

    /// Checks that all missing records are reported: with their number, or by a GAP record of unknown count.
    fn check_gaps(&self, found: &Contents, what: &str) {
        let counted: u64 = found.gaps.iter().map(|gap| gap.count).sum();
        let missing = self.total - found.numbers.len() as u64;
        if found.gaps.iter().any(|gap| gap.count == 0) {
            assert!(counted <= missing, "{what}: {counted} of {missing}");
        } else {
            assert_eq!(counted, missing, "{what}");
        }
    }
}

impl Known {
    fn is_in(&self, file: &[u8]) -> bool {
        file.get(self.offset..self.offset + self.bytes.len()) == Some(&self.bytes)
    }
}

fn known(path: &Path, number: &mut u64) -> Vec<Known> {
    let (file, offsets) = (fs::read(path).unwrap(), offsets(path));
    let pairs = offsets.windows(2).map(|pair| (pair[0] as usize, pair[1] as usize));
    let mut known: Vec<_> = pairs
        .map(|(from, to)| {
            *number += 1;
            Known { number: *number - 1, bytes: file[from..to].to_vec(), offset: from, is_last: false }
        })
        .collect();
    known.last_mut().unwrap().is_last = true;
    known
}

fn whole_with_neighbour(path: &Path, known: &[Known]) -> Vec<u64> {
    let bytes = fs::read(path).unwrap_or_default();
    let whole: Vec<bool> = known.iter().map(|it| it.is_in(&bytes)).collect();
    let is_whole = |at: Option<usize>| at.and_then(|at| whole.get(at)).is_some_and(|&whole| whole);
    let has_neighbour =
        |at: usize| known[at].is_last || is_whole(at.checked_sub(1)) || is_whole(Some(at + 1));
    (0..known.len()).filter(|&at| whole[at] && has_neighbour(at)).map(|at| known[at].number).collect()
}
