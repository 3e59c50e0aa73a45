//! Where an output may go, and what of it was written by an export and may be replaced.
#![forbid(unsafe_code)]

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::error::CliError;
use crate::import::exported::{CHANGES_FILE, SCHEMA_FILE, is_export};
use crate::terminal::standard_input::is_standard;
use ringlog::programs::{Folder, WRITER_FILE, WriterFileState, begins_like_a_ring, folder_of};
use ringlog::schema::SchemaSet;
use ringlog::storage::{OpenError, WriterFile};

/// In the footer of each Arrow file of an export.
pub(crate) const ARROW_KEY: &str = "written by ringlog export";
/// Longest footer that is looked at, and the start of a table.
const FOOTER_MOST: u64 = 64 << 20;
const HEAD_BYTES: u64 = 64 << 10;

/// Refuses an output in the folder of a log, or in the place of a file of ringlog. `option` comes before its name.
pub(crate) fn check(option: &str, out: &Path, log: &Path) -> Result<(), CliError> {
    if is_standard(out) {
        return Ok(());
    }
    let refused = |words: &str| {
        let out = out.display();
        Err(CliError::Usage(format!("{option}{out}: this is {words}; choose a place outside")))
    };
    // A folder that is not there has no log.
    let Ok(folder) = fs::canonicalize(folder_of(out)) else { return Ok(()) };
    let is_of_log = fs::canonicalize(log).is_ok_and(|log| {
        fs::canonicalize(out).is_ok_and(|out| out == log) || log.is_dir() && folder.starts_with(&log)
    });
    if is_of_log {
        return refused("in the log, which has only its own files");
    }
    if is_ringlog_file(out) {
        return refused("a file of ringlog, which nothing replaces");
    }
    let is_in_other = |folder: &Path| WriterFile::of(folder).state == WriterFileState::Good;
    if folder.ancestors().any(is_in_other) || has_segments(&folder) || out.is_dir() && has_segments(out) {
        return refused("in the folder of another log, which has only its own files");
    }
    Ok(())
}

fn has_segments(folder: &Path) -> bool {
    match Folder::list(folder) {
        Ok(found) => !found.segments.is_empty(),
        // A segment that was compressed.
        Err(error) => matches!(error, OpenError::FurtherEnding { .. }),
    }
}

/// Whether a file is a segment, a shared ring or the `writer` file of a log.
fn is_ringlog_file(path: &Path) -> bool {
    if !path.is_file() {
        return false;
    }
    let is_writer = path.file_name().is_some_and(|name| name == WRITER_FILE)
        && WriterFile::of(folder_of(path)).state == WriterFileState::Good;
    is_writer || begins_like_a_ring(path) || head_of(path).is_ok_and(|head| head.starts_with(b"EVTL"))
}

fn head_of(path: &Path) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    File::open(path)?.take(HEAD_BYTES).read_to_end(&mut head)?;
    Ok(head)
}

/// Returns the name of an entry of a folder that no export wrote.
pub(crate) fn foreign_entry(folder: &Path) -> Result<Option<String>, CliError> {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let entries = entries.map_err(CliError::io("list", folder))?;
    let is_beside = |name: &std::ffi::OsStr| name == SCHEMA_FILE || name == CHANGES_FILE;
    let is_foreign = |entry: &&fs::DirEntry| !is_ours(&entry.path()).unwrap_or(false);
    let has_table = entries.iter().any(|entry| !is_beside(&entry.file_name()));
    // Descriptions without a table may be written by hand.
    let found = entries.iter().find(is_foreign).or_else(|| entries.first().filter(|_| !has_table));
    Ok(found.map(|entry| entry.file_name().to_string_lossy().into_owned()))
}

/// Whether an export wrote this file of a folder: what it begins or ends with says so.
fn is_ours(path: &Path) -> io::Result<bool> {
    if !path.symlink_metadata()?.is_file() {
        return Ok(false);
    }
    let name = path.file_name().unwrap_or_default();
    Ok(match path.extension().and_then(|it| it.to_str()) {
        Some("json") if name == SCHEMA_FILE => SchemaSet::from_json(&fs::read(path)?).is_ok(),
        Some("json") if name == CHANGES_FILE => head_of(path)?.starts_with(b"{\"sequence\":"),
        Some("csv") => is_export(&head_of(path)?),
        Some("parquet") => is_created_by_us(&footer(path, b"PAR1")?),
        Some("arrow") => memchr::memmem::find(&footer(path, b"ARROW1")?, ARROW_KEY.as_bytes()).is_some(),
        _ => false,
    })
}

