//! Finds the files that a log can be salvaged from, in the order of their records.

#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use crate::event::{FileHeader, file_flags};
use crate::storage::error::{OpenError, RecordedEnd};
use crate::storage::folder::ending::{MissingRecords, WriterFile};
use crate::storage::folder::last_run::LastRun;
use crate::storage::folder::listing::Folder;
use crate::storage::names::{TEMPORARY_END, is_aside};
use crate::storage::repair::damaged_header::{HeaderState, Known, OpenedFile};
use crate::storage::repair::salvage_report::{SkipReason, Skipped};
use crate::storage::segment::file::is_unused;
use crate::storage::segment::header_count::final_count;

/// How often a file is read at most to find whether others fit after it. Each time the whole file may be read.
const MOST_READINGS: u32 = 64;

/// A file with records of the log.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) opened: Result<OpenedFile, OpenError>,
    /// Sequence of its first record.
    pub(crate) base_sequence: Option<u64>,
    /// Whether it was moved aside, or never got its name: readers ignore it.
    pub(crate) is_aside: bool,
    /// How often it was read to find its end.
    readings: u32,
}

impl Source {
    fn new(path: PathBuf, known: Known, run: LastRun) -> Self {
        let opened = OpenedFile::any(&path, known, run);
        Self::of(path, opened, known.named_sequence)
    }

    fn of(path: PathBuf, opened: Result<OpenedFile, OpenError>, named_sequence: Option<u64>) -> Self {
        let header = opened.as_ref().ok().map(|opened| opened.info.header);
        let base_sequence = named_sequence.or(header.map(|header| header.base_sequence));
        Self { path, opened, base_sequence, is_aside: false, readings: 0 }
    }

    /// Returns its header, unless that was only guessed.
    pub(crate) fn header(&self) -> Option<&FileHeader> {
        match &self.opened {
            Ok(OpenedFile { state: HeaderState::Guessed(_), .. }) | Err(_) => None,
            Ok(opened) => Some(&opened.info.header),
        }
    }

    /// Returns the position and sequence after its records, of those below `limit`, where another file
    /// continues.
    ///
    /// Reads the whole file if it was not sealed after a crash of the machine.
    fn end_below(&mut self, limit: u64) -> Option<(u64, u64)> {
        self.readings += 1;
        let header = *self.header()?;
        let OpenedFile { info, run, .. } = self.opened.as_ref().ok()?;
        let is_final = header.has(file_flags::SEALED) || *run != LastRun::OtherBoot;
        let end_position = (!is_final).then_some(limit);
        let mut scan = self.opened.as_ref().ok()?.scan(info.file_bytes, end_position).ok()?;
        while (scan.is_in_preamble() || !is_final) && scan.advance().unwrap_or(false) {}
        if !is_final {
            return Some((scan.position(), scan.next_sequence()));
        }
        let count = final_count(&header).unwrap_or(0);
        // These were not compared with the length of the file.
        let end = header.write_offset.min(i64::MAX as u64);
        Some((scan.position_at(end), header.base_sequence.checked_add(count)?))
    }
}

/// The files of a log.
pub(crate) struct Sources {
    /// In the order of their records.
    pub(crate) files: Vec<Source>,
    /// Files that cannot be read.
    pub(crate) skipped: Vec<Skipped>,
    /// The records that are missing before the first file.
    pub(crate) missing_start: Option<MissingRecords>,
    /// Where the log was closed.
    pub(crate) end: Option<RecordedEnd>,
}

