//! Where a log describes its events by what is no description.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::terminal::print::eprint;
use crate::terminal::words::{command_line, grouped, path_word};
use ringlog::event::{EventHeader, MetaTopic};
use ringlog::programs::cause;
use ringlog::schema::Unreadable;
use ringlog::storage::LogScan;
use ringlog_nostd::format::{FILE_HEADER_LEN, HEADER_LEN};

/// Bytes at the start of a file that have all its descriptions.
const MOST_BYTES: u64 = 2 << 20;

/// Reports the first description of a log that cannot be read: its type, its record, what is wrong.
pub(crate) fn report_first(log: &Path) {
    if let Some(words) = first_words(log) {
        eprint(&format!("ringlog: {words}"));
    }
}

fn first_words(log: &Path) -> Option<String> {
    let mut scan = LogScan::open(log).ok()?;
    let files: Vec<_> = scan.segments().iter().map(|it| (it.path.clone(), it.header.base_sequence)).collect();
    for (path, base_sequence) in files {
        // A file that cannot be read is reported by the command that reads it.
        let found = scan.seek(base_sequence).ok().and_then(|()| scan.schemas().ok());
        let Some(set) = found.map(|list| list.to_set()) else { continue };
        // An empty one takes a description back.
        let mut all: Vec<_> = set.unreadable().filter(|it| !it.meta().is_empty()).collect();
        // A type comes before the log: events need it.
        all.sort_by_key(|it| it.number().is_none());
        let Some((first, others)) = all.split_first() else { continue };
        let what = first.number().map_or("the log".into(), |number| format!("type {number}"));
        let place = place_of(&path, base_sequence, first)
            .map_or_else(String::new, |(record, offset)| format!(" record {record} at offset {offset}:"));
        let more = match others.len() as u64 {
            0 => String::new(),
            more => format!(" (and {} more in this file)", grouped(more)),
        };
        return Some(format!(
            "{}:{place} the description of {what} cannot be read: {}{more}; what it describes is shown as bytes, and `{}` checks \
             the newest descriptions",
            path.display(),
            cause(first.error()),
            command_line("ringlog", &["schema", "show", &path_word(log)])
        ));
    }
    None
}

/// Returns the sequence and the offset of the record that says this.
fn place_of(path: &Path, base_sequence: u64, unreadable: &Unreadable) -> Option<(u64, usize)> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(MOST_BYTES).read_to_end(&mut bytes).ok()?;
    let topic = unreadable.number().map_or(MetaTopic::Log, MetaTopic::EventType);
    let mut offset = FILE_HEADER_LEN;
    for sequence in base_sequence.. {
        let header = EventHeader::from_bytes(bytes.get(offset..)?.first_chunk()?);
        let payload = offset + HEADER_LEN;
        let said = bytes.get(payload..payload + usize::from(header.payload_len));
        if MetaTopic::of(&header) == Some(topic) && said == Some(unreadable.meta()) {
            return Some((sequence, offset));
        }
        offset += header.stride();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::descriptions::Descriptions;
    use ringlog::storage::{LogWriter, SchemaList};

    #[test]
    fn the_record_of_a_description_that_cannot_be_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let segment = |number, descriptions: &[(u8, &str)]| {
            let mut list = SchemaList::new();
            for (number, json) in descriptions {
                list.insert(MetaTopic::EventType(*number), json.as_bytes()).unwrap();
            }
            let mut writer = LogWriter::options().schemas(list).open(folder.path()).unwrap();
            writer.write_event(&EventHeader::new(1, number, 3), b"abc").unwrap();
            writer.close().unwrap();
        };
        let tick = r#"{"type":1,"name":"tick","size":3,"fields":[{"name":"a","offset":0,"kind":"text","length":3}]}"#;
        segment(1, &[(1, tick)]);
        assert_eq!(first_words(folder.path()), None);
        let no_length =
            tick.replace(r#","length":3"#, "").replace(r#""type":1"#, r#""type":7"#).replace("tick", "tock");
        segment(7, &[(1, tick), (7, &no_length), (8, "{}"), (9, "")]);
        let words = first_words(folder.path()).unwrap();
        // Two records of the first file, then the description of type 1.
        let place = format!(
            "00000000000000000002.evtl: record 3 at offset {}: the description of type 7 cannot be read: fields[0].length: missing",
            FILE_HEADER_LEN + HEADER_LEN + tick.len().next_multiple_of(8)
        );
        assert!(words.contains(&place) && words.contains("(and 1 more in this file); what"), "{words}");
        let descriptions = Descriptions::of(&[folder.path().into()], None).unwrap();
        let mut scan = LogScan::open(folder.path()).unwrap();
        let mut before = descriptions.clone();
        while let Some(event) = scan.next_event().unwrap() {
            let schema = descriptions.schema_of(&event).map(|schema| schema.name());
            assert_eq!(schema, (event.header.event_type == 1).then_some("tick"));
            assert_eq!(
                descriptions == before,
                event.header.event_type == 1,
                "it is remembered that one was met"
            );
            before = Descriptions::of(&[folder.path().into()], None).unwrap();
        }
    }
}