/// Returns the footer of a file that ends with its length and a magic; empty for another file.
fn footer(path: &Path, magic: &[u8]) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let end_len = 4 + magic.len() as u64;
    let Some(end) = file.metadata()?.len().checked_sub(end_len) else { return Ok(Vec::new()) };
    let mut tail = vec![0; 4 + magic.len()];
    file.read_exact_at(&mut tail, end)?;
    let len = tail.first_chunk().copied().map_or(0, u32::from_le_bytes);
    if tail[4..] != *magic || u64::from(len) > end.min(FOOTER_MOST) {
        return Ok(Vec::new());
    }
    let mut footer = vec![0; len as usize];
    file.read_exact_at(&mut footer, end - u64::from(len))?;
    Ok(footer)
}

/// Whether the footer of a Parquet file names this program as its maker: a text with its length before it.
fn is_created_by_us(footer: &[u8]) -> bool {
    memchr::memmem::find_iter(footer, b"ringlog ").any(|at| {
        let len = at.checked_sub(1).map_or(0, |before| usize::from(footer[before]));
        footer.get(at..at + len).is_some_and(|text| {
            text.get(8).is_some_and(u8::is_ascii_digit) && text.iter().all(|byte| (32..127).contains(byte))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringlog::event::EventHeader;
    use ringlog::storage::LogWriter;

    fn log_in(folder: &Path) {
        let mut writer = LogWriter::open(folder).unwrap();
        writer.write_event(&EventHeader::new(1, 1, 0), b"").unwrap();
        writer.close().unwrap();
    }

    #[test]
    fn nothing_is_written_into_a_log_or_over_a_file_of_ringlog() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        log_in(&at("log"));
        log_in(&at("other"));
        fs::create_dir(at("other/sub")).unwrap();
        fs::create_dir(at("copied")).unwrap();
        let segment = "00000000000000000000.evtl";
        fs::copy(at("log").join(segment), at("copied").join(segment)).unwrap();
        fs::copy(at("log").join(segment), at("single.evtl")).unwrap();
        let refused = [
            "log/00000000000000000000.evtl",
            "log/writer",
            "log/schema.json",
            "log/tables",
            "log/../log/x",
            "other/00000000000000000000.evtl",
            "other/writer",
            "other/x.json",
            "other/sub/x.json",
            "other",
            "copied/x.json",
            "copied",
            "single.evtl",
        ];
        for out in refused {
            let words = check("--out ", &at(out), &at("log")).unwrap_err().to_string();
            assert!(
                words.starts_with("--out ") && words.contains("choose a place outside"),
                "{out}: {words}"
            );
        }
        for out in ["x.json", "tables", "missing/x.json"] {
            check("", &at(out), &at("log")).unwrap();
            check("", &at(out), &at("single.evtl")).unwrap();
        }
    }

    #[test]
    fn only_what_an_export_wrote_may_be_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, content: &[u8]| fs::write(folder.path().join(name), content).unwrap();
        let foreign = || foreign_entry(folder.path()).unwrap();
        put("a.csv", b"sequence,timestamp,time,event_type,flags,kind,gap,p,payload (hex)\n");
        put("schema.json", br#"[{"type":1,"name":"a","size":0,"fields":[]}]"#);
        put("schema-changes.json", b"{\"sequence\":0,\"meta\":1}\n");
        let parquet = |maker: &str| {
            let footer = [&[u8::try_from(maker.len()).unwrap()], maker.as_bytes()].concat();
            [b"PAR1", &*footer, &u32::try_from(footer.len()).unwrap().to_le_bytes(), b"PAR1"].concat()
        };
        put("b.parquet", &parquet("ringlog 0.1.0"));
        assert_eq!(foreign(), None);
        let others: [(&str, &[u8]); 8] = [
            ("results.csv", b"my,data\n"),
            ("thesis.parquet", b"x"),
            ("pandas.parquet", &parquet("parquet-cpp-arrow version 26.0.1, of a ringlog 0.1.0 table")),
            ("notes.parquet", &parquet("{ringlog 0.1.0}")),
            ("x.arrow", b"ARROW1\0\0\x04\0\0\0ARROW1"),
            ("other.json", b"[]"),
            ("thesis.doc", b"x"),
            ("empty.csv", b""),
        ];
        for (name, content) in others {
            put(name, content);
            assert_eq!(foreign().as_deref(), Some(name));
            fs::remove_file(folder.path().join(name)).unwrap();
        }
        put("schema.json", b"{\"mine\":1}");
        assert_eq!(foreign().as_deref(), Some("schema.json"));
        put("schema.json", br#"[{"type":1,"name":"a","size":0,"fields":[]}]"#);
        for name in ["a.csv", "b.parquet", "schema-changes.json"] {
            fs::remove_file(folder.path().join(name)).unwrap();
        }
        assert_eq!(foreign().as_deref(), Some("schema.json"), "it may be written by hand");
    }
}