/// Finds the files of the log at `path`.
pub(crate) fn find_sources(path: &Path) -> Result<Sources, OpenError> {
    let failed = |action| move |source: io::Error| OpenError::Io { path: path.into(), action, source };
    if !std::fs::metadata(path).map_err(failed("open"))?.is_dir() {
        let files = vec![Source::new(path.into(), Known::default(), LastRun::Unknown)];
        return Ok(Sources { files, skipped: Vec::new(), missing_start: None, end: None });
    }
    let writer = WriterFile::of(path);
    let run = LastRun::of_folder(path);
    let Folder { segments: mut named, foreign } = Folder::list(path)?;
    let is_begun = |path: &Path| !is_unused(path).unwrap_or(false);
    let mut skipped = Vec::new();
    // The log was closed before this file.
    if let Some((_, last)) = named.pop_if(|(sequence, path)| writer.ends_by(*sequence) && !is_begun(path)) {
        skipped.push(Skipped::file(&last, SkipReason::Unused));
    }
    let sequences: Vec<_> = named.iter().map(|(sequence, _)| *sequence).collect();
    let known = Known::of_all(&sequences, writer.end);
    let files = named.into_iter().zip(known);
    let mut sources: Vec<_> = files.map(|((_, path), known)| Source::new(path, known, run)).collect();
    for path in foreign.iter().filter(|path| is_set_aside(path)) {
        if !is_begun(path) {
            if is_aside(path) {
                skipped.push(Skipped::file(path, SkipReason::Unused));
            }
            continue;
        }
        match OpenedFile::good(path, run) {
            Ok(opened) => {
                let aside = Source { is_aside: true, ..Source::of(path.clone(), Ok(opened), None) };
                insert(&mut sources, aside, &mut skipped);
            }
            Err(error) => skipped.push(Skipped::file(path, SkipReason::File(error))),
        }
    }
    if sources.is_empty() {
        writer.check_end(path, 0, None).map_err(OpenError::MissingEnd)?;
        return Err(OpenError::no_segments(path, &foreign));
    }
    let mut bases = sources.iter().filter_map(|source| Some((&source.path, source.base_sequence?)));
    let missing_start = bases.next().and_then(|(file, base)| writer.missing_start(file, base));
    Ok(Sources { files: sources, skipped, missing_start, end: writer.end })
}

/// Returns whether a file has the name of a segment that was moved aside, or the temporary name of a new one.
fn is_set_aside(path: &Path) -> bool {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    is_aside(path) || name.starts_with('.') && name.ends_with(TEMPORARY_END)
}

/// Inserts a file where its records belong, if no other file is there.
fn insert(sources: &mut Vec<Source>, aside: Source, skipped: &mut Vec<Skipped>) {
    let Some(&FileHeader { base_position, base_sequence, .. }) = aside.header() else { return };
    let is_before = |source: &Source| {
        source.header().is_some_and(|it| {
            (it.base_position, it.base_sequence) < (base_position, base_sequence)
                || source.is_aside && it.base_position == base_position
        })
    };
    let at = sources.iter().rposition(is_before).map_or(0, |before| before + 1);
    let after = sources.get(at..).unwrap_or_default().iter().find_map(Source::header);
    let fits_before =
        after.is_none_or(|it| it.base_position > base_position && it.base_sequence >= base_sequence);
    let before = at.checked_sub(1).and_then(|before| sources.get_mut(before));
    if fits_before && before.as_ref().is_some_and(|before| before.readings >= MOST_READINGS) {
        return skipped.push(Skipped::file(&aside.path, SkipReason::Crowded));
    }
    let fits_after = |before: &mut Source| {
        let end = before.end_below(base_position);
        end.is_some_and(|(position, sequence)| position <= base_position && sequence <= base_sequence)
    };
    if fits_before && before.is_none_or(fits_after) {
        sources.insert(at, aside);
    } else {
        skipped.push(Skipped::file(&aside.path, SkipReason::Overlap));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_that_were_set_aside() {
        for name in [
            "00000000000000000007.evtl.1",
            "00000000000000000007.evtl.23",
            ".00000000000000000007.evtl.ringlog-new",
        ] {
            assert!(is_set_aside(Path::new(name)), "{name}");
        }
        for name in
            ["00000000000000000007.evtl", "7.evtl.1", "00000000000000000007.evtl.bak", "a.1", ".hidden"]
        {
            assert!(!is_set_aside(Path::new(name)), "{name}");
        }
    }
}
