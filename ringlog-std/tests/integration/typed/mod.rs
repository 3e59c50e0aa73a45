//! Logs whose segments say what their events mean.

mod damage;
mod following;
mod foreign;
mod same;
mod samples;
#[cfg(feature = "macros")]
mod structs;
mod writing;

use std::path::Path;

use ringlog::event::MetaTopic;
use ringlog::storage::{LogWriter, LogWriterOptions, SchemaList};

pub(crate) const TICK: &[u8] =
    br#"{"type":1,"name":"tick","size":8,"fields":[{"name":"number","offset":0,"kind":"u64"}],"tail":"bytes"}"#;
pub(crate) const OTHER_TICK: &[u8] =
    br#"{"type":1,"name":"tick","size":8,"fields":[{"name":"count","offset":0,"kind":"i64"}],"tail":"bytes"}"#;
pub(crate) const TOCK: &[u8] = br#"{"type":2,"name":"tock","size":0,"fields":[],"tail":"text"}"#;

pub(crate) fn list(schemas: &[&[u8]]) -> SchemaList {
    let mut list = SchemaList::new();
    for &schema in schemas {
        let event_type = schema[8] - b'0';
        list.insert(MetaTopic::EventType(event_type), schema).unwrap();
    }
    list
}

/// Makes a folder in memory if possible, where syncs take no time.
pub(crate) fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

/// Options of logs with small segments.
pub(crate) fn options(schemas: &[&[u8]]) -> LogWriterOptions {
    LogWriter::options().segment_bytes(4096).schemas(list(schemas))
}

/// The names of the segments.
pub(crate) fn segments_in(folder: &Path) -> Vec<u64> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let bases = names.filter_map(|name| name.to_str()?.strip_suffix(".evtl")?.parse().ok());
    let mut bases: Vec<u64> = bases.collect();
    bases.sort_unstable();
    bases
}
